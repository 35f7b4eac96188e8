"""Noise by rule: colours, hum, traffic, rooms, clicks, rain, wind, machines, a crowd of voices; and recorded noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

Samples = NDArray[np.float32]

RATE_HZ = 16_000
KINDS = {
    "train": ("white", "shaped", "shaped", "hum", "traffic", "clicks", "room", "babble", "typing", "motor", "crackle"),
    "report": (
        *("brown", "band", "rain", "wind", "fan", "babble", "steps", "pink"),
        *("appliance", "ventilator", "transformer", "compressor"),
    ),
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


def join_recordings(recordings: Sequence[Samples], seconds: float, rng: np.random.Generator) -> Samples:
    """Recorded noises one after the other at levels of their own, float32 (n_samples,) whose peak is 0.9."""
    n = int(seconds * RATE_HZ)
    sound = np.zeros(n, dtype=np.float32)
    at = 0
    while at < n:
        own = recordings[rng.integers(len(recordings))]
        first = int(rng.integers(0, max(1, len(own) - 5 * RATE_HZ)))
        own = own[first : first + min(n - at, 5 * RATE_HZ)]
        loudest = max(1e-4, float(np.abs(own).max(initial=0.0)))
        sound[at : at + len(own)] = own * np.float32(10 ** (rng.uniform(-12, 0) / 20) / loudest)
        at += max(len(own), RATE_HZ // 10)
    return np.asarray(0.9 * sound / max(1e-9, float(np.abs(sound).max())), dtype=np.float32)


def _shape(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of a random smooth spectrum and a random course of loudness: steady, drifting, pulsing or in bursts."""
    spectrum = np.fft.rfft(rng.normal(size=n))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 20.0) / 20.0)
    points = np.cumsum(rng.normal(0.0, 5.0, 11)) - rng.uniform(-2.0, 6.0) * np.arange(11)
    curve_db = np.interp(octaves, np.linspace(0, 8.7, 11), points)
    sound = np.fft.irfft(spectrum * 10 ** (curve_db / 20), n)
    course = rng.integers(4)
    time = np.arange(n) / RATE_HZ
    if course == 1:
        sound *= 0.05 + _wander(n, float(rng.uniform(0.1, 3.0)), rng) ** 2
    elif course == 2:
        sound *= 1 + rng.uniform(0.2, 0.95) * np.sin(2 * np.pi * rng.uniform(0.5, 25) * time)
    elif course == 3:
        sound *= 0.02 + np.repeat(rng.random(n // 1600 + 1) < rng.uniform(0.05, 0.5), 1600)[:n]
    return np.asarray(sound)


def _run_motor(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """An engine: many harmonics of a low tone that drifts, in noise."""
    hz = rng.uniform(15, 180) * (1 + rng.uniform(0.0, 0.3) * (_wander(n, rng.uniform(0.1, 1.0), rng) - 0.5))
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    slope = rng.uniform(0.3, 1.5)
    tones = np.sum([np.sin(k * phase + rng.uniform(0, 6)) / k**slope for k in range(1, 25)], axis=0)
    return np.asarray(tones * (0.7 + 0.3 * _wander(n, 10.0, rng)) + rng.uniform(0.3, 3.0) * _colour(n, 1.0, rng))


def _hum_steadily(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """An appliance on the mains: any of fifty harmonics, some far stronger than others, steady, over hardly any noise.

    A room sounds like that at night, and like nothing else does it resemble a held chord.
    """
    time = np.arange(n) / RATE_HZ
    base = float(rng.choice([50.0, 60.0, 100.0, 120.0])) * rng.uniform(0.999, 1.001)
    tones = np.zeros(n)
    for k in range(1, int(rng.integers(6, 51))):
        if rng.random() < 0.6:
            level = 10 ** (rng.normal(0.0, 10.0) / 20) / k ** rng.uniform(0.3, 1.5)
            sway = 1 + rng.uniform(0.0, 0.3) * np.sin(2 * np.pi * rng.uniform(0.05, 2.0) * time + rng.uniform(0, 6))
            tones += level * sway * np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6))
    noise = _colour(n, rng.uniform(0.0, 2.0), rng)
    under = 10 ** (-rng.uniform(0.0, 35.0) / 20)
    return np.asarray(tones / max(1e-9, float(tones.std())) + under * noise / max(1e-9, float(noise.std())))


def _ventilate(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A fan: noise of air with the tones of its blades, which wander as its speed does; two of them at times."""
    sound = _shape(n, rng)
    sound /= max(1e-9, float(sound.std()))
    for _fan in range(int(rng.integers(1, 3))):
        speed = rng.uniform(20, 400) * (1 + rng.uniform(0.0, 0.04) * (_wander(n, rng.uniform(0.05, 0.5), rng) - 0.5))
        phase = 2 * np.pi * np.cumsum(speed) / RATE_HZ
        harmonics = [np.sin(k * phase + rng.uniform(0, 6)) * rng.uniform(0, 1) / k**0.7 for k in range(1, 13)]
        tones = np.sum(harmonics, axis=0)
        sound += 10 ** (rng.uniform(-15, 8) / 20) * tones / max(1e-9, float(tones.std()))
    return np.asarray(sound)


def _beat(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A transformer or a compressor that was not trained on: partials that are no harmonics of one tone, and beat."""
    time = np.arange(n) / RATE_HZ
    hz = rng.uniform(40, 1500, int(rng.integers(4, 20)))
    tones = [rng.uniform(0.1, 1) * np.sin(2 * np.pi * tone * time + rng.uniform(0, 6)) for tone in hz]
    near = [rng.uniform(0.1, 1) * np.sin(2 * np.pi * (tone + rng.uniform(0.3, 6)) * time) for tone in hz]
    return np.asarray(np.sum([*tones, *near], axis=0) + rng.uniform(0.05, 1.5) * _colour(n, 1.0, rng))


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
    if kind == "shaped":
        return _shape(n, rng)
    if kind == "motor":
        return _run_motor(n, rng)
    if kind == "appliance":
        return _hum_steadily(n, rng)
    if kind == "ventilator":
        return _ventilate(n, rng)
    if kind == "transformer":  # a hundred hertz and its even harmonics, with the hiss of the room
        time = np.arange(n) / RATE_HZ
        tones = [np.sin(2 * np.pi * 100.0 * k * time + rng.uniform(0, 6)) * rng.uniform(0, 1) for k in range(1, 20)]
        return np.asarray(np.sum(tones, axis=0) + rng.uniform(0.1, 2.0) * _colour(n, 1.0, rng))
    if kind == "compressor":
        return _beat(n, rng) * (0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.3, 4) * np.arange(n) / RATE_HZ))
    if kind == "crackle":  # of an old record, with its hiss
        return _events(n, rng.uniform(5, 40), 0.0, 0.3, rng) * 0.3 + rng.uniform(0.005, 0.1) * _colour(n, 0.3, rng)
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
