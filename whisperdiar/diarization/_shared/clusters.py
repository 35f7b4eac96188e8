"""Clusters: labels in order, and vectors of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def renumber(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same clusters, int64 (n,), numbered from 0 in the order in which they appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse], dtype=np.int64)


def normalise_length(vectors: NDArray[Any]) -> NDArray[Any]:
    """Vectors (..., d) of length 1, in their precision; zeros where one has no length or holds a number not finite."""
    vectors = np.where(np.isfinite(vectors).all(axis=-1, keepdims=True), vectors, 0.0)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0.0, lengths, 1.0))
