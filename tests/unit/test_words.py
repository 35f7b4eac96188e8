"""The word stream: whole words with punctuation, each with a time that can be trusted."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar.asr._shared.word_times import MIN_WORD_S, fit_spans, max_word_duration, repair_spans, snap_spans
from whisperdiar.asr._shared.words import (
    BROKEN,
    RawWord,
    delay_words,
    place_words,
    restore_characters,
    retime_words,
    spread_words,
)
from whisperdiar.asr.whisper.attention import LEADS_S, find_lead
from whisperdiar.types import Span, Word

PIECE = Span(0, 30)


def placed(*parts: str, spaced: bool = True) -> list[str]:
    """The texts of the words that parts, half a second each, become."""
    raw = [RawWord(part, 0.5 * i, 0.5 * i + 0.4, 0.5) for i, part in enumerate(parts)]
    words = place_words(raw, "".join(parts), piece=PIECE, speech=[PIECE], spaced=spaced)
    assert "".join(word.text for word in words).split() == "".join(parts).split()
    return [word.text for word in words]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((" à", " l", "'heure", "."), [" à", " l'heure."]),
        ((" twenty", "-five", " percent"), [" twenty-five", " percent"]),
        ((" about", " $", "5", ".40", ","), [" about", " $5.40,"]),
        ((" 50", "%", " of"), [" 50%", " of"]),
        ((" 50", " %", " of"), [" 50", " %", " of"]),
        ((" 20", " €", "."), [" 20", " €."]),
        ((" Москва", " —", " столица"), [" Москва —", " столица"]),
        ((" —", " Да", ",", " —", " сказал", " он", "."), [" — Да, —", " сказал", " он."]),
        ((" ¿", "Qué", "?"), [" ¿Qué?"]),
        ((" «", "Да", "»", "."), [" «Да»."]),
        ((" (", "yes", ")", "..."), [" (yes)..."]),
        ((" Well", " ..."), [" Well ..."]),
        ((" ...",), [" ..."]),
    ],
)
def test_words_are_whole_and_punctuation_joins_them(parts, words):
    assert placed(*parts) == words


def test_characters_of_unspaced_languages_stay_apart():
    assert placed(" 今", "日", "は", "。", "雨", spaced=False) == [" 今", "日", "は。", "雨"]


def test_punctuation_has_no_say_in_time_and_probability():
    raw = [RawWord(" Yes", 1.0, 1.3, 0.9), RawWord(".", 1.3, 4.0, 0.1)]
    [word] = place_words(raw, " Yes.", piece=PIECE, speech=[PIECE])
    assert (word.text, word.span, word.probability) == (" Yes.", Span(1.0, 1.3), 0.9)


def spans(*times: tuple[float, float], speech=(PIECE,), text: str = " word") -> list[Span]:
    return repair_spans(times, [text] * len(times), piece=PIECE, speech=speech)


def test_a_word_lasts_no_longer_than_its_letters_can_explain():
    longest = max_word_duration(" word")
    assert 0.8 < longest < 1.5
    assert spans((2, 2.5), (2.5, 9.0)) == [Span(2, 2.5), Span(2.5, 2.5 + longest)]
    assert spans((2.5, 9.0), (9.0, 9.4)) == [Span(9 - longest, 9.0), Span(9, 9.4)]
    assert max_word_duration(" 1984") > max_word_duration(" year") + 0.5


def test_a_long_word_is_cut_back_to_the_speech_next_to_it():
    assert spans((2.0, 8.0), speech=[Span(1, 2.05)])[0].start == 2.0
    assert spans((2.0, 8.0), speech=[Span(7.95, 9)])[0].end == 8.0


def test_a_word_never_lies_over_a_pause_that_was_seen():
    assert spans((4.0, 4.9), speech=[Span(0, 4.08), Span(4.5, 9)]) == [Span(4.5, 4.9)]
    assert spans((3.95, 4.55), speech=[Span(0, 4.08), Span(4.5, 9)]) == [Span(3.95, 4.08)]


def test_a_word_stretched_over_what_else_is_said_stays_with_its_neighbour():
    """The last word before a sentence that Whisper skips, and the first one behind it."""
    speech = [Span(0, 2.4), Span(3, 9), Span(9.5, 12)]
    assert spans((1.0, 1.4), (1.4, 8.5), speech=speech)[1] == Span(1.4, 2.4)
    longest = max_word_duration(" word")
    assert spans((3.5, 10.0), (10.0, 10.4), speech=speech)[0] == Span(9.5, 10.0)
    # Too little is spoken there for the word.
    assert spans((1.0, 2.3), (2.3, 8.5), speech=speech)[1] == Span(3, 3 + longest)


def test_words_without_any_time_get_some():
    first, second, third = spans((1.0, 1.4), (1.4, 1.4), (1.4, 2.0))
    assert (first, third.end) == (Span(1.0, 1.4), 2.0)
    assert first.end <= second.start < second.end <= third.start < third.end
    assert spans((3.0, 3.0))[0].duration >= MIN_WORD_S
    assert spans((30.0, 30.0))[0] == Span(30 - MIN_WORD_S, 30)


TIMES = st.lists(st.tuples(st.floats(-2, 40), st.floats(-2, 40)), max_size=15)
SPEECH = st.lists(st.tuples(st.floats(0.1, 4), st.floats(0.1, 6)), max_size=6)


@given(TIMES, SPEECH)
def test_times_are_in_order_apart_and_short_enough(times, steps):
    speech, time = [], 0.0
    for pause, length in steps:
        speech.append(Span(time + pause, time + pause + length))
        time += pause + length
    found = spans(*times, speech=speech)
    assert len(found) == len(times)
    assert all(PIECE.start <= span.start < span.end <= PIECE.end for span in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(span.duration <= max_word_duration(" word") + 2 * MIN_WORD_S for span in found)


def test_new_times_replace_old_ones_and_gaps_keep_theirs():
    words = [Word(Span(1.0, 1.4), " one"), Word(Span(1.5, 1.9), " 2"), Word(Span(2.0, 2.4), " three")]
    moved = retime_words(words, [(1.1, 1.3), None, (1.7, 2.2)], piece=PIECE, speech=[PIECE])
    assert [word.span for word in moved] == [Span(1.1, 1.3), Span(1.5, 1.7), Span(1.7, 2.2)]
    assert [word.text for word in moved] == [word.text for word in words]
    late = retime_words(words, [None, None, (1.2, 1.6)], piece=PIECE, speech=[PIECE])
    assert late[0].start == 1.0
    assert 1.2 <= late[2].start < late[2].end == 1.6


def test_words_are_spread_over_the_speech():
    raw = spread_words(" one two three four", [Span(0, 1), Span(5, 6)])
    assert [word.text for word in raw] == [" one", " two", " three", " four"]
    assert raw[0].start == 0.0
    assert raw[-1].end == pytest.approx(6.0)
    assert all(word.end <= 1.0 or word.start >= 5.0 for word in raw)
    assert [word.text for word in spread_words("今日", [Span(0, 1)], spaced=False)] == [" 今", "日"]


@given(st.text(alphabet=" aé日😀ж", min_size=1, max_size=12), st.data())
def test_characters_torn_between_words_are_made_whole(text, data):
    """Wherever the bytes of a text are cut into words, the text comes back, and every word keeps its own time."""
    coded = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(coded)), max_size=4)) - {len(coded)})
    parts = [
        coded[low:high].decode(errors="replace") for low, high in zip([0, *cuts], [*cuts, len(coded)], strict=True)
    ]
    raw = [RawWord(part, float(i), i + 1.0, 0.9) for i, part in enumerate(parts)]
    found = restore_characters(raw, text)
    assert "".join(word.text for word in found) == text
    assert {word.start for word in found} <= {word.start for word in raw}
    assert found[-1].end == raw[-1].end
    assert all(before.end == after.start for before, after in pairwise(found))


def test_what_the_model_itself_left_broken_stays_broken():
    raw = (RawWord(f" caf{BROKEN}", 0.0, 1.0), RawWord(" au", 1.0, 2.0))
    assert restore_characters(raw, f" caf{BROKEN} au") == raw
    assert restore_characters(raw, " something else") == raw


@settings(max_examples=examples(60), deadline=None)
@given(
    edges=st.lists(st.integers(0, 400), min_size=2, max_size=16, unique=True),
    seed=st.integers(0, 1000),
    n_frames=st.integers(0, 400),
)
def test_snapped_words_stay_in_order_and_apart(edges: list[int], seed: int, n_frames: int) -> None:
    times = (np.arange(n_frames) + 0.5) * 0.01
    levels = np.random.default_rng(seed).uniform(-80.0, 0.0, n_frames)
    pairs = list(pairwise(sorted(edges)))[::2]  # with pauses between them
    spans = [Span(first / 100, last / 100) for first, last in pairs]
    texts = [" " + "word" * (1 + (seed + number) % 4) for number in range(len(spans))]
    snapped = snap_spans(spans, times, levels, frame_s=0.01)
    assert all(span.start <= new.start <= new.end <= span.end for span, new in zip(spans, snapped, strict=True))
    fitted = fit_spans(snapped, texts, times, levels, hiss=levels, frame_s=0.01)
    assert all(before.end <= after.start for before, after in pairwise(fitted))
    for span, new, text in zip(snapped, fitted, texts, strict=True):
        assert new.start <= new.end
        assert new.start < span.end <= new.end
        assert new.duration <= max(span.duration, max_word_duration(text)) + 1e-9


def test_a_word_leaves_the_silence_beside_it_and_keeps_its_quiet_letters() -> None:
    times = (np.arange(200) + 0.5) * 0.01
    levels = np.full(200, -70.0)
    levels[60:100] = -20.0
    levels[55:60] = -45.0  # an s of 0.05 s before the vowel
    (inside,) = snap_spans([Span(0.2, 1.4)], times, levels, frame_s=0.01)
    assert inside.start == pytest.approx(0.58)
    assert inside.end == pytest.approx(1.04)
    touching = Span(0.52, 1.1)
    assert snap_spans([touching], times, levels, frame_s=0.01) == [touching]


def test_a_word_leaves_the_filler_before_it_where_it_is_too_long() -> None:
    times = (np.arange(200) + 0.5) * 0.01
    levels = np.full(200, -70.0)
    levels[20:50] = -25.0  # "um", which the recogniser left out
    levels[50:60] = -50.0
    levels[60:90] = -20.0
    (short,) = fit_spans([Span(0.2, 0.9)], [" these"], times, levels, hiss=levels, frame_s=0.01)
    assert short.start == pytest.approx(0.595)
    assert short.end == pytest.approx(0.9)
    long = Span(0.2, 0.9)
    assert fit_spans([long], [" straightforward"], times, levels, hiss=levels, frame_s=0.01) == [long]
    hiss = np.where(levels == -50.0, -30.0, levels - 20.0)  # a sibilant in the middle, which is no pause
    assert fit_spans([long], [" these"], times, levels, hiss=hiss, frame_s=0.01) == [long]
    (number,) = fit_spans([long], [" 5000"], times, levels, hiss=levels, frame_s=0.01)  # five thousand
    assert number == long
    levels[50:60] = -30.0  # 5 dB are no pause
    assert fit_spans([long], [" these"], times, levels, hiss=levels, frame_s=0.01) == [long]


def test_slow_speech_has_no_fillers() -> None:
    times = (np.arange(700) + 0.5) * 0.01
    levels = np.full(700, -70.0)
    spans = [Span(number + 0.2, number + 0.9) for number in range(7)]
    for number in range(7):
        levels[100 * number + 20 : 100 * number + 90] = -20.0
        levels[100 * number + 50 : 100 * number + 60] = -50.0  # each word has a stop in it
    assert fit_spans(spans, [" these"] * 7, times, levels, hiss=levels, frame_s=0.01) == spans


def test_a_word_goes_on_through_its_own_sound_up_to_the_next_one() -> None:
    times = (np.arange(200) + 0.5) * 0.01
    levels = np.full(200, -70.0)
    levels[30:72] = -20.0
    (alone,) = fit_spans([Span(0.4, 0.6)], [" group."], times, levels, hiss=levels, frame_s=0.01)
    assert alone.start == pytest.approx(0.3)
    assert alone.end == pytest.approx(0.72)
    first, second = fit_spans(
        [Span(0.4, 0.6), Span(0.65, 0.7)], [" a", " group."], times, levels, hiss=levels, frame_s=0.01
    )
    assert first.end == pytest.approx(0.65)
    assert second.end == pytest.approx(0.72)
    jump = np.where(times > 0.65, times + 5.0, times)  # a pause that the recogniser did not hear
    (before,) = fit_spans([Span(0.4, 0.6)], [" group."], jump, levels, hiss=levels, frame_s=0.01)
    assert before.end == pytest.approx(0.65)


def test_a_word_over_a_pause_is_the_part_behind_it() -> None:
    speech = [Span(0.0, 1.0), Span(2.0, 3.0)]
    times = [(0.2, 0.6), (0.6, 2.2), (2.2, 2.6)]
    found = repair_spans(times, [" it", " is", " so"], piece=Span(0.0, 3.0), speech=speech)
    assert found == [Span(0.2, 0.6), Span(2.0, 2.2), Span(2.2, 2.6)]


def test_words_without_times_stay_so_when_others_are_delayed() -> None:
    raw = (RawWord(" a", 1.0, 1.5), RawWord(" b", None, None))
    assert delay_words(raw, -0.1) == (RawWord(" a", 0.9, 1.4), RawWord(" b", None, None))


def test_a_model_is_known_by_its_attention_heads(tmp_path: Path) -> None:
    heads = next(iter(LEADS_S))
    for text, lead in (
        (json.dumps({"alignment_heads": heads}), LEADS_S[heads]),
        (json.dumps({"alignment_heads": [[1, 0]]}), 0.0),
        ("{}", 0.0),
        ("no json", 0.0),
    ):
        (tmp_path / "config.json").write_text(text, "utf-8")
        assert find_lead(tmp_path) == lead
    assert find_lead(tmp_path / "none") == 0.0
