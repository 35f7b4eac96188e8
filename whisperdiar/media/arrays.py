"""Samples that a caller has in memory → `Audio`."""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from whisperdiar.errors import InvalidOption
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.text.messages import _
from whisperdiar.types import Audio

_FULL_SCALE = 1.01
"""Resampling overshoots a little."""
_FAR_ABOVE = 8.0
"""Louder than any mix: these are integers in floating point."""


def audio_from_array(samples: Any, sample_rate: int, *, recording_id: str = "recording") -> Audio:
    """`Audio` at 16 kHz of samples in memory.

    Args:
        samples: (n_samples,) or (n_channels, n_samples); floating point in [-1, 1], or integers of their whole range.
        sample_rate: in Hz; another one than 16,000 is resampled by a polyphase filter (scipy.signal.resample_poly).
        recording_id: name of the recording, without white space.

    Raises:
        InvalidOption: another shape or type, a sample rate below 1, a sample that is no finite number, or samples far
            above full scale.
    """
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or not array.size:
        raise InvalidOption(
            _("samples of shape {shape}: give (n_samples,) or (n_channels, n_samples)").format(shape=array.shape)
        )
    if array.ndim == 2 and array.shape[0] > array.shape[1]:
        raise InvalidOption(
            _("samples of shape {shape}: channels come first; give samples.T").format(shape=array.shape)
        )
    if sample_rate < 1:
        raise InvalidOption(
            _("sample rate {sample_rate}: it must be a positive number of Hz, such as 16000").format(
                sample_rate=sample_rate
            )
        )
    if array.dtype.kind in "iu":
        info = np.iinfo(array.dtype)
        middle = 0 if info.min else (info.max + 1) / 2
        array = (array - middle) / (info.max - middle)
    elif array.dtype.kind != "f":
        raise InvalidOption(
            _("samples of type {dtype}: give floating point in [-1, 1] or integers").format(dtype=array.dtype)
        )
    signal = np.atleast_2d(array)
    if not np.isfinite(signal).all():
        raise InvalidOption(_("samples: some are no finite numbers; replace them, for example by np.nan_to_num"))
    if sample_rate != SAMPLE_RATE_HZ:
        from scipy.signal import resample_poly

        common = gcd(SAMPLE_RATE_HZ, sample_rate)
        signal = resample_poly(signal, SAMPLE_RATE_HZ // common, sample_rate // common, axis=1)
    loudest = float(np.abs(signal).max())
    if loudest > _FAR_ABOVE:
        raise InvalidOption(
            _("samples: they reach {loudest:g}; divide them, so that full scale is 1").format(loudest=loudest)
        )
    warnings: tuple[str, ...] = ()
    if loudest > _FULL_SCALE:
        warnings = (_("samples reach {loudest:.2f} times full scale, and were clipped there").format(loudest=loudest),)
    clipped = np.ascontiguousarray(np.clip(signal, -1.0, 1.0), dtype=np.float32)
    return Audio(clipped, SAMPLE_RATE_HZ, "_".join(recording_id.split()) or "recording", warnings=warnings)
