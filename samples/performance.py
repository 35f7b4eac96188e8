"""A script → a recording (samples) and everything that is known about it (words and turns with their times)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfiltfilt

from samples.script import Script, ScriptError, ScriptTurn, Speaker
from samples.synthesis import LEAD_S, SAMPLE_RATE_HZ, SpokenWord, Utterance, Voice, synthesize

Samples = NDArray[np.float32]

SPEECH_DB = -25.0
"""RMS of a speaker's words in a channel where they have 0 dB, before the levels of the script."""
LEVEL_SPREAD_DB = 0.7
"""Standard deviation of the level from turn to turn: nobody speaks equally loud all the time."""
SENTENCE_PAUSE_S = (0.22, 0.5)
TURN_PAUSE_S = (0.3, 0.85)
LEAD_IN_S = 0.6
LEAD_OUT_S = 0.9
PEAK = 0.9
TURN_BREAK_S = 0.3
"""A silence of this length ends a reference turn (NIST's rich transcription evaluations bridge what is shorter)."""


@dataclass(frozen=True, slots=True)
class ReferenceWord:
    """A word, its speaker and its times in seconds from the start of the recording."""

    start: float
    end: float
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class ReferenceUtterance:
    """One turn of the script as it was spoken; its pauses between sentences are inside."""

    speaker: str
    channel: int
    words: tuple[ReferenceWord, ...]

    @property
    def start(self) -> float:
        """Start of the first word, seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """End of the last word, seconds."""
        return self.words[-1].end

    @property
    def text(self) -> str:
        """The words as they stand in the script."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Performance:
    """A recording: float32 samples (n_channels, n_samples) in [-1, 1] at 16 kHz, utterances in order of start."""

    script: Script
    samples: Samples
    utterances: tuple[ReferenceUtterance, ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return float(self.samples.shape[1] / SAMPLE_RATE_HZ)

    @property
    def words(self) -> tuple[ReferenceWord, ...]:
        """All words in order of start."""
        return tuple(sorted((word for turn in self.utterances for word in turn.words), key=lambda word: word.start))

    def turns(self) -> tuple[ReferenceUtterance, ...]:
        """Reference turns: one speaker's words with no pause of TURN_BREAK_S or more, in order of start."""
        pieces = []
        for utterance in self.utterances:
            first = 0
            for index, word in enumerate(utterance.words):
                last = index + 1 == len(utterance.words)
                if last or utterance.words[index + 1].start - word.end >= TURN_BREAK_S:
                    words = utterance.words[first : index + 1]
                    pieces.append(ReferenceUtterance(utterance.speaker, utterance.channel, words))
                    first = index + 1
        return tuple(sorted(pieces, key=lambda piece: piece.start))


@dataclass(frozen=True, slots=True)
class _Placed:
    """A turn on the time line; `start` is that of its first sample, which lies before the first word."""

    start_sample: int
    speech: Utterance
    speaker: Speaker

    @property
    def first_word(self) -> float:
        return self.start_sample / SAMPLE_RATE_HZ + self.speech.words[0].start

    @property
    def last_word(self) -> float:
        return self.start_sample / SAMPLE_RATE_HZ + self.speech.words[-1].end


def perform(script: Script, *, seed: int, speak: Callable[[str, Voice], Utterance] = synthesize) -> Performance:
    """Speak the whole script. The same script and seed give the same recording.

    Raises ScriptError where the script makes a person talk over themselves, SynthesisError where a voice is missing.
    """
    rng = np.random.default_rng([seed, crc32(script.name.encode())])
    placed = _on_time_line(script, rng, speak)
    last = max(item.start_sample + len(item.speech.samples) for item in placed)
    n_samples = last + round(LEAD_OUT_S * SAMPLE_RATE_HZ)
    samples = np.zeros((script.n_channels, n_samples), dtype=np.float64)
    for item in placed:
        loudness_db = SPEECH_DB + rng.normal(0.0, LEVEL_SPREAD_DB) - _active_db(item.speech)
        where = slice(item.start_sample, item.start_sample + len(item.speech.samples))
        for channel, level_db in enumerate(item.speaker.levels_db):
            samples[channel, where] += item.speech.samples * 10 ** ((loudness_db + level_db) / 20)
    if script.band_hz:
        # Forwards and backwards: a filter with a delay would move the words.
        band = butter(4, script.band_hz, btype="bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        samples = sosfiltfilt(band, samples, axis=1)
    samples += _room_noise(rng, samples.shape, level_db=script.noise_db)
    samples *= min(1.0, PEAK / float(np.abs(samples).max()))
    return Performance(script, samples.astype(np.float32), _reference(placed))


def _on_time_line(script: Script, rng: np.random.Generator, speak: Callable[[str, Voice], Utterance]) -> list[_Placed]:
    speakers = {speaker.name: speaker for speaker in script.speakers}
    placed: list[_Placed] = []
    floor: _Placed | None = None  # the turn that the next one follows; backchannels do not take it
    for turn in script.turns:
        speaker = speakers[turn.speaker]
        speech = _joined([speak(text, speaker.voice) for text in turn.sentences], rng)
        pause = float(rng.uniform(*TURN_PAUSE_S))
        first_word = _start(turn, floor, pause=pause)
        item = _Placed(round((first_word - speech.words[0].start) * SAMPLE_RATE_HZ), speech, speaker)
        busy = max((other.last_word for other in placed if other.speaker is speaker), default=0.0)
        if item.first_word < busy:
            raise ScriptError(
                f"{script.name}: {turn.speaker} starts {turn.sentences[0]!r} at {item.first_word:.2f} s but speaks"
                f" until {busy:.2f} s: move it with gap or during"
            )
        placed.append(item)
        if turn.during is None:
            floor = item
    return placed


def _start(turn: ScriptTurn, floor: _Placed | None, *, pause: float) -> float:
    if floor is None:
        return LEAD_IN_S
    if turn.during is not None:
        return floor.first_word + turn.during * (floor.last_word - floor.first_word)
    return floor.last_word + (pause if turn.gap is None else turn.gap)


def _joined(sentences: list[Utterance], rng: np.random.Generator) -> Utterance:
    """The sentences one after another; the pause between two runs from word to word."""
    parts: list[Samples] = []
    words: list[SpokenWord] = []
    length = 0
    for sentence in sentences:
        if words:
            pause = float(rng.uniform(*SENTENCE_PAUSE_S))
            silence = round((words[-1].end + pause - LEAD_S) * SAMPLE_RATE_HZ) - length
            parts.append(np.zeros(max(0, silence), dtype=np.float32))
            length += len(parts[-1])
        offset = length / SAMPLE_RATE_HZ
        words += [SpokenWord(word.text, offset + word.start, offset + word.end) for word in sentence.words]
        parts.append(sentence.samples)
        length += len(sentence.samples)
    return Utterance(np.concatenate(parts), tuple(words))


def _active_db(speech: Utterance) -> float:
    """RMS over the words alone, in dB."""
    inside = np.zeros(len(speech.samples), dtype=bool)
    for word in speech.words:
        inside[round(word.start * SAMPLE_RATE_HZ) : round(word.end * SAMPLE_RATE_HZ)] = True
    return float(10 * np.log10(np.mean(np.square(speech.samples[inside], dtype=np.float64))))


def _room_noise(rng: np.random.Generator, shape: tuple[int, ...], *, level_db: float) -> NDArray[np.float64]:
    """Noise that falls towards high frequencies, as that of rooms and microphones does; each channel has its own."""
    noise = lfilter([1.0], [1.0, -0.85], rng.standard_normal(shape), axis=1)
    noise *= 10 ** (level_db / 20) / np.sqrt(np.mean(np.square(noise)))
    return np.asarray(noise)


def _reference(placed: list[_Placed]) -> tuple[ReferenceUtterance, ...]:
    utterances = []
    for item in placed:
        offset = item.start_sample / SAMPLE_RATE_HZ
        words = tuple(
            ReferenceWord(offset + word.start, offset + word.end, item.speaker.name, word.text)
            for word in item.speech.words
        )
        utterances.append(ReferenceUtterance(item.speaker.name, item.speaker.channel, words))
    return tuple(sorted(utterances, key=lambda utterance: utterance.start))
