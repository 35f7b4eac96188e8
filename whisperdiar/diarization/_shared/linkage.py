"""Hierarchical agglomerative clustering: the two nearest clusters join, again and again.

SciPy's `linkage` is for points that all weigh the same and for distances that it knows. Here clusters have weights
from the beginning on, as those of a long recording have that was clustered in blocks first, and the caller says how
far a new cluster is from the others: by the formula of Lance and Williams ("A general theory of classificatory sorting
strategies", 1967), or by any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


class NearestPairs:
    """The nearest two of clusters that join: a table of distances that knows each cluster's nearest other.

    Memory is that of the table, time about n² in practice: after a join only those look around anew whose nearest was
    one of the two.

    Attributes:
        alive: bool (n,), which numbers stand for a cluster still.
    """

    def __init__(self, table: NDArray[Any]) -> None:
        """`table` is float (n, n), symmetrical and infinite on the diagonal; it is changed by `join`."""
        n = len(table)
        self.alive = np.ones(n, dtype=bool)
        self._table = table
        self._nearest: Labels = table.argmin(axis=1) if n else np.empty(0, dtype=np.int64)
        self._closest = table[np.arange(n), self._nearest]

    def find(self) -> tuple[int, int, float]:
        """The numbers of the two nearest clusters, and their distance; of two clusters at least."""
        i = int(self._closest.argmin())
        return i, int(self._nearest[i]), float(self._closest[i])

    def row(self, i: int) -> NDArray[Any]:
        """Distances of cluster `i` from all numbers, float (n,); infinite for itself and for those that have joined."""
        found: NDArray[Any] = self._table[i]
        return found

    def join(self, i: int, j: int, row: NDArray[Any]) -> None:
        """Let `i` stand for both clusters, at the distances `row` (n,) from the others; `j` stands for none then."""
        self.alive[j] = False
        row[~self.alive] = row[i] = np.inf
        table, nearest, closest = self._table, self._nearest, self._closest
        table[i], table[:, i] = row, row
        table[j], table[:, j], closest[j] = np.inf, np.inf, np.inf
        # Whose nearest was one of the two looks around anew, the rest only look at the new cluster.
        lost = self.alive & ((nearest == i) | (nearest == j))
        nearer = self.alive & ~lost & (row < closest)
        closest[nearer], nearest[nearer] = row[nearer], i
        lost[i] = True
        for k in np.flatnonzero(lost):
            nearest[k] = table[k].argmin()
            closest[k] = table[k, nearest[k]]


@dataclass(frozen=True, slots=True, eq=False)
class Dendrogram:
    """Which clusters have joined, in order.

    Attributes:
        pairs: int64 (n - 1, 2), numbers of nodes; the first one stands for both afterwards.
        heights: float64 (n - 1,), their distance.
    """

    pairs: Labels
    heights: NDArray[np.float64]

    @classmethod
    def empty(cls, n: int) -> Dendrogram:
        """For n nodes, to be filled."""
        return cls(np.empty((max(0, n - 1), 2), dtype=np.int64), np.empty(max(0, n - 1)))

    @property
    def n_nodes(self) -> int:
        return len(self.heights) + 1

    def merges_up_to(self, threshold: float) -> int:
        """How many join before the nearest two are farther apart than the threshold."""
        beyond = np.flatnonzero(self.heights > threshold)
        return int(beyond[0]) if len(beyond) else len(self.heights)

    def labels(self, merges: int) -> Labels:
        """The cluster of each node after so many have joined, from 0: int64 (n,)."""
        owner = np.arange(self.n_nodes)
        for i, j in self.pairs[:merges][::-1]:
            owner[j] = owner[i]
        return np.unique(owner, return_inverse=True)[1].astype(np.int64).reshape(-1)
