"""The nearest pair joins: what SciPy's linkages do, found from a table of any distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from whisperdiar.diarization._shared.clusters import normalise_length, renumber
from whisperdiar.diarization._shared.linkage import Dendrogram, NearestPairs

UPDATES: dict[str, Any] = {
    "single": lambda a, b, size_a, size_b: np.minimum(a, b),
    "complete": lambda a, b, size_a, size_b: np.maximum(np.where(np.isinf(a), 0, a), np.where(np.isinf(b), 0, b)),
    "average": lambda a, b, size_a, size_b: (size_a * a + size_b * b) / (size_a + size_b),
}


def join_all(table: Any, update: Any) -> Dendrogram:
    n = len(table)
    tree, nearest, sizes = Dendrogram.empty(n), NearestPairs(table.copy()), np.ones(n)
    for step in range(n - 1):
        i, j, tree.heights[step] = nearest.find()
        tree.pairs[step] = i, j
        row = update(nearest.row(i), nearest.row(j), sizes[i], sizes[j])
        sizes[i] += sizes[j]
        nearest.join(i, j, row)
        assert nearest.alive.sum() == n - step - 1
        assert nearest.alive[i]
    return tree


@pytest.mark.parametrize("method", UPDATES)
@given(n=st.integers(2, 30), seed=st.integers(0, 10_000))
def test_linkages_are_scipys(method: str, n: int, seed: int) -> None:
    distances = pdist(np.random.default_rng(seed).normal(size=(n, 3)))
    table = squareform(distances)
    np.fill_diagonal(table, np.inf)
    tree, expected = join_all(table, UPDATES[method]), linkage(distances, method)
    np.testing.assert_allclose(tree.heights, expected[:, 2])
    for merges in range(n):
        clusters = fcluster(expected, n - merges, "maxclust")
        np.testing.assert_array_equal(renumber(tree.labels(merges)), renumber(clusters.astype(np.int64)))


@given(n=st.integers(1, 25), seed=st.integers(0, 10_000), high=st.integers(2, 40))
def test_the_nearest_pair_is_that_of_a_search_whatever_distances_become(n: int, seed: int, high: int) -> None:
    """Distances of a new cluster may fall, rise and tie, as those of centroids and of the Bayesian criterion do."""
    random = np.random.default_rng(seed)
    table = np.triu(random.integers(0, high, size=(n, n)), 1).astype(float)
    table += table.T
    np.fill_diagonal(table, np.inf)
    nearest, own = NearestPairs(table.copy()), table
    for _ in range(n - 1):
        i, j, distance = nearest.find()
        assert distance == own.min() == own[i, j]
        row = random.integers(0, high, size=n).astype(float)
        nearest.join(i, j, row.copy())
        own[j], own[:, j] = np.inf, np.inf
        row[~nearest.alive] = row[i] = np.inf
        own[i], own[:, i] = row, row
        np.testing.assert_array_equal(nearest.row(i), own[i])


def test_a_threshold_cuts_before_the_first_pair_that_is_farther_apart() -> None:
    tree = Dendrogram(np.array([[0, 1], [2, 3], [0, 2]]), np.array([0.1, 0.5, 0.4]))
    assert [tree.merges_up_to(limit) for limit in (0.0, 0.1, 0.4, 0.5)] == [0, 1, 1, 3]
    assert [tree.labels(merges).tolist() for merges in range(4)] == [[0, 1, 2, 3], [0, 0, 1, 2], [0, 0, 1, 1], [0] * 4]
    assert Dendrogram.empty(1).labels(0).tolist() == [0]


def test_lengths_are_one_and_what_has_none_is_nothing() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [1e-12, 0.0]], np.float32)
    found = normalise_length(vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0, 0], [0, 0], [1, 0]], rtol=1e-5)
