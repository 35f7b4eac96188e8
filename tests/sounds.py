"""Sounds for tests, made on the spot."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from whisperdiar import Audio, Diarization, Span, Turn
from whisperdiar.datasets import Recording
from whisperdiar.formats import rttm

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
SHARED = ROOT.parent / "shared"
NANO = ("--model", str(SAMPLES / "whisper-nano"))
"""The recogniser of the tests, as options of the command line."""
RATE_HZ = 16_000


def silence(seconds: float, *, n_channels: int = 1) -> Audio:
    """Digital silence."""
    return Audio(np.zeros((n_channels, round(seconds * RATE_HZ)), np.float32), RATE_HZ, "silence")


def noise(seconds: float, *, level: float = 0.01, seed: int = 0) -> Audio:
    """White noise."""
    rng = np.random.default_rng(seed)
    return Audio((level * rng.standard_normal((1, round(seconds * RATE_HZ)))).astype(np.float32), RATE_HZ, "noise")


def voice(seconds: float, *, pitch_hz: float, formants_hz: tuple[float, ...], seed: int = 0) -> np.ndarray:
    """float32 (n_samples,): pulses through resonances whose places wander from syllable to syllable, as in speech."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * RATE_HZ:
        n = int(rng.uniform(0.08, 0.25) * RATE_HZ)
        phase = np.cumsum(np.full(n, pitch_hz * rng.uniform(0.9, 1.1) / RATE_HZ))
        sound = np.diff(np.floor(phase), prepend=0.0) + 0.05 * rng.standard_normal(n)
        for formant in formants_hz:
            centre = formant * rng.uniform(0.8, 1.25)
            radius = np.exp(-np.pi * 80 / RATE_HZ)
            sound = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * centre / RATE_HZ), radius**2], sound)
        parts.append(sound / (np.abs(sound).max() + 1e-9) * np.hanning(n) ** 0.3)
        if rng.random() < 0.15:
            parts.append(np.zeros(int(rng.uniform(0.05, 0.15) * RATE_HZ)))
    joined = np.concatenate(parts)[: round(seconds * RATE_HZ)]
    return (0.3 * joined).astype(np.float32)


VOICES = {
    "A": (110.0, (500.0, 1200.0, 2400.0)),
    "B": (220.0, (750.0, 1900.0, 3300.0)),
    "C": (160.0, (350.0, 900.0, 3000.0)),
}


def conversation(order: str = "ABABAB", *, each: float = 4.0, gap: float = 0.5) -> tuple[Audio, tuple[Turn, ...]]:
    """Voices that speak one after another over a faint noise, and who speaks when."""
    rng = np.random.default_rng(0)
    length = round((each + gap) * len(order) * RATE_HZ)
    samples = 0.0005 * rng.standard_normal(length).astype(np.float32)
    turns = []
    for i, speaker in enumerate(order):
        start = i * (each + gap) + gap / 2
        pitch, formants = VOICES[speaker]
        sound = voice(each, pitch_hz=pitch, formants_hz=formants, seed=i)
        first = round(start * RATE_HZ)
        samples[first : first + len(sound)] += sound
        turns.append(Turn(Span(start, start + each), speaker))
    return Audio(samples[None].astype(np.float32), RATE_HZ, "conversation"), tuple(turns)


def save_conversations(folder: Path, orders: Mapping[str, str], *, each: float) -> tuple[Recording, ...]:
    """A WAV and an RTTM file for each `conversation`, by name, as entries of a manifest."""
    made = []
    for name, order in orders.items():
        audio, turns = conversation(order, each=each)
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(audio.sample_rate)
            file.writeframes((audio.mono * 32767).astype("<i2").tobytes())
        (folder / f"{name}.rttm").write_text(rttm.dumps_diarization(Diarization(name, turns)), encoding="utf-8")
        made.append(Recording(id=name, audio=folder / f"{name}.wav", turns=folder / f"{name}.rttm"))
    return tuple(made)
