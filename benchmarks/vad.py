"""Scores speech detectors on recordings with references.

    python benchmarks/vad.py CORPUS [--vad silero] [--option model=FOLDER] [--only 'ami*']

CORPUS is laid out as for benchmarks/diarization.py. Speech is where anybody talks in the reference. Prints for every
recording the seconds of speech and of non-speech that are scored, missed speech (of the speech), false speech (of the
speech, and of the non-speech), and how many times faster than real time the detector is: seconds of recording per
second of processor time of this process on one thread, decoding left out. No collar. Totals pool the seconds of the
recordings whose names begin with the same letters, then of all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy loads: one thread, so that times can be compared

from diarization import references, scored_part

from whisperdiar import load
from whisperdiar.formats import rttm
from whisperdiar.options import Runtime
from whisperdiar.registry import load as load_backend
from whisperdiar.registry import settings_from_text
from whisperdiar.types import Span, merge_spans

PARTS = ("speech", "rest", "missed", "false", "recording", "processor")


def seconds_in(spans: Sequence[Span], others: Sequence[Span]) -> float:
    """Length of what lies in both; neither sequence overlaps itself."""
    parts = (span.clip(other.start, other.end) for span in spans for other in others)
    return sum(part.duration for part in parts if part is not None)


def score(reference: Sequence[Span], found: Sequence[Span], scored: Span) -> dict[str, float]:
    """Seconds of speech, of non-speech, and of what was missed of the first and taken from the second."""
    speech = seconds_in(reference, [scored])
    heard = [part for span in found if (part := span.clip(scored.start, scored.end)) is not None]
    right = seconds_in(reference, heard)
    return {
        "speech": speech,
        "rest": scored.duration - speech,
        "missed": speech - right,
        "false": sum(span.duration for span in heard) - right,
    }


def line(name: str, parts: dict[str, float]) -> str:
    speech, rest = max(parts["speech"], 1e-9), max(parts["rest"], 1e-9)
    missed, false, of_rest = 100 * parts["missed"] / speech, 100 * parts["false"] / speech, 100 * parts["false"] / rest
    speed = parts["recording"] / max(parts["processor"], 1e-9)
    seconds = f"{parts['speech']:9.1f}{parts['rest']:9.1f}"
    return f"{name:<26}{seconds}{missed:9.2f}{false:8.2f}{missed + false:8.2f}{of_rest:14.1f}{speed:8.0f}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--vad", default="silero")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="setting of the detector")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    backend = load_backend("vad", chosen.vad)
    settings = settings_from_text(backend, dict(option.split("=", 1) for option in chosen.option))
    detector = backend(settings, runtime=Runtime(device="cpu", threads=1))
    detector.prepare()
    pooled: dict[str, dict[str, float]] = {}
    print(f"{'recording':<26} speech s   rest s missed %   false     sum false of rest   times")
    for name, sound, reference_path in references(chosen.corpus, chosen.only):
        audio = load(sound)
        turns = rttm.loads(reference_path.read_text("utf-8"), tolerance=rttm.TOLERANT).turns
        begun = time.process_time()
        found = detector.detect(audio)
        spent = time.process_time() - begun
        scored = scored_part(reference_path.with_suffix(".uem"), audio)
        parts = score(merge_spans(turn.span for turn in turns), found, scored)
        parts.update(recording=audio.duration, processor=spent)
        print(line(name, parts), flush=True)
        group = name[: next((i for i, letter in enumerate(name) if not letter.isalpha()), len(name))]
        for key in (f"{group}*", "all"):
            total = pooled.setdefault(key, dict.fromkeys(PARTS, 0.0))
            for part in PARTS:
                total[part] += parts[part]
    for key in sorted(pooled, key=lambda key: (key == "all", key)):
        print(line(f"pooled {key}", pooled[key]))
    return 0 if pooled else 1


if __name__ == "__main__":
    sys.exit(main())
