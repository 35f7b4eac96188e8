"""Pieces cover all speech, stay within the limit, and are cut where nobody speaks."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.asr._shared.chunking import cut_pieces, find_quietest
from whisperdiar.asr._shared.words import RawWord, place_words
from whisperdiar.types import Audio, Span, merge_spans, total_duration

TOLERANCE = 1e-6


def middle(window: Span) -> float:
    return (window.start + window.end) / 2


@st.composite
def speech(draw: st.DrawFn) -> list[Span]:
    time, spans = 0.0, []
    for _ in range(draw(st.integers(0, 30))):
        time += draw(st.floats(0, 5))
        length = draw(st.floats(0, 40) | st.floats(0, 2))
        spans.append(Span(time, time + length))
        time += length
    return spans


@given(speech(), st.floats(1, 30), st.floats(0, 3), st.randoms(use_true_random=False))
def test_pieces_cover_all_speech_within_the_limit(spans, limit, max_pause, random):
    random.shuffle(spans)
    pieces = cut_pieces(spans, limit=limit, max_pause=max_pause, cut=lambda w: random.uniform(w.start, w.end))
    assert all(piece.duration <= limit + TOLERANCE for piece in pieces)
    assert list(pieces) == sorted(pieces)
    assert all(before.end <= after.start + TOLERANCE for before, after in pairwise(pieces))
    for span in merge_spans(spans):
        inside = [part for piece in pieces if (part := piece.clip(span.start, span.end))]
        assert math.isclose(total_duration(inside), span.duration, abs_tol=TOLERANCE)


@given(speech(), st.floats(1, 30), st.floats(0, 3))
def test_pieces_hold_no_pause_longer_than_allowed(spans, limit, max_pause):
    merged = [span for span in merge_spans(spans) if span.duration > 0]
    for piece in cut_pieces(spans, limit=limit, max_pause=max_pause, cut=middle):
        inside = [part for span in merged if (part := span.clip(piece.start, piece.end))]
        gaps = [after.start - before.end for before, after in pairwise(inside)]
        assert all(gap <= max_pause + TOLERANCE for gap in gaps)
        assert math.isclose(inside[0].start, piece.start)
        assert math.isclose(inside[-1].end, piece.end)


def test_neighbours_travel_together():
    spans = [Span(0, 2), Span(3, 5), Span(10, 12)]
    assert cut_pieces(spans, limit=28, max_pause=2, cut=middle) == (Span(0, 5), Span(10, 12))


def test_long_run_is_cut_at_its_longest_pause_in_the_second_half():
    spans = [Span(0, 3), Span(5, 16), Span(16.5, 20), Span(21.5, 26), Span(26.2, 40)]
    pieces = cut_pieces(spans, limit=28, max_pause=2, cut=lambda _: pytest.fail("there is a pause to cut at"))
    assert pieces == (Span(0, 20), Span(21.5, 40))


def test_speech_without_a_pause_is_cut_in_the_second_half_of_the_window():
    windows = []

    def cut(window: Span) -> float:
        windows.append(window)
        return window.end

    pieces = cut_pieces([Span(0, 95)], limit=28, max_pause=2, cut=cut)
    assert windows[0] == Span(14, 28)
    assert pieces[0] == Span(0, 28)
    assert pieces[-1].end == 95
    assert all(piece.duration > 5 for piece in pieces)


def test_cut_outside_its_window_is_moved_into_it():
    pieces = cut_pieces([Span(0, 60)], limit=20, max_pause=0, cut=lambda _: 1e9)
    assert all(piece.duration <= 20 + TOLERANCE for piece in pieces)


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * 16000))).astype(np.float32)


def test_quietest_is_the_middle_of_the_longest_pause():
    parts = [noise(4, 0.1), noise(0.3, 1e-4), noise(3, 0.1), noise(0.8, 1e-4), noise(2, 0.1)]
    audio = Audio(np.concatenate(parts)[None], 16000)
    assert find_quietest(audio, Span(2, 10)) == pytest.approx(7.7, abs=0.1)
    assert find_quietest(audio, Span(2, 6)) == pytest.approx(4.15, abs=0.1)


def test_quietest_takes_the_dip_where_there_is_no_silence():
    audio = Audio(np.concatenate([noise(3, 0.2), noise(0.4, 0.05), noise(3, 0.2)])[None], 16000)
    assert find_quietest(audio, Span(1, 6)) == pytest.approx(3.2, abs=0.15)


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_quietest_of_even_sound_lies_inside_the_window(level):
    audio = Audio(np.full((1, 16000 * 4), level, dtype=np.float32), 16000)
    assert 1.0 <= find_quietest(audio, Span(1, 3)) <= 3.0
    assert find_quietest(audio, Span(3, 3.001)) == pytest.approx(3.0005)


TIMES = st.none() | st.just(math.nan) | st.floats(-5, 40)
RAW = st.builds(RawWord, st.text(" ab,é字\n", max_size=6), TIMES, TIMES, st.none() | st.floats(-1, 2))


@given(st.lists(RAW, max_size=12), speech(), st.booleans(), st.booleans())
def test_words_keep_the_text_and_stay_in_order_inside_their_piece(raw, spans, spaced, agree):
    piece = Span(3, 20)
    text = "".join(word.text for word in raw) if agree else "quite another text"
    words = place_words(raw, text, piece=piece, speech=merge_spans(spans), spaced=spaced)
    assert "".join(word.text for word in words).split() == text.split()
    assert all(piece.start <= word.start <= word.end <= piece.end for word in words)
    assert all(before.end <= after.start for before, after in pairwise(words))
    assert all(word.text.strip() and 0 <= word.probability <= 1 for word in words)
    if spaced and words:
        assert words[0].text.startswith(" ")


def test_words_without_times_share_the_gap_by_length():
    untimed = [RawWord(" 12", None, None), RawWord(" 1234", math.nan, 4.0)]
    raw = [RawWord(" a", 1.5, 2.0), *untimed, RawWord(" z", 4.0, 4.5)]
    words = place_words(raw, " a 12 1234 z", piece=Span(0, 10), speech=[Span(0, 10)])
    assert [(word.start, word.end) for word in words] == [(1.5, 2), (2, 2.75), (2.75, 4), (4, 4.5)]


def test_text_that_the_words_lack_is_spread_over_their_stretch():
    words = place_words([RawWord(" ab", 2.0, 3.0)], " ab cd", piece=Span(0, 10), speech=[], probability=0.3)
    assert [(word.text, word.start, word.end, word.probability) for word in words] == [
        (" ab", 2.0, 2.5, 0.3),
        (" cd", 2.5, 3.0, 0.3),
    ]


def test_word_stretched_over_a_pause_keeps_its_spoken_part():
    speech = [Span(0, 2), Span(4, 6)]
    raw = [RawWord(" one", 0.5, 1.0), RawWord(" two", 1.7, 4.8), RawWord(" three", 4.8, 5.6)]
    words = place_words(raw, " one two three", piece=Span(0, 6), speech=speech)
    assert [(word.start, word.end) for word in words] == [(0.5, 1.0), (4, 4.8), (4.8, 5.6)]
    late = place_words([RawWord(" bye", 1.5, 3.5)], " bye", piece=Span(0, 6), speech=speech)
    assert late[0].span == Span(1.5, 2)


def test_blank_words_leave_their_space_to_the_next():
    raw = [RawWord("a", 0.0, 1.0), RawWord(" ", 1.0, 1.5), RawWord("b", 2.0, 3.0)]
    words = place_words(raw, "a b", piece=Span(0, 5), speech=[], spaced=False)
    assert [word.text for word in words] == ["a", " b"]
