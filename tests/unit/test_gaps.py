"""Speech without words is found, and what is heard in it joins the words around it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.asr._gaps import MIN_GAP_S, gaps, with_gap_filled
from whisperdiar.asr._word_times import longest_word
from whisperdiar.types import Span, Word, total_duration


def word(text: str, start: float, end: float) -> Word:
    return Word(Span(start, end), f" {text}")


def test_a_sentence_that_was_left_out_is_a_gap():
    words = (word("Good", 0.0, 0.4), word("morning.", 0.5, 1.0), word("We", 6.0, 6.2), word("start.", 6.3, 6.8))
    assert gaps(words, [Span(0, 7)]) == (Span(1.1, 5.9),)


def test_the_beginning_and_the_end_can_be_left_out():
    words = (word("start.", 5.0, 5.5),)
    assert gaps(words, [Span(0, 20)]) == (Span(0, 4.9), Span(5.6, 20))
    assert gaps((), [Span(2, 4), Span(4.5, 6)]) == (Span(2, 6),)
    assert gaps((), []) == ()


def test_pauses_and_short_speech_are_no_gap():
    words = (word("one", 0.0, 0.4), word("two", 9.0, 9.4))
    assert gaps(words, [Span(0, 0.5), Span(8.9, 9.5)]) == ()
    assert gaps(words, [Span(0, 1.0), Span(8.2, 9.5)]) == ()
    assert gaps(words, [Span(0, 0.5), Span(3, 5), Span(8.9, 9.5)]) == (Span(3, 5),)


@given(
    st.lists(st.tuples(st.floats(0.01, 4), st.floats(0.05, 1)), max_size=20),
    st.lists(st.tuples(st.floats(0.01, 3), st.floats(0.1, 8)), max_size=10),
)
def test_gaps_hold_speech_and_no_word(steps, speech_steps):
    words, time = [], 0.0
    for pause, length in steps:
        words.append(word("a", time + pause, time + pause + length))
        time += pause + length
    speech, time = [], 0.0
    for pause, length in speech_steps:
        speech.append(Span(time + pause, time + pause + length))
        time += pause + length
    found = gaps(words, speech)
    assert all(before.end <= after.start for before, after in pairwise(found))
    for gap in found:
        spoken = [part for span in speech if (part := span.clipped(gap.start, gap.end))]
        assert total_duration(spoken) >= MIN_GAP_S - 1e-9
        assert not any(item.start < gap.end and gap.start < item.end for item in words)


def test_what_is_found_lies_between_its_neighbours():
    words = (word("Good", 0.0, 0.4), word("morning.", 0.5, 1.0), word("We", 6.0, 6.2))
    found = (word("How", 1.5, 1.8), word("are", 1.9, 2.1), word("you?", 2.2, 2.6))
    filled = with_gap_filled(words, Span(1.1, 5.9), found)
    assert [item.text.strip() for item in filled] == ["Good", "morning.", "How", "are", "you?", "We"]
    assert with_gap_filled(words, Span(1.1, 5.9), ()) == words


def said(text: str, start: float, step: float = 0.4) -> tuple[Word, ...]:
    return tuple(word(part, start + step * i, start + step * i + 0.3) for i, part in enumerate(text.split()))


def joined(words) -> str:
    return "".join(item.text for item in words).strip()


def test_words_at_the_edges_of_a_gap_that_are_heard_again_stay_once():
    before, after = said("a big house", 0.0), said("over there", 6.0)
    gap = Span(1.2, 5.9)
    for heard in ("big house stands", "house stands", "stands", "stands over there", "stands over"):
        assert joined(with_gap_filled((*before, *after), gap, said(heard, 1.3))) == "a big house stands over there"
    # Words elsewhere are none of its business.
    assert joined(with_gap_filled(said("I see the cat", 0.0, 2.0), Span(4.6, 5.8), said("dog and the", 4.7, 0.3))) == (
        "I see the dog and the cat"
    )
    assert joined(with_gap_filled(said("Yes. Good", 0.0, 6.0), Span(0.4, 5.9), said("I think yes.", 1.0))) == (
        "Yes. I think yes. Good"
    )


def test_a_word_that_was_cut_back_to_the_wrong_end_stays_at_the_other():
    cut = word("We", 0.5, 0.5 + longest_word(" We"))
    words = (word("Good", 0.0, 0.4), cut, word("start.", 6.0, 6.4))
    found = (word("morning.", 2.0, 2.4), word("We", 5.0, 5.3))
    assert joined(with_gap_filled(words, Span(cut.end + 0.1, 5.9), found)) == "Good morning. We start."
