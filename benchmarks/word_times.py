"""Measures how far starts and ends of recognised words are off, on recordings whose words have times.

    python benchmarks/word_times.py CORPUS [--model base] [--word-times dtw none] [--recordings 'ami_*'] [--plain]

CORPUS is a folder as for benchmarks/end_to_end.py; used are the recordings whose references have ``words_tsv``, a table
of start, end, speaker and word. Counted are words that are heard right outside overlapped speech. Prints for every
source of times how many these are, the median error, that of 90 % of the words, the median with its sign (above zero:
late), and how many are at most 0.1, 0.2 and 0.5 s off: of starts, and of ends; with ``--plain`` then the same for
faster-whisper with the same model, sequential, without speech detection.

The aligner of AMI has no silence inside of an utterance: a word before a pause lasts until the next one begins. So ends
are also given against words that end where silence begins: 0.2 s that are 25 dB below the word's loudest.
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
from whisperdiar.asr._shared.syllables import FRAME_S, intensity
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


SILENT_S, SILENT_DB = 0.2, 25.0
EDGES = ("starts", "ends", "ends at silence")


def line(name: str, edge: str, delays: Sequence[float]) -> str:
    off = np.abs(delays)
    shares = "".join(f"{100 * np.mean(off <= bound):8.0f}" for bound in BOUNDS_S)
    spread = f"{np.median(off):10.3f}{np.quantile(off, 0.9):8.3f}{np.median(delays):+9.3f}"
    return f"{name:<16}{edge:<17}{len(off):5d}{spread}{shares}"


def cut_silence(words: Sequence[Word], audio: Audio) -> list[Word]:
    """The words without the silence at their ends."""
    levels = intensity(audio.mono, audio.sample_rate)
    fewest = round(SILENT_S / FRAME_S)
    found = []
    for word in words:
        first, last = round(word.start / FRAME_S), round(word.end / FRAME_S)
        part = levels[first:last]
        quiet = part < part.max(initial=-np.inf) - SILENT_DB
        silent = [at for at in range(len(quiet) - fewest + 1) if quiet[at : at + fewest].all()]
        found.append(Word(word.text, word.start, word.start + silent[0] * FRAME_S) if silent else word)
    return found


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
    parser.add_argument("--plain", action="store_true", help="faster-whisper alone as well")
    chosen = parser.parse_args()
    detector = Silero(runtime=Runtime(device="cpu", threads=chosen.threads))
    ways: dict[str, Any] = {name: ours(chosen.model, chosen.threads, name) for name in chosen.word_times}
    if chosen.plain:
        ways["faster-whisper"] = plain(chosen.model, chosen.threads)
    delays: dict[tuple[str, str], list[float]] = {(name, edge): [] for name in ways for edge in EDGES}
    errors: dict[str, list[int]] = {name: [0, 0] for name in ways}
    for sound, table in recordings(chosen.corpus, chosen.recordings):
        audio = load(sound, channels="mono")
        said, overlapped = reference_words(table, Stretched(audio, (), ()))
        speech = detector.detect(audio)
        for name, hear in ways.items():
            heard = hear(audio, speech)
            found = score(said, heard, overlapped=overlapped)
            delays[name, "starts"] += found.delays
            delays[name, "ends"] += found.end_delays
            delays[name, "ends at silence"] += score(cut_silence(said, audio), heard, overlapped=overlapped).end_delays
            errors[name] = [errors[name][0] + found.errors, errors[name][1] + found.words]
    head = "".join(f"{bound:>6} s" for bound in BOUNDS_S)
    print(f"{'':<33}{'words':>5}{'median s':>10}{'90 %':>8}{'sign s':>9}{head}")
    for (name, edge), own in delays.items():
        if own:
            print(line(name, edge, own))
    for name, (wrong, words) in errors.items():
        print(f"{name}: {wrong} errors in {words} words outside overlap")
    return 0 if any(delays.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
