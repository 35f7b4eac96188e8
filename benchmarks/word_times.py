"""Measures how far the starts of recognised words are off, on recordings whose words have times.

    python benchmarks/word_times.py CORPUS [--model base] [--word-times dtw none] [--recordings 'ami_*']

CORPUS is a folder as for benchmarks/end_to_end.py; used are the recordings whose references have ``words_tsv``, a table
of start, end, speaker and word. Counted are words that are heard right outside overlapped speech. Prints for every
source of times how many these are, the median error of their starts, its sign (above zero: late), and how many are at
most 0.1, 0.2 and 0.5 s off; then the same for plain faster-whisper with the same model, sequential, without speech
detection.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from asr_recordings import Stretched, reference_words
from asr_ways import Word

from training.whisper_nano.scoring import score
from whisperdiar import load
from whisperdiar.asr.whisper import Backend
from whisperdiar.options import WORD_TIMES, Runtime, WhisperSettings
from whisperdiar.types import Audio, Span
from whisperdiar.vad.silero import Backend as Silero

BOUNDS_S = (0.1, 0.2, 0.5)


def recordings(corpus: Path, patterns: Sequence[str]) -> list[tuple[Path, Path]]:
    """Sound and table of words of everything that has both."""
    listed = json.loads((corpus / "manifest.json").read_text("utf-8"))["recordings"]
    return [
        (corpus / entry["file"], corpus / entry["refs"]["words_tsv"])
        for entry in listed
        if "words_tsv" in entry["refs"] and any(fnmatch(entry["id"], pattern) for pattern in patterns)
    ]


def line(name: str, delays: Sequence[float]) -> str:
    off = np.abs(delays)
    shares = "".join(f"{100 * np.mean(off <= bound):8.0f}" for bound in BOUNDS_S)
    return f"{name:<18}{len(off):7d}{np.median(off):10.3f}{np.median(delays):+9.3f}{shares}"


def plain(model: str, threads: int) -> Callable[[Audio, Sequence[Span]], list[Word]]:
    from faster_whisper import WhisperModel

    whisper = WhisperModel(model, device="cpu", cpu_threads=threads)

    def hear(audio: Audio, speech: Sequence[Span]) -> list[Word]:  # noqa: ARG001 - it finds its own
        segments, _ = whisper.transcribe(np.ascontiguousarray(audio.mono), word_timestamps=True)
        return [Word(word.word, word.start, word.end) for segment in segments for word in segment.words or ()]

    return hear


def ours(model: str, threads: int, word_times: str) -> Callable[[Audio, Sequence[Span]], list[Word]]:
    backend = Backend(
        WhisperSettings(model=model, word_times=word_times), runtime=Runtime(device="cpu", threads=threads)
    )

    def hear(audio: Audio, speech: Sequence[Span]) -> list[Word]:
        found = backend.transcribe(audio, speech=speech)
        return [Word(word.text, word.start, word.end) for word in found.words]

    return hear


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--recordings", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--model", default="base", help="name, repository or folder of a Whisper model")
    parser.add_argument("--word-times", nargs="+", default=["dtw", "none"], choices=WORD_TIMES)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    detector = Silero(runtime=Runtime(device="cpu", threads=chosen.threads))
    ways: dict[str, Any] = {name: ours(chosen.model, chosen.threads, name) for name in chosen.word_times}
    ways["faster-whisper"] = plain(chosen.model, chosen.threads)
    delays: dict[str, list[float]] = {name: [] for name in ways}
    for sound, table in recordings(chosen.corpus, chosen.recordings):
        audio = load(sound, channels="mono")
        said, overlapped = reference_words(table, Stretched(audio, (), ()))
        speech = detector.detect(audio)
        for name, hear in ways.items():
            delays[name] += score(said, hear(audio, speech), overlapped=overlapped).delays
    print(f"{'starts':<18}{'words':>7}{'median s':>10}{'sign s':>9}{''.join(f'{bound:>6} s' for bound in BOUNDS_S)}")
    for name, own in delays.items():
        if own:
            print(line(name, own))
    return 0 if any(delays.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
