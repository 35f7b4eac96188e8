"""Clusters windows of speech by voice, given their embeddings.

In two steps. Windows join by average linkage up to a distance a little above the one within a voice: so every voice
ends as one cluster or a few, however long it speaks. Clusters with hardly any speech join the nearest other one. Then
clusters join while their voices are nearer than a second threshold. What is compared there is the distance between the
means without what chance adds to it: a mean of few windows lies off its voice, so that without that correction small
clusters would stay apart and large ones join too early. All distances are in units of the spread of a voice.

Source: the number of speakers from eigenvalues is that of Park et al., "Auto-tuning spectral clustering for speaker
diarization using normalized maximum eigengap", IEEE Signal Processing Letters, 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from whisperdiar.diarization._emb_linkage import Labels, Tree, Vectors, Weights, condensed, totals, unit, weighted_means
from whisperdiar.types import SpeakerCount

_ROUNDS = 30  # of k-means; it settles in a few
_NEIGHBOUR_SHARES = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3)  # of all, that auto-tuning tries
_MOST_BY_EIGENVALUES = 12  # speakers that spectral clustering looks for
_FEWEST_FOR_EIGENVALUES = 10  # windows
_SPECTRAL_AT_ONCE = 1_000  # nodes whose eigenvectors are computed: a few seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What decides.

    Attributes:
        method: ``agglomerative``, ``kmeans`` or ``spectral``.
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
    if rule.method == "spectral" and n >= _FEWEST_FOR_EIGENVALUES:
        return numbered(_spectral(embeddings, rule, low, high))
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
    small = sizes < min_windows
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


def _spectral(embeddings: Vectors, rule: Rule, low: int, high: int) -> Labels:
    """Clusters by the eigenvectors of a graph of nearest neighbours, whose number follows from its eigenvalues."""
    from scipy.linalg import eigh

    nodes, _, node_of = condensed(embeddings, rule.cut * rule.spread, at_least=low, at_most=_SPECTRAL_AT_ONCE)
    n = len(nodes)
    low, high = min(low, n), min(high, n)
    likeness = unit(nodes) @ unit(nodes).T
    order = np.argsort(-likeness, axis=1, kind="stable")
    most = min(n - 1, max(low, min(high, _MOST_BY_EIGENVALUES)))
    best, count, vectors = np.inf, low, np.zeros((n, 1))
    for share in _NEIGHBOUR_SHARES:
        graph = np.zeros((n, n))
        np.put_along_axis(graph, order[:, : max(2, int(share * n))], 1.0, axis=1)
        graph = 0.5 * (graph + graph.T)
        laplacian = np.diag(graph.sum(axis=1)) - graph
        values, found = eigh(laplacian, subset_by_index=[0, most])
        gaps = np.diff(values)
        # The fewer neighbours and the larger the gap, the plainer the clusters.
        ratio = share / (gaps.max() / (values[-1] + 1e-9) + 1e-9)
        if ratio < best:
            allowed = gaps[low - 1 : high]
            best, vectors = ratio, found
            count = low + int(allowed.argmax()) if len(allowed) else low
    if count < 2:
        return np.zeros(len(embeddings), dtype=np.int64)
    return _k_means(vectors[:, :count], count)[node_of]


def _k_means(points: Weights, count: int) -> Labels:
    """Plain k-means, begun with the point farthest from the mean and then always the farthest from all chosen."""
    chosen = [int(np.square(points - points.mean(axis=0)).sum(axis=1).argmax())]
    distances = np.square(points - points[chosen[0]]).sum(axis=1)
    while len(chosen) < count:
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.square(points - points[chosen[-1]]).sum(axis=1))
    centres = points[chosen]
    labels = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        squares = np.square(points[:, None] - centres[None]).sum(axis=2)
        nearest = squares.argmin(axis=1)
        for empty in np.setdiff1d(np.arange(count), nearest):  # equal points: one of them makes a cluster of its own
            nearest[squares[np.arange(len(points)), nearest].argmax()] = empty
        if (nearest == labels).all():
            break
        labels = nearest
        centres = np.stack([points[labels == label].mean(axis=0) for label in range(count)])
    return labels.astype(np.int64)
