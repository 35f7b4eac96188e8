"""What the parts of the diarizer `onnx` cost: the windows, the voices of the stretches, and all that is made of them.

    python benchmarks/diarizer_parts.py CORPUS --model base [--vad silero] [--diarizer-option KEY=VALUE]...
                                        [--recordings 'ami_*'] [--threads 2] [--cache FOLDER]

CORPUS is as for `end_to_end.py`; words come first, and --cache keeps them. Prints for every recording and for all the
seconds of the processor, and the part of the diarizer's own:

    windows    the segmentation network, which hears windows of 10 s
    voices     the embedding network, which hears each stretch of text, and each sound without words, once
    decisions  behind that: clustering, the look at how widely each voice spreads, short stretches and sounds without
               words given to the nearest voice, activity, turns

The diarizer tells its progress, and the parts are what lies between; models are loaded before.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.references import recordings
from benchmarks.word_cache import Cache, CachedTranscriber
from whisperdiar import load
from whisperdiar.assembly import Request, build
from whisperdiar.diarization import onnx
from whisperdiar.options import Runtime
from whisperdiar.selection import Choice
from whisperdiar.system.machine import usable_cores

PARTS = ("windows", "voices", "decisions")


class PartClock:
    """A `Progress` that notes the seconds of the processor at which each fraction of the diarization is reached."""

    def __init__(self, bounds: tuple[float, float]) -> None:
        self._bounds = bounds
        self._times: list[tuple[float, float]] = []

    def __call__(self, stage: str, fraction: float) -> None:
        if stage == "diarization":
            self._times.append((fraction, time.process_time()))

    def parts(self) -> dict[str, float]:
        """Seconds of each part; a diarizer that stops early has done less."""
        marks = [self._times[0][1]]
        for bound in (*self._bounds, 1.0):
            marks.append(max(at for fraction, at in self._times if fraction <= bound + 1e-9))
        return {part: marks[place + 1] - marks[place] for place, part in enumerate(PARTS)}


def line(name: str, seconds: float, parts: Mapping[str, float]) -> str:
    total = sum(parts.values())
    cells = (f"{parts[part]:>10.2f} s {100 * parts[part] / max(total, 1e-9):>4.0f} %" for part in PARTS)
    return f"{name:<26}{seconds:>7.0f} s{total:>10.2f} s{''.join(cells)}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--recordings", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--model", default="base", help="name, repository or folder of a Whisper model")
    parser.add_argument("--vad", default="silero")
    parser.add_argument("--diarizer-option", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: all cores")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep recognised words there for the next run")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    settings = dict(option.split("=", 1) for option in chosen.diarizer_option)
    request = Request(
        vad=Choice(name=chosen.vad),
        asr=Choice(name="whisper", settings={"model": chosen.model}),
        diarizer=Choice(name="onnx", settings=settings),
        runtime=Runtime(device="cpu", threads=chosen.threads),
    )
    pipeline = build(request, notify=print)
    pipeline = replace(pipeline, transcriber=CachedTranscriber(pipeline.transcriber, Cache(chosen.cache)))
    exact = settings.get("exact", "false") == "true" and settings.get("fast", "false") != "true"
    bounds = (onnx._SEGMENTED[not exact], onnx._EMBEDDED)
    if pipeline.diarizer is not None:
        pipeline.diarizer.prepare()
    print(f"{'recording':<26}{'sound':>9}{'diarizer':>12}{''.join(f'{part:>19}' for part in PARTS)}")
    total, seconds = dict.fromkeys(PARTS, 0.0), 0.0
    for recording in recordings(chosen.corpus, chosen.recordings):
        audio = load(recording.path, channels="mono")
        speech = pipeline.speech(audio)
        words = pipeline.words(audio, speech=speech).words
        clock = PartClock(bounds)
        pipeline.turns(audio, speech=speech, words=words, progress=clock)
        parts = clock.parts()
        print(line(recording.name, audio.duration, parts), flush=True)
        total = {part: total[part] + parts[part] for part in PARTS}
        seconds += audio.duration
    print(line("all", seconds, total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
