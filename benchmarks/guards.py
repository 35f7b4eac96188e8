"""What each guard of the recogniser is worth: errors over a corpus with all of them, and with some switched off.

    python benchmarks/guards.py ../shared/corpus --model base
    python benchmarks/guards.py ../shared/corpus --model base --off fill_gaps
    python benchmarks/guards.py ../shared/corpus --model base --noise [--off drop_unspoken …]

The corpus is a folder with a `manifest.json` (its `recordings` have `id`, `file`, and `refs` with `stm` or `txt`).
Speech is found by silero, the language is detected. Case and punctuation do not count; Japanese is compared by
characters. Errors are added up over the recordings. With --noise nothing is spoken: what is written is invented.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.signal import lfilter

from whisperdiar.asr.whisper import Backend
from whisperdiar.media import load
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime, WhisperSettings
from whisperdiar.types import Audio, Span
from whisperdiar.vad.silero import Backend as Silero

_NOISE_S = 20
GUARDS = {
    "temperature_fallback": False,
    "no_speech_threshold": None,
    "fill_gaps": False,
    "cut_loops": False,
    "drop_unspoken": False,
    "drop_closing_phrases": False,
}
"""Each with the value that switches it off."""


def reference(folder: Path, refs: dict[str, str]) -> str | None:
    """What is said, in order of time; None where nobody has written it down."""
    if "stm" in refs:
        lines = [line for line in (folder / refs["stm"]).read_text("utf-8").splitlines() if line[:2] not in ("", ";;")]
        fields = sorted((line.split(None, 5) for line in lines), key=lambda parts: float(parts[3]))
        texts = [parts[5] for parts in fields if len(parts) == 6]
        return " ".join(text.partition("> ")[2] if text.startswith("<") else text for text in texts)
    return (folder / refs["txt"]).read_text("utf-8") if "txt" in refs else None


def tokens(text: str, *, by_character: bool) -> list[str]:
    """Words in lower case without punctuation, or characters."""
    folded = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    kept = "".join(letter if letter.isalnum() or letter in "' " else " " for letter in folded)
    words = [word.strip("'") for word in kept.split()]
    return list("".join(words)) if by_character else [word for word in words if word]


def errors(said: list[str], heard: list[str]) -> Counter[str]:
    """Substitutions (replace), deletions (delete) and insertions (insert)."""
    return Counter(step.tag for step in Levenshtein.editops(said, heard))


def noises() -> dict[str, Audio]:
    """Sounds in which nobody speaks."""
    rng, n_samples = np.random.default_rng(0), _NOISE_S * SAMPLE_RATE_HZ
    seconds = np.arange(n_samples) / SAMPLE_RATE_HZ
    white = rng.standard_normal(n_samples)
    notes = np.repeat(rng.choice([262, 294, 330, 392, 440], 4 * _NOISE_S), n_samples // (4 * _NOISE_S))
    sounds = {
        "white": 0.05 * white,
        "brown": 0.01 * lfilter([1], [1, -0.98], white),
        "quiet": 1e-4 * white,
        "hum": 0.1 * np.sign(np.sin(2 * np.pi * 50 * seconds)),
        "beeps": 0.2 * np.sin(2 * np.pi * 220 * seconds) * (np.sin(4 * np.pi * seconds) > 0.6),
        "melody": 0.1 * np.sin(2 * np.pi * np.cumsum(notes) / SAMPLE_RATE_HZ),
    }
    return {name: Audio(sound.astype(np.float32)[None], SAMPLE_RATE_HZ, name) for name, sound in sounds.items()}


def over_noise(backend: Backend) -> None:
    """Prints what is written over sounds that a detector took for speech, and what was left out."""
    for name, audio in noises().items():
        result = backend.transcribe(audio, speech=[Span(0, audio.duration)], language="en")
        written = "".join(word.text for word in result.words).strip()
        left_out = [f"{item.text} ({item.reason})" for item in result.dropped if item.text]
        print(f"{name:<8}{len(result.words):4d} words {written[:60]!r:<40} left out: {'; '.join(left_out)[:80] or '-'}")


def over_corpus(backend: Backend, folder: Path, only: list[str]) -> None:
    """Prints the errors of every recording, and of all."""
    detector = Silero(runtime=backend.runtime)
    pooled: Counter[str] = Counter()
    total, seconds = 0, 0.0
    recordings: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text("utf-8"))["recordings"]
    for item in recordings:
        text = reference(folder, item.get("refs", {}))
        if text is None or (only and item["id"] not in only):
            continue
        audio = load(folder / item["file"])
        speech = detector.detect(audio)
        begun = time.perf_counter()
        result = backend.transcribe(audio, speech=speech)
        took = time.perf_counter() - begun
        by_character = item.get("language") == "ja"
        said = tokens(text, by_character=by_character)
        found = errors(said, tokens("".join(word.text for word in result.words), by_character=by_character))
        pooled, total, seconds = pooled + found, total + len(said), seconds + took
        details = f"{took:6.1f} s  {result.language}  {len(result.dropped)} left out"
        print(f"{item['id']:<24} {shown(found, len(said))}  {details}")
    print(f"{'all':<24} {shown(pooled, total)}  {seconds:6.1f} s")


def shown(found: Counter[str], n_words: int) -> str:
    rate = 100 * sum(found.values()) / max(1, n_words)
    counts = f"{found['replace']} wrong, {found['delete']} missing, {found['insert']} too many"
    return f"{rate:5.1f} % of {n_words:4d}: {counts}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--off", action="append", default=[], choices=[*GUARDS, "all"], help="may be given again")
    parser.add_argument("--only", nargs="*", default=[], metavar="ID")
    parser.add_argument("--noise", action="store_true", help="sounds without speech in place of the corpus")
    chosen = parser.parse_args()
    off: dict[str, Any] = {name: value for name, value in GUARDS.items() if name in chosen.off or "all" in chosen.off}
    backend = Backend(WhisperSettings(model=chosen.model, **off), runtime=Runtime(device="cpu", threads=chosen.threads))
    if chosen.noise:
        over_noise(backend)
    else:
        over_corpus(backend, chosen.corpus, chosen.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
