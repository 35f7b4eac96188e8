"""Average linkage of speaker embeddings by cosine distance, of any number in bounded memory.

Average linkage needs the distances of all pairs. Up to `MOST_AT_ONCE` windows they are taken as they are. Of more,
windows that follow each other are first clustered block by block with the same limit, and the clusters of all blocks,
weighted by their windows, take the place of windows. Then pairs of one block can meet before nearer ones of different
blocks do; no pair meets that is farther apart than the limit, as long as every block has clusters enough.

Source: Sokal and Michener, "A statistical method for evaluating systematic relationships", 1958.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Weights = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_AT_ONCE = 2_000
"""Nodes whose distances are held at once: 16 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Average linkage by cosine distance: which pairs join, nearest first.

    Attributes:
        pairs: int64 (n - 1, 2), the nodes that stand for what joins; the first one stands for both afterwards.
        heights: float64 (n - 1,), the mean distance of their windows, rising.
    """

    pairs: Labels
    heights: Weights

    @classmethod
    def of(cls, means: Vectors, weights: Weights) -> Tree:
        """From mean embeddings float32 (n, d) of windows of length 1, and the numbers of windows, float64 (n,)."""
        n = len(means)
        table = 1.0 - means @ means.T
        np.fill_diagonal(table, np.inf)
        nearest = table.argmin(axis=1)
        closest = table[np.arange(n), nearest]
        sizes = weights.astype(np.float32)
        pairs, heights = np.empty((max(0, n - 1), 2), dtype=np.int64), np.empty(max(0, n - 1))
        for step in range(n - 1):
            i = int(closest.argmin())
            j = int(nearest[i])
            pairs[step], heights[step] = (i, j), closest[i]
            row = (sizes[i] * table[i] + sizes[j] * table[j]) / (sizes[i] + sizes[j])
            sizes[i] += sizes[j]
            row[i] = np.inf
            table[i], table[:, i] = row, row
            table[j], table[:, j], closest[j] = np.inf, np.inf, np.inf
            nearest[i] = row.argmin()
            closest[i] = row[nearest[i]]
            # Joining brings nobody nearer: only those whose nearest has gone or grown look around anew.
            for k in np.flatnonzero((nearest == i) | (nearest == j)):
                if k != i and closest[k] < np.inf:
                    nearest[k] = table[k].argmin()
                    closest[k] = table[k, nearest[k]]
        return cls(pairs, np.maximum.accumulate(heights) if n > 1 else heights)

    @property
    def n_nodes(self) -> int:
        return len(self.heights) + 1

    def count(self, limit: float) -> int:
        """How many clusters there are when all pairs up to this distance have joined."""
        return self.n_nodes - int(np.searchsorted(self.heights, limit, side="right"))

    def labels(self, count: int) -> Labels:
        """The cluster of each node when `count` are left: int64 (n,)."""
        owner = np.arange(self.n_nodes)
        for i, j in self.pairs[: self.n_nodes - count][::-1]:
            owner[j] = owner[i]
        return np.unique(owner, return_inverse=True)[1].astype(np.int64)


def condensed(
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
            tree = Tree.of(nodes[block], weights[block])
            # Half at the most, so that every round gets on however different the voices are.
            own = tree.labels(min(tree.count(limit), max(1, size // 2)))
            labels[block] = own + n_found
            n_found += int(own.max()) + 1
        nodes, weights = weighted_means(nodes, weights, labels), totals(weights, labels)
        node_of = labels[node_of]
    return nodes, weights, np.asarray(node_of, dtype=np.int64)


def totals(weights: Weights, labels: Labels) -> Weights:
    """What each cluster 0 … k - 1 weighs: float64 (k,)."""
    return np.bincount(labels, weights).astype(np.float64)


def weighted_means(points: Vectors, weights: Weights, labels: Labels) -> Vectors:
    """Mean of each cluster 0 … k - 1, float32 (k, d), of float32 (n, d) that count as float64 (n,)."""
    sums = np.zeros((int(labels.max()) + 1, points.shape[1]))
    np.add.at(sums, labels, points * weights[:, None])
    found: Vectors = (sums / totals(weights, labels)[:, None]).astype(np.float32)
    return found


def unit(vectors: Vectors) -> Vectors:
    """The same directions, of length 1."""
    found: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return found
