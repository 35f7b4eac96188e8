"""Clusters: labels in order, clusters that are nobody, and vectors of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]

_TURNS_TO_JUDGE = 10  # fewer tell nothing of how somebody talks


def renumber(labels: Labels) -> Labels:
    """The same clusters, int64 (n,), numbered from 0 in the order in which they appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse], dtype=np.int64)


def map_labels(target: Labels, labels: Labels) -> Labels:
    """What each label stands for, int64 (n,); -1 stays -1.

    Args:
        target: int64 (n_clusters,).
        labels: int64 (n,), from -1 to n_clusters - 1.
    """
    return np.append(target, -1)[labels]


def drop_fleeting(labels: Labels, *, shortest: float, share: float, minimum: int = 1) -> Labels:
    """Without the clusters that are heard little and only in passing, in ten turns or more: -1 in their place.

    What people say at once, and a phrase that comes again and again, look like a voice of their own in a long
    recording. Who takes part in it says something longer at some time.

    Args:
        labels: int64 (n_places,), numbered from 0; the others are numbered anew.
        shortest: places of the turn that a place of a speaker lies in, on average: the sum of the squared lengths of
            his turns by the sum of their lengths.
        share: of the speech, from which on nobody is dropped.
        minimum: how many clusters are left, where there are as many.
    """
    starts = np.flatnonzero(np.diff(labels, prepend=-2))
    lengths, owners = np.diff(starts, append=len(labels)), labels[starts]
    places = np.bincount(owners, lengths)
    usual = np.bincount(owners, lengths.astype(np.float64) ** 2) / np.maximum(places, 1.0)
    fleeting = (np.bincount(owners) >= _TURNS_TO_JUDGE) & (places < share * len(labels)) & (usual < shortest)
    dropped = [int(cluster) for cluster in np.argsort(usual, kind="stable") if fleeting[cluster]]
    kept = np.delete(np.arange(len(places)), dropped[: max(0, len(places) - max(1, minimum))])
    target = np.full(len(places), -1, dtype=np.int64)
    target[kept] = np.arange(len(kept))
    return map_labels(target, labels)


def normalise_length(vectors: NDArray[Any]) -> NDArray[Any]:
    """Vectors (..., d) of length 1, in their precision; zeros where one has no length or holds a number not finite."""
    vectors = np.where(np.isfinite(vectors).all(axis=-1, keepdims=True), vectors, 0.0)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0.0, lengths, 1.0))
