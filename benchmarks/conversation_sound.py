"""The sound of built conversations: a room around each person, how loud he is, and noise; all at 16 kHz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from conversation_voices import RATE_HZ, Clip, decibels, frame_powers
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, oaconvolve, resample_poly, sosfilt

from whisperdiar.people.bandwidth import quantise_mu_law

NOISES = ("stationary", "hum", "babble")
_BLOCK = 60 * RATE_HZ
"""Samples of noise that are made at a time, so that three hours of it take no more than one minute does."""
_DIFFUSE_S = 0.003  # after the direct sound
_TELEPHONE_HZ = 8_000
_TELEPHONE_BAND_HZ = (300.0, 3_400.0)
_SPEECH_DB = -30.0  # below the loudest frame: what counts for the level of a voice


def impulse_response(reverberation_s: float, direct_db: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A room of exponentially decaying noise (Polack 1988), as one place in it is heard.

    Args:
        reverberation_s: until the sound has fallen by 60 dB.
        direct_db: energy of the direct sound over that of all that follows.

    Returns:
        float32 (n_samples,), which begins with the direct sound of height 1: what is convolved with it stays in time.
    """
    n_samples = round(reverberation_s * RATE_HZ)
    n_before = round(_DIFFUSE_S * RATE_HZ)
    times = np.arange(n_samples) / RATE_HZ
    tail = rng.standard_normal(n_samples) * 10 ** (-3 * times / reverberation_s)
    # Walls and air swallow high tones more than low ones.
    tail = np.asarray(lfilter([0.6], [1.0, -0.4], tail))
    tail[:n_before] = 0.0
    tail *= np.sqrt(10 ** (-direct_db / 10) / (tail**2).sum())
    tail[0] = 1.0
    return tail.astype(np.float32)


def speech_power(samples: NDArray[np.float32]) -> float:
    """Mean square of the frames that are at most 30 dB below the loudest."""
    powers = frame_powers(samples)
    return float(powers[decibels(powers) > _SPEECH_DB].mean()) if powers.size else 0.0


def change_rate(samples: NDArray[np.float32], percent: int) -> NDArray[np.float32]:
    """The sound faster by some per cent (slower below zero), and as much higher in pitch."""
    return np.asarray(resample_poly(samples, 100, 100 + percent), np.float32) if percent else samples


def mix(
    tracks: Sequence[Sequence[tuple[float, NDArray[np.float32]]]],
    gains_db: Sequence[float],
    rooms: Sequence[NDArray[np.float32]] | None,
    duration: float,
) -> NDArray[np.float32]:
    """All people together.

    Args:
        tracks: of each person the sounds with their starts (s).
        gains_db: of each person the level of his speech, in dB of full scale.
        rooms: of each person an impulse response, or None for no room.
        duration: what there is to be of it, seconds.

    Returns:
        float32 (n_samples,), perhaps beyond 1.
    """
    mixed = np.zeros(round(duration * RATE_HZ), np.float32)
    for person, (track, gain_db) in enumerate(zip(tracks, gains_db, strict=True)):
        if not track:
            continue
        loudness = speech_power(np.concatenate([samples for _, samples in track]))
        gain = 10 ** (gain_db / 20) / np.sqrt(max(loudness, 1e-10))
        for start, samples in track:
            heard = samples * np.float32(gain)
            if rooms is not None:
                heard = oaconvolve(heard, rooms[person]).astype(np.float32)
            first = round(start * RATE_HZ)
            heard = heard[: mixed.size - first]
            mixed[first : first + heard.size] += heard
    return mixed


def noise(kind: str, n_samples: int, voices: Sequence[Sequence[Clip]], rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of mean square 1: float32 (n_samples,).

    Args:
        kind: one of `NOISES`.
        voices: of each person of a babble what he says over and over; nobody who is in the conversation.
    """
    blocks = {"hum": _hum, "babble": partial(_babble, voices), "stationary": _stationary}[kind](n_samples, rng)
    sound = np.empty(n_samples, np.float32)
    first, power = 0, 0.0
    for block in blocks:
        sound[first : first + block.size] = block
        power += float((block**2).sum())
        first += block.size
    sound /= np.float32(np.sqrt(max(power / max(n_samples, 1), 1e-12)))
    return sound


def _block_starts(n_samples: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + _BLOCK, n_samples)) for first in range(0, n_samples, _BLOCK))


def _hum(n_samples: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """The mains and seven harmonics, with a little hiss."""
    mains_hz = rng.choice([50.0, 60.0])
    harmonics = [(i, rng.uniform(0.2, 1.0) / i, rng.uniform(0, 2 * np.pi)) for i in range(1, 9)]
    for first, last in _block_starts(n_samples):
        times = np.arange(first, last) / RATE_HZ
        tones = sum(height * np.sin(2 * np.pi * mains_hz * i * times + phase) for i, height, phase in harmonics)
        yield tones + 0.05 * rng.standard_normal(times.size)


def _stationary(n_samples: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """From nearly white to a rumble, as fans and streets are."""
    slope, state = rng.uniform(0.3, 0.97), np.zeros(1)
    for first, last in _block_starts(n_samples):
        block, state = lfilter([1.0], [1.0, -slope], rng.standard_normal(last - first), zi=state)
        yield block


def _babble(
    voices: Sequence[Sequence[Clip]], n_samples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """What they say over and over, all at once in a reverberant room."""
    tracks = []
    for clips in voices:
        order = [clips[i].samples for i in rng.permutation(len(clips))]
        said = np.roll(np.concatenate(order), rng.integers(RATE_HZ * 60))
        tracks.append(said / np.sqrt(max(speech_power(said), 1e-10)))
    room = impulse_response(0.5, -6.0, rng)
    tail = np.zeros(room.size - 1)
    for first, last in _block_starts(n_samples):
        block = np.zeros(last - first)
        for said in tracks:
            block += said[np.arange(first, last) % said.size]
        heard = oaconvolve(block, room)
        heard[: tail.size] += tail[: heard.size]
        tail = heard[last - first :]
        yield heard[: last - first]


def telephone(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound as a telephone has it: 300 to 3400 Hz at 8 kHz in 8 bits by the mu-law (ITU-T G.711, continuous form).

    Args:
        samples: float32 (n_samples,) at 16 kHz, at most 1.

    Returns:
        float32 (n_samples,), at 16 kHz again.
    """
    narrow = resample_poly(samples, _TELEPHONE_HZ, RATE_HZ)
    band = butter(4, _TELEPHONE_BAND_HZ, "bandpass", fs=_TELEPHONE_HZ, output="sos")
    narrow = np.clip(sosfilt(band, narrow), -1.0, 1.0)
    return np.asarray(resample_poly(quantise_mu_law(narrow), RATE_HZ, _TELEPHONE_HZ)[: len(samples)], np.float32)
