"""Cross-likelihood ratio: clusters are compared by how well each one's mixture explains the speech of the other.

A mixture of Gaussians over all speech of the recording, the universal background model, is adapted to each cluster by
maximum a posteriori, its means alone (Reynolds, Quatieri and Dunn, "Speaker verification using adapted Gaussian
mixture models", 2000). The normalised cross-likelihood ratio of two clusters is what their frames lose, on average,
with the other one's mixture in place of their own; it is near 0 for one voice. So Barras, Zhu, Meignier and Gauvain,
"Multistage speaker diarization of broadcast news", 2006, and Le, Mella and Fohr, "Speaker diarization using normalized
cross likelihood ratio", 2007, join what the Bayesian information criterion has left apart. Features are warped
before (Pelecanos and Sridharan, "Feature warping for robust speaker verification", 2001), so that a microphone that
changes from one part of the recording to another is no other voice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from whisperdiar.diarization._shared.clusters import renumber
from whisperdiar.diarization._shared.gaussians import Array, Features
from whisperdiar.diarization._shared.linkage import NearestPairs
from whisperdiar.diarization._shared.mixtures import Mixture, adapt, likelihoods, thin, train
from whisperdiar.diarization._shared.speech_frames import Labels

_WINDOW = 300  # frames
_BLOCK = 2048
_SCORED = 6000  # frames of a cluster, evenly spaced, are enough to score a mixture
_ITERATIONS = 4


def warp(features: Features) -> Features:
    """Each coefficient as the quantile of a standard normal that has its rank among the 300 frames around it.

    float32 (n_frames, d); at both ends the window is the first or last one, and shorter features are one window.
    """
    n_frames, d = features.shape
    size = min(_WINDOW, n_frames)
    warped = np.empty((n_frames, d), dtype=np.float32)
    if not n_frames:
        return warped
    windows = np.lib.stride_tricks.sliding_window_view(features, size, axis=0)
    first = np.clip(np.arange(n_frames) - size // 2, 0, n_frames - size)
    for begin in range(0, n_frames, _BLOCK):
        here = slice(begin, begin + _BLOCK)
        around, own = windows[first[here]], features[here][:, :, None]
        below = (around < own).sum(axis=2)
        equal = (around == own).sum(axis=2)
        warped[here] = ndtri((below + 0.5 * equal) / size)
    return warped


class Clusters:
    """The clusters of a recording, each with its frames and the background model adapted to it."""

    def __init__(self, parts: Sequence[Features], *, components: int, relevance: float) -> None:
        """
        Args:
            parts: float32 (n_frames, d) of each cluster, some frames at least.
            components: Gaussians of the background model.
            relevance: frames of a Gaussian from which on a cluster's own mean counts more than the background's.
        """
        self._relevance = relevance
        self._parts = [part[thin(np.arange(len(part)))] for part in parts]
        everything = np.concatenate(self._parts)
        self._background = train(everything, components=components, iterations=_ITERATIONS)
        self._mixtures = [self._adapt(part) for part in self._parts]

    def distances(self) -> Array:
        """Normalised cross-likelihood ratio of each two: float64 (n, n), symmetrical, infinite on the diagonal."""
        scores = np.stack([self._mean_likelihoods(part, self._mixtures) for part in self._parts])
        lost = scores.diagonal()[:, None] - scores
        table = lost + lost.T
        np.fill_diagonal(table, np.inf)
        return np.asarray(table)

    def join(self, i: int, j: int) -> Array:
        """Let `i` stand for both, and return its distance from all, float64 (n,)."""
        both = np.concatenate([self._parts[i], self._parts[j]])
        self._parts[i] = both[thin(np.arange(len(both)))]
        self._mixtures[i] = self._adapt(self._parts[i])
        own = self._mean_likelihoods(self._parts[i], self._mixtures)
        row = np.empty(len(self._parts))
        for k, (part, mixture) in enumerate(zip(self._parts, self._mixtures, strict=True)):
            there = self._mean_likelihoods(part, [mixture, self._mixtures[i]])
            row[k] = own[i] - own[k] + there[0] - there[1]
        return row

    def _adapt(self, part: Features) -> Mixture:
        return adapt(self._background, part, relevance=self._relevance)

    @staticmethod
    def _mean_likelihoods(part: Features, mixtures: Sequence[Mixture]) -> Array:
        """Mean log-likelihood of the frames for each mixture, float64 (n_mixtures,)."""
        scored = part[:: -(-len(part) // _SCORED)]
        return np.asarray(sum(block.sum(axis=0) for block in likelihoods(scored, mixtures)) / len(scored))


def merge_by_cross_likelihood(
    clusters: Clusters, *, threshold: float, minimum: int = 1, maximum: int | None = None
) -> Labels:
    """Joins the nearest two, again and again, while they are nearer than the threshold; mixtures are adapted anew.

    Args:
        clusters: which are changed.
        threshold: a normalised cross-likelihood ratio.
        minimum: clusters that are left at least, where there are as many.
        maximum: clusters that are left at most; joining goes on past the threshold until then.

    Returns:
        int64 (n,): the joined cluster of each, numbered by first appearance.
    """
    table = clusters.distances()
    n = len(table)
    nearest, owner = NearestPairs(table), np.arange(n)
    for left in range(n, max(1, minimum), -1):
        i, j, distance = nearest.find()
        if distance >= threshold and (maximum is None or left <= maximum):
            break
        i, j = min(i, j), max(i, j)
        owner[owner == j] = i
        nearest.join(i, j, clusters.join(i, j))
    return renumber(owner)
