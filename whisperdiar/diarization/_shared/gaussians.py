"""Gaussian statistics: full-covariance Gaussians as sums that can be added.

A stretch of frames is kept as the sum of outer products of its frames with a 1 appended,
[[Σ xxᵀ, Σ x], [Σ xᵀ, n]]. The sum of two such matrices describes both stretches together, and the determinant
of one is n · det(n · covariance): a single determinant gives the likelihood of any union of stretches.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Features = NDArray[np.float32]

# Added to the variance of features that were scaled to variance 1: keeps the covariance of digital silence and
# of stretches shorter than the dimension regular, and is far below any variance of speech.
_RIDGE = 1e-4


_BLOCK = 65_536
"""Frames of which there is a copy at a time."""


def standardise(features: Features, *, out: Features | None = None) -> Features:
    """Mean 0 and variance 1 over all frames; a dimension that never changes becomes 0.

    Args:
        out: where the result goes, the features themselves if need be; None for an array of its own.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    squares = np.zeros(features.shape[1])
    for first in range(0, len(features), _BLOCK):
        squares += np.square(features[first : first + _BLOCK] - mean).sum(axis=0)
    deviation = np.sqrt(squares / max(1, len(features)))
    deviation[deviation < 1e-6] = 1.0
    scaled: Features = np.subtract(features, mean.astype(np.float32), out=out)
    scaled /= deviation.astype(np.float32)
    return scaled


def stretch_sums(features: Features, edges: Sequence[int]) -> Array:
    """Sums of the stretches between successive `edges`: float64 (n_stretches, d + 1, d + 1).

    Args:
        features: float32 (n_frames, d), of variance about 1.
        edges: frame numbers, rising.
    """
    d = features.shape[1]
    sums = np.empty((len(edges) - 1, d + 1, d + 1))
    for index, (first, last) in enumerate(pairwise(edges)):
        frames = append_ones(features[first:last])
        sums[index] = frames.T @ frames
    return regularise(sums)


def total_sums(features: Features, places: NDArray[np.int64]) -> Array:
    """Sums over the frames at some places: float64 (d + 1, d + 1), made of one block of them after another."""
    d = features.shape[1]
    sums = np.zeros((1, d + 1, d + 1))
    for first in range(0, len(places), _BLOCK):
        frames = append_ones(features[places[first : first + _BLOCK]])
        sums[0] += frames.T @ frames
    found: Array = regularise(sums)[0]
    return found


def append_ones(features: Features) -> Array:
    frames = np.ones((features.shape[0], features.shape[1] + 1))
    frames[:, :-1] = features
    return frames


def regularise(sums: Array) -> Array:
    """The sums, changed in place, with a small variance added to every dimension."""
    diagonal = np.arange(sums.shape[-1] - 1)
    sums[..., diagonal, diagonal] += _RIDGE * sizes(sums)[..., None]
    return sums


def sizes(sums: Array) -> Array:
    """Number of frames in each stretch."""
    return sums[..., -1, -1]


def likelihood_cost(sums: Array) -> Array:
    """n/2 · log|covariance| of each stretch: minus the log-likelihood under its own Gaussian, constants left out."""
    n = sizes(sums)
    return np.asarray(0.5 * n * (np.linalg.slogdet(sums)[1] - sums.shape[-1] * np.log(n)))
