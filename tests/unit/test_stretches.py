"""Stretches of speech: where the text is cut, what a segmentation says of them, and how their voices are clustered."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tests.examples import examples
from whisperdiar.diarization._shared.windows import (
    NOBODY,
    WindowGrid,
    count_speakers,
    mean_activations,
    select_speaking,
)
from whisperdiar.diarization.onnx import stretch_clustering
from whisperdiar.diarization.onnx.agreement import change_scores, cluster_local_speakers, measure_agreement, undisturbed
from whisperdiar.diarization.onnx.stretch_clustering import Stretches, assign_nearest, calibrate, cluster
from whisperdiar.diarization.onnx.stretch_cutting import (
    WORDS,
    CutRule,
    cut,
    cut_finer,
    cut_speech,
    find_sentence_ends,
    spans_of,
)
from whisperdiar.diarization.onnx.stretch_diarization import (
    count_hearing_windows,
    cut_beside_text,
    cut_speech_regions,
    cut_text,
    nearness,
    posteriors,
    rank_speakers,
    remove_slips,
    select_frames,
)
from whisperdiar.errors import InvalidOption
from whisperdiar.options import OnnxSettings
from whisperdiar.types import ANY_SPEAKERS, Span, SpeakerCount, Word

DIMENSION = 32


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[Span], list[bool], list[float]]:
    """Words in order of their starts, which may overlap, with sentence ends and changes of speaker."""
    n = draw(st.integers(0, 60))
    start, spans = 0.0, []
    for _ in range(n):
        start += draw(st.floats(0.0, 2.0))
        spans.append(Span(start, start + draw(st.floats(0.0, 3.0))))
    ends = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return spans, ends, draw(st.lists(st.floats(0.0, 1.0), min_size=max(0, n - 1), max_size=max(0, n - 1)))


@given(texts(), st.floats(0.5, 20.0))
def test_every_word_is_in_exactly_one_stretch_in_order(
    text: tuple[list[Span], list[bool], list[float]], longest: float
) -> None:
    spans, ends, changing = text
    rule = CutRule(longest=longest)
    parts = cut(spans, ends, np.array(changing), rule)
    assert [number for part in parts for number in part] == list(range(len(spans)))
    assert all(len(part) for part in parts)
    for part, span in zip(parts, spans_of(spans, parts), strict=True):
        assert len(part) == 1 or span.duration <= longest + 1e-9
        for number in part[:-1]:
            assert not ends[number]
            assert changing[number] < rule.change
            assert spans[number + 1].start - max(spans[i].end for i in part if i <= number) < rule.pause


def test_stretches_end_at_pauses_sentence_ends_and_changes_and_nowhere_else() -> None:
    words = [Word(Span(t, t + 0.3), text) for t, text in enumerate((" He", " said", " so.”", " No", " he", " did"))]
    spans = [Span(0.3 * i, 0.3 * i + 0.3) for i in range(6)]
    none = np.zeros(5)
    assert find_sentence_ends(words) == [False, False, True, False, False, False]
    assert cut(spans, find_sentence_ends(words), none, WORDS) == [range(3), range(3, 6)]
    assert cut(spans, [False] * 6, none, WORDS) == [range(6)]
    assert cut(spans, [False] * 6, np.array([0, 0, 0, 0.9, 0]), WORDS) == [range(4), range(4, 6)]
    apart = [*spans[:2], *(Span(span.start + 0.5, span.end + 0.5) for span in spans[2:])]
    assert cut(apart, [False] * 6, none, WORDS) == [range(2), range(2, 6)]


@given(st.lists(st.tuples(st.floats(0.05, 5.0), st.floats(0.01, 9.0)), max_size=8))
def test_pieces_cover_speech_without_words(gaps_and_lengths: list[tuple[float, float]]) -> None:
    time, speech = 0.0, []
    for gap, length in gaps_and_lengths:
        speech.append((time + gap, time + gap + length))
        time += gap + length
    found = cut_speech(speech)
    assert sum(span.duration for span in found) == pytest.approx(sum(end - start for start, end in speech))
    assert all(one.end <= two.start + 1e-9 for one, two in pairwise(found))
    assert all(span.duration <= 0.5 for span in found)


def grid(seconds: float) -> WindowGrid:
    """Windows of 10 s every second, with frames of 0.1 s."""
    return WindowGrid(
        n_samples=round(seconds * 16_000),
        length=160_000,
        step=16_000,
        sample_rate=16_000,
        n_frames=100,
        frame_step=0.1,
        frame_duration=0.1,
    )


def windows(who: str, n_speakers: int = 3, seed: int = 0) -> tuple[np.ndarray, WindowGrid]:
    """What a faultless segmentation hears where each letter talks for a second; names are mixed in every window."""
    own = grid(len(who))
    names = sorted(set(who) - {" "})
    active = np.zeros((own.n_windows, own.n_frames, n_speakers), dtype=bool)
    mixed = np.random.default_rng(seed)
    for window in range(own.n_windows):
        places = mixed.permutation(n_speakers)
        for frame in range(own.n_frames):
            second = window + frame // 10
            if second < len(who) and who[second] != " ":
                active[window, frame, places[names.index(who[second])]] = True
    return active, own


def seconds_of(who: str) -> list[Span]:
    return [Span(float(i), float(i + 1)) for i, letter in enumerate(who) if letter != " "]


@given(st.text("ABC", min_size=2, max_size=30), st.integers(0, 9))
@settings(deadline=None, max_examples=examples(40))
def test_a_segmentation_tells_who_is_one_and_who_is_another(who: str, seed: int) -> None:
    active, own = windows(who, seed=seed)
    spans = seconds_of(who)
    assert change_scores(active, own, spans) == pytest.approx([float(a != b) for a, b in pairwise(who)])
    same, shared = (matrix.toarray() for matrix in measure_agreement(active, own, spans))
    heard = shared > 0
    expected = np.array([[float(a == b) for a in who] for b in who])
    assert (same[heard] / shared[heard]) == pytest.approx(expected[heard])
    assert heard.all(axis=None) == (len(who) <= 10)
    assert (same == same.T).all()
    assert (shared == shared.T).all()
    assert shared.max() <= 1.0 + 1e-9, "a second counts once, however many windows hear it"
    labels = np.array([sorted(set(who)).index(letter) for letter in who])
    clusters = cluster_local_speakers(active, own, spans, labels)
    for window, local in enumerate(clusters):
        here = set(labels[window : window + 10].tolist())
        assert set(local[local != NOBODY].tolist()) == here


def test_a_stretch_is_heard_alone_where_its_main_speaker_talks_and_nobody_else() -> None:
    active, own = windows("AAAABB")
    talked = active.any(axis=1)[0]
    others = np.flatnonzero(talked)
    # In the third second both talk.
    active[0, 20:30] = talked
    spans = [Span(0.0, 5.0), Span(5.0, 6.0)]
    frames = select_frames(spans, own)
    first, second = undisturbed(active, own, spans, frames)
    assert len(others) == 2
    heard = np.zeros(own.total_frames, dtype=int)
    heard[frames[0]] += first
    assert heard[:20].all()
    assert not heard[20:30].any(), "both talk"
    assert heard[30:40].all()
    assert not heard[40:].any(), "somebody else talks"
    assert second.all()


@given(st.text("AB ", min_size=2, max_size=25), st.integers(0, 9))
@settings(deadline=None, max_examples=examples(40))
def test_where_one_speaker_talks_at_a_time_stretches_of_one_are_heard_alone(who: str, seed: int) -> None:
    active, own = windows(who, seed=seed)
    spans = seconds_of(who)
    frames = select_frames(spans, own)
    for part, alone in zip(frames, undisturbed(active, own, spans, frames), strict=True):
        assert len(alone) == part.stop - part.start
        assert alone.all()
    active |= active.any(axis=2, keepdims=True)
    assert not any(alone.any() for alone in undisturbed(active, own, spans, frames))


def test_nothing_is_said_of_spans_that_no_window_hears() -> None:
    active, own = windows("A" + " " * 20 + "A")
    spans = seconds_of("A" + " " * 20 + "A")
    assert change_scores(active, own, spans).tolist() == [0.0]
    assert measure_agreement(active, own, spans)[1].toarray()[0, 1] == 0.0
    active[:] = False
    assert measure_agreement(active, own, spans)[1].nnz == 0
    assert (cluster_local_speakers(active, own, spans, np.zeros(2, dtype=np.int64)) == NOBODY).all()


def test_who_owns_a_stretch_comes_first_and_who_talks_beside_him_second() -> None:
    who = "AAAAABBBBB"
    active, own = windows(who)
    beside = active[0].any(axis=0).argmax() if active[0, 0, 0] else int(active[0, 0].argmax())
    other = int(active[0, 60].argmax())
    active[0, 20:30, other] = True  # B talks into A's third second
    spans, labels = seconds_of(who), np.array([0] * 5 + [1] * 5)
    found = rank_speakers(count_hearing_windows(spans, labels, active, own), select_frames(spans, own), labels, own)
    assert beside != other
    assert found[:50, 0].min() > found[:50, 1].max()
    assert found[55:95, 1].min() > found[55:95, 0].max()
    assert found[22:28, 1].min() > 0.9
    assert found[32:48, 1].max() < 0.1


def voices(who: str, *, noise: float = 0.35, seed: int = 0) -> np.ndarray:
    """Embeddings of a cosine distance of about `noise` within a voice and 0.9 between two."""
    random = np.random.default_rng(seed)
    centres = np.eye(DIMENSION)[: ord(max(who)) - ord("A") + 1]
    found = np.stack([centres[ord(letter) - ord("A")] for letter in who])
    found = found + noise * random.normal(size=found.shape) / np.sqrt(DIMENSION)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_a_posterior_joins_what_windows_hear_and_whose_voice_it_is() -> None:
    who = "AAAAABBBBB"
    active, own = windows(who)
    spans, labels = seconds_of(who), np.array([0] * 5 + [1] * 5)
    heard = count_hearing_windows(spans, labels, active, own)
    near = nearness(voices(who), labels, np.ones(10))
    found = posteriors(heard.copy(), select_frames(spans, own), near, own)
    assert found[5:45, 0].min() > 0.9
    assert found[5:45, 1].max() < 0.1
    assert found[55:95, 1].min() > 0.9
    # One second sounds like the other one: the windows' word is half of it.
    near[2] = [0.0, 1.0]
    doubtful = posteriors(heard.copy(), select_frames(spans, own), near, own)
    np.testing.assert_allclose(doubtful[22:28], 0.5, atol=0.01)
    np.testing.assert_array_equal(np.delete(doubtful, slice(20, 31), axis=0), np.delete(found, slice(20, 31), axis=0))


def test_a_stretch_without_a_voice_is_as_near_to_everybody() -> None:
    known = voices("AAABBB")
    known[2] = 0.0
    found = nearness(known, np.array([0, 0, 0, 1, 1, 1]), np.ones(6))
    np.testing.assert_allclose(found[2], 0.5, atol=1e-6)
    assert (found[[0, 1], 0] > 0.9).all()


@settings(max_examples=examples(50), deadline=None)
@given(st.data())
def test_posteriors_are_probabilities_whatever_overlaps(data: st.DataObject) -> None:
    active, own = windows("AABBAABB")
    times = data.draw(st.lists(st.tuples(st.floats(0.0, 9.0), st.floats(0.0, 5.0)), min_size=1, max_size=8))
    spans = sorted(Span(start, start + length) for start, length in times)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(spans), max_size=len(spans))))
    points = np.random.default_rng(data.draw(st.integers(0, 9))).normal(size=(len(spans), DIMENSION))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    near = nearness(points.astype(np.float32), labels, np.ones(len(spans)))
    np.testing.assert_allclose(near.sum(axis=1), 1.0, rtol=1e-5)
    heard = count_hearing_windows(spans, labels, active, own)
    frames = select_frames(spans, own)
    found = posteriors(heard, frames, near, own)
    assert -1e-6 <= found.min() <= found.max() <= 1.0 + 1e-6
    outside = np.ones(len(found), dtype=bool)
    for part in frames:
        outside[part] = False
    np.testing.assert_array_equal(found[outside], mean_activations(heard, own)[outside])


def stretches_of(who: str, *, seconds: float = 3.0, seed: int = 0) -> Stretches:
    n = len(who)
    nothing = sparse.csr_matrix((n, n))
    return Stretches(voices(who, seed=seed), np.full(n, seconds), np.full(n, seconds), nothing, nothing)


def near_voices(who: str, *, apart: float, noise: float, seed: int = 0) -> Stretches:
    """Two voices at about `apart` from each other, whose own stretches lie at about `noise`."""
    random = np.random.default_rng(seed)
    base, other = np.eye(DIMENSION)[:2]
    between = (apart - noise) / (1.0 - noise)
    centres = {"A": base, "B": (1.0 - between) * base + np.sqrt(1.0 - (1.0 - between) ** 2) * other}
    spread = np.sqrt(noise / (1.0 - noise) / DIMENSION)
    found = np.stack([centres[letter] + spread * random.normal(size=DIMENSION) for letter in who])
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    nothing = sparse.csr_matrix((len(who), len(who)))
    seconds = np.full(len(who), 3.0)
    return Stretches(found.astype(np.float32), seconds, seconds, nothing, nothing)


@pytest.mark.parametrize("speakers", [SpeakerCount(), SpeakerCount(maximum=1), SpeakerCount(2, 2)])
def test_two_voices_that_lie_near_are_told_apart_by_how_little_each_spreads(speakers: SpeakerCount) -> None:
    who = "ABAABABBABAB" * 2
    alike = cluster(near_voices(who, apart=0.37, noise=0.18), threshold=0.4, speakers=speakers)
    assert partition(alike) == (by_letter(who) if speakers.maximum != 1 else {frozenset(range(len(who)))})
    # Far from the microphone one voice spreads as widely as those two lie apart.
    wide = cluster(near_voices("A" * 24, apart=0.37, noise=0.3), threshold=0.4, speakers=SpeakerCount())
    assert len(set(wide.tolist())) == 1
    # Of somebody who says little less is known of how he spreads.
    for who, count in (("A" * 22 + "BB", 1), ("A" * 18 + "B" * 6, 2)):
        found = cluster(near_voices(who, apart=0.18, noise=0.02), threshold=0.4, speakers=speakers)
        assert len(set(found.tolist())) == (min(count, speakers.maximum or count) if not speakers.minimum else 2)


@pytest.mark.parametrize("seed", range(4))
def test_one_voice_that_spreads_is_one_a_little_beyond_the_threshold(seed: int) -> None:
    who = "AB" * 24
    # Two ways in which one person talks: 0.42 from each other, where the stretches of either lie 0.3 apart.
    wide = near_voices(who, apart=0.42, noise=0.3, seed=seed)
    assert len(set(cluster(wide, threshold=0.39, speakers=ANY_SPEAKERS).tolist())) == 1
    assert len(set(cluster(wide, threshold=0.39, speakers=SpeakerCount(2, 2)).tolist())) == 2
    # As far from each other, but each like itself: two people. And two as wide, but far from each other.
    for apart, noise in ((0.42, 0.18), (0.5, 0.26)):
        two = near_voices(who, apart=apart, noise=noise, seed=seed)
        assert partition(cluster(two, threshold=0.39, speakers=ANY_SPEAKERS)) == by_letter(who)


def test_near_voices_are_told_apart_in_hours_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch_clustering, "MOST_AT_ONCE", 30)
    who = "ABAABABBABAB" * 10
    found = cluster(near_voices(who, apart=0.37, noise=0.18), threshold=0.4, speakers=SpeakerCount())
    assert partition(found) == by_letter(who)


@given(st.text("AB", min_size=2, max_size=40), st.integers(1, 4), st.integers(0, 99))
def test_voices_taken_apart_never_exceed_what_may_be(who: str, most: int, seed: int) -> None:
    found = near_voices(who, apart=0.38, noise=0.15, seed=seed)
    assert len(set(cluster(found, threshold=0.4, speakers=SpeakerCount(maximum=most)).tolist())) <= most


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def by_letter(who: str) -> set[frozenset[int]]:
    return {frozenset(i for i, own in enumerate(who) if own == letter) for letter in who}


@given(st.text("ABCDE", min_size=1, max_size=60), st.integers(0, 99))
@settings(deadline=None)
def test_voices_that_are_apart_are_found_however_many_there_are(who: str, seed: int) -> None:
    known = stretches_of(who, seed=seed)
    assert partition(cluster(known, threshold=0.4, speakers=ANY_SPEAKERS)) == by_letter(who)
    drowned = replace(known, clear=np.zeros(len(who)))
    found = cluster(drowned, threshold=0.4, speakers=ANY_SPEAKERS)
    assert partition(found) <= by_letter(who) or len(partition(found)) < len(by_letter(who))
    # Of those who are never heard alone nobody is left out who says 3 % of it.
    assert len(partition(found)) == sum(who.count(x) >= 0.03 * len(who) for x in set(who))


@given(st.text("ABCDE", min_size=1, max_size=40), st.integers(1, 6), st.integers(0, 3))
@settings(deadline=None)
def test_the_number_of_speakers_asked_for_is_reached(who: str, low: int, extra: int) -> None:
    bounds = SpeakerCount(low, low + extra)
    n_found = len(set(cluster(stretches_of(who), threshold=0.4, speakers=bounds).tolist()))
    assert min(low, len(who)) <= n_found <= low + extra
    assert n_found == min(len(who), max(low, min(low + extra, len(set(who)))))


@given(texts(), st.integers(1, 30), st.floats(0.1, 2.0), st.integers(0, 99))
def test_stretches_are_cut_finer_until_there_are_enough(
    text: tuple[list[Span], list[bool], list[float]], at_least: int, shortest: float, seed: int
) -> None:
    spans, ends, changing = text
    heard = np.random.default_rng(seed).uniform(size=len(spans)) * [span.duration for span in spans]
    parts = cut(spans, ends, np.array(changing), WORDS)
    found = cut_finer(spans, parts, np.array(changing), heard, at_least=at_least, shortest=shortest)
    assert [number for part in found for number in part] == list(range(len(spans)))
    assert len(found) <= max(len(parts), at_least)
    for part in found:
        assert part in parts or heard[part.start : part.stop].sum() >= shortest - 1e-9
        if len(found) < at_least:
            for at in range(part.start + 1, part.stop):
                halves = heard[part.start : at].sum(), heard[at : part.stop].sum()
                assert min(halves) < shortest + 1e-9, "it could be cut once more"


@given(st.integers(1, 8), st.permutations("ABCDEFGH"), st.booleans(), st.booleans(), st.integers(0, 9))
@settings(deadline=None, max_examples=examples(40))
def test_as_many_as_are_asked_for_have_turns(
    n: int, order: list[str], with_words: bool, changes_are_heard: bool, seed: int
) -> None:
    """From what the windows hear to turns: people talk one after another without a pause or the end of a sentence,
    and the segmentation may take them all for one."""
    who = "".join(letter * 4 for letter in order[:n])
    active, own = windows(who if changes_are_heard else "A" * len(who), n_speakers=8, seed=seed)
    count = count_speakers(active, own)
    if with_words:
        words = [Word(Span(0.5 * i, 0.5 * i + 0.5), " so") for i in range(2 * len(who))]
        spans = cut_text(words, active, own, float(len(who)), at_least=n)
    else:
        spans = cut_speech_regions(count, active, own, at_least=n)
    middles = [min(len(who) - 1, int((span.start + span.end) / 2)) for span in spans]
    labels = cluster(stretches_of("".join(who[i] for i in middles)), threshold=0.4, speakers=SpeakerCount(n, n))
    heard = count_hearing_windows(spans, labels, active, own)
    turns = select_speaking(rank_speakers(heard, select_frames(spans, own), labels, own), count)
    assert turns.any(axis=0).sum() == n


def test_words_where_nobody_is_heard_are_nobodys() -> None:
    active, own = windows("AAAA    BBBB")
    words = [Word(Span(t, t + 0.9), " so.") for t in (0.0, 1.0, 2.0, 3.0, 5.5, 8.0, 9.0, 10.0, 11.0)]
    for least in (1, 3):
        assert all(not 4.0 < span.start < 8.0 for span in cut_text(words, active, own, 12.0, at_least=least))
    assert cut_text(words[4:5], active, own, 12.0, at_least=2) == []


@given(st.text("ABC ", min_size=12, max_size=30), st.sets(st.integers(0, 29), max_size=12), st.integers(0, 9))
@settings(deadline=None, max_examples=examples(40))
def test_speech_beside_the_text_is_in_stretches_that_touch_no_word(who: str, spoken: set[int], seed: int) -> None:
    active, own = windows(who, seed=seed)
    count = count_speakers(active, own)
    middle = own.middle(np.arange(own.total_frames))
    words = [Word(Span(i + 0.2, i + 0.7), " so") for i in sorted(spoken) if i < len(who) and who[i] != " "]
    text = cut_text(words, active, own, float(len(who)))
    beside = cut_beside_text(text, count, active, own)
    covered, found = (
        np.array([sum(span.start <= time < span.end for span in spans) for time in middle]) for spans in (text, beside)
    )
    assert found.max(initial=0) <= 1
    assert not (found[covered > 0] > 0).any()
    assert all(span.duration >= 0.2 for span in beside)
    for low, high in ((i + 0.05, i + 0.85) for i, letter in enumerate(who) if letter != " "):
        inside = (middle >= low) & (middle < high)
        if not covered[inside].any():
            assert found[inside].all(), "whole seconds without a word are heard"
    assert sorted(beside) == beside
    assert cut_beside_text(text, np.zeros_like(count), active, own) == []


def test_a_single_odd_stretch_is_no_speaker_and_takes_no_asked_ones_place() -> None:
    who = "A" * 60 + "B" * 60 + "C"
    for speakers in (ANY_SPEAKERS, SpeakerCount(2, 2), SpeakerCount(1, 2)):
        found = cluster(stretches_of(who), threshold=0.4, speakers=speakers)
        assert partition(found[:120]) == by_letter(who[:120])
        assert len(set(found.tolist())) == 2
    assert partition(cluster(stretches_of(who), threshold=0.4, speakers=SpeakerCount(3, 3))) == by_letter(who)


@given(st.floats(0.2, 3.0), st.booleans(), st.integers(0, 9))
@settings(deadline=None, max_examples=examples(40))
def test_one_clear_sentence_of_a_far_voice_is_a_speaker_and_a_drowned_one_is_not(
    clear: float, far: bool, seed: int
) -> None:
    """Three seconds of words among two minutes: he counts who is heard alone for long enough, and like nobody else."""
    who = "A" * 28 + "B" * 10
    known = stretches_of(who + ("C" if far else "B"), seed=seed)
    known.clear[-1] = clear
    found = cluster(known, threshold=0.4, speakers=ANY_SPEAKERS)
    assert partition(found[:-1]) == by_letter(who)
    assert (len(set(found.tolist())) == 3) == (far and clear >= 1.2)
    most = cluster(known, threshold=0.4, speakers=SpeakerCount(maximum=2))
    assert len(set(most.tolist())) == 2


def test_four_seconds_of_thirty_are_a_speaker() -> None:
    who = "AAAABAAAAA"
    assert partition(cluster(stretches_of(who), threshold=0.4, speakers=ANY_SPEAKERS)) == by_letter(who)


def test_the_segmentation_decides_where_voices_leave_it_open() -> None:
    """One voice in two microphones: the windows hear one speaker, and so there is one; and the other way round."""
    who = "ABABAB"
    letters = np.array(list(who))
    found = {}
    for distance, heard_as_one in ((0.5, True), (0.5, None), (0.3, None), (0.3, False)):
        own = near_voices(who, apart=distance, noise=0.15)
        shared = np.zeros((6, 6)) if heard_as_one is None else np.ones((6, 6))
        same = shared if heard_as_one else shared * (letters[:, None] == letters[None])
        known = replace(own, same=sparse.csr_matrix(same), shared=sparse.csr_matrix(shared))
        found[distance, heard_as_one] = len(set(cluster(known, threshold=0.4, speakers=ANY_SPEAKERS).tolist()))
    assert found == {(0.5, True): 1, (0.5, None): 2, (0.3, None): 1, (0.3, False): 2}


def test_hours_are_clustered_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    who = "".join(np.random.default_rng(1).choice(list("ABCD"), 400))
    whole = cluster(stretches_of(who), threshold=0.4, speakers=ANY_SPEAKERS)
    monkeypatch.setattr(stretch_clustering, "MOST_AT_ONCE", 30)
    in_blocks = cluster(stretches_of(who), threshold=0.4, speakers=ANY_SPEAKERS)
    assert partition(in_blocks) == partition(whole) == by_letter(who)


def test_short_stretches_go_to_the_nearest_voice() -> None:
    who = "AABBAB"
    known = stretches_of(who)
    chosen = np.array([0, 1, 2, 3])
    assert assign_nearest(known, chosen, np.array([1, 1, 0, 0])).tolist() == [1, 1, 0, 0, 1, 0]


def test_the_threshold_follows_what_the_segmentation_knows_of_the_voices() -> None:
    who = "AB" * 20
    nothing = calibrate(stretches_of(who), 0.4)
    letters = np.array(list(who))
    shared = sparse.csr_matrix(np.ones((40, 40)))
    same = sparse.csr_matrix((letters[:, None] == letters[None]).astype(float))
    seconds = np.full(40, 3.0)
    known = Stretches(voices(who), seconds, seconds, same, shared)
    assert nothing == 0.4
    assert 0.45 < calibrate(known, 0.4) < 0.6, "halfway between about 0.1 and 0.9"
    alone = Stretches(voices("A" * 40), seconds, seconds, shared, shared)
    assert calibrate(alone, 0.4) == 0.4


def test_what_belongs_to_one_mode_is_refused_in_the_other() -> None:
    for setting in ({"embedding_batch_size": 2}, {"min_cluster_size": 3}, {"clustering_method": "average"}):
        OnnxSettings(exact=True, **setting)
        with pytest.raises(InvalidOption, match="only the exact mode"):
            OnnxSettings(**setting)


def test_each_mode_has_its_own_embedding_threshold_and_step() -> None:
    text, exact = OnnxSettings(), OnnxSettings(exact=True)
    assert ("speaker-embedding-models" in text.embedding, "wespeaker" in exact.embedding) == (True, True)
    assert (text.threshold, round(exact.threshold, 3)) == (0.4, 0.705)
    assert [OnnxSettings(fast=True, exact=mode).step for mode in (False, True)] == [0.25, 0.1]
    assert OnnxSettings(fast=True, segmentation_step=0.05).step == 0.05
    assert OnnxSettings(embedding_model="mine.onnx").embedding == "mine.onnx"


def test_overlap_of_a_few_frames_makes_no_speaker() -> None:
    own = grid(60.0)
    who = np.zeros((own.total_frames, 4), dtype=bool)
    who[:, 0] = True
    who[100:102, 1] = who[200:202, 2] = who[300:303, 3] = True
    found = remove_slips(who, 2, own)
    assert found.sum(axis=0).tolist() == [own.total_frames, 2, 0, 3], "who has a stretch stays, however short"
