"""Log-mel features of NVIDIA's Nemotron 3 Diarization, computed piece by piece.

16 kHz, pre-emphasis 0.97, a Hann window of 400 samples centred in a Fourier transform of 512, a hop of 160 samples, 128
mel bands on Slaney's scale, log(x + 2^-24), not normalised. Frame i is centred on sample 160 · i; there are as many
frames as whole hops in the recording. A frame depends on the samples around it alone, so a recording of any length can
be read in pieces, and every piece is the same as if it had been computed at once. The sums are made in 64 bits: in 32,
a loud frame's rounding shows in its faint bands (in the reference by up to 0.0004 on speech), and differs by machine.

Source: the feature extractor that Hugging Face Transformers pairs with the model
(`NemotronAsrStreamingFeatureExtractor`), whose values these are; Slaney, "Auditory Toolbox", 1998.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import Audio

Features = NDArray[np.float32]

HOP_SAMPLES = 160
N_BANDS = 128
_N_FFT = 512
_WINDOW_SAMPLES = 400
_PREEMPHASIS = 0.97
_FLOOR = 2.0**-24
_BLOCK_FRAMES = 4096


def frame_count(n_samples: int) -> int:
    """Frames of so many samples: a last hop that is not whole has none."""
    return n_samples // HOP_SAMPLES


def complete_frames(n_samples: int) -> int:
    """Frames that no sound behind so many samples can change."""
    return max(0, (n_samples - _N_FFT // 2) // HOP_SAMPLES + 1) if n_samples else 0


def log_mel(audio: Audio, first: int, last: int) -> Features:
    """Frames `first` to `last` (exclusive) of the mean of all channels: float32 (last - first, 128).

    Args:
        audio: at 16 kHz; what lies outside counts as silence, after the pre-emphasis.
        first, last: frames within `frame_count`.
    """
    features = np.empty((max(0, last - first), N_BANDS), np.float32)
    for start in range(first, last, _BLOCK_FRAMES):
        end = min(start + _BLOCK_FRAMES, last)
        spectrum = scipy.fft.rfft(_frames(audio, start, end) * _window(), _N_FFT, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        features[start - first : end - first] = np.log(power @ slaney_filters() + _FLOOR)
    return features


def _frames(audio: Audio, first: int, last: int) -> NDArray[np.float64]:
    """The pre-emphasised samples of each frame, as a view: float64 (last - first, 512)."""
    n_samples = audio.samples.shape[1]
    low = first * HOP_SAMPLES - _N_FFT // 2
    high = (last - 1) * HOP_SAMPLES + _N_FFT // 2
    # One sample more on the left: the pre-emphasis subtracts a share of it; before the recording there is a zero.
    sound = np.asarray(audio.mono_part(low - 1, high), np.float64)
    sound = np.pad(sound, (max(0, 1 - low), max(0, high - n_samples)))
    emphasised = sound[1:] - _PREEMPHASIS * sound[:-1]
    # The sample after the last one is silence as well, and not minus 0.97 times the last one.
    emphasised[max(0, n_samples - low) :] = 0.0
    return np.lib.stride_tricks.sliding_window_view(emphasised, _N_FFT)[::HOP_SAMPLES]


@functools.cache
def _window() -> NDArray[np.float64]:
    """A symmetric Hann window in the middle of a transform."""
    margin = (_N_FFT - _WINDOW_SAMPLES) // 2
    return np.pad(np.hanning(_WINDOW_SAMPLES), (margin, margin))


@functools.cache
def slaney_filters() -> NDArray[np.float64]:
    """Triangular filters of unit area on Slaney's mel scale, 0 Hz to 8 kHz: float64 (257, 128)."""
    nyquist = SAMPLE_RATE_HZ / 2
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(nyquist), N_BANDS + 2))
    bins = np.linspace(0.0, nyquist, _N_FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    height = 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)) * height)


# Slaney's scale: linear up to 1 kHz (15 mel), above it 27 steps for a factor of 6.4.
_LINEAR_HZ = 200.0 / 3.0
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    return float(hz / _LINEAR_HZ if hz < _KNEE_HZ else _KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR_HZ, above)
