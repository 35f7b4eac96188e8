"""Clustering of speaker embeddings: pyannote.audio's result, in bounded memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage

from tests.examples import by_night
from whisperdiar.diarization.onnx import agglomerative
from whisperdiar.diarization.onnx.agglomerative import assign_nearest, cluster, weighted_centroid_linkage
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

COUNTS = [ANY_SPEAKERS, SpeakerCount(2, 2), SpeakerCount(5, 5), SpeakerCount(None, 2), SpeakerCount(6, None)]
PUBLISHED = {"method": "centroid", "threshold": 0.7045654963945799, "min_cluster_size": 12}


def voices(n: int, *, n_voices: int, spread: float, dimension: int = 32, seed: int = 0) -> tuple[Any, Any]:
    """Embeddings float32 (n, dimension) around as many directions, and the voice of each."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(n_voices, dimension))
    who = random.integers(0, n_voices, size=n)
    return (centres[who] + spread * random.normal(size=(n, dimension))).astype(np.float32), who


def same_partition(found: Any, expected: Any) -> bool:
    pairs = {(int(a), int(b)) for a, b in zip(found, expected, strict=True)}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@pytest.mark.parametrize("speakers", COUNTS, ids=str)
@pytest.mark.parametrize("spread", [by_night(0.2), 0.6, by_night(1.0)])
@pytest.mark.parametrize(("method", "least"), [("centroid", 12), ("centroid", 3), ("average", 12), ("ward", 12)])
def test_clusters_are_those_of_pyannote(spread: float, speakers: SpeakerCount, method: str, least: int) -> None:
    clustering = pytest.importorskip("pyannote.audio.pipelines.clustering", reason="pyannote.audio is not installed")
    embeddings, _ = voices(160, n_voices=4, spread=spread, seed=round(10 * spread))
    theirs = clustering.AgglomerativeClustering(metric="cosine").instantiate(
        PUBLISHED | {"method": method, "min_cluster_size": least}
    )
    expected = theirs.cluster(
        embeddings.copy(),
        min_clusters=max(1, speakers.minimum or 1),
        max_clusters=speakers.maximum or len(embeddings),
        num_clusters=speakers.exact,
    )
    found = cluster(embeddings, speakers=speakers, **(PUBLISHED | {"method": method, "min_cluster_size": least}))
    np.testing.assert_array_equal(found, expected)


@given(st.integers(1, 8), st.integers(0, 2), st.integers(0, 2), st.integers(0, 99))
def test_voices_with_windows_enough_are_reached_when_they_are_asked_for(
    n_voices: int, fewer: int, more: int, seed: int
) -> None:
    centres = 3.0 * np.eye(32)[:n_voices]
    who = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_voices), 15))
    noise = np.random.default_rng(seed + 1).normal(size=(len(who), 32))
    embeddings = (centres[who] + 0.1 * noise).astype(np.float32)
    assert same_partition(cluster(embeddings, speakers=SpeakerCount(n_voices, n_voices), **PUBLISHED), who)
    bounds = SpeakerCount(max(1, n_voices - fewer), n_voices + more)
    assert bounds.allows(len(set(cluster(embeddings, speakers=bounds, **PUBLISHED).tolist())))


def test_a_small_cluster_joins_a_large_one() -> None:
    many, _ = voices(60, n_voices=1, spread=0.1, seed=1)
    few, _ = voices(4, n_voices=1, spread=0.1, seed=2)
    embeddings = np.concatenate([many, few])
    assert set(cluster(embeddings, speakers=ANY_SPEAKERS, **PUBLISHED)) == {0}
    assert set(cluster(embeddings, speakers=ANY_SPEAKERS, **(PUBLISHED | {"min_cluster_size": 3}))) == {0, 1}


def test_one_embedding_and_one_speaker() -> None:
    embeddings, _ = voices(50, n_voices=3, spread=0.1)
    assert cluster(embeddings[:1], speakers=ANY_SPEAKERS, **PUBLISHED).tolist() == [0]
    assert set(cluster(embeddings, speakers=SpeakerCount(1, 1), **PUBLISHED)) == {0}


def test_weighted_linkage_is_that_of_scipy_where_all_weigh_the_same() -> None:
    embeddings, _ = voices(80, n_voices=5, spread=0.5)
    expected = linkage(embeddings, method="centroid")
    found = weighted_centroid_linkage(embeddings, np.ones(80))
    np.testing.assert_array_equal(found[:, [0, 1, 3]], expected[:, [0, 1, 3]])
    np.testing.assert_allclose(found[:, 2], expected[:, 2], rtol=1e-4)


def test_a_weight_counts_as_so_many_points() -> None:
    embeddings, _ = voices(12, n_voices=3, spread=0.8, dimension=4)
    weights = np.array([1, 7, 2, 1, 1, 30, 1, 3, 1, 1, 5, 1])
    copies = np.repeat(embeddings, weights, axis=0)
    heights = linkage(copies.astype(np.float64), method="centroid")[:, 2]
    found = weighted_centroid_linkage(embeddings, weights.astype(np.float64))[:, 2]
    np.testing.assert_allclose(found, heights[heights > 1e-6], rtol=1e-3)


def test_many_embeddings_find_their_voices_in_bounded_memory() -> None:
    embeddings, who = voices(40_000, n_voices=6, spread=0.15, dimension=48)
    tracemalloc.start()
    found = cluster(embeddings, speakers=ANY_SPEAKERS, **PUBLISHED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert same_partition(found, who)
    assert peak < 1e9, "all distances would take 6.4 GB"


def test_centroids_are_found_without_a_matrix_of_distances() -> None:
    embeddings, who = voices(4_000, n_voices=4, spread=0.2)
    tracemalloc.start()
    found = cluster(embeddings, speakers=ANY_SPEAKERS, **PUBLISHED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert same_partition(found, who)
    assert peak < 20e6, "the distances of all pairs take 64 MB"


@given(st.sampled_from(["centroid", "median", "ward"]), st.integers(2, 60), st.integers(0, 999))
def test_euclidean_linkages_are_scipys(method: str, n: int, seed: int) -> None:
    points, _ = voices(n, n_voices=3, spread=0.8, dimension=16, seed=seed)
    found, expected = agglomerative._link(points, np.ones(n), method), linkage(points.astype(np.float64), method)
    np.testing.assert_allclose(found[:, 2], expected[:, 2], rtol=1e-6)
    np.testing.assert_array_equal(found[:, [0, 1, 3]], expected[:, [0, 1, 3]])


def test_joining_early_hardly_changes_where_clusters_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, who = voices(2_000, n_voices=5, spread=0.5)
    whole = cluster(embeddings, speakers=ANY_SPEAKERS, **PUBLISHED)
    monkeypatch.setattr(agglomerative, "MOST_AT_ONCE", 500)
    monkeypatch.setattr(agglomerative, "_BLOCK", 150)
    assert same_partition(whole, who)
    assert same_partition(cluster(embeddings, speakers=ANY_SPEAKERS, **PUBLISHED), who)
    assert len(set(cluster(embeddings, speakers=SpeakerCount(3, 3), **PUBLISHED))) == 3


def test_embeddings_go_to_the_nearest_centre() -> None:
    embeddings, who = voices(300, n_voices=4, spread=0.2)
    assert same_partition(assign_nearest(embeddings, embeddings[:100], who[:100]), who)


def test_a_threshold_of_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agglomerative, "MOST_AT_ONCE", 100)
    monkeypatch.setattr(agglomerative, "_BLOCK", 50)
    embeddings = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    found = cluster(embeddings, speakers=ANY_SPEAKERS, **(PUBLISHED | {"threshold": 0.0}))
    assert len(found) == 300
