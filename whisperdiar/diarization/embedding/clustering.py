"""Agglomerative clustering of windows of speech by their speaker embeddings.

In two steps. Windows join by average linkage up to a distance a little above the one within a voice: so every voice
ends as one cluster or a few, however long it speaks. Clusters with hardly any speech join the nearest other one. Then
clusters join while their voices are nearer than a second threshold. What is compared there is the distance between the
means without what chance adds to it: a mean of few windows lies off its voice, so that without that correction small
clusters would stay apart and large ones join too early. All distances are in units of the spread of a voice.

Average linkage of speaker embeddings by cosine distance, of any number in bounded memory.

Average linkage needs the distances of all pairs. Up to `MOST_AT_ONCE` windows they are taken as they are. Of more,
windows that follow each other are first clustered block by block with the same limit, and the clusters of all blocks,
weighted by their windows, take the place of windows. Then pairs of one block can meet before nearer ones of different
blocks do; no pair meets that is farther apart than the limit, as long as every block has clusters enough.

Source: Sokal and Michener, "A statistical method for evaluating systematic relationships", 1958.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.clusters import normalise_length, renumber
from whisperdiar.diarization._shared.linkage import Dendrogram, NearestPairs
from whisperdiar.types import SpeakerCount

Vectors = NDArray[np.float32]
Weights = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_AT_ONCE = 2_000
"""Nodes whose distances are held at once: 16 MB."""


def average_linkage(means: Vectors, weights: Weights) -> Dendrogram:
    """Average linkage by cosine distance: which nodes join, nearest first, at the mean distance of their windows.

    Args:
        means: float32 (n, d), mean embeddings of windows of length 1.
        weights: float64 (n,), the numbers of windows.
    """
    table = 1.0 - means @ means.T
    np.fill_diagonal(table, np.inf)
    tree, nearest, sizes = Dendrogram.empty(len(means)), NearestPairs(table), weights.astype(np.float32)
    for step in range(len(means) - 1):
        i, j, tree.heights[step] = nearest.find()
        tree.pairs[step] = i, j
        row = (sizes[i] * nearest.row(i) + sizes[j] * nearest.row(j)) / (sizes[i] + sizes[j])
        sizes[i] += sizes[j]
        nearest.join(i, j, row)
    return tree


def condense(
    embeddings: Vectors, limit: float, *, at_least: int, at_most: int = MOST_AT_ONCE
) -> tuple[Vectors, Weights, Labels]:
    """At most `at_most` nodes that stand for the windows: means, numbers of windows, and the node of each window."""
    nodes, weights, node_of = embeddings, np.ones(len(embeddings)), np.arange(len(embeddings))
    while len(nodes) > max(at_most, at_least):
        labels = np.empty(len(nodes), dtype=np.int64)
        n_found = 0
        for first in range(0, len(nodes), at_most):
            block = slice(first, min(len(nodes), first + at_most))
            size = block.stop - block.start
            tree = average_linkage(nodes[block], weights[block])
            # Half at the most, so that every round gets on however different the voices are.
            own = tree.labels(max(tree.merges_up_to(limit), size - max(1, size // 2)))
            labels[block] = own + n_found
            n_found += int(own.max()) + 1
        nodes, weights = weighted_means(nodes, weights, labels), sum_weights(weights, labels)
        node_of = labels[node_of]
    return nodes, weights, np.asarray(node_of, dtype=np.int64)


def sum_weights(weights: Weights, labels: Labels) -> Weights:
    """What each cluster 0 … k - 1 weighs: float64 (k,)."""
    return np.bincount(labels, weights).astype(np.float64)


def weighted_means(points: Vectors, weights: Weights, labels: Labels) -> Vectors:
    """Mean of each cluster 0 … k - 1, float32 (k, d), of float32 (n, d) that count as float64 (n,)."""
    sums = np.zeros((int(labels.max()) + 1, points.shape[1]))
    np.add.at(sums, labels, points * weights[:, None])
    found: Vectors = (sums / sum_weights(weights, labels)[:, None]).astype(np.float32)
    return found


_ROUNDS = 30  # of k-means; it settles in a few


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteringRule:
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


def cluster(embeddings: Vectors, *, rule: ClusteringRule, speakers: SpeakerCount) -> Labels:
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
    return renumber(_reassign_to_nearest(embeddings, labels) if rule.method == "kmeans" else labels)


def means_of(embeddings: Vectors, labels: Labels) -> tuple[Vectors, Weights]:
    """Mean embedding float32 (k, d), and number of windows, float64 (k,), of each cluster 0 … k - 1."""
    ones = np.ones(len(labels))
    return weighted_means(embeddings, ones, labels), sum_weights(ones, labels)


def _agglomerative(embeddings: Vectors, rule: ClusteringRule, low: int, high: int) -> Labels:
    nodes, weights, node_of = condense(embeddings, rule.cut * rule.spread, at_least=low)
    low = min(low, len(nodes))
    tree = average_linkage(nodes, weights)
    for clusters in _first_clusters(tree, rule, low):
        labels = _absorb_small(nodes, weights, *clusters)
        if int(labels.max()) + 1 >= low:
            break
    means = weighted_means(nodes, weights, labels)
    joined = _join(means, sum_weights(weights, labels), rule, low, high)[labels]
    return np.asarray(joined[node_of], dtype=np.int64)


def _first_clusters(tree: Dendrogram, rule: ClusteringRule, low: int) -> Iterator[tuple[Labels, int]]:
    """First clusters and how many windows one must have: ever fewer, then finer clusters, until there are `low`."""
    merges = tree.merges_up_to(rule.cut * rule.spread)
    labels, least = tree.labels(merges), rule.min_windows
    while least > 1:
        yield labels, least
        least //= 2
    yield tree.labels(min(tree.n_nodes - low, merges)), 1


def _absorb_small(points: Vectors, weights: Weights, labels: Labels, min_windows: int) -> Labels:
    """Clusters with fewer windows join the nearest of the others; the largest one never does."""
    sizes = sum_weights(weights, labels)
    # Where even the largest has fewer, all would be one voice.
    small = sizes < min(min_windows, sizes.max())
    small[sizes.argmax()] = False
    if not small.any():
        return labels
    voices = normalise_length(weighted_means(points, weights, labels))
    large = np.flatnonzero(~small)
    target = np.arange(len(sizes))
    # One by one, not window by window: a window alone is a poor witness.
    target[small] = large[(voices[small] @ voices[large].T).argmax(axis=1)]
    return np.unique(target[labels], return_inverse=True)[1].astype(np.int64)


def _join(means: Vectors, weights: Weights, rule: ClusteringRule, low: int, high: int) -> Labels:
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


def _voice_distances(centres: Weights, sizes: Weights, rule: ClusteringRule) -> Weights:
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


def _reassign_to_nearest(embeddings: Vectors, labels: Labels) -> Labels:
    """k-means on the sphere: every window goes to the nearest voice, as long as none loses its last window."""
    for _ in range(_ROUNDS):
        voices = normalise_length(means_of(embeddings, labels)[0])
        moved = (embeddings @ voices.T).argmax(axis=1)
        if len(np.unique(moved)) < len(voices) or (moved == labels).all():
            break
        labels = moved.astype(np.int64)
    return labels
