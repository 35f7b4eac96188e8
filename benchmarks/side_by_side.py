"""Compares words and turns found in turn, each with all threads, with both found side by side, on a share each.

    python benchmarks/side_by_side.py RECORDING [--asr whisper] [--model FOLDER] [--diarizer bic] [--threads N]

Both ways go through the recording in turns, with speech found once before. Prints medians by the clock, processor
seconds of this process and its children, the ratio of the runs with its quartiles, and what the pipeline would choose
for that many threads. The transcripts of both ways have to be the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from whisperdiar import Pipeline, load
from whisperdiar.options import Runtime
from whisperdiar.pipeline import wants_channels
from whisperdiar.registry import load as load_backend
from whisperdiar.registry import settings_from_text
from whisperdiar.selection import share_threads
from whisperdiar.system.machine import usable_cores


class Known:
    """A detector that has looked already: neither way is to pay for it."""

    def __init__(self, detector: Any, audio: Any) -> None:
        self.spans = detector.detect(audio)
        self.record = detector.record

    def prepare(self, **_: Any) -> None: ...

    def detect(self, _: Any, **__: Any) -> Any:
        return self.spans


def split(total: int, diarizer: Any) -> tuple[int, int]:
    """What the recogniser and the diarizer get, also where the pipeline would rather let them take turns."""
    own = max(1, total // 2) if diarizer.info.requires else 1
    return max(1, total - own), own


def spent() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--asr", default="whisper")
    parser.add_argument("--model")
    parser.add_argument("--diarizer", default="bic")
    parser.add_argument("--device", default="cpu", help="of the recogniser")
    parser.add_argument("--language", default="en")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: all cores")
    parser.add_argument("--runs", type=int, default=10)
    return parser.parse_args()


def main() -> int:
    chosen = options()
    asr, diarizer = load_backend("asr", chosen.asr), load_backend("diarization", chosen.diarizer)
    audio = load(chosen.recording, channels="all" if wants_channels(diarizer) else "mono")
    detector: Any = Known(load_backend("vad", "silero")(None, runtime=Runtime()), audio)
    settings = settings_from_text(asr, {} if chosen.model is None else {"model": chosen.model})

    def pipeline(threads: tuple[int, int], *, parallel: bool) -> Pipeline:
        runtime = Runtime(device=chosen.device)
        stages: list[Any] = [
            asr(settings, runtime=replace(runtime, threads=threads[0])),
            diarizer(None, runtime=Runtime(threads=threads[1])),
        ]
        for stage in stages:
            stage.prepare()
        found = Pipeline(detector=detector, transcriber=stages[0], diarizer=stages[1], parallel=parallel)
        return replace(found, language=chosen.language)

    parts = split(chosen.threads, diarizer)
    ways = {
        "in turn": pipeline((chosen.threads, chosen.threads), parallel=False),
        "side by side": pipeline(parts, parallel=True),
    }
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    transcripts = {way: stages.run(audio).segments for way, stages in ways.items()}  # the first run also warms up
    for number in range(chosen.runs):
        for way in list(ways)[:: 1 if number % 2 else -1]:
            begun, before = time.perf_counter(), spent()
            ways[way].run(audio)
            runs[way].append((time.perf_counter() - begun, spent() - before))
    shared = share_threads(Runtime(threads=chosen.threads), diarizer)[0].threads < chosen.threads
    choice = "side by side" if shared else "in turn"
    print(
        f"{chosen.recording.name}: {audio.duration:.0f} s, {chosen.asr} and {chosen.diarizer}, {chosen.threads} "
        f"threads or {parts[0]} + {parts[1]}; on a CPU whisperdiar lets them work {choice}"
    )
    for way, own in runs.items():
        wall, processor = (median(values) for values in zip(*own, strict=True))
        print(f"{way:<14}{wall:8.2f} s  {processor:8.2f} s of the processor")
    ratios = [side[0] / turn[0] for turn, side in zip(*runs.values(), strict=True)]
    low, middle, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    print(f"side by side takes {middle:.2f} ({low:.2f}-{high:.2f}) times as long")
    if transcripts["in turn"] != transcripts["side by side"]:
        print("THE TRANSCRIPTS DIFFER")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
