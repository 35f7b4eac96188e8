"""Text and a voice → speech whose word times are known.

    from samples.synthesis import Voice, synthesize
    utterance = synthesize("Good morning everyone.", Voice("flite", "slt", rate=0.9))
    utterance.samples        # float32, 16 kHz
    utterance.words          # SpokenWord(text, start, end), seconds from the first sample

The result depends on the arguments alone: both engines keep state from one call to the next, and both modules behind
this one see to it that none of it reaches the next utterance.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

SAMPLE_RATE_HZ = 16_000
LEAD_S = 0.03
"""Kept before the first word: the engines' own leading pause is cut to this."""
TAIL_S = 0.06
"""Kept after the last word, for its decay."""

Samples = NDArray[np.float32]


class SynthesisError(Exception):
    """A synthesizer is missing, or cannot say what was asked of it. One line: the value, the cause, the next step."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker's voice.

    `engine` is "flite" or "espeak-ng", `name` what that engine calls the voice ("slt"; "ru+f2"). `rate` and `pitch` are
    factors on the voice's own (1.0 leaves it as it is). `tract` scales the formants, as a shorter (above 1) or longer
    vocal tract does, and so makes a new speaker out of a voice; rate and pitch keep their meaning.
    """

    engine: str
    name: str
    rate: float = 1.0
    pitch: float = 1.0
    tract: float = 1.0


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as it stands in the text, with its punctuation; seconds, half-open."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Mono speech at 16 kHz in [-1, 1], and its words in order; their times never overlap."""

    samples: Samples
    words: tuple[SpokenWord, ...]

    @property
    def duration(self) -> float:
        """Seconds from the first sample to the last."""
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class RawSpeech:
    """What an engine returns: int16 samples at its own rate, and start and end of every word of the text in seconds."""

    samples: NDArray[np.int16]
    sample_rate_hz: int
    word_times: tuple[tuple[float, float], ...]


def synthesize(text: str, voice: Voice) -> Utterance:
    """Speak `text`, whose words are what whitespace separates.

    The silence around the words is cut to LEAD_S and TAIL_S. Level and peak are the engine's own.

    Raises SynthesisError where the engine is missing, does not know the voice, or cannot do the pitch.
    """
    words = text.split()
    if not words:
        raise SynthesisError(f"{text!r} has no words: give the voice something to say")
    unspoken = [word for word in words if not any(character.isalnum() for character in word)]
    if unspoken:
        raise SynthesisError(f"{unspoken[0]!r} in {text!r} is not a word: join it to its neighbour")
    tract = Fraction(voice.tract).limit_denominator(50)  # resampling needs a small ratio
    # Resampling by the ratio shifts formants, pitch and speed together; the engine undoes the latter two beforehand.
    raw = _speak(words, voice, rate=voice.rate / float(tract), pitch=voice.pitch / float(tract))
    ratio = Fraction(SAMPLE_RATE_HZ, raw.sample_rate_hz) / tract
    samples = raw.samples.astype(np.float32) / np.float32(32768.0)
    if ratio != 1:
        samples = resample_poly(samples, ratio.numerator, ratio.denominator).astype(np.float32)
    return _trimmed(samples, words, [(start / float(tract), end / float(tract)) for start, end in raw.word_times])


def _speak(words: list[str], voice: Voice, *, rate: float, pitch: float) -> RawSpeech:
    from samples import espeak, flite

    engines: dict[str, Any] = {"espeak-ng": espeak.speak, "flite": flite.speak}
    if voice.engine not in engines:
        raise SynthesisError(f"no engine {voice.engine!r}: use one of {', '.join(engines)}")
    raw: RawSpeech = engines[voice.engine](words, voice.name, rate=rate, pitch=pitch)
    return raw


def _trimmed(samples: Samples, words: list[str], times: list[tuple[float, float]]) -> Utterance:
    first = max(0, round((times[0][0] - LEAD_S) * SAMPLE_RATE_HZ))
    last = min(len(samples), round((times[-1][1] + TAIL_S) * SAMPLE_RATE_HZ))
    cut = samples[first:last].copy()
    fade = min(round(0.005 * SAMPLE_RATE_HZ), len(cut) // 2)  # no click where the cut meets silence
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    cut[:fade] *= ramp
    cut[len(cut) - fade :] *= ramp[::-1]
    shift = first / SAMPLE_RATE_HZ
    spoken = [SpokenWord(word, start - shift, end - shift) for word, (start, end) in zip(words, times, strict=True)]
    return Utterance(cut, tuple(spoken))
