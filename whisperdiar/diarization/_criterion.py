"""When two stretches of speech are one voice: the Bayesian information criterion for frames that are not independent.

Chen and Gopalakrishnan (1998) join two stretches while the gain in likelihood of two Gaussians over one is
smaller than λ/2 · parameters · log(frames). That counts every frame as a new observation, but neighbouring frames
resemble each other, more so in a reverberant room than in noise, and with them chance differences between two
stretches of one voice grow. Two changes make one λ fit all of these:

- every parameter counts by the number of frames that make one independent observation of it, measured on the
  recording (Bartlett, 1946): with the autocorrelation r(k) at lag k, τ₁ = 1 + 2 Σ r(k) frames for a mean and
  τ₂ = 1 + 2 Σ r(k)² frames for a covariance;
- a voice may differ from itself, from sentence to sentence, by a fixed likelihood per frame. Without that term
  every voice of a long recording falls apart, since the gain grows with the frames and the penalty with their log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from whisperdiar.diarization._gaussians import Array, Features, likelihood_cost, sizes

_LAGS = 30
_MIN_FRAMES = 100  # shorter stretches tell little of the longer lags
_MAX_STRETCHES = 1000  # evenly spaced ones are enough for an average
# Of read speech in a quiet room, for recordings without a stretch that is long enough to measure.
_USUAL_MEAN_TIME = 11.0
_USUAL_COVARIANCE_TIME = 6.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """Decides whether two stretches are one voice.

    Attributes:
        parameters: of one Gaussian, each weighed by the frames per independent observation of it.
        weight: λ.
        tolerance: likelihood per frame by which a voice may differ from itself.
    """

    parameters: float
    weight: float
    tolerance: float

    @classmethod
    def measured(cls, features: Features, edges: Sequence[int], *, weight: float, tolerance: float) -> Criterion:
        """For the frame-to-frame resemblance inside the stretches between successive `edges`.

        Args:
            features: float32 (n_frames, d).
            edges: frame numbers, rising.
            weight: λ.
            tolerance: see the class.
        """
        d = features.shape[1]
        mean_time, covariance_time = _correlation_times(features, edges)
        return cls(d * mean_time + d * (d + 1) / 2 * covariance_time, weight, tolerance)

    def weighing(self, weight: float) -> Criterion:
        return replace(self, weight=weight)

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
        return np.asarray(gain - 0.5 * self.weight * self.parameters * np.log(n) - self.tolerance * shared)


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
