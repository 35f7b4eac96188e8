"""The sound of built conversations: a room around each person, how loud he is, and noise; all at 16 kHz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from conversation_voices import RATE_HZ, Clip, frame_levels_db
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, oaconvolve, resample_poly, sosfilt

from whisperdiar.people.bandwidth import quantise_mu_law

NOISES = ("stationary", "hum", "babble")
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
    levels = frame_levels_db(samples)
    n_frame = RATE_HZ // 100
    padded = np.pad(samples, (0, levels.size * n_frame - samples.size)).astype(np.float64).reshape(-1, n_frame)
    return float((padded[levels > _SPEECH_DB] ** 2).mean()) if levels.size else 0.0


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
    times = np.arange(n_samples) / RATE_HZ
    if kind == "hum":
        mains_hz = rng.choice([50.0, 60.0])
        sound = sum(
            rng.uniform(0.2, 1.0) / i * np.sin(2 * np.pi * mains_hz * i * times + rng.uniform(0, 2 * np.pi))
            for i in range(1, 9)
        ) + 0.05 * rng.standard_normal(n_samples)
    elif kind == "babble":
        sound = np.zeros(n_samples)
        for clips in voices:
            order = [clips[i].samples for i in rng.permutation(len(clips))]
            said = np.roll(np.concatenate(order), rng.integers(RATE_HZ * 60))
            sound += np.resize(said, n_samples) / np.sqrt(max(speech_power(said), 1e-10))
        sound = oaconvolve(sound, impulse_response(0.5, -6.0, rng))[:n_samples]
    else:
        # From nearly white to a rumble, as fans and streets are.
        sound = np.asarray(lfilter([1.0], [1.0, -rng.uniform(0.3, 0.97)], rng.standard_normal(n_samples)))
    sound = np.asarray(sound)
    return np.asarray(sound / np.sqrt(max(float((sound**2).mean()), 1e-12)), np.float32)


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
