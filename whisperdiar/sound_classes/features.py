"""Spectral features that tell voices, music and noise apart: mel spectrum, and how tonal and how steady each band is.

Frame i stands for the time [i · 40 ms, (i + 1) · 40 ms). Its mel spectrum comes from a window of 64 ms centred on it,
its partials from one of 128 ms, long enough to part the notes of a chord. Blocks lie on a grid that is counted from the
first sample, so that threads and the length of a recording change nothing.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from whisperdiar.diarization._shared.features import CepstrumSettings, log_energy, mel_filters
from whisperdiar.types import Audio

Frames = NDArray[np.float32]

STEP_S = 0.04
N_MEL = 64
LAGS = (2, 8, 25, 75)
"""Frames over which steadiness is measured: 0.08, 0.32, 1 and 3 s. A vowel stays for the first, a note for the second,
a chord for the third; what stays for all of them hums."""
BANDS_HZ = ((60, 200), (200, 400), (400, 800), (800, 1500), (1500, 2500), (2500, 4000))
"""Bands whose partials are looked at on their own: music under speech shows where the voice leaves a gap."""
N_FEATURES = N_MEL + len(BANDS_HZ) * (len(LAGS) + 1) + 1

CELL_FRAMES = 8
"""Frames of which one mean spectrum tells whether the sound changes: 0.32 s."""

_STEADY_CELLS = 16  # changes from one to the next, about 5 s: longer than most chords are held
_STEADY_CHANGE = 0.14  # nepers of power, 0.6 dB: even noise changes about as much
_WINDOW_S = 0.064
_FINE_WINDOW_S = 0.128
_BLOCK_FRAMES = 512
_MEL = CepstrumSettings(filters=N_MEL, low_hz=60.0, high_hz=7600.0)
_FLOOR = -14.0  # nepers of power below the recording's level: 60 dB
_WHITENED_HZ = 120.0  # width of the mean that a partial stands out of
_FLAT_HZ = (100.0, 4000.0)
_LOUD = 95  # percentile of the energies that is the level of a recording
_TINY = 1e-10


def count_frames(audio: Audio) -> int:
    """How many frames cover the audio; the last one may reach past its end."""
    return math.ceil(round(float(audio.samples.shape[1] / (STEP_S * audio.sample_rate)), 6))


def measure_level(energy: Frames) -> float:
    """Level of the loud parts of a recording: natural logarithm of a power, from `log_energy` of its frames."""
    return float(np.percentile(energy, _LOUD)) if len(energy) else 0.0


def energies(audio: Audio, *, threads: int = 1) -> Frames:
    """Natural logarithm of the mean power of each 10 ms: float32 (n,)."""
    return log_energy(audio, threads=threads)


def extract(audio: Audio, first: int, last: int, *, level: float) -> Frames:
    """Features of the frames `first` to `last`: float32 (last - first, N_FEATURES).

    Frames before the beginning and after the end are silence. The columns are the logarithms of the mel spectrum above
    the recording's level; of each band the steadiness of its fine spectrum over each lag (cosines), then its roughness,
    which is high where partials stand out; and the spectral flatness. Steadiness follows Seyerlehner et al., "Automatic
    music detection in television productions" (DAFx 2007).

    Args:
        level: of the recording, from `measure_level`.
    """
    found = np.empty((last - first, N_FEATURES), dtype=np.float32)
    start = first - first % _BLOCK_FRAMES
    for block in range(start, last, _BLOCK_FRAMES):
        rows = _extract_block(audio, block, level)
        low, high = max(first, block), min(last, block + _BLOCK_FRAMES)
        found[low - first : high - first] = rows[low - block : high - block]
    return found


def average_cells(frames: Frames) -> Frames:
    """Mean of the mel spectra of each `CELL_FRAMES` frames: float32 (n // CELL_FRAMES, N_MEL)."""
    whole = len(frames) // CELL_FRAMES
    return np.asarray(frames[: whole * CELL_FRAMES, :N_MEL].reshape(whole, CELL_FRAMES, N_MEL).mean(axis=1))


def find_steady(cells: Frames) -> NDArray[np.bool_]:
    """Where a sound stays as it is for 5 s, as hum, fans and hiss do and music hardly does: bool (n_cells,).

    Args:
        cells: mean spectra from `average_cells`, float32 (n_cells, N_MEL).
    """
    steady = np.zeros(len(cells), dtype=bool)
    if len(cells) <= _STEADY_CELLS:
        return steady
    changes = np.abs(np.diff(cells, axis=0))
    for first in range(0, len(changes) - _STEADY_CELLS + 1, _BLOCK_FRAMES):
        block = changes[first : first + _BLOCK_FRAMES + _STEADY_CELLS - 1]
        windows = np.lib.stride_tricks.sliding_window_view(block, _STEADY_CELLS, axis=0)
        still = np.flatnonzero(np.median(windows.mean(axis=2), axis=1) < _STEADY_CHANGE)
        for offset in range(_STEADY_CELLS + 1):
            steady[first + still + offset] = True
    return steady


def _extract_block(audio: Audio, first: int, level: float) -> Frames:
    """Features of one block of the grid; always as many frames, so that sums are always made in one order."""
    rate = audio.sample_rate
    power, n_fft = _power_spectra(audio, first, _BLOCK_FRAMES, _WINDOW_S)
    mel = np.log(np.maximum(power @ mel_filters(rate, n_fft, _MEL), _TINY)) - np.float32(level)
    middle = np.maximum(power[:, _bins(_FLAT_HZ, rate, n_fft)], np.float32(math.exp(level + _FLOOR) * 1e-2))
    flatness = np.log(middle).mean(axis=1) - np.log(middle.mean(axis=1))
    columns = [np.maximum(mel, _FLOOR), *_measure_partials(audio, first, level), flatness[:, None]]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _measure_partials(audio: Audio, first: int, level: float) -> list[Frames]:
    """Steadiness over each lag, and roughness, of each band: columns (n, 1)."""
    before = max(LAGS)
    rate = audio.sample_rate
    power, n_fft = _power_spectra(audio, first - before, _BLOCK_FRAMES + before, _FINE_WINDOW_S)
    whole = _bins((BANDS_HZ[0][0], BANDS_HZ[-1][1]), rate, n_fft)
    fine = np.log(np.maximum(power[:, whole], np.float32(max(_TINY, math.exp(level + _FLOOR) * 1e-2))))
    width = max(3, round(_WHITENED_HZ * n_fft / rate))
    fine -= uniform_filter1d(fine, width, axis=1, mode="nearest")
    columns = []
    for band in BANDS_HZ:
        bins = _bins(band, rate, n_fft)
        part = fine[:, max(0, bins.start - whole.start) : max(2, bins.stop - whole.start)]
        norm = np.sqrt(np.einsum("tf,tf->t", part, part)) + np.float32(1e-3)
        for lag in LAGS:
            product = np.einsum("tf,tf->t", part[before:], part[before - lag : -lag])
            columns.append((product / (norm[before:] * norm[before - lag : -lag]))[:, None])
        columns.append((norm[before:] / math.sqrt(part.shape[1]))[:, None])
    return columns


def _bins(band_hz: tuple[float, float], rate: int, n_fft: int) -> slice:
    """The bins of a spectrum that lie in a band; the highest ones where it lies above the spectrum."""
    last = n_fft // 2
    low = min(max(1, round(band_hz[0] * n_fft / rate)), last - 2)
    return slice(low, max(low + 2, min(last, round(band_hz[1] * n_fft / rate))))


def _power_spectra(audio: Audio, first: int, n: int, window_s: float) -> tuple[Frames, int]:
    """Mean power in each bin of `n` frames, float32 (n, n_fft // 2 + 1), and n_fft."""
    length = max(2, round(window_s * audio.sample_rate))
    n_fft = 1 << math.ceil(math.log2(max(length, 8)))
    hop = STEP_S * audio.sample_rate
    starts = np.round((np.arange(first, first + n) + 0.5) * hop - length / 2).astype(np.int64)
    low, high = int(starts[0]), int(starts[-1]) + length
    sound = np.zeros(high - low, dtype=np.float32)
    inside = audio.mono_part(low, high)
    at = max(0, -low)
    sound[at : at + len(inside)] = inside
    taper = np.hanning(length).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, length)[starts - low] * taper
    spectrum = scipy.fft.rfft(frames, n_fft, axis=1, overwrite_x=True)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.asarray(power / np.float32(np.square(taper).sum()), dtype=np.float32), n_fft
