"""Compares the `onnx` diarizer in its exact mode, in full and fast, on the same two models.

    python benchmarks/onnx_fast.py CORPUS [--option KEY=VALUE]... [--only 'sim*']

CORPUS is a folder as in benchmarks/diarization.py; the options are those of `onnx`, such as segmentation_model=FILE.
Prints for every recording the speakers of the reference and those that either finds, the diarization error rate of both
against the reference and of the fast one against the full one (no collar, overlap scored), and how many times faster it
is (wall clock). Last the same, pooled.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.diarization import references, scored_part
from benchmarks.scoring import score
from whisperdiar import load
from whisperdiar.diarization.onnx import Backend
from whisperdiar.formats import rttm
from whisperdiar.options import Runtime
from whisperdiar.registry import settings_from_text
from whisperdiar.types import ANY_SPEAKERS, Span


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="setting of the diarizer")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    options = dict(option.split("=", 1) for option in chosen.option)
    runtime = Runtime(device="cpu", threads=chosen.threads)
    full, fast = (
        Backend(settings_from_text(Backend, {**options, "exact": "yes", "fast": on}), runtime=runtime)
        for on in ("no", "yes")
    )
    full.prepare()
    fast.prepare()
    print(f"{'recording':<26}{'speakers':>12}{'full %':>9}{'fast %':>9}{'between':>9}{'times':>7}")
    wrong, total, spent = [0.0] * 3, [0.0] * 3, [0.0] * 2
    for name, sound, reference_path in references(chosen.corpus, chosen.only):
        audio = load(sound)
        reference = rttm.loads(reference_path.read_text("utf-8"), tolerance=rttm.TOLERANT)
        whole = Span(0.0, audio.duration)
        part = scored_part(reference_path.with_suffix(".uem"), audio)
        results = []
        for number, backend in enumerate((full, fast)):
            begun = time.perf_counter()
            results.append(backend.diarize(audio, speech=(whole,), speakers=ANY_SPEAKERS))
            spent[number] += time.perf_counter() - begun
        pairs = [(reference, results[0], part), (reference, results[1], part), (results[0], results[1], whole)]
        rates = []
        for number, (truth, found, scored) in enumerate(pairs):
            parts = score(truth.turns, found.turns, scored)
            errors = sum(value for key, value in parts.items() if key != "total")
            wrong[number] += errors
            total[number] += parts["total"]
            rates.append(f"{100 * errors / max(parts['total'], 1e-9):9.2f}" if truth.turns else f"{'-':>9}")
        counts = "/".join(str(len(item.speakers)) for item in (reference, *results))
        print(f"{name:<26}{counts:>12}{''.join(rates)}", flush=True)
    pooled = "".join(f"{100 * a / max(b, 1e-9):9.2f}" for a, b in zip(wrong, total, strict=True))
    print(f"{'pooled':<26}{'':>12}{pooled}{spent[0] / max(spent[1], 1e-9):7.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
