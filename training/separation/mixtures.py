"""Mixtures of two voices, drawn from a pool of utterances whose speaker is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from whisperdiar.media import load

Sound = NDArray[np.float32]

RATE_HZ = 8_000
HELD_BACK = ("af_river", "am_onyx", "bf_lily", "bm_lewis", "zm_yunxi", "jf_tebukuro")
"""Voices of the pool that no model is trained on."""
_TEMPI = ((1, 1), (9, 10), (10, 9))
"""A voice that is played slower or faster is another one: lower or higher, as a person of another size."""
_GAIN_DB = 2.5
_SHORTEST_S = 0.8


def read_voices(pool: Path, *, held_back: bool, tempi: Sequence[tuple[int, int]] = _TEMPI) -> list[list[Sound]]:
    """Utterances at 8 kHz of each voice of `benchmarks/conversation_voices.py`'s pool, at each tempo."""
    voices = []
    for folder in sorted(path for path in pool.iterdir() if path.is_dir()):
        if (folder.name in HELD_BACK) != held_back:
            continue
        own = [load(path).mono for path in sorted(folder.glob("*.flac"))]
        for up, down in tempi:
            sounds = [resample_poly(sound, up, down * 2).astype(np.float32) for sound in own]
            voices.append([sound for sound in sounds if sound.size >= _SHORTEST_S * RATE_HZ])
    return voices


def draw(voices: Sequence[Sequence[Sound]], n_samples: int, rng: np.random.Generator) -> tuple[Sound, Sound]:
    """A mixture float32 (n_samples,) and its two sources (n_samples, 2).

    The voices are of two people, differ in level by up to 5 dB, and begin and end where they like, so that parts hold
    one of them alone, as the surroundings of an overlap do.
    """
    first, second = rng.choice(len(voices), 2, replace=False)
    sources = np.stack([_place(voices[i], n_samples, rng) for i in (first, second)], axis=1)
    mixture = sources.sum(axis=1)
    scale = np.float32(0.5 / max(float(np.abs(mixture).max()), 1e-6))
    noise = rng.normal(0.0, 10 ** rng.uniform(-4.0, -2.5), n_samples).astype(np.float32)
    return mixture * scale + noise, sources * scale


def _place(clips: Sequence[Sound], n_samples: int, rng: np.random.Generator) -> Sound:
    """One utterance, or a part of it, at a random place, level and tilt of the spectrum."""
    clip = clips[int(rng.integers(len(clips)))]
    if clip.size > n_samples:
        at = rng.integers(clip.size - n_samples + 1)
        clip = clip[at : at + n_samples]
    tilt = np.float32(rng.uniform(-0.3, 0.3))
    clip = clip - tilt * np.concatenate([clip[:1], clip[:-1]])
    level = float(np.sqrt(np.mean(clip**2))) + 1e-6
    placed = np.zeros(n_samples, np.float32)
    at = rng.integers(n_samples - clip.size + 1)
    placed[at : at + clip.size] = clip * np.float32(0.1 * 10 ** (rng.uniform(-_GAIN_DB, _GAIN_DB) / 20) / level)
    return placed
