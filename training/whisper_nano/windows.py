"""Windows to train on, mixed from the bank in the mel domain: a few milliseconds each, and never the same twice.

Three kinds: passages of a sample recording's script in its own voices, as the program cuts them at pauses; other
sentences of the same language one after another; and noise without any speech.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.whisper_nano.bank import FLOOR, FRAME_S, N_MELS, Bank, Entry
from training.whisper_nano.bank import filters as mel_filters
from training.whisper_nano.sentences import scripts

Power = NDArray[np.float32]

SPEECH_LOG_POWER = 0.38
"""log10 of the mean mel power, summed over bands, of words at -25 dBFS."""
_NOISE_GAIN = 150.0  # sum of the squared Hann window: a sample's variance times this is the power of an FFT bin
_LANGUAGE_SHARES = {"en": 0.5, "ru": 0.22, "de": 0.14, "fr": 0.14}
_SCRIPT_SHARES = {
    "standup": 0.2, "call": 0.18, "meeting": 0.34, "dialogue_ru": 0.1, "dialogue_de": 0.09, "dialogue_fr": 0.09
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its punctuation; seconds from the start of the window."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Window:
    """`mel`: float32 (n_frames, 80) as a recogniser sees it, padding included; `sentences`: indices of first words."""

    mel: Power
    language: str
    words: tuple[Word, ...]
    sentences: tuple[int, ...]


@dataclass(slots=True)
class _Canvas:
    power: Power
    end: float  # of what has been placed so far, seconds
    words: list[Word]
    sentences: list[int]


class Composer:
    """Makes windows out of a bank; all chance comes from the generator that is passed in."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._scripts = {script.name: script for script in scripts()}
        self._takes: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._by_language: dict[str, list[Entry]] = defaultdict(list)
        self._by_person: dict[str, list[Entry]] = defaultdict(list)
        for entry in bank.entries:
            self._takes[entry.person, entry.text].append(entry)
            self._by_language[entry.language].append(entry)
            self._by_person[entry.person].append(entry)

    def script_window(self, rng: np.random.Generator, *, seconds: float, n_frames: int) -> Window:
        """A passage of a script of at most `seconds`, turns as they follow each other, in `n_frames` frames."""
        name = str(rng.choice(list(_SCRIPT_SHARES), p=list(_SCRIPT_SHARES.values())))
        script = self._scripts[name]
        levels = {speaker.name: max(speaker.levels_db) - 1.5 * rng.random() for speaker in script.speakers}
        spoken = [(turn, text) for turn in script.turns for text in turn.sentences]
        at = 0 if rng.random() < 0.12 else int(rng.integers(len(spoken)))
        canvas = _canvas(n_frames, lead=_lead(rng))
        gain_db = rng.normal(0.0, 3.0)
        previous = last_turn = None
        for turn, text in spoken[at:]:
            takes = self._takes.get((turn.speaker, text))
            if not takes:
                break
            entry = takes[0] if rng.random() < 0.4 else takes[rng.integers(len(takes))]
            loudness = levels[turn.speaker] + gain_db + rng.normal(0.0, 0.7)
            if turn.during is not None:  # said while somebody else speaks: heard, but not written down
                if previous is not None:
                    where = canvas.end - rng.uniform(0.2, 0.8) * previous
                    _add(canvas.power, self._spoken(entry), where, loudness)
                continue
            if not canvas.words:
                gap = 0.0
            elif turn is last_turn:
                gap = rng.uniform(0.2, 0.52)
            else:
                gap = rng.uniform(0.25, 0.9) if turn.gap is None else turn.gap + rng.normal(0.0, 0.08)
            if not self._place(canvas, entry, gap - 0.03, loudness, seconds, rng):
                break
            previous, last_turn = entry.count * FRAME_S, turn
        return self._finished(canvas, script.language, rng, noise_db=script.noise_db + gain_db + rng.normal(0.0, 4.0))

    def mixed_window(self, rng: np.random.Generator, *, seconds: float, n_frames: int) -> Window:
        """Unconnected sentences of one language by one or two people, at most `seconds` long."""
        language = str(rng.choice(list(_LANGUAGE_SHARES), p=list(_LANGUAGE_SHARES.values())))
        pool = self._by_language[language]
        people = [pool[rng.integers(len(pool))].person for _ in range(2)]
        canvas = _canvas(n_frames, lead=_lead(rng))
        gain_db, refused = rng.normal(-1.0, 4.5), 0
        while refused < 3:
            own = self._by_person[people[int(rng.integers(2))]]
            gap = rng.uniform(0.15, 0.6) if rng.random() < 0.8 else rng.uniform(0.6, 1.8)
            entry = own[rng.integers(len(own))]
            level = gain_db + rng.normal(0.0, 1.0)
            refused += not self._place(canvas, entry, gap if canvas.words else 0.0, level, seconds, rng)
        return self._finished(canvas, language, rng, noise_db=rng.uniform(-80.0, -48.0))

    def empty_window(self, rng: np.random.Generator, *, seconds: float, n_frames: int) -> Window:
        """Noise of any level, or digital silence."""
        canvas = _canvas(n_frames, lead=seconds)
        language = str(rng.choice(list(_LANGUAGE_SHARES)))
        noise_db = rng.uniform(-90.0, -15.0) if rng.random() < 0.9 else -300.0
        return self._finished(canvas, language, rng, noise_db=noise_db)

    def _spoken(self, entry: Entry) -> Power:
        """Power at a mean of -25 dBFS over the words."""
        log = np.asarray(self._bank.power[entry.first : entry.first + entry.count], dtype=np.float32)
        power: Power = 10.0**log
        voiced = power[round(entry.starts[0] / FRAME_S) : round(entry.ends[-1] / FRAME_S) + 1]
        return np.asarray(power * np.float32(10.0**SPEECH_LOG_POWER / max(1e-8, float(voiced.sum(1).mean()))))

    def _place(
        self, canvas: _Canvas, entry: Entry, gap: float, level_db: float, seconds: float, rng: np.random.Generator
    ) -> bool:
        """Add an utterance; False where it does not fit any more (the first one always does, if cut)."""
        power = self._spoken(entry)
        speed = 1.0
        if rng.random() < 0.3:
            speed = rng.uniform(0.93, 1.08)
            power = power[np.minimum((np.arange(int(len(power) / speed)) * speed).astype(int), len(power) - 1)]
        if rng.random() < 0.25:
            scale = rng.uniform(0.98, 1.02)
            power = power[:, np.clip(np.round(np.arange(N_MELS) * scale), 0, N_MELS - 1).astype(int)]
        first = round(max(0.0, canvas.end + gap) / FRAME_S)
        if first + len(power) > min(len(canvas.power), round(seconds / FRAME_S)):
            return False
        _add(canvas.power, power, first * FRAME_S, level_db)
        canvas.sentences.append(len(canvas.words))
        for text, start, end in zip(entry.text.split(), entry.starts, entry.ends, strict=True):
            canvas.words.append(Word(text, first * FRAME_S + start / speed, first * FRAME_S + end / speed))
        canvas.end = canvas.words[-1].end
        return True

    def _finished(self, canvas: _Canvas, language: str, rng: np.random.Generator, *, noise_db: float) -> Window:
        end = min(len(canvas.power), round((canvas.end + rng.uniform(0.05, 0.3)) / FRAME_S))
        power = canvas.power[:end]
        if rng.random() < 0.25:
            power = power * _band(rng)
        power = power + _noise(rng, len(power), noise_db)
        log = np.log10(np.maximum(power, 10.0**FLOOR))
        # faster-whisper pads with zeros, not with silence.
        mel = np.zeros((len(canvas.power), N_MELS), dtype=np.float32)
        if end:
            mel[:end] = (np.maximum(log, log.max() - 8.0) + 4.0) / 4.0
        return Window(mel, language, tuple(canvas.words), tuple(canvas.sentences))


def _canvas(n_frames: int, *, lead: float) -> _Canvas:
    return _Canvas(np.zeros((n_frames, N_MELS), dtype=np.float32), lead, [], [])


def _lead(rng: np.random.Generator) -> float:
    """Seconds before the first word: a detector of speech leaves little."""
    return float(rng.uniform(0.0, 0.25) if rng.random() < 0.85 else rng.uniform(0.2, 1.2))


def _add(canvas: Power, power: Power, start: float, level_db: float) -> None:
    first = max(0, round(start / FRAME_S))
    fits = min(len(power), len(canvas) - first)
    if fits > 0:
        canvas[first : first + fits] += power[:fits] * np.float32(10.0 ** (level_db / 10.0))


def _noise(rng: np.random.Generator, n_frames: int, level_db: float) -> Power:
    """Stationary noise of `level_db` dBFS, flat or falling towards high frequencies."""
    pole = 0.85 if rng.random() < 0.7 else rng.uniform(-0.3, 0.97)
    angles = np.linspace(0.0, np.pi, 201)
    spectrum = 1.0 / (1.0 - 2.0 * pole * np.cos(angles) + pole**2)
    spectrum *= 10 ** (level_db / 10) * _NOISE_GAIN / spectrum.mean()
    filters = mel_filters()
    bins = np.maximum(1.0, np.square(filters.sum(1)) / np.square(filters).sum(1) / 1.5)  # independent ones in a band
    spread = rng.standard_gamma(bins, size=(n_frames, N_MELS)) / bins
    return np.asarray(spread * (filters @ spectrum), dtype=np.float32)


def _band(rng: np.random.Generator) -> Power:
    """What telephones and codecs take away below and above."""
    gain = np.ones(N_MELS, dtype=np.float32)
    low, high = int(rng.integers(0, 6)), int(rng.integers(68, N_MELS + 1))
    gain[:low] = 10.0 ** -rng.uniform(0.5, 4.0)
    gain[high:] = 10.0 ** -rng.uniform(0.5, 6.0)
    return gain
