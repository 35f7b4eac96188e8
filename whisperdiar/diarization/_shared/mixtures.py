"""Gaussian mixtures with diagonal covariance: trained by splitting, and scored all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.gaussians import Array, Features

_FRAMES_PER_COMPONENT = 25  # fewer cannot carry a variance of their own
_MAX_FRAMES = 30_000  # five minutes of a voice, evenly spaced, are enough to train on
_VARIANCE_FLOOR = 1e-3  # of features scaled to variance 1
_MIN_SHARE = 1e-3  # frames; keeps an emptied component finite
_BLOCK = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """weights (m,), means (m, d), variances (m, d)."""

    weights: Array
    means: Array
    variances: Array

    def projection(self) -> Array:
        """float64 (2d + 1, m): ``[x, x², 1] @ projection`` is the log of each component's weighted density."""
        precision = 1.0 / self.variances
        constant = np.log(self.weights) - 0.5 * (
            np.log(2 * np.pi * self.variances).sum(axis=1) + (np.square(self.means) * precision).sum(axis=1)
        )
        return np.vstack([(self.means * precision).T, -0.5 * precision.T, constant])


def thin(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Evenly spaced ones of the places, so many as `train` looks at."""
    return places[:: -(-len(places) // _MAX_FRAMES) or 1]


def train(features: Features, *, components: int, iterations: int) -> Mixture:
    """Maximum likelihood by expectation-maximisation, from one Gaussian that is split again and again.

    Args:
        features: float32 (n_frames, d), n_frames at least 1, scaled to variance about 1.
        components: at most; fewer where there are not 25 frames for each.
        iterations: of expectation-maximisation after every split.
    """
    x = features[thin(np.arange(len(features)))].astype(np.float64)
    components = max(1, min(components, len(x) // _FRAMES_PER_COMPONENT))
    expanded = _expand(x)
    mixture = Mixture(np.ones(1), x.mean(axis=0)[None], np.maximum(x.var(axis=0), _VARIANCE_FLOOR)[None])
    while len(mixture.weights) < components:
        mixture = _split(mixture, components)
        for _ in range(iterations):
            mixture = _improve(mixture, expanded)
    return mixture


def adapt(background: Mixture, features: Features, *, relevance: float) -> Mixture:
    """Means moved towards the frames, maximum a posteriori; weights and variances stay those of the background.

    Args:
        background: the mixture of many voices.
        features: float32 (n_frames, d).
        relevance: τ, frames of a component that outweigh its mean half and half.
    """
    d = features.shape[1]
    sums = np.zeros((len(background.weights), 2 * d + 1))
    projection = background.projection()
    for first in range(0, len(features), _BLOCK):
        expanded = _expand(features[first : first + _BLOCK].astype(np.float64))
        sums += _shares(expanded @ projection).T @ expanded
    counts = sums[:, -1:]
    means = (sums[:, :d] + relevance * background.means) / np.maximum(counts + relevance, _MIN_SHARE)
    return Mixture(background.weights, means, background.variances)


def likelihoods(features: Features, mixtures: Sequence[Mixture]) -> Iterator[Array]:
    """Block after block of log-likelihoods, float64 (n_frames of the block, n_mixtures)."""
    projection = np.hstack([mixture.projection() for mixture in mixtures])
    counts = [len(mixture.weights) for mixture in mixtures]
    starts = np.cumsum([0, *counts])[:-1]
    for first in range(0, len(features), _BLOCK):
        scores = _expand(features[first : first + _BLOCK].astype(np.float64)) @ projection
        highest = np.maximum.reduceat(scores, starts, axis=1)
        np.exp(scores - np.repeat(highest, counts, axis=1), out=scores)
        yield np.log(np.add.reduceat(scores, starts, axis=1)) + highest


def _expand(x: NDArray[np.float64]) -> Array:
    return np.hstack([x, np.square(x), np.ones((len(x), 1))])


def _shares(scores: Array) -> Array:
    """Of each frame the part that each component has in it, from the logarithms of their weighted densities."""
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return np.asarray(shares)


def _split(mixture: Mixture, components: int) -> Mixture:
    """The heaviest components become two each, a little apart, until there are `components`."""
    count = min(len(mixture.weights), components - len(mixture.weights))
    order = np.argsort(-mixture.weights, kind="stable")
    split, rest = order[:count], order[count:]
    offset = 0.2 * np.sqrt(mixture.variances[split])
    halves = mixture.weights[split] / 2
    return Mixture(
        np.concatenate([halves, halves, mixture.weights[rest]]),
        np.vstack([mixture.means[split] - offset, mixture.means[split] + offset, mixture.means[rest]]),
        np.vstack([mixture.variances[split], mixture.variances[split], mixture.variances[rest]]),
    )


def _improve(mixture: Mixture, expanded: Array) -> Mixture:
    d = mixture.means.shape[1]
    sums = _shares(expanded @ mixture.projection()).T @ expanded
    counts = np.maximum(sums[:, -1:], _MIN_SHARE)
    means = sums[:, :d] / counts
    variances = np.maximum(sums[:, d : 2 * d] / counts - np.square(means), _VARIANCE_FLOOR)
    return Mixture(counts[:, 0] / counts.sum(), means, variances)
