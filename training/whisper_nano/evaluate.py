"""Measure a model in faster-whisper, as whisperdiar runs it, against what it is made for.

    python -m training.whisper_nano.evaluate samples/whisper-nano [--unseen 60] [--json FILE]

Speech regions come from silero, batches and word times from whisperdiar's Whisper backend, the language is detected.
Every figure stands beside its bar; the exit status is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samples.performance import SPEECH_DB, _active_db, _joined, _room_noise
from samples.synthesis import SAMPLE_RATE_HZ, SpokenWord, Utterance, synthesize
from training.whisper_nano.bank import cast
from training.whisper_nano.scoring import Score, score
from training.whisper_nano.sentences import LANGUAGES, generate
from whisperdiar.asr.whisper import Backend as Whisper
from whisperdiar.media import load
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span, Transcription
from whisperdiar.vad.silero import Backend as Silero

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
WER_BARS = {
    "standup.mp4": 0.03, "call.flac": 0.03, "meeting.ogg": 0.12, "dialogue_ru.mp3": 0.05, "dialogue_de.m4a": 0.05,
    "dialogue_fr.wav": 0.05,
}  # fmt: skip
UNSEEN_BAR = 0.06
START_BAR_S = 0.06
_UNSEEN_SEED = 77


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure and the greatest value that is good enough (None: for information)."""

    name: str
    value: float
    bar: float | None

    @property
    def passed(self) -> bool:
        """Whether the bar is met."""
        return self.bar is None or self.value <= self.bar


@dataclass(frozen=True, slots=True)
class Said:
    """A word of a reference; seconds."""

    text: str
    start: float
    end: float
    speaker: str


class Recogniser:
    """silero and whisperdiar's Whisper backend with the model in `folder`."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        runtime = Runtime(device="cpu", offline=True, threads=threads)
        self._silero = Silero(runtime=runtime)
        self._whisper = Whisper(WhisperSettings(model=str(folder.resolve())), runtime=runtime)

    def hear(self, audio: Audio, *, gated: bool = True) -> Transcription:
        """The words; without `gated` everything is taken for speech."""
        speech = self._silero.detect(audio) if gated else (Span(0.0, audio.duration),)
        return self._whisper.transcribe(audio, speech=speech)


def recording(recogniser: Recogniser, name: str) -> tuple[Score, Transcription]:
    """A sample recording against its reference."""
    said = reference(name)
    heard = recogniser.hear(load(SAMPLES / name))
    return score(said, list(heard.words), overlapped=overlaps(said)), heard


def unseen(recogniser: Recogniser, language: str, count: int) -> Score:
    """Recordings of one to three sentences that are not in the training data, in voices that are."""
    rng = np.random.default_rng([_UNSEEN_SEED, LANGUAGES.index(language)])
    texts = [line.text for line in generate(language, count, seed=_UNSEEN_SEED, held_out=True)]
    people = list(cast()[language].values())
    total, made = Score(0, 0, ()), 0
    while texts:
        size = min(len(texts), 1 + made % 3)
        voice = people[made % len(people)]
        audio, words = _spoken([synthesize(text, voice) for text in texts[:size]], rng)
        total += score(words, list(recogniser.hear(audio).words))
        texts, made = texts[size:], made + 1
    return total


def words_in_noise(recogniser: Recogniser, *, gated: bool) -> int:
    """How many words are heard where nobody speaks: silence, and noise of three levels."""
    rng = np.random.default_rng(5)
    n_samples = 12 * SAMPLE_RATE_HZ
    sounds = [np.zeros(n_samples)]
    sounds += [rng.standard_normal(n_samples) * 10 ** (level / 20) for level in (-60.0, -40.0, -20.0)]
    sounds += [_room_noise(rng, (1, n_samples), level_db=-35.0)[0]]
    return sum(len(recogniser.hear(_audio(sound), gated=gated).words) for sound in sounds)


def _spoken(utterances: list[Utterance], rng: np.random.Generator) -> tuple[Audio, list[SpokenWord]]:
    joined = _joined(utterances, rng)
    lead = round(0.5 * SAMPLE_RATE_HZ)
    samples = np.pad(joined.samples * 10 ** ((SPEECH_DB - _active_db(joined)) / 20), lead)
    samples = samples + _room_noise(rng, (1, len(samples)), level_db=-60.0)[0]
    return _audio(samples), [SpokenWord(word.text, word.start + 0.5, word.end + 0.5) for word in joined.words]


def _audio(samples: np.ndarray) -> Audio:
    return Audio(samples.astype(np.float32)[None], SAMPLE_RATE_HZ)


def reference(name: str) -> list[Said]:
    """What is said in a sample recording."""
    path = SAMPLES / "reference" / f"{Path(name).stem}.words.tsv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Said(row["word"], float(row["start"]), float(row["end"]), row["speaker"]) for row in rows]


def overlaps(said: Sequence[Said]) -> list[tuple[float, float]]:
    """Where words of two people sound at once."""
    found = []
    for index, word in enumerate(said):
        for other in said[index + 1 : index + 12]:
            start, end = max(word.start, other.start), min(word.end, other.end)
            if other.speaker != word.speaker and start < end:
                found.append((start, end))
    return found


def measure(folder: Path, *, n_unseen: int, threads: int = 1, show: bool = False) -> list[Figure]:
    """All figures of the model in `folder`."""
    recogniser = Recogniser(folder, threads=threads)
    figures: list[Figure] = []
    for name, bar in WER_BARS.items():
        began = time.perf_counter()
        result, heard = recording(recogniser, name)
        if show:
            print(f"{name} [{heard.language}]:", " ".join(word.text for word in heard.words))
        figures.append(Figure(f"{name} word error rate", result.word_error_rate, bar))
        figures.append(Figure(f"{name} median word-start error, s", result.start_error, START_BAR_S))
        figures.append(Figure(f"{name} wrong language", float(heard.language != _language(name)), 0.0))
        figures.append(Figure(f"{name} wall seconds", time.perf_counter() - began, None))
    for language in LANGUAGES:
        result = unseen(recogniser, language, n_unseen if language == "en" else n_unseen // 4)
        name = f"unseen sentences, {language}"
        figures.append(Figure(f"{name}: word error rate", result.word_error_rate, UNSEEN_BAR))
        figures.append(Figure(f"{name}: median word-start error, s", result.start_error, START_BAR_S))
    figures.append(Figure("words in silence and noise", float(words_in_noise(recogniser, gated=True)), 0.0))
    figures.append(Figure("… without a speech detector", float(words_in_noise(recogniser, gated=False)), None))
    return figures


def _language(name: str) -> str:
    stem = Path(name).stem
    return stem.partition("_")[2] or "en"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Measure whisper-nano against what it is made for.")
    parser.add_argument("folder", type=Path, help="the exported model")
    parser.add_argument("--unseen", type=int, default=60, help="English sentences that were not trained on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print what is heard in the recordings")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    figures = measure(options.folder, n_unseen=options.unseen, threads=options.threads, show=options.show)
    for figure in figures:
        bar = "" if figure.bar is None else f"  (at most {figure.bar:g}) {'met' if figure.passed else 'MISSED'}"
        print(f"{figure.name}: {figure.value:.3f}{bar}")
    if options.json:
        listed = {figure.name: round(figure.value, 4) for figure in figures}
        options.json.write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(0 if all(figure.passed for figure in figures) else 1)


if __name__ == "__main__":
    main()
