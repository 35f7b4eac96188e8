"""Speaker changes: peaks of the likelihood ratio between the two windows beside each place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from whisperdiar.diarization._shared.features import run_on_threads
from whisperdiar.diarization._shared.gaussians import Array, Features, append_ones, likelihood_cost, regularise

_STEP = 4  # frames from one compared place to the next; the resegmentation finds the exact frame
_MIN_SIDE = 25  # steps; a shorter window has no covariance worth comparing
_BLOCK = 2048  # places that are compared at once


def change_points(features: Features, *, window: int, threads: int = 1) -> NDArray[np.int64]:
    """Frames at which the voice may change: the highest likelihood ratio within a window on either side.

    Args:
        features: float32 (n_frames, d).
        window: frames that are compared on either side.
        threads: at work at once; the result does not depend on it.

    Returns:
        int64 (n,), sorted.
    """
    steps = max(_MIN_SIDE, window // _STEP)
    return _STEP * _peaks(_change_curve(features, steps, threads), steps)


def _change_curve(features: Features, window: int, threads: int) -> Array:
    """Generalised likelihood ratio of two Gaussians against one (Gish, Siu and Rohlicek, 1991) before each step.

    float64 (n_steps,); windows are cut at both ends of the features, and 0 stands where one is too short.
    """
    n_steps, d = len(features) // _STEP, features.shape[1]
    curve = np.zeros(n_steps)

    def fill(first: int) -> None:
        last = min(first + _BLOCK, n_steps - _MIN_SIDE + 1)
        low, high = max(0, first - window), min(n_steps, last + window)
        frames = append_ones(features[low * _STEP : high * _STEP]).reshape(high - low, _STEP, d + 1)
        sums = np.zeros((high - low + 1, d + 1, d + 1))
        np.cumsum(frames.transpose(0, 2, 1) @ frames, axis=0, out=sums[1:])
        places = np.arange(first, last)
        middle = sums[places - low]
        before = middle - sums[np.maximum(places - window, 0) - low]
        after = sums[np.minimum(places + window, n_steps) - low] - middle
        both = likelihood_cost(regularise(before + after))
        curve[first:last] = both - likelihood_cost(regularise(before)) - likelihood_cost(regularise(after))

    run_on_threads(fill, range(_MIN_SIDE, n_steps - _MIN_SIDE + 1, _BLOCK), threads=threads)
    return curve


def _peaks(curve: Array, reach: int) -> NDArray[np.int64]:
    """Places that nothing within `reach` on either side exceeds, and that are above 0."""
    if len(curve) == 0:
        return np.empty(0, dtype=np.int64)
    found = np.flatnonzero((curve == maximum_filter1d(curve, 2 * reach + 1)) & (curve > 0.0))
    kept: list[int] = []
    for place in found:  # of equals within reach the first one stands
        if not kept or place - kept[-1] > reach:
            kept.append(int(place))
    return np.array(kept, dtype=np.int64)
