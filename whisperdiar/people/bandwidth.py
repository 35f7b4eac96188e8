"""Bandwidth: whether speech came by telephone, and what speech sounds like by telephone.

A telephone cuts speech at 3.4 kHz, and a speaker embedding of it lies as far from that of the same voice in a room as
people who are alike lie from each other. So voices are compared in one band: where one of two recordings is narrowband,
the other is heard as a telephone would have it.

Source: bandwidth mismatch in speaker verification, as in Nidadavolu, Lai, Villalba and Dehak, "Investigation on
bandwidth extension for speaker recognition", Interspeech 2018; the channel is that of ITU-T G.711 (mu-law).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import Samples

_TELEPHONE_HZ = 8000
_BAND_HZ = (300.0, 3400.0)
_ORDER = 6
_MU = 255.0
_PEAK = 0.5
"""Level of the loudest sample before it is coded in 8 bits."""
_ABOVE_HZ = (4200.0, 7600.0)
"""What a telephone at 8 kHz cannot carry, and a microphone can."""
_LOUD_PERCENT = 97.0
"""Of the frames: the loudest above 4 kHz are hisses such as s and sh, which every voice has."""
_QUIET_PERCENT = 10.0
_FAINTEST_DB = -40.0
"""Hisses above 4 kHz against the voice below. Of 203 speakers of built conversations those by telephone stay below
-50 dB, those by microphone above -33 dB, but for one at -41 dB."""
_LEAST_CHANGE_DB = 6.0
"""By which hisses exceed pauses above 4 kHz; where they do not, what is there is noise that was added later."""
_FRAME = 512
_HOP = 256
_BLOCK = 4096  # frames
_LEAST_FRAMES = 50
_FLOOR = 1e-12


def is_narrowband(samples: Samples) -> bool:
    """Whether speech has nothing above 4 kHz, as by telephone: float32 (n_samples,) at 16 kHz.

    Less than a second tells nothing and is not narrowband, and neither is silence.
    """
    below, above = _find_levels_db(samples)
    if len(below) < _LEAST_FRAMES or float(below.max()) <= 10.0 * np.log10(_FLOOR):
        return False
    loud = float(np.percentile(above, _LOUD_PERCENT))
    faint = loud - float(np.percentile(below, _LOUD_PERCENT)) < _FAINTEST_DB
    return faint or loud - float(np.percentile(above, _QUIET_PERCENT)) < _LEAST_CHANGE_DB


def to_narrowband(samples: Samples) -> Samples:
    """Speech as a telephone has it: 300 to 3400 Hz at 8 kHz in 8 bits by the mu-law.

    Args:
        samples: float32 (n_samples,) at 16 kHz.

    Returns:
        float32 (n_samples,), at 16 kHz again.
    """
    if not len(samples):
        return samples
    band = butter(_ORDER, _BAND_HZ, "bandpass", fs=_TELEPHONE_HZ, output="sos")
    narrow = sosfilt(band, resample_poly(samples, _TELEPHONE_HZ, SAMPLE_RATE_HZ))
    narrow *= _PEAK / max(float(np.abs(narrow).max()), 1e-9)
    return np.asarray(
        resample_poly(quantise_mu_law(narrow), SAMPLE_RATE_HZ, _TELEPHONE_HZ)[: len(samples)], dtype=np.float32
    )


def quantise_mu_law(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Samples in [-1, 1] as 8 bits by the mu-law have them (ITU-T G.711, continuous form), of the same shape."""
    code = np.round(127.0 * np.sign(samples) * np.log1p(_MU * np.abs(samples)) / np.log1p(_MU)) / 127.0
    return np.asarray(np.sign(code) * np.expm1(np.abs(code) * np.log1p(_MU)) / _MU)


def _find_levels_db(samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power of each frame within the telephone's band, and above it: float64 (n_frames,) each, in dB."""
    if len(samples) < _FRAME:
        return np.zeros(0), np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    frequencies = np.fft.rfftfreq(_FRAME, 1.0 / SAMPLE_RATE_HZ)
    bands = [(frequencies >= low) & (frequencies < high) for low, high in (_BAND_HZ, _ABOVE_HZ)]
    taper = np.hanning(_FRAME).astype(np.float32)
    found = np.empty((len(windows), 2))
    for first in range(0, len(windows), _BLOCK):
        power = np.square(np.abs(np.fft.rfft(windows[first : first + _BLOCK] * taper, axis=1)))
        for column, band in enumerate(bands):
            found[first : first + _BLOCK, column] = power[:, band].sum(axis=1)
    levels = 10.0 * np.log10(found + _FLOOR)
    return levels[:, 0], levels[:, 1]
