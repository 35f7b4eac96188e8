"""k-means with greedy k-means++ seeding, which draws as scikit-learn's does, so that the result is the same.

Source: Lloyd, "Least squares quantization in PCM", 1982; Arthur and Vassilvitskii, "k-means++: the advantages of
careful seeding", SODA 2007. The number of runs, the candidates for each seed, the tolerance and what becomes of an
empty cluster are those of scikit-learn's ``KMeans(n_init=3, random_state=42)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[Any]
Labels = NDArray[np.int64]

_RUNS, _SEED, _MOST_ROUNDS, _TOLERANCE = 3, 42, 300, 1e-4


def k_means(points: Points, k: int) -> Labels:
    """The cluster of each point, from 0, of the best of three runs: int64 (n,).

    Args:
        points: float32 or float64 (n, d), computed with at that precision.
        k: how many clusters, at least 1 and at most n. Where fewer points differ, fewer are used.
    """
    # Legacy on purpose: NumPy keeps the stream of a RandomState for ever, and scikit-learn draws from one.
    random = np.random.RandomState(_SEED)
    enough = float(np.var(points, axis=0).mean()) * _TOLERANCE
    centred = np.ascontiguousarray(points - points.mean(axis=0))
    best, least = np.zeros(len(points), dtype=np.int64), np.inf
    for _ in range(_RUNS):
        labels, inertia = _lloyd(centred, _choose_seeds(centred, k, random), enough)
        # A run that only numbers the clusters otherwise is better by no more than rounding.
        if inertia < least and not (np.isfinite(least) and _is_same_partition(labels, best, k)):
            best, least = labels, inertia
    return best


def _choose_seeds(points: Points, k: int, random: np.random.RandomState) -> Points:
    """Centres to begin with, (k, d): each the best of a few points that are drawn by their squared distance."""
    weights = np.ones(len(points), dtype=points.dtype)
    chosen = [int(random.choice(len(points), p=weights / weights.sum()))]
    nearest = _squared_distances(points[chosen], points)[0]
    n_candidates = 2 + int(np.log(k))
    for _ in range(1, k):
        drawn = random.uniform(size=n_candidates) * nearest.sum()
        candidates = np.minimum(np.searchsorted(np.cumsum(nearest), drawn), len(points) - 1)
        distances = np.minimum(nearest, _squared_distances(points[candidates], points))
        best = int(distances.sum(axis=1).argmin())
        nearest = distances[best]
        chosen.append(int(candidates[best]))
    found: Points = points[chosen]
    return found


def _squared_distances(centres: Points, points: Points) -> Points:
    """(k, n) at the precision of the points, computed in float64."""
    a, b = centres.astype(np.float64), points.astype(np.float64)
    found = np.square(a).sum(axis=1)[:, None] - 2.0 * (a @ b.T) + np.square(b).sum(axis=1)[None]
    squares: Points = np.maximum(found, 0.0).astype(points.dtype)
    return squares


def _lloyd(points: Points, centres: Points, enough: float) -> tuple[Labels, float]:
    """Points go to the nearest centre and centres to the mean of their points, until nothing changes, or centres move
    by less than `enough`, a squared distance; and the sum of squared distances that is left."""
    labels = np.full(len(points), -1, dtype=np.int64)
    for _ in range(_MOST_ROUNDS):
        before, labels = labels, _assign_nearest(points, centres)
        moved = _means(points, labels, centres)
        settled = bool((labels == before).all())
        shift = float(np.square(moved - centres).sum())
        centres = moved
        if settled or shift <= enough:
            break
    if not settled:
        labels = _assign_nearest(points, centres)
    return labels, float(np.square(points - centres[labels]).sum())


def _assign_nearest(points: Points, centres: Points) -> Labels:
    return np.asarray((np.square(centres).sum(axis=1) - 2.0 * (points @ centres.T)).argmin(axis=1), dtype=np.int64)


def _means(points: Points, labels: Labels, centres: Points) -> Points:
    """The means of all clusters, (k, d); one without a point takes the point that lies farthest from its centre."""
    sums = np.zeros_like(centres)
    np.add.at(sums, labels, points)
    sizes = np.bincount(labels, minlength=len(centres)).astype(points.dtype)
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        away = np.square(points - centres[labels]).sum(axis=1)
        if away.max() > 0.0:
            farthest = np.argpartition(away, -len(empty))[: -len(empty) - 1 : -1]
            for cluster, point in zip(empty, farthest, strict=True):
                sums[labels[point]] -= points[point]
                sizes[labels[point]] -= 1
                sums[cluster], sizes[cluster] = points[point], 1
    found: Points = sums / np.maximum(sizes, 1)[:, None]
    return found


def _is_same_partition(labels: Labels, others: Labels, k: int) -> bool:
    return len(np.unique(labels * k + others)) == len(np.unique(labels)) == len(np.unique(others))
