"""Levels of sound: power in short frames, and from them how loud a voice is and how loud the noise beneath it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.types import Audio, Span

FRAME_S = 0.02
_FRAMES_AT_ONCE = 1 << 15
_SILENT = 1e-12  # power: -120 dB of full scale
_LOUD_S = 0.5  # for which the loudest level is reached, so that a click is none
_QUIET_SHARE = 0.1  # of the frames that are not digital silence, the quietest, show the noise
_DIGITAL_SILENCE_DB = -95.0  # the rounding of 16 bits lies above
_STEADY_DB = 10.0
# The noise lies at least so far below the loudest level, where somebody talks without a pause, and at most so far,
# where the recording is muted between the turns.
_NOISE_BELOW_LOUD_DB = (24.0, 50.0)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """How loud one channel is, in decibels of full scale.

    Attributes:
        frames: float32 (n_frames,), every 0.02 s.
        loud: what it reaches for half a second in all.
        noise: what it does not fall below where it has sound at all.
        is_steady: whether it swells and falls less than any voice does, as noise.
    """

    frames: NDArray[np.float32]
    loud: float
    noise: float
    is_steady: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether there is digital silence alone."""
        return self.loud <= _DIGITAL_SILENCE_DB


def measure_levels(audio: Audio, channel: int = 1) -> Levels:
    """The levels of one channel, counted from 1; read piece by piece, as hours may lie on the disk."""
    n = round(FRAME_S * audio.sample_rate)
    row = audio.samples[channel - 1]
    frames = np.full(-(-len(row) // n), -120.0, np.float32)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        block = np.asarray(row[first * n : (first + _FRAMES_AT_ONCE) * n])
        if not block.any():  # hours of silence in a track cost next to nothing
            continue
        padded = np.pad(block, (0, -len(block) % n)).reshape(-1, n)
        power = np.einsum("ij,ij->i", padded, padded) / n
        frames[first : first + len(power)] = 10.0 * np.log10(np.maximum(power, _SILENT))
    if not len(frames):
        return Levels(frames, -120.0, -120.0)
    often = min(len(frames), round(_LOUD_S / FRAME_S))
    loud = float(np.partition(frames, len(frames) - often)[len(frames) - often])
    sounding = frames[frames > _DIGITAL_SILENCE_DB]
    quiet = float(np.quantile(sounding, _QUIET_SHARE)) if len(sounding) else -120.0
    nearest, farthest = _NOISE_BELOW_LOUD_DB
    steady = len(sounding) == len(frames) and loud - quiet < _STEADY_DB
    return Levels(frames, loud, float(np.clip(quiet, loud - farthest, loud - nearest)), steady)


def find_audible(levels: Levels, *, above_noise_db: float) -> list[Span]:
    """Where a channel is louder than its noise by so much; seconds, in order."""
    active = levels.frames > max(levels.noise + above_noise_db, _DIGITAL_SILENCE_DB)
    return [Span(first * FRAME_S, last * FRAME_S) for first, last in find_runs(active)]


def find_runs(member: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last place (exclusive) of each run of True."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], member, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in changes.reshape(-1, 2)]
