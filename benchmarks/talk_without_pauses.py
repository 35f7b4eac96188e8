"""A talk without a pause: whether it loses words.

    python benchmarks/talk_without_pauses.py RECORDING --model FOLDER --reference NAME.words.tsv [--minutes 40]

The stretches of speech in which one person talks are joined to a talk without any pause, over and over until it is long
enough. What whisperdiar loses of it is compared with what plain sequential faster-whisper does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from asr_recordings import Stretched, reference_words
from asr_ways import Word

from whisperdiar import load
from whisperdiar.asr.whisper import Backend
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span
from whisperdiar.vad.silero import Backend as Silero

sys.path.insert(0, str(Path(__file__).parents[1]))
from training.whisper_nano.scoring import Score, score

_CHUNK_WORDS = 400  # scoring is quadratic


def compare(chosen: argparse.Namespace) -> None:
    """Words lost by whisperdiar and by sequential faster-whisper."""
    audio, said = without_pauses(load(chosen.recording), chosen.reference, 60 * chosen.minutes)
    print(f"a talk of {audio.duration / 60:.1f} min without a pause, {len(said)} words")
    whisper = Backend(WhisperSettings(model=str(chosen.model)), runtime=Runtime(offline=True))
    whisper.prepare()
    began = time.perf_counter()
    ours = whisper.transcribe(audio, speech=[Span(0.0, audio.duration)], language=chosen.language)
    report("whisperdiar", [Word(w.text, w.start, w.end) for w in ours.words], said, began)
    from faster_whisper import WhisperModel

    plain = WhisperModel(str(chosen.model), device="cpu", compute_type="int8")
    for name, how in (
        ("sequential", {}),
        ("sequential, as batches decode", {"without_timestamps": True, "condition_on_previous_text": False}),
    ):
        began = time.perf_counter()
        segments, _ = plain.transcribe(audio.mono, language=chosen.language, word_timestamps=True, **how)
        report(name, [Word(w.word, w.start, w.end) for s in segments for w in s.words or ()], said, began)


def report(name: str, heard: Sequence[Word], said: Sequence[Word], began: float) -> None:
    """Words found and the error rate, compared stretch by stretch."""
    total = Score(0, 0, ())
    for first in range(0, len(said), _CHUNK_WORDS):
        part = said[first : first + _CHUNK_WORDS]
        low = part[0].start if first else -1.0
        high = said[first + _CHUNK_WORDS].start if first + _CHUNK_WORDS < len(said) else float("inf")
        total += score(part, [word for word in heard if low <= (word.start + word.end) / 2 < high])
    print(
        f"{name}: {len(heard)} words, word error rate {total.word_error_rate:.1%}, {time.perf_counter() - began:.0f} s",
        flush=True,
    )


def without_pauses(audio: Audio, reference: Path, seconds: float) -> tuple[Audio, list[Word]]:
    """Speech of one person at a time, its stretches one right after another until they last for `seconds`."""
    speech = Silero().detect(audio)
    words, crowded = reference_words(reference, Stretched(audio, (), ()))
    parts: list[np.ndarray] = []
    said: list[Word] = []
    at = 0.0
    while at < seconds:
        for span in speech:
            if any(low < span.end and span.start < high for low, high in crowded):
                continue
            parts.append(audio.crop(span).mono)
            said += [
                Word(word.text, word.start - span.start + at, word.end - span.start + at)
                for word in words
                if span.start <= (word.start + word.end) / 2 < span.end
            ]
            at += parts[-1].size / audio.sample_rate
    return Audio(np.concatenate(parts)[None], audio.sample_rate), said


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--language", default="en")
    parser.add_argument("--reference", type=Path, required=True, help="words.tsv of the recording")
    compare(parser.parse_args())


if __name__ == "__main__":
    main()
