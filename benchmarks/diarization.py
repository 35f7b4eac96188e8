"""Scores a diarizer on recordings with references.

    python benchmarks/diarization.py CORPUS [--diarizer bic] [--regions reference|silero|energy] [--only 'sim*']

CORPUS holds references as refs/NAME.rttm or reference/NAME.rttm, with NAME.uem beside them where only a part is to be
scored, and recordings called NAME in any of its folders. Prints for every recording the speakers of reference and
result, the diarization error rate with its parts (missed speech, false alarm, confusion; no collar, overlap is
scored) as pyannote.metrics counts them, and how many times faster than real time the diarizer is: seconds of
recording per second of processor time of this process on one thread, decoding and speech detection left out, the
best of --repeat runs. Totals pool the parts of the recordings whose names begin with the same letters, then of all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy loads: one thread, so that times can be compared

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.scoring import PARTS, score
from whisperdiar import load
from whisperdiar.formats import rttm
from whisperdiar.options import Runtime
from whisperdiar.registry import load as load_backend
from whisperdiar.registry import settings_from_text
from whisperdiar.types import ANY_SPEAKERS, Audio, Span, SpeakerCount, Turn, merge_spans


def references(corpus: Path, patterns: Sequence[str]) -> list[tuple[str, Path, Path]]:
    """Name, recording and reference of everything that has both."""
    found = []
    for path in sorted([*corpus.glob("refs/*.rttm"), *corpus.glob("reference/*.rttm")]):
        if "." in path.stem or not any(fnmatch(path.stem, pattern) for pattern in patterns):
            continue  # NAME.variant.rttm is another view of NAME
        sounds = [file for file in sorted(corpus.rglob(f"{path.stem}.*")) if file.parent != path.parent]
        sounds = [file for file in sounds if file.suffix not in (".json", ".txt")]
        if sounds:
            found.append((path.stem, sounds[0], path))
    return found


def scored_part(path: Path, audio: Audio) -> Span:
    if not path.exists():
        return Span(0.0, audio.duration)
    _, _, start, end = path.read_text("utf-8").split()[:4]
    return Span(float(start), float(end))


def regions(kind: str, audio: Audio, reference: Sequence[Turn]) -> tuple[Span, ...]:
    if kind == "reference":
        return merge_spans(turn.span for turn in reference)
    mono = Audio(audio.mono[None], audio.sample_rate, audio.recording_id)
    detected: tuple[Span, ...] = load_backend("vad", kind)(None, runtime=Runtime()).detect(mono)
    return detected


def line(name: str, parts: dict[str, float], rest: str) -> str:
    total = max(parts["total"], 1e-9)
    missed, alarm, confusion = (100 * parts[part] / total for part in PARTS[1:])
    return f"{name:<26}{missed + alarm + confusion:7.2f}{missed:8.2f}{alarm:8.2f}{confusion:8.2f}  {rest}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--diarizer", default="bic")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="setting of the diarizer")
    parser.add_argument("--regions", choices=("reference", "silero", "energy"), default="reference")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--count-given", action="store_true", help="tell the diarizer the number of speakers")
    parser.add_argument("--repeat", type=int, default=3, help="runs, of which the fastest is stated")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    backend = load_backend("diarization", chosen.diarizer)
    settings = settings_from_text(backend, dict(option.split("=", 1) for option in chosen.option))
    diarizer = backend(settings, runtime=Runtime(threads=1))
    pooled: dict[str, dict[str, float]] = {}
    print(f"{'recording':<26}{'DER %':>7}{'missed':>8}{'alarm':>8}{'conf.':>8}  speakers (found)  times real time")
    for name, sound, reference_path in references(chosen.corpus, chosen.only):
        audio = load(sound, channels="all" if backend.info.per_channel else "mono")
        if backend.info.per_channel and audio.n_channels < 2:
            continue
        reference = rttm.loads(reference_path.read_text("utf-8"), tolerance=rttm.TOLERANT)
        speech = regions(chosen.regions, audio, reference.turns)
        n_speakers = len(reference.speakers)
        asked = SpeakerCount(n_speakers, n_speakers) if chosen.count_given else ANY_SPEAKERS
        best = float("inf")
        for _ in range(chosen.repeat):
            begun = time.process_time()
            found = diarizer.diarize(audio, speech=speech, speakers=asked)
            best = min(best, time.process_time() - begun)
        parts = score(reference.turns, found.turns, scored_part(reference_path.with_suffix(".uem"), audio))
        speed = f"{audio.duration / max(best, 1e-9):.0f}"
        print(line(name, parts, f"{n_speakers:>8} ({len(found.speakers)}){speed:>19}"), flush=True)
        group = name[: next((i for i, letter in enumerate(name) if not letter.isalpha()), len(name))]
        for key in (f"{group}*", "all"):
            total = pooled.setdefault(key, dict.fromkeys(PARTS, 0.0))
            for part in PARTS:
                total[part] += parts[part]
    for key in sorted(pooled, key=lambda key: (key == "all", key)):
        print(line(f"pooled {key}", pooled[key], ""))
    return 0 if pooled else 1


if __name__ == "__main__":
    sys.exit(main())
