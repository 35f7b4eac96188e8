"""Noise by rule: colours, hum, traffic, rooms, clicks, rain, wind, machines, a crowd of voices; and recorded noise.

Kinds fall into three parts that share nothing but babble: what is trained on, what the training is watched on (which
decides between networks), and what is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

Samples = NDArray[np.float32]

RATE_HZ = 16_000
KINDS = {
    "train": (
        *("white", "shaped", "shaped", "hum", "traffic", "clicks", "room", "babble", "typing", "motor", "crackle"),
        *("mains", "mains", "rotor", "rotor", "resonant", "resonant", "inharmonic", "inharmonic", "pulses", "line"),
        *("revving", "cycling", "squeal"),
    ),
    "watch": ("grinder", "cooler", "ballast", "stream", "knocks", "babble"),
    "report": (
        *("brown", "band", "rain", "wind", "fan", "babble", "steps", "pink"),
        *("appliance", "ventilator", "transformer", "compressor"),
    ),
}


def make_noise(
    half: str, seconds: float, rng: np.random.Generator, voices: Sequence[Samples], *, kind: str | None = None
) -> Samples:
    """A stretch of noise, float32 (n_samples,) at 16 kHz, whose peak is 0.9.

    Args:
        voices: recordings of speech that babble is made of.
        kind: one of `KINDS`; without it a random one of the half.
    """
    kind = kind or str(rng.choice(KINDS[half]))
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


def _sum_tones(
    hz: NDArray[np.float64] | float, numbers: Sequence[float], levels: Sequence[float], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Harmonics of a tone that may wander; `numbers` are multiples of it, and what would be above 7.6 kHz is left out.

    Args:
        hz: frequency of the tone, one number or one for each sample.
    """
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hz, n)) / RATE_HZ
    highest = float(np.max(hz))
    sound = np.zeros(n)
    for number, level in zip(numbers, levels, strict=True):
        if number * highest < 7600:
            sound += level * np.sin(number * phase + rng.uniform(0, 6.28))
    return sound


def _mix(parts: Sequence[NDArray[np.float64]], levels_db: Sequence[float]) -> NDArray[np.float64]:
    """The sum of parts, each of this level."""
    scaled = [
        part * (10 ** (level / 20) / max(1e-9, float(part.std()))) for part, level in zip(parts, levels_db, strict=True)
    ]
    return np.asarray(np.sum(scaled, axis=0))


def _hum_from_mains(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mains hum as a room or a cable lets it through: harmonics under a curve of resonances, or even ones."""
    step = int(rng.integers(1, 3))
    numbers = np.arange(step, int(rng.integers(4, 80)), step).astype(np.float64)
    curve = np.interp(numbers, np.linspace(0, 80, 9), np.cumsum(rng.normal(0, 9.0, 9)) - np.arange(9) * 4.0)
    levels = 10 ** ((curve + rng.normal(0, 5.0, len(numbers))) / 20)
    drift = 1 + rng.uniform(0, 0.002) * (_wander(n, 0.2, rng) - 0.5)
    tones = _sum_tones(float(rng.choice([50.0, 60.0])) * drift, numbers.tolist(), levels.tolist(), n, rng)
    tones *= 1 + rng.uniform(0, 0.4) * (_wander(n, rng.uniform(0.1, 2.0), rng) - 0.5)
    return _mix(
        [tones, _shape(n, rng) if rng.random() < 0.5 else _colour(n, rng.uniform(0, 2), rng)],
        [0.0, -rng.uniform(0, 40)],
    )


def _rotate(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Air conditioning, computers, extractors: blade tones of one to four rotors, whose speeds wander, over the air."""
    parts, levels = [_shape(n, rng)], [0.0]
    for _rotor in range(int(rng.integers(1, 5))):
        course = 1 + rng.uniform(0.0, 0.08) * (_wander(n, rng.uniform(0.02, 2.0), rng) - 0.5)
        numbers = list(range(1, int(rng.integers(2, 30))))
        tilt = rng.uniform(0.2, 1.6)
        heights = [rng.uniform(0.05, 1) / number**tilt for number in numbers]
        parts.append(_sum_tones(float(np.exp(rng.uniform(np.log(12), np.log(900)))) * course, numbers, heights, n, rng))
        levels.append(rng.uniform(-25, 15))
    return _mix(parts, levels) * (1 + rng.uniform(0, 0.3) * (_wander(n, 4.0, rng) - 0.5))


def _resonate(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise through sharp resonances, as pipes, ducts and the modes of a room have: it sings, and holds no note."""
    source = _colour(n, rng.uniform(0, 2), rng)
    parts, levels = [source], [rng.uniform(-30, 0)]
    for _mode in range(int(rng.integers(1, 12))):
        hz = float(np.exp(rng.uniform(np.log(70), np.log(4000))))
        radius = 1 - np.pi * hz / float(np.exp(rng.uniform(np.log(10), np.log(400)))) / RATE_HZ
        angle = 2 * np.pi * hz / RATE_HZ
        parts.append(lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], rng.normal(size=n)))
        levels.append(rng.uniform(-12, 3))
    return _mix(parts, levels) * (1 + rng.uniform(0, 0.9) * (_wander(n, rng.uniform(0.1, 3), rng) - 0.5))


def _sound_inharmonically(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Screens, supplies, pumps: tones that belong to no common one, some of which beat, in more or less noise."""
    hz = np.exp(rng.uniform(np.log(60), np.log(7000), int(rng.integers(1, 25))))
    pairs = hz[rng.random(len(hz)) < 0.4]
    tones = [*hz, *(pairs + rng.uniform(0.2, 8, len(pairs)))]
    numbers = [float(tone) for tone in tones]
    sound = _sum_tones(1.0, numbers, (10 ** (rng.normal(0, 8, len(tones)) / 20)).tolist(), n, rng)
    if rng.random() < 0.4:
        sound *= 1 + rng.uniform(0.1, 0.9) * np.sin(2 * np.pi * rng.uniform(0.1, 12) * np.arange(n) / RATE_HZ)
    return _mix([sound, _shape(n, rng)], [0.0, -rng.uniform(-5, 35)])


def _pulse(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Printers, clocks, looms: the same stroke over and over, at an even pace, in a room."""
    period = int(RATE_HZ / np.exp(rng.uniform(np.log(0.7), np.log(60))))
    strokes = np.zeros(n)
    for at in range(0, n, period):
        strokes[min(n - 1, max(0, at + int(rng.normal(0, 0.01 * period))))] = rng.uniform(0.5, 1)
    length = int(rng.uniform(0.01, 0.25) * RATE_HZ)
    body = rng.normal(size=length) * np.exp(-np.arange(length) / length * rng.uniform(3, 9))
    for _mode in range(int(rng.integers(0, 4))):
        time = np.arange(length) / RATE_HZ
        body += (
            rng.uniform(0, 3) * np.sin(2 * np.pi * rng.uniform(100, 3000) * time) * np.exp(-time * rng.uniform(10, 80))
        )
    return _mix([fftconvolve(strokes, body)[:n], _shape(n, rng)], [0.0, -rng.uniform(5, 40)])


def _ring_line(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Tones of a telephone line, held or in a cadence: dialling, ringing, busy (ITU-T E.180), with some hiss."""
    tones = [[425.0], [440.0, 480.0], [350.0, 440.0], [480.0, 620.0], [400.0, 450.0], [950.0], [1400.0]][
        rng.integers(7)
    ]
    sound = _sum_tones(1.0, tones, [1.0] * len(tones), n, rng)
    on, off = [(1e9, 0.0), (1.0, 4.0), (2.0, 4.0), (0.5, 0.5), (0.25, 0.25), (0.35, 0.35)][rng.integers(6)]
    sound = sound * ((np.arange(n) / RATE_HZ) % (on + off) < on)
    return _mix([sound, _colour(n, 0.5, rng)], [0.0, -rng.uniform(15, 45)])


def _rev(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Drills, mixers, vehicles: a tone of many harmonics whose speed changes by up to four times, with rough noise."""
    course = np.exp((_wander(n, rng.uniform(0.05, 0.8), rng) - 0.5) * rng.uniform(0.2, 1.4))
    numbers = list(range(1, int(rng.integers(4, 40))))
    tilt = rng.uniform(0.2, 1.4)
    tones = _sum_tones(rng.uniform(20, 350) * course, numbers, [rng.uniform(0.1, 1) / k**tilt for k in numbers], n, rng)
    return _mix([tones * course, _shape(n, rng)], [0.0, rng.uniform(-25, 5)])


def _cycle(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Something that hums or whirs, goes off and on again, running up and down."""
    sound = (_hum_from_mains, _rotate, _sound_inharmonically)[rng.integers(3)](n, rng)
    on = np.repeat(rng.random(n // (2 * RATE_HZ) + 2) < 0.6, 2 * RATE_HZ)[:n].astype(np.float64)
    ramp = int(rng.uniform(0.01, 1.0) * RATE_HZ)
    on = fftconvolve(on, np.full(ramp, 1 / ramp), mode="same")
    return _mix([sound * (0.02 + on), _colour(n, 1.0, rng)], [0.0, -rng.uniform(15, 40)])


def _squeal(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Hinges, brakes, chalk: tones that come and go and slide."""
    sound = np.zeros(n)
    for _tone in range(int(rng.integers(2, 14))):
        length = int(rng.uniform(0.1, 2.5) * RATE_HZ)
        at = int(rng.integers(0, max(1, n - length)))
        glide = np.exp(np.cumsum(rng.normal(0, rng.uniform(0.02, 0.3), length // 800 + 2)))
        course = np.interp(np.arange(length), np.arange(len(glide)) * 800, glide).clip(0.3, 3)
        tone = _sum_tones(
            rng.uniform(300, 2500) * course, [1, 2, 3], [1, rng.uniform(0, 1), rng.uniform(0, 1)], length, rng
        )
        rough = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(15, 90) * np.arange(length) / RATE_HZ)
        piece = tone * rough * np.hanning(length) * rng.uniform(0.2, 1)
        sound[at : at + length] += piece[: n - at]
    return _mix([sound, _shape(n, rng)], [0.0, -rng.uniform(5, 35)])


def _watch(kind: str, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Kinds that decide between networks: a grinder, a cooler, a ballast of lamps, a stream, knocks on a door."""
    time = np.arange(n) / RATE_HZ
    if kind == "grinder":
        rough = (np.sin(2 * np.pi * rng.uniform(90, 240) * time) > rng.uniform(-0.5, 0.7)) * 1.0
        return _mix(
            [rough - rough.mean(), _colour(n, 0.3, rng) * (0.5 + _wander(n, 8.0, rng))], [0.0, rng.uniform(-15, 5)]
        )
    if kind == "cooler":  # whose compressor beats on the mains, with its liquid
        hz = rng.choice([24.5, 29.2, 48.7, 58.4]) * rng.uniform(0.98, 1.02)
        levels = [rng.uniform(0, 1) / k**0.8 for k in range(1, 28)]
        tones = _sum_tones(hz, list(range(1, 28)), levels, n, rng)
        hum = _sum_tones(100.0, [1, 2, 3, 4, 5], rng.uniform(0, 1, 5).tolist(), n, rng)
        return _mix([tones, hum, _colour(n, 1.4, rng)], [0.0, rng.uniform(-12, 6), rng.uniform(-35, 0)])
    if kind == "ballast":  # pulses at every half wave of the mains
        period = RATE_HZ / rng.choice([100.0, 120.0])
        pulses = np.exp(-((np.arange(n) % period) / period) * rng.uniform(4, 40))
        return _mix([pulses - pulses.mean(), _colour(n, 0.5, rng)], [0.0, -rng.uniform(5, 40)])
    if kind == "stream":
        return _mix([_events(n, 200.0, 0.0, 0.8, rng), _colour(n, 0.8, rng)], [0.0, rng.uniform(-15, 5)])
    return _mix([_events(n, 3.0, 0.7, 0.97, rng), _colour(n, 1.2, rng)], [0.0, -rng.uniform(10, 35)])


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
    made = _MADE.get(kind)
    if made is not None:
        return made(n, rng)
    if kind in ("grinder", "cooler", "ballast", "stream", "knocks"):
        return _watch(kind, n, rng)
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


_MADE: dict[str, Callable[[int, np.random.Generator], NDArray[np.float64]]] = {
    "mains": _hum_from_mains,
    "rotor": _rotate,
    "resonant": _resonate,
    "inharmonic": _sound_inharmonically,
    "pulses": _pulse,
    "line": _ring_line,
    "revving": _rev,
    "cycling": _cycle,
    "squeal": _squeal,
}
