"""Noise by rule: colours, hum, traffic, rooms, clicks, rain, wind, machines, and a crowd of voices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

Samples = NDArray[np.float32]

RATE_HZ = 16_000
KINDS = {
    "train": ("white", "pink", "hum", "traffic", "clicks", "room", "babble", "typing"),
    "report": ("brown", "band", "rain", "wind", "fan", "babble", "steps", "pink"),
}


def make_noise(half: str, seconds: float, rng: np.random.Generator, voices: Sequence[Samples]) -> Samples:
    """A stretch of noise of a random kind, float32 (n_samples,) at 16 kHz, whose peak is 0.9.

    Args:
        voices: recordings of speech that babble is made of.
    """
    kind = str(rng.choice(KINDS[half]))
    n = int(seconds * RATE_HZ)
    sound = _make(kind, n, rng, voices)
    return np.asarray(0.9 * sound / max(1e-9, float(np.abs(sound).max())), dtype=np.float32)


def _colour(n: int, slope: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls as 1 / f ** slope."""
    spectrum = np.fft.rfft(rng.normal(size=n))
    hz = np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 20.0)
    return np.fft.irfft(spectrum * hz ** (-slope / 2), n)


def _wander(n: int, hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A slow random course between 0 and 1 that turns about `hz` times a second."""
    points = rng.random(max(4, int(n / RATE_HZ * hz) + 3))
    return np.interp(np.linspace(0, len(points) - 1, n), np.arange(len(points)), points)


def _events(n: int, per_second: float, low: float, high: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Short bursts that die away, each of its own colour."""
    sound = np.zeros(n)
    for at in np.flatnonzero(rng.random(n) < per_second / RATE_HZ):
        length = min(n - at, int(rng.uniform(0.01, 0.08) * RATE_HZ))
        burst = rng.normal(size=length) * np.exp(-np.arange(length) / RATE_HZ * rng.uniform(60, 250))
        pole = rng.uniform(low, high)
        sound[at : at + length] += rng.uniform(0.2, 1) * lfilter([1 - pole], [1, -pole], burst)
    return sound


def _make(kind: str, n: int, rng: np.random.Generator, voices: Sequence[Samples]) -> NDArray[np.float64]:
    if kind in ("white", "pink", "brown"):
        return _colour(n, {"white": 0.0, "pink": 1.0, "brown": 1.8}[kind], rng)
    if kind == "hum":
        time = np.arange(n) / RATE_HZ
        base = rng.choice([50.0, 60.0])
        tones = [np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) * rng.uniform(0, 1 / k) for k in range(1, 9)]
        return np.asarray(np.sum(tones, axis=0) + 0.3 * rng.normal(size=n) * rng.uniform(0.1, 1))
    if kind == "traffic":
        return _colour(n, 1.5, rng) * (0.2 + _wander(n, 0.4, rng)) + 0.02 * rng.normal(size=n)
    if kind == "wind":
        return _colour(n, 1.2, rng) * (0.1 + _wander(n, 1.5, rng) ** 2)
    if kind == "fan":
        time = np.arange(n) / RATE_HZ
        return _colour(n, 0.8, rng) * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(8, 30) * time))
    if kind == "band":
        low = rng.uniform(150, 2000)
        sos = butter(2, [low, min(7800, low * rng.uniform(2, 4))], "bandpass", fs=RATE_HZ, output="sos")
        return np.asarray(sosfilt(sos, rng.normal(size=n)))
    if kind == "room":
        return _colour(n, rng.uniform(0.5, 1.5), rng) + _events(n, 0.5, 0.3, 0.9, rng) * 0.05
    if kind == "rain":
        return _events(n, 60.0, 0.0, 0.5, rng) + 0.02 * rng.normal(size=n)
    if kind == "babble":
        sound = np.zeros(n)
        for _voice in range(int(rng.integers(6, 14))):
            parts = [voices[rng.integers(len(voices))] for _part in range(n // (2 * RATE_HZ) + 2)]
            line = np.concatenate(parts)
            first = int(rng.integers(0, max(1, len(line) - n)))
            piece = line[first : first + n]
            sound[: len(piece)] += piece / max(1e-6, float(np.sqrt(np.mean(piece**2))))
        return sound
    return _events(n, {"clicks": 4.0, "typing": 9.0, "steps": 2.0}[kind], 0.0, 0.9, rng) + 0.01 * rng.normal(size=n)
