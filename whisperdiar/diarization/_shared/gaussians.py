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


def standardise(features: Features) -> Features:
    """Mean 0 and variance 1 over all frames; a dimension that never changes becomes 0."""
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    deviation[deviation < 1e-6] = 1.0
    scaled: Features = features - mean.astype(np.float32)
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
