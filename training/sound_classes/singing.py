"""Singing made of speech: a voice whose vowels are stretched and whose pitch follows a melody, by the WORLD vocoder.

Morise, Yokomori and Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system" (IEICE Transactions, 2016),
as the package pyworld.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Samples = NDArray[np.float32]
Track = NDArray[np.float64]

RATE_HZ = 16_000
_FRAME_S = 0.005
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))
_CHOIR = 0.2  # share of the singing that is by two to four voices at once


def sing(clips: Sequence[Samples], seconds: float, rng: np.random.Generator) -> Samples:
    """So many seconds of singing, float32 (n_samples,) at 16 kHz, whose peak is 0.9.

    Args:
        clips: of one person's speech, one of which is sung after the other.
    """
    n = int(seconds * RATE_HZ)
    parts, length = [], 0
    while length < n:
        clip = clips[rng.integers(len(clips))]
        first = int(rng.integers(0, max(1, len(clip) - 6 * RATE_HZ)))
        sung = _sing_clip(clip[first : first + 6 * RATE_HZ], rng)
        parts.append(np.pad(sung, (0, int(rng.choice([0.05, 0.2, 0.4]) * RATE_HZ))))
        length += len(parts[-1])
    sound = np.concatenate(parts)[:n]
    return np.asarray(0.9 * sound / max(1e-6, float(np.abs(sound).max(initial=0.0))), dtype=np.float32)


def _sing_clip(clip: Samples, rng: np.random.Generator) -> Samples:
    with warnings.catch_warnings():  # it asks for its version through a package that is on its way out
        warnings.simplefilter("ignore")
        import pyworld

    sound = clip.astype(np.float64)
    pitch, times = pyworld.dio(sound, RATE_HZ, frame_period=1000 * _FRAME_S)
    pitch = pyworld.stonemask(sound, pitch, times, RATE_HZ)
    if np.count_nonzero(pitch) < 0.2 * len(pitch):
        return clip
    envelope = pyworld.cheaptrick(sound, pitch, times, RATE_HZ)
    breath = pyworld.d4c(sound, pitch, times, RATE_HZ)
    at = _stretch_vowels(pitch > 0, rng)
    envelope, breath, voiced = envelope[at], breath[at], pitch[at] > 0
    middle = float(np.median(pitch[pitch > 0])) * 2 ** (rng.uniform(-3, 9) / 12)
    melody = _write_melody(len(at), middle, rng)
    n_voices = int(rng.integers(2, 5)) if rng.random() < _CHOIR else 1
    sung = np.zeros(int(len(at) * _FRAME_S * RATE_HZ) + RATE_HZ)
    for voice in range(n_voices):
        step = rng.choice([0, 0, 3, 4, 7, -12]) if voice else 0
        own = melody * 2 ** ((step + rng.normal(0, 0.1 * (n_voices > 1))) / 12) * _sway(len(at), rng)
        tone = pyworld.synthesize(np.where(voiced, own, 0.0), envelope, breath, RATE_HZ, 1000 * _FRAME_S)
        late = int(rng.integers(0, 1 + int(0.04 * RATE_HZ) * bool(voice)))
        sung[late : late + len(tone)] += tone[: len(sung) - late]
    return np.asarray(sung[:-RATE_HZ], dtype=np.float32)


def _stretch_vowels(voiced: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Which frame of the speech each frame of the singing shows: voiced ones last up to four times as long."""
    often = np.where(voiced, rng.uniform(1.3, 4.0), rng.uniform(0.8, 1.2))
    ends = np.cumsum(gaussian_filter1d(often, 4))
    return np.searchsorted(ends, np.arange(int(ends[-1]))).clip(max=len(voiced) - 1)


def _write_melody(n: int, middle_hz: float, rng: np.random.Generator) -> Track:
    """Fundamental frequency of each frame, about a middle: notes of a scale that slide into each other."""
    scale = _SCALES[rng.integers(len(_SCALES))]
    beat = rng.uniform(0.25, 0.7) / _FRAME_S
    degree, semitones = 0, np.empty(n)
    at = 0
    while at < n:
        length = max(1, int(beat * rng.choice([0.5, 1, 1, 2, 3])))
        degree = int(np.clip(degree + rng.integers(-2, 3), -5, 6))
        semitones[at : at + length] = 12 * (degree // len(scale)) + scale[degree % len(scale)]
        at += length
    return np.asarray(middle_hz * 2 ** (gaussian_filter1d(semitones, rng.uniform(2, 8)) / 12))


def _sway(n: int, rng: np.random.Generator) -> Track:
    """Vibrato of 4.5 to 7 Hz, and the unsteadiness of a voice."""
    time = np.arange(n) * _FRAME_S
    depth = rng.choice([0.0, 0.2, 0.5]) * rng.uniform(0.5, 1.5)
    vibrato = depth * np.sin(2 * np.pi * rng.uniform(4.5, 7) * time + rng.uniform(0, 6))
    drift = gaussian_filter1d(rng.normal(size=n), 12) * rng.uniform(0.2, 0.8)
    return np.asarray(2 ** ((vibrato + drift) / 12))
