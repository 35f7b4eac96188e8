"""Clusters windows of speech by voice, given their embeddings.

In two steps. Windows join by average linkage up to a distance a little above the one within a voice: so every voice
ends as one cluster or a few, however long it speaks. Clusters with hardly any speech join the nearest other one. Then
clusters join while their voices are nearer than a second threshold. What is compared there is the distance between the
means without what chance adds to it: a mean of few windows lies off its voice, so that without that correction small
clusters would stay apart and large ones join too early. All distances are in units of the spread of a voice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from whisperdiar.diarization._emb_linkage import (
    Labels,
    Tree,
    Vectors,
    Weights,
    condensed,
    totals,
    unit,
    weighted_means,
)
from whisperdiar.types import SpeakerCount

_ROUNDS = 30  # of k-means; it settles in a few


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What decides.

    Attributes:
        method: ``agglomerative`` or ``kmeans``.
        spread: mean cosine distance of two windows of one voice.
        cut: distance up to which windows join, in spreads.
        threshold: distance between voices up to which clusters join, in spreads.
        min_windows: a cluster with fewer joins another, where the number of speakers is open.
        overlap: windows that together tell as much as one that stands alone; at least 1.
    """

    method: str
    spread: float
    cut: float
    threshold: float
    min_windows: int
    overlap: float


def cluster(embeddings: Vectors, *, rule: Rule, speakers: SpeakerCount) -> Labels:
    """The cluster of each window, numbered by first appearance: int64 (n,).

    Args:
        embeddings: float32 (n, d) of length 1, in order of time.
        rule: what decides.
        speakers: bounds for the number of clusters, kept wherever there are as many windows.
    """
    n = len(embeddings)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    low = min(n, speakers.minimum or 1)
    high = max(low, min(n, speakers.maximum or n))
    if high == 1:
        return np.zeros(n, dtype=np.int64)
    labels = _agglomerative(embeddings, rule, low, high)
    return numbered(_moved_to_nearest(embeddings, labels) if rule.method == "kmeans" else labels)


def numbered(labels: Labels) -> Labels:
    """The same partition numbered 0, 1, … in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse], dtype=np.int64)


def means_of(embeddings: Vectors, labels: Labels) -> tuple[Vectors, Weights]:
    """Mean embedding float32 (k, d), and number of windows, float64 (k,), of each cluster 0 … k - 1."""
    ones = np.ones(len(labels))
    return weighted_means(embeddings, ones, labels), totals(ones, labels)


def _agglomerative(embeddings: Vectors, rule: Rule, low: int, high: int) -> Labels:
    nodes, weights, node_of = condensed(embeddings, rule.cut * rule.spread, at_least=low)
    low = min(low, len(nodes))
    tree = Tree.of(nodes, weights)
    for clusters in _first_clusters(tree, rule, low):
        labels = _small_to_nearest(nodes, weights, *clusters)
        if int(labels.max()) + 1 >= low:
            break
    means = weighted_means(nodes, weights, labels)
    joined = _join(means, totals(weights, labels), rule, low, high)[labels]
    return np.asarray(joined[node_of], dtype=np.int64)


def _first_clusters(tree: Tree, rule: Rule, low: int) -> Iterator[tuple[Labels, int]]:
    """First clusters and how many windows one must have: ever fewer, then finer clusters, until there are `low`."""
    count = tree.count(rule.cut * rule.spread)
    labels, least = tree.labels(count), rule.min_windows
    while least > 1:
        yield labels, least
        least //= 2
    yield tree.labels(max(low, count)), 1


def _small_to_nearest(points: Vectors, weights: Weights, labels: Labels, min_windows: int) -> Labels:
    """Clusters with fewer windows join the nearest of the others; the largest one never does."""
    sizes = totals(weights, labels)
    # Where even the largest has fewer, all would be one voice.
    small = sizes < min(min_windows, sizes.max())
    small[sizes.argmax()] = False
    if not small.any():
        return labels
    voices = unit(weighted_means(points, weights, labels))
    large = np.flatnonzero(~small)
    target = np.arange(len(sizes))
    # One by one, not window by window: a window alone is a poor witness.
    target[small] = large[(voices[small] @ voices[large].T).argmax(axis=1)]
    return np.unique(target[labels], return_inverse=True)[1].astype(np.int64)


def _join(means: Vectors, weights: Weights, rule: Rule, low: int, high: int) -> Labels:
    """Clusters join, nearest pair first, while their voices are nearer than the threshold or too many."""
    labels = np.arange(len(means))
    centres, sizes = means.astype(np.float64), weights.copy()
    while len(centres) > low:
        distances = _voice_distances(centres, sizes, rule)
        i, j = (int(place) for place in np.unravel_index(int(distances.argmin()), distances.shape))
        if len(centres) <= high and distances[i, j] > rule.threshold * rule.spread:
            break
        centres[i] = (sizes[i] * centres[i] + sizes[j] * centres[j]) / (sizes[i] + sizes[j])
        sizes[i] += sizes[j]
        centres, sizes = np.delete(centres, j, axis=0), np.delete(sizes, j)
        labels[labels == j] = i
        labels[labels > j] -= 1
    return labels


def _voice_distances(centres: Weights, sizes: Weights, rule: Rule) -> Weights:
    """Half the squared distance of means, less what chance makes it for one voice: (k, k), inf where i ≥ j.

    For vectors of length 1 that half is the cosine distance of a window of the one to a window of the other, less the
    mean distance within each: average linkage that knows how scattered its clusters are.
    """
    squares = np.square(centres).sum(axis=1)
    halves = 0.5 * (squares[:, None] + squares[None]) - centres @ centres.T
    chance = 0.5 * rule.spread / np.maximum(1.0, sizes / rule.overlap)
    halves -= chance[:, None] + chance[None]
    halves[np.tril_indices(len(centres))] = np.inf
    return np.asarray(halves)


def _moved_to_nearest(embeddings: Vectors, labels: Labels) -> Labels:
    """k-means on the sphere: every window goes to the nearest voice, as long as none loses its last window."""
    for _ in range(_ROUNDS):
        voices = unit(means_of(embeddings, labels)[0])
        moved = (embeddings @ voices.T).argmax(axis=1)
        if len(np.unique(moved)) < len(voices) or (moved == labels).all():
            break
        labels = moved.astype(np.int64)
    return labels
