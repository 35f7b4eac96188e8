"""Short-time features: cepstra and energies on a grid of frames.

Frame i stands for the time [i · hop, (i + 1) · hop) and is computed from a window centred on it, so frame
numbers and times convert without an offset at every sample rate. Long recordings are read block by block:
besides the result only a few megabytes are held, and the cepstra of hours lie in a temporary file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from whisperdiar.system.arrays import allocate
from whisperdiar.types import Audio

Frames = NDArray[np.float32]

_BLOCK_FRAMES = 4096
# The power of the rounding error of one 16-bit sample: weaker sound than this is digital silence, whose
# logarithm would otherwise outweigh every difference between voices.
_QUANTISATION_POWER = 1 / (12 * 32768**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameGrid:
    """Where frames lie.

    Attributes:
        hop: seconds from one frame to the next.
        window: seconds of sound that one frame is computed from.
    """

    hop: float = 0.010
    window: float = 0.0256

    def count(self, audio: Audio) -> int:
        """How many frames cover the audio; the last one may reach past its end."""
        hop_samples = self.hop * audio.sample_rate
        return math.ceil(round(float(audio.samples.shape[1] / hop_samples), 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class CepstrumSettings:
    """Mel-frequency cepstral coefficients (Davis and Mermelstein, 1980); the defaults are those of CMU Sphinx.

    Attributes:
        coefficients: cepstral coefficients per frame; the first is the frame's log energy up to a factor.
        filters: triangular filters, equally wide in mel.
        low_hz: lower edge of the first filter.
        high_hz: upper edge of the last filter; the Nyquist frequency where that is lower.
        preemphasis: share of the previous sample that is subtracted from each sample.
    """

    coefficients: int = 13
    filters: int = 40
    low_hz: float = 133.3
    high_hz: float = 6855.5
    preemphasis: float = 0.97


_GRID = FrameGrid()
_CEPSTRUM = CepstrumSettings()


def mfcc(
    audio: Audio,
    *,
    settings: CepstrumSettings = _CEPSTRUM,
    grid: FrameGrid = _GRID,
    threads: int = 1,
    numbers: NDArray[np.int64] | None = None,
) -> Frames:
    """Cepstra of the mean of all channels: float32 (n_frames, coefficients), not normalised.

    Finite for every finite sound: power below that of 16-bit rounding counts as that. The result does not
    depend on the number of threads.

    Args:
        numbers: of the frames that are wanted, rising; None for all. The others take no memory.
    """
    length = _window_length(audio, grid)
    n_fft = _fft_length(audio.sample_rate, length)
    taper = np.hamming(length).astype(np.float32)
    filters = mel_filters(audio.sample_rate, n_fft, settings)
    basis = _cosine_basis(settings)
    floor = np.float32(_QUANTISATION_POWER * np.square(taper, dtype=np.float64).sum())
    n_frames = grid.count(audio)
    cepstra: Frames = allocate((n_frames if numbers is None else len(numbers), settings.coefficients), np.float32)

    def fill(first: int) -> None:
        places = slice(first, first + _BLOCK_FRAMES)
        wanted: slice | NDArray[np.int64] = slice(None)
        if numbers is not None:
            low, high = np.searchsorted(numbers, (first, first + _BLOCK_FRAMES))
            if low == high:
                return
            places = slice(int(low), int(high))
            wanted = numbers[low:high] - first
        frames = _windows(audio, grid, length, settings.preemphasis, first)
        spectrum = scipy.fft.rfft(frames * taper, n_fft, axis=1, overwrite_x=True)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        cepstra[places] = (np.log(np.maximum(power @ filters, floor)) @ basis)[wanted]

    run_on_threads(fill, range(0, n_frames, _BLOCK_FRAMES), threads=threads)
    return cepstra


def log_energy(audio: Audio, *, grid: FrameGrid = _GRID, threads: int = 1) -> Frames:
    """Natural logarithm of the mean power of each frame of the mean of all channels: float32 (n_frames,).

    Power below that of 16-bit rounding counts as that.
    """
    length = _window_length(audio, grid)
    found = np.empty(grid.count(audio), dtype=np.float32)

    def fill(first: int) -> None:
        frames = _windows(audio, grid, length, 0.0, first)
        power = np.einsum("ts,ts->t", frames, frames) / length
        found[first : first + len(frames)] = np.log(np.maximum(power, _QUANTISATION_POWER))

    run_on_threads(fill, range(0, len(found), _BLOCK_FRAMES), threads=threads)
    return found


def run_on_threads(function: Callable[[int], None], numbers: Iterable[int], *, threads: int) -> None:
    """Calls the function with every number, on up to `threads` threads at once."""
    if threads <= 1:
        for number in numbers:
            function(number)
        return
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for _ in pool.map(function, numbers):
            pass


def mel_filters(sample_rate: int, n_fft: int, settings: CepstrumSettings = _CEPSTRUM) -> NDArray[np.float32]:
    """Triangular filters of unit height, float32 (n_fft // 2 + 1, filters); every filter has a bin."""
    nyquist = sample_rate / 2
    high = min(settings.high_hz, nyquist)
    low = min(settings.low_hz, high / 4)
    edges = _mel_to_hz(np.linspace(_hz_to_mel(low), _hz_to_mel(high), settings.filters + 2))
    bins = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    empty = weights.sum(axis=0) == 0.0
    nearest = np.abs(bins[:, None] - edges[1:-1]).argmin(axis=0)
    weights[nearest[empty], np.flatnonzero(empty)] = 1.0
    return weights.astype(np.float32)


def _hz_to_mel(hz: float) -> float:
    return 2595.0 * math.log10(1.0 + hz / 700.0)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


def _cosine_basis(settings: CepstrumSettings) -> NDArray[np.float32]:
    """Orthonormal DCT-II, float32 (filters, coefficients)."""
    basis = scipy.fft.dct(np.eye(settings.filters), type=2, norm="ortho", axis=1)
    return np.ascontiguousarray(basis[:, : settings.coefficients], dtype=np.float32)


def _window_length(audio: Audio, grid: FrameGrid) -> int:
    return max(2, round(grid.window * audio.sample_rate))


def _fft_length(sample_rate: int, length: int) -> int:
    """Power of two that holds the window and spaces bins at most 31.25 Hz apart, as 512 does at 16 kHz."""
    return 1 << math.ceil(math.log2(max(length, sample_rate / 31.25, 2)))


def _windows(audio: Audio, grid: FrameGrid, length: int, preemphasis: float, first: int) -> Frames:
    """The windows of one block of frames, from number `first` on: (n, length); zeros beyond the audio."""
    n_samples = audio.samples.shape[1]
    numbers = np.arange(first, min(first + _BLOCK_FRAMES, grid.count(audio)))
    starts = np.round((numbers + 0.5) * grid.hop * audio.sample_rate - length / 2).astype(np.int64)
    low, high = int(starts[0]) - 1, int(starts[-1]) + length
    sound = np.pad(audio.mono_part(low, high), (max(0, -low), max(0, high - n_samples)))
    emphasised = sound[1:] - np.float32(preemphasis) * sound[:-1]
    return np.lib.stride_tricks.sliding_window_view(emphasised, length)[starts - (low + 1)]
