"""Network of sound classes: convolutions over time that tell whether there is a voice and whether there is music.

A convolution over 5 frames is followed by residual ones over 3 frames each, ever further apart, so that a frame hears
10.3 s to each side. Weights are made by `training/sound_classes`; NumPy alone runs them.
"""

from __future__ import annotations

import functools
import importlib.resources
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.diarization._shared.features import run_on_threads
from whisperdiar.sound_classes import features
from whisperdiar.types import Audio

Frames = NDArray[np.float32]

WEIGHTS = "sound_classes.npz"

_PIECE_FRAMES = 4096
"""Frames whose hidden values are held at a time, in whole cells: a few megabytes for each thread."""
_NO_MUSIC = -5.0
"""Log odds of music in a sound that does not change."""


@dataclass(frozen=True, slots=True)
class SoundNetwork:
    """Weights, float32.

    Attributes:
        mean, deviation: (N_FEATURES,), by which the features are scaled.
        dilations: frames from one tap of each residual convolution to the next.
        layers: matrix (taps · inputs, outputs) and bias (outputs,) of each convolution, in the order of the data.
    """

    mean: Frames
    deviation: Frames
    dilations: tuple[int, ...]
    layers: tuple[tuple[Frames, Frames], ...]

    @property
    def reach(self) -> int:
        """Frames to each side that can change a frame's values."""
        return self._first_taps // 2 + sum(self.dilations)

    @property
    def _first_taps(self) -> int:
        return len(self.layers[0][0]) // len(self.mean)

    def log_odds(self, frames: Frames) -> Frames:
        """Log odds of a voice and of music: float32 (n, N_FEATURES) → (n, 2)."""
        scaled = (frames - self.mean) / self.deviation
        hidden = np.maximum(_convolve(scaled, *self.layers[0], taps=self._first_taps, dilation=1), 0)
        for layer, dilation in zip(self.layers[1:-1], self.dilations, strict=True):
            hidden = hidden + np.maximum(_convolve(hidden, *layer, taps=3, dilation=dilation), 0)
        matrix, bias = self.layers[-1]
        return np.asarray(hidden @ matrix + bias, dtype=np.float32)


def _convolve(frames: Frames, matrix: Frames, bias: Frames, *, taps: int, dilation: int) -> Frames:
    """A convolution over time with as many frames as before; beyond both ends there are zeros."""
    width, half = frames.shape[1], taps // 2
    padded = np.pad(frames, ((half * dilation, half * dilation), (0, 0)))
    found = np.tile(bias, (len(frames), 1))
    for tap in range(taps):
        found += padded[tap * dilation : tap * dilation + len(frames)] @ matrix[tap * width : (tap + 1) * width]
    return found


@functools.cache
def load_network() -> SoundNetwork:
    """The weights that are shipped."""
    source = importlib.resources.files("whisperdiar.data").joinpath(WEIGHTS)
    with source.open("rb") as file, np.load(file) as arrays:
        n_layers = sum(name.startswith("weight") for name in arrays)
        layers = tuple(
            (arrays[f"weight{number}"].astype(np.float32) * arrays[f"scale{number}"], arrays[f"bias{number}"])
            for number in range(n_layers)
        )
        return SoundNetwork(arrays["mean"], arrays["deviation"], tuple(arrays["dilations"].tolist()), layers)


def measure_log_odds(
    audio: Audio,
    *,
    level: float,
    threads: int = 1,
    progress: Progress = no_progress,
) -> Frames:
    """Log odds of a voice and of music in each frame of `features.STEP_S`: float32 (n_frames, 2).

    A sound that does not change for 5 s is no music: to the network some hum is a held chord. Besides the result and a
    mean spectrum for each third of a second a few megabytes are held for each thread.

    Args:
        level: of the recording, from `features.measure_level`.
        threads: pieces that are worked on at once; the result does not depend on it.
    """
    network = load_network()
    n_frames = features.count_frames(audio)
    found = np.empty((n_frames, 2), dtype=np.float32)
    cells = np.empty((n_frames // features.CELL_FRAMES, features.N_MEL), dtype=np.float32)
    done = 0

    def fill(first: int) -> None:
        nonlocal done
        last = min(n_frames, first + _PIECE_FRAMES)
        low, high = first - network.reach, last + network.reach
        frames = features.extract(audio, low, high, level=level)
        inside = slice(network.reach, network.reach + last - first)
        found[first:last] = network.log_odds(frames)[inside]
        cells[first // features.CELL_FRAMES : last // features.CELL_FRAMES] = features.average_cells(frames[inside])
        done += last - first
        if threads <= 1:
            progress("segment", done / n_frames)

    run_on_threads(fill, range(0, n_frames, _PIECE_FRAMES), threads=threads)
    steady = features.find_steady(cells).repeat(features.CELL_FRAMES)
    steady = np.pad(steady, (0, n_frames - len(steady)), mode="edge") if len(steady) else np.zeros(n_frames, dtype=bool)
    found[steady, 1] = np.minimum(found[steady, 1], _NO_MUSIC)
    return found
