"""Agglomerative clustering of stretches of speech, given as sums (see `whisperdiar.diarization._shared.gaussians`).

When two stretches of speech are one voice: the gain in likelihood of two Gaussians over one, held against what it would
be by chance. Three answers:

- the Bayesian information criterion of Chen and Gopalakrishnan (1998): λ/2 · parameters · log(frames), which counts
  every frame as a new observation;
- the same for frames that resemble their neighbours, more so in a reverberant room than in noise: every parameter
  counts by the number of frames that make one independent observation of it (Bartlett, 1946): with the autocorrelation
  r(k) at lag k, τ₁ = 1 + 2 Σ r(k) frames for a mean and τ₂ = 1 + 2 Σ r(k)² frames for a covariance;
- the gain that two neighbouring seconds of one voice have in this recording, times λ and the same logarithm, which is
  taken for 1 at ten seconds. It holds whatever room, band and noise do to one voice, and needs no theory of it.

Besides, a voice differs from itself, from sentence to sentence, by a likelihood that grows with the frames: the
tolerance. Without that term every voice of a long recording falls apart. But the more sentences there are of one voice,
the more they are alike on the whole, so that from some seconds on it grows more slowly; if it did not, two voices of a
long recording would be taken for one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.clusters import renumber
from whisperdiar.diarization._shared.gaussians import Array, Features, likelihood_cost, sizes
from whisperdiar.diarization._shared.linkage import NearestPairs

_TEN_SECONDS = 1000  # frames
_FIVE_SECONDS = 500  # frames that are shared; of people in built conversations the border lies best from four to five
_LAGS = 30
_MIN_FRAMES = 100  # shorter stretches tell little of the longer lags
_MAX_STRETCHES = 1000  # evenly spaced ones are enough for an average
# Of read speech in a quiet room, for recordings without a stretch that is long enough to measure.
_USUAL_MEAN_TIME = 11.0
_USUAL_COVARIANCE_TIME = 6.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """Decides whether two stretches are one voice: whether the gain of two Gaussians stays below a border.

    Attributes:
        per_log: log-likelihood that the gain may have for each unit of the logarithm of the frames of both.
        per_frame: the same for each frame that they share: n₁ n₂ / (n₁ + n₂).
        whole: frames that they share at most for this; every further one counts half.
    """

    per_log: float = 0.0
    per_frame: float = 0.0
    whole: float = math.inf

    @classmethod
    def plain(cls, d: int, *, weight: float) -> Criterion:
        """The Bayesian information criterion for independent frames of `d` dimensions, and its λ."""
        return cls(per_log=0.5 * weight * (d + d * (d + 1) / 2))

    @classmethod
    def correlated(cls, parameters: float, *, weight: float, tolerance: float) -> Criterion:
        """The same for frames that resemble each other: λ, and the likelihood per frame by which a voice may differ.

        Args:
            parameters: from `effective_parameters`.
        """
        return cls(per_log=0.5 * weight * parameters, per_frame=tolerance)

    @classmethod
    def chance(cls, gain: float, *, weight: float, tolerance: float) -> Criterion:
        """For a gain that one voice has by chance: how many times that of ten seconds, and how many for each frame up
        to five seconds, half as many beyond."""
        return cls(per_log=weight * gain / math.log(_TEN_SECONDS), per_frame=tolerance * gain, whole=_FIVE_SECONDS)

    def distances(self, one: Array, cost_of_one: Array, others: Array, costs: Array) -> Array:
        """Gain of two Gaussians over one, less what it must exceed: negative where both are one voice.

        Args:
            one: sums of one stretch (d + 1, d + 1), or of as many as there are others.
            cost_of_one: its `likelihood_cost`.
            others: sums of the other stretches (n, d + 1, d + 1).
            costs: theirs, (n,).
        """
        both = one + others
        n = sizes(both)
        gain = likelihood_cost(both) - cost_of_one - costs
        shared = sizes(one) * sizes(others) / n
        shared = np.minimum(shared, 0.5 * (shared + self.whole))
        return np.asarray(gain - self.per_log * np.log(n) - self.per_frame * shared)


def effective_parameters(features: Features, edges: Sequence[int]) -> float:
    """Parameters of one Gaussian, each weighed by the frames per independent observation of it.

    As measured inside the stretches between successive `edges`.

    Args:
        features: float32 (n_frames, d).
        edges: frame numbers, rising.
    """
    d = features.shape[1]
    mean_time, covariance_time = _correlation_times(features, edges)
    return float(d * mean_time + d * (d + 1) / 2 * covariance_time)


def _correlation_times(features: Features, edges: Sequence[int]) -> tuple[float, float]:
    """Frames per independent observation of a mean and of a covariance, averaged over the dimensions."""
    long = [(first, last) for first, last in pairwise(edges) if last - first >= _MIN_FRAMES]
    long = [long[i] for i in np.unique(np.linspace(0, len(long) - 1, _MAX_STRETCHES).astype(int))] if long else []
    products = np.zeros((_LAGS + 1, features.shape[1]))
    for first, last in long:
        frames = features[first:last] - features[first:last].mean(axis=0)
        n = last - first
        for lag in range(_LAGS + 1):
            products[lag] += np.einsum("td,td->d", frames[lag:], frames[: n - lag]) * (n / (n - lag))
    moving = products[0] > 1e-3
    if not moving.any():
        return _USUAL_MEAN_TIME, _USUAL_COVARIANCE_TIME
    resemblance = products[1:, moving] / products[0, moving]
    mean_time = 1.0 + 2.0 * float(resemblance.sum(axis=0).mean())
    covariance_time = 1.0 + 2.0 * float(np.square(resemblance).sum(axis=0).mean())
    return max(1.0, mean_time), covariance_time


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
    labels = renumber(labels)
    totals = np.zeros((int(labels.max()) + 1, *sums.shape[1:]))
    np.add.at(totals, labels, sums)
    return merge_closest(totals, criterion=criterion, minimum=minimum, maximum=maximum)[labels]


def absorb_small(sums: Array, *, least: float, minimum: int = 1) -> Labels:
    """Gives every cluster of fewer frames than `least` to the one that it changes least, smallest first.

    Args:
        sums: float64 (n, d + 1, d + 1).
        least: frames.
        minimum: how many clusters are left, where there are as many.

    Returns:
        int64 (n,): cluster of each of the given ones, numbered by first appearance.
    """
    n = len(sums)
    sums, costs, owner = sums.copy(), likelihood_cost(sums), np.arange(n)
    alive = np.ones(n, dtype=bool)
    while alive.sum() > max(1, minimum):
        left = np.flatnonzero(alive)
        small = int(left[sizes(sums[left]).argmin()])
        if sizes(sums[small]) >= least:
            break
        others = left[left != small]
        both = sums[small] + sums[others]
        near = int(others[(likelihood_cost(both) - costs[others]).argmin()])
        sums[near] += sums[small]
        costs[near] = likelihood_cost(sums[near])
        owner[owner == small] = near
        alive[small] = False
    return renumber(owner)


def _merge_all(sums: Array, criterion: Criterion, minimum: int, maximum: int) -> Labels:
    """Merges by a table of all distances."""
    n = len(sums)
    sums, costs, owner = sums.copy(), likelihood_cost(sums), np.arange(n)
    table = np.full((n, n), np.inf)
    for i in range(n - 1):
        table[i, i + 1 :] = criterion.distances(sums[i], costs[i], sums[i + 1 :], costs[i + 1 :])
        table[i + 1 :, i] = table[i, i + 1 :]
    nearest = NearestPairs(table)
    for left in range(n, max(1, minimum), -1):
        i, j, distance = nearest.find()
        if distance >= 0.0 and left <= maximum:
            break
        i, j = min(i, j), max(i, j)
        sums[i] += sums[j]
        costs[i] = likelihood_cost(sums[i])
        owner[owner == j] = i
        row = np.full(n, np.inf)
        others = np.flatnonzero(nearest.alive & (owner != i))
        row[others] = criterion.distances(sums[i], costs[i], sums[others], costs[others])
        nearest.join(i, j, row)
    return renumber(owner)
