"""Clustering as an integer linear programme: all clusters at once, so that no early merge misleads a later one.

Of the clusters some are chosen as centres, and every other one is given to a centre no farther away than δ; few centres
and short ways are best: minimise Σ xₖₖ + Σ (d(k, j) / δ) xₖⱼ, where xₖⱼ is 1 if k goes to the centre j, subject to
Σⱼ xₖⱼ = 1 and xₖⱼ ≤ xⱼⱼ. So Rouvier and Meignier, "A global optimization framework for speaker diarization",
Odyssey 2012. HiGHS solves it exactly (`scipy.optimize.milp`).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, vstack

from whisperdiar.diarization._shared.clusters import renumber
from whisperdiar.diarization._shared.gaussians import Array
from whisperdiar.diarization._shared.speech_frames import Labels

_LESS = 1e-6
"""Of a centre; so of two solutions that are equally good, always the same is found."""


def choose_centres(distances: Array, *, threshold: float, minimum: int = 1, maximum: int | None = None) -> Labels:
    """The cluster of each of n, int64 (n,), numbered by first appearance.

    Args:
        distances: float64 (n, n), symmetrical, none below 0; the diagonal does not count.
        threshold: δ, the longest way to a centre. It is exceeded only where `maximum` leaves no other way.
        minimum: clusters that there are at least, where n is as large.
        maximum: clusters that there are at most.
    """
    n = len(distances)
    if n < 2:
        return np.zeros(n, dtype=np.int64)
    found = _solve(distances, threshold, minimum, maximum, distances <= threshold)
    if found is None:  # too few are near enough to reach the maximum
        found = _solve(distances, threshold, minimum, maximum, np.ones((n, n), dtype=bool))
    if found is None:
        raise RuntimeError("the programme has a solution whenever every way is allowed")
    return renumber(found)


def _solve(
    distances: Array,
    threshold: float,
    minimum: int,
    maximum: int | None,
    near: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> Labels | None:
    """The centre of each cluster, int64 (n,), where only ways of `near` are allowed; None where that cannot be."""
    n = len(distances)
    allowed = near.copy()
    np.fill_diagonal(allowed, True)
    members, centres = np.nonzero(allowed)
    n_ways = len(members)
    own = members == centres
    costs = np.where(own, 1.0 - _LESS * (n - members) / n, distances[members, centres] / max(threshold, 1e-9))
    ways = np.arange(n_ways)
    one = coo_array((np.ones(n_ways), (members, ways)), shape=(n, n_ways))
    place_of_centre = np.empty(n, dtype=np.int64)
    place_of_centre[members[own]] = ways[own]
    others = ways[~own]
    rows = np.arange(len(others))
    to_centre = coo_array(
        (
            np.concatenate([np.ones(len(others)), -np.ones(len(others))]),
            (np.concatenate([rows, rows]), np.concatenate([others, place_of_centre[centres[others]]])),
        ),
        shape=(len(others), n_ways),
    )
    count = coo_array((np.ones(n), (np.zeros(n, dtype=np.int64), ways[own])), shape=(1, n_ways))
    matrix = csr_array(vstack([one, to_centre, count]))
    low = np.concatenate([np.ones(n), np.full(len(others), -np.inf), [min(minimum, n)]])
    high = np.concatenate([np.ones(n), np.zeros(len(others)), [n if maximum is None else min(maximum, n)]])
    result = milp(
        costs, integrality=np.ones(n_ways), bounds=Bounds(0, 1), constraints=LinearConstraint(matrix, low, high)
    )
    if result.x is None:
        return None
    chosen = result.x > 0.5
    found = np.empty(n, dtype=np.int64)
    found[members[chosen]] = centres[chosen]
    return found
