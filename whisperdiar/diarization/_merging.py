"""Agglomerative clustering of stretches of speech, given as sums (see `_gaussians`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._criterion import Criterion
from whisperdiar.diarization._gaussians import Array, likelihood_cost

Labels = NDArray[np.int64]

# The table of distances of this many stretches takes 50 MB. A recording with more is clustered in portions of
# them first, each of some three hours, then what is left of all portions together.
_PORTION = 2500


def merge_neighbours(sums: Array, *, criterion: Criterion, at_least: int = 1) -> list[int]:
    """Joins stretches with the next one, closest pair first, while the criterion takes both for one voice.

    Args:
        sums: float64 (n, d + 1, d + 1).
        criterion: what decides.
        at_least: how many are left, where there are as many.

    Returns:
        The numbers of the stretches that begin the joined ones, then n.
    """
    n = len(sums)
    sums, costs = sums.copy(), likelihood_cost(sums)
    starts = list(range(n))
    distances = criterion.distances(sums[:-1], costs[:-1], sums[1:], costs[1:])
    while len(starts) > max(1, at_least):
        at = int(distances.argmin())
        if distances[at] >= 0.0:
            break
        left = starts[at]
        sums[left] += sums[starts.pop(at + 1)]
        costs[left] = likelihood_cost(sums[left])
        distances = np.delete(distances, at)
        for pair in (at - 1, at):
            if 0 <= pair < len(distances):
                i, j = starts[pair], starts[pair + 1]
                distances[pair] = criterion.distances(sums[i], costs[i], sums[j], costs[j])
    return [*starts, n]


def merge_closest(sums: Array, *, criterion: Criterion, minimum: int = 1, maximum: int | None = None) -> Labels:
    """Joins the closest pair of clusters until the criterion takes no two for one voice.

    Args:
        sums: float64 (n, d + 1, d + 1).
        criterion: what decides.
        minimum: clusters that are left at least, where there are as many stretches.
        maximum: clusters that are left at most; joining goes on past the criterion until then.

    Returns:
        int64 (n,): cluster of each stretch, numbered by first appearance.
    """
    n = len(sums)
    if n <= _PORTION:
        return _merge_all(sums, criterion, minimum, n if maximum is None else maximum)
    labels = np.empty(n, dtype=np.int64)
    half = _PORTION // 2  # at most this many may be left of a portion, so that every round gets on
    for first in range(0, n, _PORTION):
        part = slice(first, first + _PORTION)
        labels[part] = _merge_all(sums[part], criterion, min(minimum, half), half) + first
    labels = _numbered(labels)
    totals = np.zeros((int(labels.max()) + 1, *sums.shape[1:]))
    np.add.at(totals, labels, sums)
    return merge_closest(totals, criterion=criterion, minimum=minimum, maximum=maximum)[labels]


def _merge_all(sums: Array, criterion: Criterion, minimum: int, maximum: int) -> Labels:
    """Merges by a table of all distances.

    For each cluster the closest one is kept. It need not count clusters that grew later, since these look at
    everybody when they grow: of every pair, one of the two knows.
    """
    n = len(sums)
    sums, costs, owner = sums.copy(), likelihood_cost(sums), np.arange(n)
    table = np.full((n, n), np.inf)
    for i in range(n - 1):
        table[i, i + 1 :] = criterion.distances(sums[i], costs[i], sums[i + 1 :], costs[i + 1 :])
        table[i + 1 :, i] = table[i, i + 1 :]
    nearest = table.argmin(axis=1) if n else owner
    closest = table[np.arange(n), nearest]
    alive = np.ones(n, dtype=bool)
    for left in range(n, max(1, minimum), -1):
        i = int(closest.argmin())
        if closest[i] >= 0.0 and left <= maximum:
            break
        i, j = sorted((i, int(nearest[i])))
        sums[i] += sums[j]
        costs[i] = likelihood_cost(sums[i])
        owner[owner == j] = i
        alive[j] = False
        table[j], table[:, j], closest[j] = np.inf, np.inf, np.inf
        others = np.flatnonzero(alive)
        others = others[others != i]
        table[i, others] = table[others, i] = criterion.distances(sums[i], costs[i], sums[others], costs[others])
        for k in (i, *others[(nearest[others] == i) | (nearest[others] == j)]):
            nearest[k] = table[k].argmin()
            closest[k] = table[k, nearest[k]]
    return _numbered(owner)


def _numbered(owner: Labels) -> Labels:
    """The same partition numbered 0, 1, … in order of first appearance."""
    _, first, inverse = np.unique(owner, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse], dtype=np.int64)
