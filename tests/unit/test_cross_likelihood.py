"""Cross-likelihood ratios and the integer linear programme of `bic`, each against a plain computation of the same."""

from __future__ import annotations

import itertools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from tests.examples import examples
from whisperdiar.diarization._shared import cross_likelihood
from whisperdiar.diarization._shared.cross_likelihood import Clusters, merge_by_cross_likelihood, warp
from whisperdiar.diarization._shared.integer_clustering import choose_centres
from whisperdiar.diarization._shared.mixtures import Mixture, adapt
from whisperdiar.diarization._shared.voice_features import split_at_silences


def voice(number: int, n_frames: int, seed: int = 0) -> np.ndarray:
    """Frames of one of several Gaussians, float32 (n_frames, 3)."""
    rng = np.random.default_rng([number, seed])
    return (rng.standard_normal((n_frames, 3)) + 2.0 * np.eye(3)[number]).astype(np.float32)


# --- warping ---


def test_warped_features_are_the_normal_quantiles_of_their_ranks() -> None:
    frames = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    expected = norm.ppf((rankdata(frames, axis=0) - 0.5) / 40)
    np.testing.assert_allclose(warp(frames), expected, rtol=1e-5)
    assert np.array_equal(warp(np.zeros((5, 2), np.float32)), np.zeros((5, 2)))
    assert warp(np.empty((0, 2), np.float32)).shape == (0, 2)


def test_what_a_microphone_does_to_a_coefficient_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.random.default_rng(1).standard_normal((700, 2)).astype(np.float32)
    warped = warp(frames)
    assert np.array_equal(warp(3 * frames + 7), warped)
    monkeypatch.setattr(cross_likelihood, "_BLOCK", 19)
    assert np.array_equal(warp(frames), warped)
    around = frames[200:500]  # the window of the frame in its middle
    np.testing.assert_allclose(warped[350], norm.ppf((rankdata(around, axis=0)[150] - 0.5) / 300), rtol=1e-5)


# --- adaptation and the ratio ---


def test_an_adapted_mean_lies_between_the_background_and_the_frames() -> None:
    background = Mixture(np.ones(1), np.zeros((1, 3)), np.ones((1, 3)))
    frames = voice(0, 60)
    adapted = adapt(background, frames, relevance=15.0)
    np.testing.assert_allclose(adapted.means[0], frames.sum(axis=0) / 75.0, rtol=1e-5)
    np.testing.assert_allclose(adapt(background, frames, relevance=0.0).means[0], frames.mean(axis=0), rtol=1e-5)
    assert adapted.variances is background.variances


def test_the_ratio_is_what_each_loses_with_the_mixture_of_the_other() -> None:
    """With one Gaussian of variance v it is Σ (x̄ − m_other)² − (x̄ − m_own)² over 2 v, of both."""
    parts = [voice(0, 90), voice(1, 120)]
    everything = np.concatenate(parts).astype(float)
    v, m = everything.var(axis=0), everything.mean(axis=0)
    own = [(part.sum(axis=0) + 15.0 * m) / (len(part) + 15.0) for part in parts]
    expected = 0.0
    for i, j in ((0, 1), (1, 0)):
        centre = parts[i].mean(axis=0)
        expected += (((centre - own[j]) ** 2 - (centre - own[i]) ** 2) / (2 * v)).sum()
    table = Clusters(parts, components=1, relevance=15.0).distances()
    assert table[0, 1] == pytest.approx(expected, rel=1e-5)
    assert table[0, 1] == table[1, 0]
    assert np.isinf(table.diagonal()).all()


def test_a_joined_cluster_is_compared_as_if_it_had_been_one_from_the_beginning() -> None:
    parts = [voice(0, 200), voice(1, 200), voice(0, 150, seed=1)]
    clusters = Clusters(parts, components=4, relevance=15.0)
    row = clusters.join(0, 2)
    whole = Clusters([np.concatenate([parts[0], parts[2]]), parts[1]], components=4, relevance=15.0)
    # The background has heard the same frames in another order.
    assert row[1] == pytest.approx(whole.distances()[0, 1], rel=0.05)


ORDER = (0, 1, 0, 2, 1, 2, 0)


def clusters_of(order: tuple[int, ...]) -> Clusters:
    return Clusters([voice(v, 200, seed=at) for at, v in enumerate(order)], components=8, relevance=15.0)


@pytest.mark.parametrize("method", ["clr", "ilp"])
def test_clusters_of_one_voice_join(method: str) -> None:
    def join(threshold: float, **limits: int) -> list[int]:
        clusters = clusters_of(ORDER)
        if method == "clr":
            return merge_by_cross_likelihood(clusters, threshold=threshold, **limits).tolist()
        return choose_centres(np.maximum(clusters.distances(), 0.0), threshold=threshold, **limits).tolist()

    assert join(0.7) == list(ORDER)
    assert join(0.0) == list(range(len(ORDER)))
    assert set(join(1e6)) == {0}
    assert max(join(0.0, maximum=3)) == 2
    assert max(join(1e6, minimum=4)) == 3


# --- the programme ---


def test_a_chain_has_its_middle_as_the_centre() -> None:
    """Whoever joins the nearest two first has the third one left over: no cluster is near both."""
    distances = np.array([[0.0, 0.8, 1.7], [0.8, 0.0, 0.9], [1.7, 0.9, 0.0]])
    assert choose_centres(distances, threshold=1.0).tolist() == [0, 0, 0]
    assert choose_centres(distances, threshold=0.85).tolist() == [0, 0, 1]
    assert choose_centres(distances, threshold=0.5).tolist() == [0, 1, 2]


def cost(distances: np.ndarray, centres: tuple[int, ...], threshold: float) -> float:
    """Of an assignment of each to a centre; infinite where it is none."""
    total = 0.0
    for k, j in enumerate(centres):
        if centres[j] != j or (k != j and distances[k, j] > threshold):
            return np.inf
        total += 1.0 if k == j else distances[k, j] / threshold
    return total


@settings(max_examples=examples(60))
@given(st.integers(1, 5), st.integers(0, 10_000), st.floats(0.2, 1.5))
def test_no_other_choice_of_centres_costs_less(n: int, seed: int, threshold: float) -> None:
    distances = np.random.default_rng(seed).random((n, n))
    distances = distances + distances.T
    labels = choose_centres(distances, threshold=threshold)
    assert list(dict.fromkeys(labels.tolist())) == list(range(labels.max() + 1))
    best = min(cost(distances, centres, threshold) for centres in itertools.product(range(n), repeat=n))
    found = 0.0
    for label in range(labels.max() + 1):
        own = np.flatnonzero(labels == label)
        ways = [sum(distances[k, j] / threshold for k in own if k != j) for j in own]
        found += 1.0 + min(ways)
    assert found == pytest.approx(best, abs=1e-4)


@given(st.integers(1, 6), st.integers(0, 100), st.integers(1, 6), st.integers(0, 3))
def test_as_many_clusters_as_are_asked_for(n: int, seed: int, low: int, extra: int) -> None:
    distances = np.random.default_rng(seed).random((n, n))
    distances = distances + distances.T
    found = choose_centres(distances, threshold=0.4, minimum=low, maximum=low + extra).max() + 1
    assert min(low, n) <= found <= low + extra


# --- splitting at silences ---


def test_a_long_stretch_is_cut_where_it_is_quietest() -> None:
    energy = np.ones(1000, np.float32)
    energy[320:360] = 0.0
    energy[3] = -5.0  # too near the edge to leave a piece
    energy[600] = -1.0  # one faint frame is no silence
    (cut,) = set(split_at_silences([0, 1000], energy, longest=700, shortest=100)) - {0, 1000}
    assert 320 <= cut <= 360
    assert split_at_silences([0, 1000], energy, longest=1000, shortest=100) == [0, 1000]


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=5), st.integers(1, 120), st.integers(1, 60), st.integers(0, 99)
)
def test_pieces_are_neither_too_long_nor_too_short(sizes: list[int], longest: int, shortest: int, seed: int) -> None:
    edges = np.cumsum([0, *sizes]).tolist()
    energy = np.random.default_rng(seed).standard_normal(edges[-1]).astype(np.float32)
    found = split_at_silences(edges, energy, longest=longest, shortest=shortest)
    assert set(edges) <= set(found)
    assert found == sorted(set(found))
    for first, last in pairwise(found):
        assert last - first <= max(longest, 2 * shortest)
        assert last - first >= shortest or (first in edges and last in edges)
