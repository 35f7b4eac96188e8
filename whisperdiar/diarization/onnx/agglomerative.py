"""Agglomerative clustering of many speaker embeddings in bounded memory.

Source: the clustering of pyannote.audio's pipeline "speaker-diarization-3.1" (Bredin, 2023): hierarchical clustering,
a threshold, small clusters joining the nearest large one. With up to `MOST_AT_ONCE` embeddings the result is the same.
A matrix of distances between more would not fit: 100,000 take 40 GB. Then embeddings that follow each other are
clustered first, block by block, up to a lower distance, and what is clustered in the end are the centres of these,
each with the weight of its embeddings (for linkages other than centroid, each as one). That changes which pairs can
meet first, and so where a cluster's edge lies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist

from whisperdiar.diarization._shared.clusters import normalise_length
from whisperdiar.diarization._shared.linkage import NearestPairs
from whisperdiar.types import SpeakerCount

Embeddings = NDArray[np.float32]
Labels = NDArray[np.int64]
Dendrogram = NDArray[np.float64]

MOST_AT_ONCE = 12_000
"""Embeddings whose distances are held at once, where they are: 576 MB, and the same again while they are clustered."""
_BLOCK = 3_000
_EARLY_SHARE = 0.5
"""Of the threshold: what is nearer than that is taken for one voice within a block."""
_LEAST_REACH = 0.01
_MIN_SHARE_OF_ALL = 0.1
_EUCLIDEAN = ("centroid", "median", "ward")
"""Linkages that need Euclidean distances: their embeddings are scaled to length 1."""


def cluster(
    embeddings: Embeddings, *, method: str, threshold: float, min_cluster_size: int, speakers: SpeakerCount
) -> Labels:
    """The cluster of each embedding, from 0: int64 (n,).

    Args:
        embeddings: float32 (n, dimension), in order of time; n is at least 1.
        method: linkage, as in scipy.
        threshold: cosine distance, or Euclidean distance on the unit sphere for ``centroid``, ``median``, ``ward``.
        min_cluster_size: smaller clusters join a larger one; less where a tenth of all embeddings is less.
        speakers: as many clusters as are wanted, as near as can be.
    """
    n = len(embeddings)
    smallest, largest = _bounds(speakers, n)
    if largest < 2 or n == 1:
        return np.zeros(n, dtype=np.int64)
    points: Embeddings = embeddings
    weights: NDArray[np.float64] = np.ones(n)
    members: Labels = np.arange(n)
    if method in _EUCLIDEAN:
        points = normalise_length(points)
    if n > MOST_AT_ONCE:
        points, weights, members = _merge_early(points, method, threshold)
    tree = _link(points, weights, method)
    enough = min(min_cluster_size, max(1, round(_MIN_SHARE_OF_ALL * n)))
    labels = _DendrogramCut(tree, weights, enough).labels(threshold, smallest, largest)
    labels = _absorb_small(points, weights, labels, enough)
    found: Labels = labels[members]
    return found


def cut(embeddings: NDArray[Any], *, method: str, threshold: float) -> Labels:
    """The clusters that a threshold leaves, whatever their sizes and number, from 0: int64 (n,).

    Args:
        embeddings: (n, dimension), in order of time; n is at least 2.
        method: linkage, as in scipy.
        threshold: as `cluster` takes it.
    """
    points: Embeddings = normalise_length(embeddings) if method in _EUCLIDEAN else embeddings
    weights: NDArray[np.float64] = np.ones(len(points))
    members: Labels = np.arange(len(points))
    if len(points) > MOST_AT_ONCE:
        points, weights, members = _merge_early(points, method, threshold)
    labels = _DendrogramCut.at(_link(points, weights, method), threshold)
    found: Labels = np.unique(labels[members], return_inverse=True)[1].astype(np.int64).reshape(-1)
    return found


def assign_nearest(embeddings: Embeddings, train: Embeddings, labels: Labels) -> Labels:
    """The cluster whose centre is nearest to each embedding by cosine distance: int64 (n,).

    Args:
        embeddings: float32 (n, dimension).
        train: float32 (n_train, dimension), of which the centres are the means.
        labels: int64 (n_train,).
    """
    centres = np.stack([train[labels == label].mean(axis=0) for label in range(int(labels.max()) + 1)])
    found = np.empty(len(embeddings), dtype=np.int64)
    for first in range(0, len(embeddings), _BLOCK):
        distances = cdist(embeddings[first : first + _BLOCK], centres, metric="cosine")
        found[first : first + _BLOCK] = np.argmax(2.0 - distances, axis=1)
    return found


def _bounds(speakers: SpeakerCount, n: int) -> tuple[int, int]:
    smallest = max(1, min(n, speakers.minimum or 1))
    return smallest, max(smallest, min(n, speakers.maximum or n))


def _merge_early(points: Embeddings, method: str, threshold: float) -> tuple[Embeddings, NDArray[np.float64], Labels]:
    """Centres of what lies near together, their weights, and the centre of each point.

    Blocks follow each other in time. What is left is joined again at larger distances, until it can be clustered as
    a whole.
    """
    weights: NDArray[np.float64] = np.ones(len(points))
    members: Labels = np.arange(len(points))
    reach = _EARLY_SHARE * threshold
    while len(points) > MOST_AT_ONCE:
        labels = np.empty(len(points), dtype=np.int64)
        n_found = 0
        for first in range(0, len(points), _BLOCK):
            block = slice(first, min(first + _BLOCK, len(points)))
            own: Labels = np.zeros(block.stop - block.start, dtype=np.int64)
            if len(own) > 1:
                own = fcluster(_link(points[block], weights[block], method), reach, criterion="distance") - 1
            labels[block] = own + n_found
            n_found += int(own.max()) + 1
        centres = np.zeros((n_found, points.shape[1]))
        np.add.at(centres, labels, points * weights[:, None])
        total = np.bincount(labels, weights, minlength=n_found)
        points = (centres / total[:, None]).astype(np.float32)
        weights = np.asarray(total, dtype=np.float64)
        members = labels[members]
        reach = max(1.5 * reach, _LEAST_REACH)
    return points, weights, members


def _link(points: Embeddings, weights: NDArray[np.float64], method: str) -> Dendrogram:
    """As scipy's `linkage`; centroids that stand for many embeddings count as many.

    Euclidean linkages need the points only, and no matrix of distances, for which scipy takes 8 n² bytes:
    Müllner, "fastcluster: fast hierarchical, agglomerative clustering routines for R and Python", 2013.
    """
    if method == "centroid" and (weights != 1.0).any():
        return weighted_centroid_linkage(points, weights)
    if method not in _EUCLIDEAN:
        return np.asarray(linkage(points, method=method, metric="cosine"))
    import fastcluster  # here, because other ways of clustering do without it

    return np.asarray(fastcluster.linkage_vector(points, method=method))


def weighted_centroid_linkage(points: Embeddings, weights: NDArray[np.float64]) -> Dendrogram:
    """Centroid linkage of weighted points, in the form of scipy's `linkage`: float64 (n - 1, 4).

    The last column counts points, as scipy's does. Memory is that of n × n float32.
    """
    n = len(points)
    mass, sizes, names = weights.astype(np.float64), np.ones(n), np.arange(n)
    nearest = NearestPairs(_squared_distances(points))
    tree = np.empty((n - 1, 4))
    for step in range(n - 1):
        i, j, apart = nearest.find()
        apart = max(0.0, apart)
        sizes[i] += sizes[j]
        tree[step] = min(names[i], names[j]), max(names[i], names[j]), np.sqrt(apart), sizes[i]
        names[i] = n + step
        share = mass[i] / (mass[i] + mass[j])
        mass[i] += mass[j]
        squares = share * nearest.row(i) + (1.0 - share) * nearest.row(j) - np.float32(share * (1.0 - share) * apart)
        nearest.join(i, j, squares)
    return tree


def _squared_distances(points: Embeddings) -> Embeddings:
    """float32 (n, n), infinite on the diagonal; the float64 of scipy would take twice the memory."""
    found = np.empty((len(points), len(points)), np.float32)
    for first in range(0, len(points), _BLOCK):
        found[first : first + _BLOCK] = cdist(points[first : first + _BLOCK], points, metric="sqeuclidean")
    np.fill_diagonal(found, np.inf)
    return found


class _DendrogramCut:
    """A dendrogram that is cut at some height, and what that leaves of clusters that are large enough."""

    def __init__(self, tree: Dendrogram, weights: NDArray[np.float64], enough: int) -> None:
        self._tree, self._weights, self._enough = tree, weights, enough

    def labels(self, threshold: float, smallest: int, largest: int) -> Labels:
        """Clusters at the threshold, or at the height nearest to it that leaves the wanted number of large ones."""
        labels = self.at(self._tree, threshold)
        n_large = self._n_large(labels)
        if smallest <= n_large <= largest:
            return labels
        wanted = smallest if n_large < smallest else largest
        # Heights of centroids may fall on the way up, so mergers are counted instead.
        ranked = self._tree.copy()
        ranked[:, 2] = np.arange(len(ranked))
        masses = self._masses()
        best, best_off = self.at(ranked, len(ranked)), abs(1 - wanted)
        for step in np.argsort(np.abs(self._tree[:, 2] - threshold)):
            if masses[step] < self._enough:
                continue
            labels = self.at(ranked, float(step))
            off = abs(self._n_large(labels) - wanted)
            if off < best_off:
                best, best_off = labels, off
            if off == 0:
                break
        return best

    def _masses(self) -> NDArray[np.float64]:
        """The weight of each merger's cluster."""
        n = len(self._weights)
        found = np.concatenate([self._weights, np.zeros(len(self._tree))])
        for step, (first, second) in enumerate(self._tree[:, :2].astype(np.int64)):
            found[n + step] = found[first] + found[second]
        return found[n:]

    def _n_large(self, labels: Labels) -> int:
        return int((np.bincount(labels, self._weights) >= self._enough).sum())

    @staticmethod
    def at(tree: Dendrogram, height: float) -> Labels:
        return np.asarray(fcluster(tree, height, criterion="distance") - 1, dtype=np.int64)


def _absorb_small(points: Embeddings, weights: NDArray[np.float64], labels: Labels, enough: int) -> Labels:
    """Small clusters join the large one with the nearest centre; without any large one all are one."""
    sizes = np.bincount(labels, weights)
    large, small = np.flatnonzero(sizes >= enough), np.flatnonzero((sizes > 0) & (sizes < enough))
    if not len(large):
        return np.zeros_like(labels)
    found = labels.copy()
    if len(small):
        centres = np.zeros((len(sizes), points.shape[1]))
        np.add.at(centres, labels, points * weights[:, None])
        centres /= np.maximum(sizes, 1e-12)[:, None]
        to = cdist(centres[large], centres[small], metric="cosine").argmin(axis=0)
        target = np.arange(len(sizes))
        target[small] = large[to]
        found = target[labels]
    return np.unique(found, return_inverse=True)[1].astype(np.int64).reshape(-1)
