"""Clustering of speaker embeddings, on vectors whose clusters are known."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from tests.examples import few_by_day
from whisperdiar import SpeakerCount
from whisperdiar.diarization._shared.clusters import renumber
from whisperdiar.diarization.embedding.clustering import MOST_AT_ONCE, ClusteringRule, average_linkage, cluster
from whisperdiar.types import ANY_SPEAKERS

RULE = ClusteringRule(method="agglomerative", spread=0.25, cut=1.35, threshold=0.33, min_windows=8, overlap=8.0)
METHODS = ("agglomerative", "kmeans")


def windows(order: list[int], *, each: int = 20, spread: float = 0.25, d: int = 64, seed: int = 0) -> np.ndarray:
    """float32 (n, d) of length 1: runs of `each` windows by the voices in `order`, which lie at right angles."""
    rng = np.random.default_rng(seed)
    voices = np.linalg.qr(rng.normal(size=(d, max(order) + 1)))[0].T
    # Windows of one voice have a likeness of 1 - spread to each other.
    scatter = np.sqrt(spread / (1 - spread) / d)
    points = np.repeat(voices[order], each, axis=0) + scatter * rng.normal(size=(each * len(order), d))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def truth(order: list[int], each: int = 20) -> np.ndarray:
    return renumber(np.repeat(order, each))


@pytest.mark.parametrize("method", METHODS)
def test_voices_are_told_apart_and_counted(method: str) -> None:
    order = [2, 0, 1, 0, 2, 1, 3]
    found = cluster(windows(order), rule=dataclasses.replace(RULE, method=method), speakers=ANY_SPEAKERS)
    assert (found == truth(order)).all()


def test_one_voice_is_one_speaker_however_long() -> None:
    for each in (3, 30, 300, 1500):
        found = cluster(windows([0], each=each), rule=RULE, speakers=ANY_SPEAKERS)
        assert found.max() == 0, each


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bounds", [(1, 1), (2, 2), (3, 3), (4, 4), (6, 6), (2, 3), (5, 7), (4, None), (None, 2)])
def test_the_number_of_speakers_is_honoured(method: str, bounds: tuple[int | None, int | None]) -> None:
    count = SpeakerCount(*bounds)
    found = cluster(windows([0, 1, 2, 0, 1, 2]), rule=dataclasses.replace(RULE, method=method), speakers=count)
    assert count.allows(int(found.max()) + 1)
    assert set(found) == set(range(int(found.max()) + 1))
    if count.allows(3):
        assert (found == truth([0, 1, 2, 0, 1, 2])).all()


@given(
    st.integers(1, 8).flatmap(lambda n: st.permutations(range(n))),
    st.sampled_from(METHODS),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(2, 20),
    st.integers(0, 99),
)
def test_voices_that_are_there_are_reached_when_they_are_asked_for(
    order: list[int], method: str, fewer: int, more: int, each: int, seed: int
) -> None:
    """Also those who say less than who is found unasked."""
    n = len(order)
    points = windows([*order, *order], each=each, seed=seed)
    rule = dataclasses.replace(RULE, method=method)
    exact = cluster(points, rule=rule, speakers=SpeakerCount(n, n))
    assert (exact == truth([*order, *order], each)).all()
    bounds = SpeakerCount(max(1, n - fewer), n + more)
    assert bounds.allows(int(cluster(points, rule=rule, speakers=bounds).max()) + 1)


@pytest.mark.parametrize("method", METHODS)
def test_few_or_equal_windows(method: str) -> None:
    rule = dataclasses.replace(RULE, method=method)
    assert len(cluster(np.zeros((0, 8), np.float32), rule=rule, speakers=ANY_SPEAKERS)) == 0
    one = windows([0], each=1)
    assert cluster(one, rule=rule, speakers=SpeakerCount(2, 2)).tolist() == [0]
    same = np.repeat(one, 30, axis=0)
    assert cluster(same, rule=rule, speakers=ANY_SPEAKERS).max() == 0
    assert cluster(same, rule=rule, speakers=SpeakerCount(3, 3)).max() == 2
    assert cluster(windows([0, 1], each=2), rule=rule, speakers=SpeakerCount(4, 4)).tolist() == [0, 1, 2, 3]


def test_hardly_any_speech_makes_no_speaker_unless_asked_for() -> None:
    points = np.concatenate([windows([0, 1], each=20), windows([2], each=5)])
    found = cluster(points, rule=RULE, speakers=ANY_SPEAKERS)
    assert found.max() == 1
    assert cluster(points, rule=dataclasses.replace(RULE, min_windows=4), speakers=ANY_SPEAKERS).max() == 2
    exact = cluster(points, rule=RULE, speakers=SpeakerCount(3, 3))
    assert (exact[-5:] == 2).all()
    assert (exact[:-5] < 2).all()


def test_the_thresholds_act() -> None:
    near = windows([0, 1], each=40)
    near[40:] = near[40:] + near[:40].mean(axis=0)
    near /= np.linalg.norm(near, axis=1, keepdims=True)

    def count(**changed: float) -> int:
        rule = dataclasses.replace(RULE, **changed)  # type: ignore[arg-type]
        return int(cluster(near, rule=rule, speakers=ANY_SPEAKERS).max()) + 1

    assert count() == 2
    assert count(threshold=2.0) == 1
    assert count(cut=100.0) == 1


def test_a_small_cluster_of_the_same_voice_joins_what_the_mean_alone_would_keep_apart() -> None:
    points = windows([0], each=400, spread=0.3)
    rule = dataclasses.replace(RULE, spread=0.3, cut=0.55, min_windows=1, overlap=1.0)
    assert 400 - average_linkage(points, np.ones(400)).merges_up_to(0.55 * 0.3) > 5, "the test needs small clusters"
    with_correction = cluster(points, rule=rule, speakers=ANY_SPEAKERS).max()
    # Windows that tell nothing beyond one another: no correction for being few.
    without = cluster(points, rule=dataclasses.replace(rule, overlap=1e-9), speakers=ANY_SPEAKERS).max()
    assert with_correction < without


def test_k_means_moves_windows_to_the_nearest_voice() -> None:
    points = windows([0, 1], each=40, spread=0.45, d=8, seed=3)
    rule = dataclasses.replace(RULE, spread=0.45)
    found = cluster(points, rule=dataclasses.replace(rule, method="kmeans"), speakers=SpeakerCount(2, 2))
    voices = np.stack([points[found == label].mean(axis=0) for label in range(2)])
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    assert ((points @ voices.T).argmax(axis=1) == found).all()
    plain = cluster(points, rule=rule, speakers=SpeakerCount(2, 2))
    assert (plain != found).any(), "the test needs windows that move"


def test_average_linkage_is_scipys() -> None:
    points = windows([0, 1, 2, 1], each=25, spread=0.5, d=16)
    tree, expected = average_linkage(points, np.ones(100)), linkage(points.astype(np.float64), "average", "cosine")
    assert np.allclose(tree.heights, expected[:, 2], atol=1e-5)
    for count in (1, 2, 3, 7, 30, 99, 100):
        assert (renumber(tree.labels(100 - count)) == renumber(fcluster(expected, count, "maxclust"))).all(), count


def test_weights_stand_for_windows() -> None:
    points = windows([0, 1, 2, 3], each=3, spread=0.6, d=16)
    means = np.stack([points[first : first + 3].mean(axis=0) for first in range(0, 12, 3)])
    heights = average_linkage(means, np.full(4, 3.0)).heights
    # The distance of two groups is the mean over all pairs of their windows.
    pairs = 1.0 - points @ points.T
    groups = [pairs[3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean() for i in range(4) for j in range(i)]
    assert heights[0] == pytest.approx(min(groups), abs=1e-5)


def test_more_windows_than_fit_at_once_give_the_same_speakers() -> None:
    rng = np.random.default_rng(1)
    order = rng.integers(0, 4, size=150).tolist()
    points = windows(order, each=20)
    assert len(points) > MOST_AT_ONCE
    assert (cluster(points, rule=RULE, speakers=ANY_SPEAKERS) == truth(order)).all()
    assert cluster(points, rule=RULE, speakers=SpeakerCount(6, 6)).max() == 5


@pytest.mark.parametrize("method", few_by_day(METHODS, every=2))
def test_ten_hours_take_bounded_memory(method: str) -> None:
    order = np.random.default_rng(2).integers(0, 5, size=600).tolist()
    points = windows(order, each=100)
    rule = dataclasses.replace(RULE, method=method, min_windows=180)
    resource = pytest.importorskip("resource", reason="tells the memory of a process on Unix only")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = cluster(points, rule=rule, speakers=ANY_SPEAKERS)
    # In kilobytes, on macOS in bytes. A matrix of all distances would take 14 GB.
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 400e6
    assert len(points) == 60_000
    assert (found == truth(order, each=100)).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_windows_give_the_same_clusters(method: str) -> None:
    points = windows([0, 1, 2], spread=0.5, d=12)
    rule = dataclasses.replace(RULE, method=method)
    assert (
        cluster(points, rule=rule, speakers=ANY_SPEAKERS) == cluster(points.copy(), rule=rule, speakers=ANY_SPEAKERS)
    ).all()
