"""The parts of the bic diarizer, each against a plain computation of the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from tests.examples import examples
from whisperdiar import Audio, Span
from whisperdiar.diarization._shared import bic_clustering
from whisperdiar.diarization._shared.bic_clustering import (
    Criterion,
    absorb_small,
    effective_parameters,
    merge_closest,
    merge_neighbours,
)
from whisperdiar.diarization._shared.change_detection import change_points
from whisperdiar.diarization._shared.clusters import drop_fleeting, renumber
from whisperdiar.diarization._shared.gaussians import likelihood_cost, sizes, standardise, stretch_sums
from whisperdiar.diarization._shared.mixtures import Mixture, likelihoods, train
from whisperdiar.diarization._shared.resegmentation import move_to_pauses, resegment
from whisperdiar.diarization._shared.speech_frames import SpeechFrames
from whisperdiar.diarization._shared.viterbi import decode
from whisperdiar.diarization._shared.voice_features import VoiceFeatures
from whisperdiar.options import BicSettings

PLAIN = Criterion.plain(3, weight=1.5)


def voices(order: Sequence[int], *, each: int = 150, d: int = 3, seed: int = 0) -> tuple[np.ndarray, list[int]]:
    """Frames of Gaussians with different covariances, float32 (n, d), and the edges of the stretches."""
    rng = np.random.default_rng(seed)
    shapes = [np.random.default_rng(100 + voice).standard_normal((d, d)) for voice in range(max(order) + 1)]
    frames = [rng.standard_normal((each, d)) @ shapes[voice] + voice for voice in order]
    return np.concatenate(frames).astype(np.float32), [i * each for i in range(len(order) + 1)]


# --- stretches as sums ---


def test_a_sum_knows_the_likelihood_of_its_frames() -> None:
    frames, edges = voices([0, 1])
    for sums, part in zip(stretch_sums(frames, edges), (frames[:150], frames[150:]), strict=True):
        covariance = np.cov(part.T.astype(float), bias=True)
        density = multivariate_normal(part.mean(axis=0), covariance).logpdf(part.astype(float)).sum()
        constant = -0.5 * len(part) * 3 * (np.log(2 * np.pi) + 1)
        assert -likelihood_cost(sums) == pytest.approx(density - constant, abs=0.5)
        assert sizes(sums) == 150


def test_sums_add_up_to_the_sum_of_both() -> None:
    frames, edges = voices([0, 1])
    parts, whole = stretch_sums(frames, edges), stretch_sums(frames, [0, 300])
    np.testing.assert_allclose(parts.sum(axis=0), whole[0])


def test_stretches_without_any_variance_stay_finite() -> None:
    assert np.isfinite(likelihood_cost(stretch_sums(np.zeros((6, 12), np.float32), [0, 1, 6]))).all()


def test_standardised_features_have_variance_1_and_constant_ones_are_0() -> None:
    frames = np.column_stack([np.arange(9.0), np.full(9, 7.0)]).astype(np.float32)
    scaled = standardise(frames)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 0], atol=1e-6)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)


# --- changes ---


def test_changes_are_found_where_the_voice_changes() -> None:
    frames, _ = voices([0, 1, 0, 2], each=400)
    found = change_points(frames, window=200)
    for change in (400, 800, 1200):
        assert np.abs(found - change).min() <= 8
    assert np.array_equal(found, change_points(frames, window=200, threads=3))


@given(st.integers(0, 600), st.integers(1, 300))
def test_changes_are_never_closer_than_the_window(n: int, window: int) -> None:
    frames = np.random.default_rng(n).standard_normal((n, 3)).astype(np.float32)
    found = change_points(frames, window=window)
    assert (np.diff(found) >= window - 4).all()
    assert ((found > 0) & (found < max(n, 1))).all()


def test_blocks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, _ = voices([0, 1, 2, 0], each=300)
    whole = change_points(frames, window=150)
    monkeypatch.setattr("whisperdiar.diarization._shared.change_detection._BLOCK", 37)
    assert np.array_equal(change_points(frames, window=150), whole)


# --- the criterion ---


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_parameters_weigh_as_many_frames_as_one_independent_observation_takes(phi: float) -> None:
    """Of a first-order autoregression the sums are known: (1 + φ)/(1 − φ) and (1 + φ²)/(1 − φ²)."""
    rng = np.random.default_rng(0)
    x = np.zeros((60_000, 2))
    for t in range(1, len(x)):
        x[t] = phi * x[t - 1] + rng.standard_normal(2)
    found = effective_parameters(x.astype(np.float32), range(0, 60_001, 5_000))
    expected = 2 * (1 + phi) / (1 - phi) + 3 * (1 + phi**2) / (1 - phi**2)
    assert found == pytest.approx(expected, rel=0.1)


def test_speech_too_short_to_measure_weighs_as_usual() -> None:
    frames = np.random.default_rng(0).standard_normal((90, 2)).astype(np.float32)
    assert effective_parameters(frames, [0, 90]) == effective_parameters(frames, [0, 30, 90]) > 2 + 3


def test_the_distance_is_the_gain_of_two_gaussians_less_what_they_cost() -> None:
    frames, edges = voices([0, 1], each=100)
    sums = stretch_sums(frames, edges)
    costs = likelihood_cost(sums)
    gain = likelihood_cost(sums[0] + sums[1]) - costs.sum()
    for criterion, cost in (
        (Criterion.correlated(9.0, weight=2.0, tolerance=0.5), 9.0 * np.log(200) + 0.5 * 50),
        (Criterion.plain(3, weight=2.0), (3 + 6) * np.log(200)),
        (Criterion.chance(7.0, weight=1.5, tolerance=0.1), 7.0 * (1.5 * np.log(200) / np.log(1000) + 0.1 * 50)),
        (Criterion(per_frame=0.1, whole=20.0), 0.1 * (20 + (50 - 20) / 2)),
    ):
        np.testing.assert_allclose(criterion.distances(sums[0], costs[0], sums[1:], costs[1:]), [gain - cost])


def test_beyond_five_shared_seconds_one_voice_differs_by_half_as_much_more() -> None:
    frames, edges = voices([0, 1], each=4_000)
    sums = stretch_sums(frames, edges)
    costs = likelihood_cost(sums)
    bare, whole = (Criterion.chance(1.0, weight=0.0, tolerance=tolerance) for tolerance in (0.0, 1.0))
    without, cost = (float(own.distances(sums[0], costs[0], sums[1:], costs[1:])[0]) for own in (bare, whole))
    assert without - cost == pytest.approx(500 + (2_000 - 500) / 2)


def test_what_one_voice_differs_by_is_measured_between_its_seconds() -> None:
    """Of independent frames the gain is half a χ² of the parameters of a Gaussian; of frames that stay, far more."""
    rng = np.random.default_rng(3)
    independent = rng.standard_normal((20_000, 4)).astype(np.float32)
    loud = np.ones(20_000, dtype=bool)
    edges = list(range(0, 20_001, 1_000))
    found = VoiceFeatures(independent, loud).chance_gain(edges)
    assert found == pytest.approx((4 + 10) / 2, rel=0.15)
    slow = np.repeat(independent[::10], 10, axis=0)
    slower = VoiceFeatures(slow, loud).chance_gain(edges)
    assert slower is not None
    assert slower > 5 * (7 / 2)
    assert VoiceFeatures(independent[:599], loud[:599]).chance_gain([0, 199, 398, 599]) is None


# --- merging ---


def test_neighbours_of_one_voice_join_and_others_do_not() -> None:
    frames, edges = voices([0, 0, 1, 1, 1, 0])
    assert merge_neighbours(stretch_sums(frames, edges), criterion=PLAIN) == [0, 2, 5, 6]
    assert len(merge_neighbours(stretch_sums(frames, edges), criterion=PLAIN, at_least=5)) == 6


def test_clusters_of_one_voice_join() -> None:
    order = [2, 0, 1, 0, 2, 1, 1, 0]
    frames, edges = voices(order)
    sums = stretch_sums(frames, edges)
    assert merge_closest(sums, criterion=PLAIN).tolist() == [0, 1, 2, 1, 0, 2, 2, 1]
    for count in range(1, 9):
        assert merge_closest(sums, criterion=PLAIN, minimum=count, maximum=count).max() == count - 1


def naive_merging(sums: np.ndarray, criterion: Criterion, minimum: int, maximum: int) -> list[set[int]]:
    clusters = [{i} for i in range(len(sums))]
    while len(clusters) > max(1, minimum):
        totals = [sums[sorted(cluster)].sum(axis=0) for cluster in clusters]
        distances = {
            (i, j): float(
                criterion.distances(totals[i], likelihood_cost(totals[i]), totals[j], likelihood_cost(totals[j]))
            )
            for i, j in itertools.combinations(range(len(clusters)), 2)
        }
        i, j = min(distances, key=lambda pair: distances[pair])
        if distances[i, j] >= 0 and len(clusters) <= maximum:
            break
        clusters[i] |= clusters.pop(j)
    return sorted(clusters, key=min)


@settings(max_examples=examples(40))
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=9),
    st.integers(1, 4),
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from([0.0, 2.0]),
)
def test_merging_is_what_a_search_over_all_pairs_does(
    order: list[int], seed: int, low: int, extra: int, tolerance: float
) -> None:
    frames, edges = voices(order, each=40, seed=seed)
    sums = stretch_sums(frames, edges)
    criterion = Criterion.correlated(9.0, weight=1.5, tolerance=tolerance)
    labels = merge_closest(sums, criterion=criterion, minimum=low, maximum=max(1, low) + extra)
    found = [set(np.flatnonzero(labels == i).tolist()) for i in range(int(labels.max()) + 1)]
    assert found == naive_merging(sums, criterion, low, max(1, low) + extra)


@settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(2, 90)), min_size=1, max_size=8),
    st.integers(0, 120),
    st.integers(1, 4),
)
def test_small_clusters_go_to_others(parts: list[tuple[int, int]], least: int, minimum: int) -> None:
    frames, _edges = voices([voice for voice, _length in parts], each=90)
    pieces = [frames[i * 90 : i * 90 + length] for i, (_voice, length) in enumerate(parts)]
    lengths = np.array([len(piece) for piece in pieces])
    sums = stretch_sums(np.concatenate(pieces), np.concatenate([[0], np.cumsum(lengths)]).tolist())
    labels = absorb_small(sums, least=least, minimum=minimum)
    found = np.bincount(labels, weights=lengths)
    assert len(found) >= min(minimum, len(parts))
    assert found.min() >= least or len(found) <= minimum
    for i, j in itertools.combinations(np.flatnonzero(lengths >= least), 2):
        assert labels[i] != labels[j], "who holds enough stays"


def test_a_small_cluster_goes_to_its_own_voice() -> None:
    frames, edges = voices([0, 1, 2, 1])
    sums = stretch_sums(frames, [*edges[:3], edges[3], edges[3] + 60])
    assert absorb_small(sums, least=100.0).tolist() == [0, 1, 2, 1]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60)), min_size=1, max_size=80),
    st.floats(0.0, 80.0),
    st.floats(0.0, 1.0),
    st.integers(1, 4),
)
def test_who_is_heard_little_and_only_in_passing_is_dropped(
    turns: list[tuple[int, int]], shortest: float, share: float, minimum: int
) -> None:
    labels = renumber(np.concatenate([np.full(length, who) for who, length in turns]))
    runs = [(who, len(list(places))) for who, places in itertools.groupby(labels.tolist())]
    left = drop_fleeting(labels, shortest=shortest, share=share, minimum=minimum)
    n_before = int(labels.max()) + 1
    kept = np.unique(left[left >= 0])
    assert kept.tolist() == list(range(len(kept)))
    assert len(kept) >= min(minimum, n_before)
    fates = {who: set(left[labels == who].tolist()) for who in range(n_before)}
    assert all(len(fate) == 1 for fate in fates.values()), "a cluster goes or stays as a whole"
    assert len(set().union(*fates.values()) - {-1}) == sum(fate != {-1} for fate in fates.values()), "none is joined"
    usual = {}
    for who in range(n_before):
        lengths = np.array([length for other, length in runs if other == who])
        if len(lengths) >= 10 and lengths.sum() < share * len(labels) and (lengths**2).sum() < shortest * lengths.sum():
            usual[who] = (lengths**2).sum() / lengths.sum()
    gone = [who for who, fate in fates.items() if fate == {-1}]
    assert set(gone) <= set(usual)
    assert len(gone) == min(len(usual), max(0, n_before - minimum))
    assert all(usual[who] <= usual[other] for who in gone for other in set(usual) - set(gone)), "the briefest first"


def test_what_belongs_to_nobody_is_shared_out_and_nobody_learns_from_it() -> None:
    frames, edges = voices([0, 1, 0, 1], each=400)
    places = SpeechFrames.of(
        [Span(first / 100, last / 100) for first, last in itertools.pairwise(edges)],
        Audio(np.zeros((1, 16 * 16_000), np.float32), 16_000),
        hop=0.01,
        n_frames=1_600,
    )
    labels = np.repeat([0, 1, -1, -1], 400)
    found, _ = resegment(frames, labels, places, None, settings=BicSettings(), at_least=1)
    np.testing.assert_array_equal(found, np.repeat([0, 1, 0, 1], 400))
    alone, _ = resegment(frames, np.minimum(labels, 0), places, None, settings=BicSettings(), at_least=1)
    assert not alone.any()


def test_more_stretches_than_one_table_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    order = [int(voice) for voice in np.random.default_rng(0).integers(0, 3, 60)]
    frames, edges = voices(order)
    sums = stretch_sums(frames, edges)
    whole = merge_closest(sums, criterion=PLAIN)
    monkeypatch.setattr(bic_clustering, "_PORTION", 8)
    np.testing.assert_array_equal(merge_closest(sums, criterion=PLAIN), whole)
    assert merge_closest(sums, criterion=PLAIN, minimum=2, maximum=2).max() == 1
    never = Criterion()  # takes no two for one voice, so that portions alone would leave all of them
    assert merge_closest(sums, criterion=never).max() + 1 <= 8


def test_nothing_to_merge() -> None:
    empty = stretch_sums(np.empty((0, 3), np.float32), [0])
    assert merge_neighbours(empty, criterion=PLAIN) == [0]
    assert merge_closest(empty, criterion=PLAIN).tolist() == []
    one = stretch_sums(voices([0])[0], [0, 150])
    assert merge_neighbours(one, criterion=PLAIN) == [0, 1]
    assert merge_closest(one, criterion=PLAIN, minimum=3).tolist() == [0]


# --- mixtures ---


def test_a_mixture_finds_its_components() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[-1.5, 0.0], [1.5, 1.0], [0.0, -2.0], [1.0, 3.0]])
    x = (centres[rng.integers(0, 4, 4000)] + 0.2 * rng.standard_normal((4000, 2))).astype(np.float32)
    mixture = train(x, components=4, iterations=20)
    nearest = np.linalg.norm(mixture.means[:, None] - centres, axis=2).min(axis=0)
    assert nearest.max() < 0.1
    np.testing.assert_allclose(mixture.weights, 0.25, atol=0.03)
    np.testing.assert_allclose(mixture.variances, 0.04, rtol=0.2)


def test_likelihoods_are_those_of_the_densities() -> None:
    rng = np.random.default_rng(0)
    mixtures = [
        Mixture(np.array([0.3, 0.7]), rng.standard_normal((2, 3)), rng.uniform(0.5, 2, (2, 3))),
        Mixture(np.array([1.0]), rng.standard_normal((1, 3)), rng.uniform(0.5, 2, (1, 3))),
    ]
    x = rng.standard_normal((9000, 3)).astype(np.float32)  # two blocks
    found = np.concatenate(list(likelihoods(x, mixtures)))
    for column, mixture in zip(found.T, mixtures, strict=True):
        densities = norm.pdf(x[:, None], mixture.means, np.sqrt(mixture.variances)).prod(axis=2)
        np.testing.assert_allclose(column, np.log(densities @ mixture.weights), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("n", "components"), [(1, 1), (24, 1), (75, 3), (500, 8)])
def test_few_frames_get_few_components(n: int, components: int) -> None:
    x = np.random.default_rng(0).standard_normal((n, 2)).astype(np.float32)
    mixture = train(x, components=8, iterations=3)
    assert len(mixture.weights) == components
    assert mixture.weights.sum() == pytest.approx(1)


def test_training_reads_no_more_frames_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whisperdiar.diarization._shared.mixtures._MAX_FRAMES", 100)
    x = np.random.default_rng(0).standard_normal((1000, 2)).astype(np.float32)
    np.testing.assert_allclose(train(x, components=1, iterations=1).means[0], x[::10].mean(axis=0), rtol=1e-5)


# --- decoding ---


@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 10_000))
def test_no_path_is_better(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, costs = rng.standard_normal((n, k)), rng.uniform(0, 2, n)

    def value(path: Sequence[int]) -> float:
        changes = sum(costs[t] for t in range(1, n) if path[t] != path[t - 1])
        return float(scores[np.arange(n), list(path)].sum() - changes)

    found = decode(np.array_split(scores, 2), costs, n_states=k)
    assert value(found) == pytest.approx(max(map(value, itertools.product(range(k), repeat=n))))


# --- frames and times ---


@given(
    st.lists(st.tuples(st.floats(-1, 4), st.floats(0, 2)).map(lambda p: Span(p[0], p[0] + p[1])), max_size=6),
    st.integers(0, 50_000),
    st.integers(0, 1000),
)
def test_turns_cover_the_speech_and_nothing_else(speech: list[Span], n_samples: int, seed: int) -> None:
    audio = Audio(np.zeros((1, n_samples), np.float32), 16_000)
    frames = SpeechFrames.of(speech, audio, hop=0.01, n_frames=-(-n_samples // 160))
    assert all(0 <= number < -(-n_samples // 160) for number in frames.numbers)
    labels = np.random.default_rng(seed).integers(0, 3, len(frames))
    turns = frames.turns(labels)
    assert all(turn.end > turn.start for turn in turns)
    assert list(dict.fromkeys(turn.speaker for turn in turns)) == [f"SPEAKER_{i:02d}" for i in range(len(set(labels)))]
    joined: list[Span] = []
    for turn in turns:
        if joined and joined[-1].end == turn.start:
            joined[-1] = Span(joined[-1].start, turn.end)
        else:
            joined.append(turn.span)
    assert joined == list(frames.regions)


def test_changes_move_to_the_quietest_frame_near_by() -> None:
    audio = Audio(np.zeros((1, 16_000), np.float32), 16_000)
    frames = SpeechFrames.of([Span(0.0, 0.5), Span(0.5001, 1.0)], audio, hop=0.01, n_frames=100)
    labels = np.repeat([0, 1, 1, 0], [20, 30, 40, 10])
    energy = np.ones(100, np.float32)
    energy[[24, 60, 87]] = 0.0
    moved = move_to_pauses(labels, energy, frames, 8)
    assert np.flatnonzero(np.diff(moved)).tolist() == [23, 86]
    assert np.array_equal(move_to_pauses(labels, energy, frames, 0), labels)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(0, 30), st.integers(0, 100))
def test_moving_changes_loses_nobody(labels: list[int], reach: int, seed: int) -> None:
    audio = Audio(np.zeros((1, 160 * len(labels)), np.float32), 16_000)
    frames = SpeechFrames.of([Span(0.0, audio.duration)], audio, hop=0.01, n_frames=len(labels))
    energy = np.random.default_rng(seed).standard_normal(len(labels)).astype(np.float32)
    before = np.array(labels)
    after = move_to_pauses(before, energy, frames, reach)
    runs = [[key for key, _ in itertools.groupby(part)] for part in (before.tolist(), after.tolist())]
    assert runs[0] == runs[1]
