"""Pieces are filled with speech, lose none of it, and lead back to the recording's times."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.asr._shared.packing import Piece, pack
from whisperdiar.types import Audio, Span, merge_spans, total_duration

TOLERANCE = 1e-6


def middle(window: Span) -> float:
    return (window.start + window.end) / 2


def never(window: Span) -> float:
    pytest.fail(f"speech is cut in {window} where there is a pause")


@st.composite
def speech(draw: st.DrawFn) -> list[Span]:
    time, spans = 0.0, []
    for _ in range(draw(st.integers(0, 30))):
        time += draw(st.floats(0, 15))
        length = draw(st.floats(0, 70) | st.floats(0, 2))
        spans.append(Span(time, time + length))
        time += length
    return spans


LIMITS = {"limit": st.floats(1, 30), "max_pause": st.floats(0, 12), "kept_pause": st.floats(0, 2)}


@given(speech(), st.fixed_dictionaries(LIMITS), st.randoms(use_true_random=False))
def test_pieces_hold_all_speech_once_and_within_the_limit(spans, limits, random):
    random.shuffle(spans)
    pieces = pack(spans, **limits, cut=lambda w: random.uniform(w.start - 1, w.end + 1))
    assert all(piece.duration <= limits["limit"] + TOLERANCE for piece in pieces)
    clips = [clip for piece in pieces for clip in piece.clips]
    assert all(before.end <= after.start + TOLERANCE for before, after in pairwise(clips))
    for span in merge_spans(spans):
        inside = [part for clip in clips if (part := clip.clip(span.start, span.end))]
        assert math.isclose(total_duration(inside), span.duration, abs_tol=TOLERANCE)


@given(speech(), st.fixed_dictionaries(LIMITS))
def test_long_pauses_are_shortened_and_very_long_ones_end_a_piece(spans, limits):
    merged = [span for span in merge_spans(spans) if span.duration > 0]
    for piece in pack(spans, **limits, cut=middle):
        inside = [part for span in merged if (part := span.clip(piece.span.start, piece.span.end))]
        gaps = [after.start - before.end for before, after in pairwise(inside)]
        assert all(gap <= limits["max_pause"] + TOLERANCE for gap in gaps)
        kept = sum(min(gap, limits["kept_pause"]) for gap in gaps)
        assert math.isclose(piece.duration, total_duration(inside) + kept, abs_tol=TOLERANCE)


@given(speech(), st.floats(0, 0.99))
def test_times_lead_back_to_where_the_sound_comes_from(spans, share):
    rate = 100
    end = max((span.end for span in spans), default=0.0) + 1
    audio = Audio(np.arange(math.ceil(end * rate), dtype=np.float32)[None] / 2**24, rate)
    for piece in pack(spans, limit=28, max_pause=10, kept_pause=0.6, cut=middle):
        sound = piece.read_sound(audio)
        assert sound.size == pytest.approx(piece.duration * rate, abs=len(piece.clips))
        passed = 0.0
        for number, clip in enumerate(piece.clips, start=1):
            moment = passed + share * clip.duration
            assert piece.time(moment) == pytest.approx(clip.start + share * clip.duration, abs=1e-6)
            index = round(moment * rate)
            if clip.duration > 1 and 0.1 < share < 0.9:
                heard_at = sound[index] * 2**24 / rate
                assert heard_at == pytest.approx(clip.start + share * clip.duration, abs=0.011 * (number + 1))
            passed += clip.duration


def test_pieces_are_filled_across_pauses_which_are_shortened():
    spans = [Span(0, 8), Span(10, 17), Span(17.4, 22), Span(31, 34), Span(46, 50)]
    pieces = pack(spans, limit=28, max_pause=10, kept_pause=0.6, cut=never)
    assert pieces == (Piece((Span(0, 8.3), Span(9.7, 22.3), Span(30.7, 34))), Piece((Span(46, 50),)))
    assert pieces[0].duration == pytest.approx(8.3 + 12.6 + 3.3)
    assert pieces[0].time(0.0) == 0.0
    assert pieces[0].time(8.0) == pytest.approx(8.0)
    assert pieces[0].time(8.5) == pytest.approx(9.9)
    assert pieces[0].time(99.0) == 34.0


def test_a_piece_ends_at_a_pause_where_the_next_span_does_not_fit():
    spans = [Span(0, 12), Span(13, 25), Span(25.5, 40)]
    assert [piece.span for piece in pack(spans, limit=28, max_pause=10, kept_pause=0.6, cut=never)] == [
        Span(0, 25),
        Span(25.5, 40),
    ]


def test_speech_without_a_pause_is_cut_in_the_second_half_of_the_limit():
    windows = []

    def cut(window: Span) -> float:
        windows.append(window)
        return window.end

    pieces = pack([Span(0, 3), Span(4, 100)], limit=28, max_pause=10, kept_pause=0.5, cut=cut)
    assert windows[0] == Span(14.5, 28.5)
    assert pieces[0].duration == 28
    assert pieces[-1].span.end == 100
    assert all(piece.duration > 5 for piece in pieces)
