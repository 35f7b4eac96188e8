"""Clustering of stretches of speech by speaker embedding and by what the segmentation says of neighbours.

Average linkage by cosine distance, every stretch with the weight of its length. Two things are added to the distance
of two stretches. What chance adds to it is taken off: a short stretch lies far from its own voice. And where windows of
the segmentation hear both, the distance grows or shrinks by what they say, the more, the longer they hear them
together. Clusters have the mean distance of their pairs, of which windows hear only neighbours: so the segmentation
decides about little speech, and voices decide about much.

Average linkage needs of clusters only their means and sums, so that what has joined can stand for its stretches.
Up to `MOST_AT_ONCE` stretches are clustered at once; of more, blocks that follow each other first.

Source of the linkage: Sokal and Michener, "A statistical method for evaluating systematic relationships", 1958.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from whisperdiar.diarization._shared.clusters import normalise_length
from whisperdiar.diarization._shared.linkage import Dendrogram, NearestPairs
from whisperdiar.types import SpeakerCount

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_AT_ONCE = 1_500
"""Nodes whose distances are held at once: 18 MB, and twice as much for what is heard of them."""

_PROMINENT_S = 5.0
"""A stretch that is longer counts no more: one monologue must not outweigh everything else that its speaker says."""
_SHORTEST_S = 0.3
_WITNESS = 0.4
"""What the segmentation adds to a distance, or takes off, where it is sure."""
_DOUBT_S = 0.5
"""So many seconds heard together make the segmentation half as sure as it can be."""
_NOISE_S = 0.03
"""What chance adds to the cosine distance of a stretch of a second."""
_LEAST_SHARE, _MOST_NEEDED_S = 0.03, 10.0
"""Of all speech that somebody says who is found without being asked for; and so many seconds suffice in any case."""
_CLEAR_SHARE, _LEAST_DISTINCT_S = 0.01, 1.2
"""Of all speech, and in seconds, that suffices of somebody who talks alone and is farther from everybody than voices
that join."""
_ESTABLISHED_S, _APART, _LEAST_PARTED_S = 10.0, 0.15, 2.0
"""Two clusters that both say so much are two voices, however near, where they lie further from each other than their
own stretches do, by so much; with less, down to so little, by more."""
_LENIENCE = 0.1
"""By this part of the threshold may clusters lie beyond it that both say so much and are no two voices by that rule."""
_AGREE, _HEARD_S, _PAIRS = 0.9, 0.5, 20
"""Pairs of which the segmentation is sure, and how many of them count as much as the usual threshold."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """What is known of the stretches that are clustered, in order of time.

    Attributes:
        voices: float32 (n, d), embeddings of length 1.
        durations: float64 (n,), in seconds.
        clear: float64 (n,), seconds in which the speaker talks alone.
        same, shared: seconds in which pairs are heard as one speaker, and in which they are heard together; sparse
            (n, n), as `whisperdiar.diarization.onnx.agreement` gives them.
    """

    voices: Vectors
    durations: Floats
    clear: Floats
    same: Any
    shared: Any

    def of(self, chosen: Labels) -> Stretches:
        """Some of them, by number."""
        same, shared = (matrix[chosen][:, chosen] for matrix in (self.same, self.shared))
        return Stretches(self.voices[chosen], self.durations[chosen], self.clear[chosen], same, shared)


def cluster(stretches: Stretches, *, threshold: float, speakers: SpeakerCount) -> Labels:
    """The cluster of each stretch, from 0: int64 (n,).

    Args:
        stretches: at least one.
        threshold: distance up to which clusters are one speaker, where the number of speakers is open.
        speakers: as many as are wanted, wherever there are as many stretches.
    """
    n = len(stretches.durations)
    low = max(1, min(n, speakers.minimum or 1))
    high = max(low, min(n, speakers.maximum or n))
    if high == 1:
        return np.zeros(n, dtype=np.int64)
    nodes, owner = _condense(_Nodes.of(stretches), threshold, at_least=low)
    needed = min(_LEAST_SHARE * float(nodes.seconds.sum()), _MOST_NEEDED_S)
    tree = _merge_all(nodes)
    labels = _cut_within(tree, nodes.seconds, threshold, needed, low, high)
    labels = _join_spread(nodes, tree, labels, threshold, needed, low)
    labels = _split_clusters(nodes, tree, labels, high)
    labels = _absorb_small(nodes, labels, needed, low, high, threshold)
    found: Labels = labels[owner]
    return found


def assign_nearest(stretches: Stretches, chosen: Labels, labels: Labels) -> Labels:
    """The cluster of every stretch, given those of some: the nearest one by voice and by what is heard: int64 (n,).

    Args:
        chosen: int64 (m,), numbers of stretches.
        labels: int64 (m,), their clusters, from 0.
    """
    nodes = _Nodes.of(stretches)
    some = nodes.part(chosen)
    clusters = some.join(labels)
    member = sparse.csr_matrix((np.ones(len(chosen)), (np.arange(len(chosen)), labels)))
    # Of what a cluster says, only what is heard together with a stretch tells anything here: it is no mean of pairs.
    heard = (stretches.shared[:, chosen] > 0) @ sparse.diags(some.weights) @ member
    pairs = nodes.weights[:, None] * np.asarray(heard.todense())
    pull = np.asarray((nodes.pull[:, chosen] @ member).todense()) / np.maximum(pairs, 1e-9)
    found: Labels = np.argmin(1.0 - nodes.means @ normalise_length(clusters.means).T + pull, axis=1).astype(np.int64)
    found[chosen] = labels
    return found


def calibrate(stretches: Stretches, threshold: float) -> float:
    """The threshold, moved to where this recording's voices part, as far as the segmentation knows pairs of them.

    Embeddings differ in how far apart they put two voices. Halfway between pairs that are surely one speaker and pairs
    that are surely two lies a threshold of this network and this room; the more pairs, the more it counts.
    """
    pairs = sparse.triu(stretches.shared, k=1).tocoo()
    if not pairs.nnz:
        return threshold
    rows, columns, heard = pairs.row, pairs.col, pairs.data
    share = _entries(stretches.same, rows, columns) / np.maximum(heard, 1e-12)
    distances = 1.0 - np.einsum("nd,nd->n", stretches.voices[rows], stretches.voices[columns])
    one, two = (heard >= _HEARD_S) & (share >= _AGREE), (heard >= _HEARD_S) & (share <= 1.0 - _AGREE)
    count = min(int(one.sum()), int(two.sum()))
    if not count:
        return threshold
    halfway = 0.5 * float(np.median(distances[one]) + np.median(distances[two]))
    return (_PAIRS * threshold + count * halfway) / (_PAIRS + count)


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Stretches, or clusters that stand for theirs.

    Attributes:
        means: float64 (n, d), of embeddings of length 1, weighted.
        weights, seconds, clear: float64 (n,), what they count, how long they are, and how long nobody else talks.
        noise: float64 (n,), what chance adds to the distance from them.
        pull: what the segmentation adds to the distances of pairs, sparse (n, n), times their weights.
    """

    means: Floats
    weights: Floats
    seconds: Floats
    clear: Floats
    noise: Floats
    pull: Any

    @classmethod
    def of(cls, stretches: Stretches) -> _Nodes:
        lengths = np.maximum(stretches.durations, _SHORTEST_S)
        weights = np.minimum(lengths, _PROMINENT_S)
        shared = stretches.shared.tocoo()
        same = _entries(stretches.same, shared.row, shared.col)
        sure = shared.data / (shared.data + _DOUBT_S)
        pull = _WITNESS * sure * (1.0 - 2.0 * same / np.maximum(shared.data, 1e-12))
        pull *= weights[shared.row] * weights[shared.col]
        pulls = sparse.csr_matrix((pull, (shared.row, shared.col)), shape=shared.shape)
        voices = stretches.voices.astype(np.float64)
        return cls(voices, weights, stretches.durations, stretches.clear, _NOISE_S / lengths, pulls)

    def part(self, chosen: slice | Labels) -> _Nodes:
        pull = self.pull[chosen][:, chosen]
        seconds, clear = self.seconds[chosen], self.clear[chosen]
        return _Nodes(self.means[chosen], self.weights[chosen], seconds, clear, self.noise[chosen], pull)

    def spread(self, chosen: Labels) -> float:
        """The mean distance of their voices from each other, less what chance adds; 0 for one alone."""
        weights, means = self.weights[chosen], self.means[chosen]
        total, squares = float(weights.sum()), np.square(weights)
        pairs = total**2 - float(squares.sum())
        if pairs <= 0.0:
            return 0.0
        alike = float(np.square(weights @ means).sum() - squares @ np.square(means).sum(axis=1))
        # Of every pair the noise of both: that of each counts as often as it has partners.
        noise = 2.0 * float((self.noise[chosen] * weights) @ (total - weights))
        return 1.0 - (alike + noise) / pairs

    def join(self, labels: Labels) -> _Nodes:
        """Each cluster 0 … k - 1 as one node."""
        member = sparse.csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))))
        weights = member @ self.weights
        means = (member @ (self.means * self.weights[:, None])) / weights[:, None]
        noise = (member @ (self.noise * self.weights)) / weights
        seconds, clear = member @ self.seconds, member @ self.clear
        return _Nodes(means, weights, seconds, clear, noise, (member @ self.pull @ member.T).tocsr())


def _entries(matrix: Any, rows: Labels, columns: Labels) -> Floats:
    """The numbers at these places of a sparse matrix, 0 where it holds none: float64 (n,)."""
    return np.asarray(matrix[rows, columns], dtype=np.float64).ravel() if len(rows) else np.zeros(0)


def _merge_all(nodes: _Nodes) -> Dendrogram:
    """All nodes joined, nearest first."""
    n = len(nodes.weights)
    means, weights, noise = nodes.means.copy(), nodes.weights.copy(), nodes.noise.copy()
    pull = np.asarray(nodes.pull.todense())
    table = 1.0 - means @ means.T - noise[:, None] - noise[None] + pull / np.outer(weights, weights)
    np.fill_diagonal(table, np.inf)
    tree, nearest = Dendrogram.empty(n), NearestPairs(table)
    for step in range(n - 1):
        i, j, tree.heights[step] = nearest.find()
        tree.pairs[step] = i, j
        total = weights[i] + weights[j]
        means[i] = (weights[i] * means[i] + weights[j] * means[j]) / total
        noise[i] = (weights[i] * noise[i] + weights[j] * noise[j]) / total
        weights[i] = total
        pull[i] += pull[j]
        pull[:, i] = pull[i]
        nearest.join(i, j, 1.0 - means @ means[i] - noise - noise[i] + pull[i] / (weights * weights[i]))
    return tree


def _condense(nodes: _Nodes, threshold: float, *, at_least: int) -> tuple[_Nodes, Labels]:
    """At most `MOST_AT_ONCE` nodes, and the one that stands for each of those given: int64 (n,)."""
    owner = np.arange(len(nodes.weights))
    while len(nodes.weights) > max(MOST_AT_ONCE, at_least):
        labels = np.empty(len(nodes.weights), dtype=np.int64)
        n_found = 0
        for first in range(0, len(labels), MOST_AT_ONCE):
            block = slice(first, min(len(labels), first + MOST_AT_ONCE))
            tree = _merge_all(nodes.part(block))
            # Half of them at the least, so that every round gets on however different the voices are.
            size = block.stop - block.start
            own = tree.labels(max(tree.merges_up_to(threshold), size // 2))
            parted = _split_clusters(nodes.part(block), tree, own, size)
            # What must stay apart at last must not join here, as long as the round gets on.
            own = parted if parted.max() < 0.75 * size else own
            labels[block] = own + n_found
            n_found += int(own.max()) + 1
        nodes, owner = nodes.join(labels), labels[owner]
    return nodes, owner


def _cut_within(tree: Dendrogram, seconds: Floats, threshold: float, needed: float, low: int, high: int) -> Labels:
    """Clusters at the threshold, or as near to it as leaves a wanted number of those that say enough.

    Too few that say enough are made up for by those that say a little less, before a voice is split.
    """
    at = tree.merges_up_to(threshold)
    counts = _large_counts(tree, seconds, needed)
    if counts[at] < low and _large_counts(tree, seconds, needed / 4)[at] >= low:
        return tree.labels(at)
    fits = np.flatnonzero((counts >= low) & (counts <= high))
    if len(fits):
        return tree.labels(int(fits[np.abs(fits - at).argmin()]))
    # Somebody who is asked for may say next to nothing: by number alone, as near to the threshold as can be.
    n = len(seconds)
    return tree.labels(max(n - high, min(at, n - low)))


def _iterate_joins(tree: Dendrogram, n: int) -> Iterator[tuple[Labels, Labels, float]]:
    """The nodes of the two clusters that each step joins, and the distance at which it does."""
    members = [np.array([number]) for number in range(n)]
    for (i, j), height in zip(tree.pairs.tolist(), tree.heights.tolist(), strict=True):
        yield members[i], members[j], height
        members[i] = np.concatenate([members[i], members[j]])


def _excess(nodes: _Nodes, a: Labels, b: Labels, height: float) -> float:
    """By how much two clusters lie further apart, at `height`, than either spreads."""
    return height - 0.5 * (nodes.spread(a) + nodes.spread(b))


def _join_spread(nodes: _Nodes, tree: Dendrogram, labels: Labels, threshold: float, needed: float, low: int) -> Labels:
    """Clusters joined that lie little beyond the threshold, because each of them spreads: one voice, said in many ways.

    The longer a recording, the more a voice changes in it, and the nearer the threshold lies to its own stretches.
    """
    found: Labels = labels.copy()
    for a, b, height in _iterate_joins(tree, len(labels)):
        # Heights of average linkage rise, save where the segmentation pulls: all are looked at.
        if not threshold < height <= (1.0 + _LENIENCE) * threshold:
            continue
        own, other = np.unique(found[a]), np.unique(found[b])
        if len(own) != 1 or len(other) != 1 or own[0] == other[0]:
            continue
        said = min(float(nodes.clear[a].sum()), float(nodes.clear[b].sum()))
        large = np.bincount(found, weights=nodes.seconds) >= needed
        if said < _ESTABLISHED_S or int(large.sum()) <= low:
            continue
        if _excess(nodes, a, b, height) <= _APART:
            found[b] = own[0]
    joined: Labels = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return joined


def _split_clusters(nodes: _Nodes, tree: Dendrogram, labels: Labels, high: int) -> Labels:
    """Clusters taken apart again where both halves are voices of their own, as long as there may be more of them.

    One threshold cannot fit every recording: far from the microphone the stretches of one voice lie as far from each
    other as two similar voices do near it. So what counts of two clusters that both say much is by how much they lie
    further apart than either spreads.
    """
    found: Labels = labels.copy()
    count = int(labels.max()) + 1
    joins: list[tuple[float, Labels, Labels]] = []
    least = _clear_needed(nodes, _LEAST_PARTED_S)
    for a, b, height in _iterate_joins(tree, len(labels)):
        said = min(float(nodes.clear[a].sum()), float(nodes.clear[b].sum()))
        if labels[a[0]] == labels[b[0]] and said >= least:
            # Of less speech the distance is less sure, by the square root.
            joins.append((_excess(nodes, a, b, height) * min(1.0, said / _ESTABLISHED_S) ** 0.5, a, b))
    # From the root on: a half can only be taken apart itself once it stands alone.
    whole = {label: np.flatnonzero(labels == label) for label in np.unique(labels).tolist()}
    for apart, a, b in reversed(joins):
        own = whole[int(found[a[0]])]
        if count < high and apart > _APART and len(own) == len(a) + len(b) and found[b[0]] == found[a[0]]:
            whole[int(found[a[0]])], whole[count] = a, b
            found[b] = count
            count += 1
    return found


def _large_counts(tree: Dendrogram, seconds: Floats, needed: float) -> Labels:
    """How many clusters say enough after 0, 1, 2, … have joined: int64 (n,)."""
    mass, large = seconds.copy(), int((seconds >= needed).sum())
    counts = [large]
    for i, j in tree.pairs:
        large += int(mass[i] + mass[j] >= needed) - int(mass[i] >= needed) - int(mass[j] >= needed)
        mass[i] += mass[j]
        counts.append(large)
    return np.asarray(counts, dtype=np.int64)


def _absorb_small(nodes: _Nodes, labels: Labels, needed: float, low: int, high: int, threshold: float) -> Labels:
    """Clusters that say too little join the nearest of the others; the `low` largest never do.

    Nor do those that say less, but clearly, and are far from everybody: somebody who says one sentence.
    """
    clusters = nodes.join(labels)
    kept = clusters.seconds >= needed
    kept[np.argsort(-clusters.seconds, kind="stable")[:low]] = True
    clear = _clear_needed(nodes, _LEAST_DISTINCT_S)
    for own in np.argsort(-clusters.clear, kind="stable").tolist():
        if not kept[own] and clusters.clear[own] >= clear and kept.sum() < high:
            near = float(_distances(clusters, np.array([own]), np.flatnonzero(kept)).min())
            kept[own] = near - clusters.noise[own] > threshold
    if kept.all():
        return labels
    target = np.empty(len(kept), dtype=np.int64)
    target[kept] = np.arange(int(kept.sum()))
    target[~kept] = _distances(clusters, np.flatnonzero(~kept), np.flatnonzero(kept)).argmin(axis=1)
    found: Labels = target[labels]
    return found


def _clear_needed(nodes: _Nodes, least: float) -> float:
    """Seconds in which somebody must talk alone to be told from others by his voice: more in longer recordings, in
    which the farthest of one person's stretches lie farther from the rest."""
    return float(np.clip(_CLEAR_SHARE * float(nodes.seconds.sum()), least, _MOST_NEEDED_S))


def _distances(clusters: _Nodes, some: Labels, others: Labels) -> Floats:
    """From the centroids of others, float64 (n_some, n_others), with what the segmentation says of their pairs."""
    pull = clusters.pull[some][:, others].toarray() / np.outer(clusters.weights[some], clusters.weights[others])
    return np.asarray(1.0 - clusters.means[some] @ normalise_length(clusters.means[others]).T + pull)
