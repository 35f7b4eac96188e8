"""Speech without words is found, and what is heard in it joins the words around it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_syllables import spoken, syllables
from whisperdiar.asr._shared.gap_filling import MIN_GAP_S, Gap, fill_gap, find_doubtful_gaps, find_gaps
from whisperdiar.asr._shared.refinement import divide_gap
from whisperdiar.asr._shared.word_times import max_word_duration
from whisperdiar.types import Audio, Span, Word, total_duration


def word(text: str, start: float, end: float) -> Word:
    return Word(Span(start, end), f" {text}")


def test_a_sentence_that_was_left_out_is_a_gap():
    words = (word("Good", 0.0, 0.4), word("morning.", 0.5, 1.0), word("We", 6.0, 6.2), word("start.", 6.3, 6.8))
    assert find_gaps(words, [Span(0, 7)]) == (Span(1.1, 5.9),)


def test_the_beginning_and_the_end_can_be_left_out():
    words = (word("start.", 5.0, 5.5),)
    assert find_gaps(words, [Span(0, 20)]) == (Span(0, 4.9), Span(5.6, 20))
    assert find_gaps((), [Span(2, 4), Span(4.5, 6)]) == (Span(2, 6),)
    assert find_gaps((), []) == ()


def test_pauses_and_short_speech_are_no_gap():
    words = (word("one", 0.0, 0.4), word("two", 9.0, 9.4))
    assert find_gaps(words, [Span(0, 0.5), Span(8.9, 9.5)]) == ()
    assert find_gaps(words, [Span(0, 1.0), Span(8.2, 9.5)]) == ()
    assert find_gaps(words, [Span(0, 0.5), Span(3, 5), Span(8.9, 9.5)]) == (Span(3, 5),)


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
    found = find_gaps(words, speech)
    assert all(before.end <= after.start for before, after in pairwise(found))
    for gap in found:
        spoken = [part for span in speech if (part := span.clip(gap.start, gap.end))]
        assert total_duration(spoken) >= MIN_GAP_S - 1e-9
        assert not any(item.start < gap.end and gap.start < item.end for item in words)


def test_what_is_found_lies_between_its_neighbours():
    words = (word("Good", 0.0, 0.4), word("morning.", 0.5, 1.0), word("We", 6.0, 6.2))
    found = (word("How", 1.5, 1.8), word("are", 1.9, 2.1), word("you?", 2.2, 2.6))
    filled = fill_gap(words, Span(1.1, 5.9), found)
    assert [item.text.strip() for item in filled] == ["Good", "morning.", "How", "are", "you?", "We"]
    assert fill_gap(words, Span(1.1, 5.9), ()) == words


def said(text: str, start: float, step: float = 0.4) -> tuple[Word, ...]:
    return tuple(word(part, start + step * i, start + step * i + 0.3) for i, part in enumerate(text.split()))


def joined(words) -> str:
    return "".join(item.text for item in words).strip()


def test_words_at_the_edges_of_a_gap_that_are_heard_again_stay_once():
    before, after = said("a big house", 0.0), said("over there", 6.0)
    gap = Span(1.2, 5.9)
    for heard in ("big house stands", "house stands", "stands", "stands over there", "stands over"):
        assert joined(fill_gap((*before, *after), gap, said(heard, 1.3))) == "a big house stands over there"
    # Words elsewhere are none of its business.
    assert joined(fill_gap(said("I see the cat", 0.0, 2.0), Span(4.6, 5.8), said("dog and the", 4.7, 0.3))) == (
        "I see the dog and the cat"
    )
    assert joined(fill_gap(said("Yes. Good", 0.0, 6.0), Span(0.4, 5.9), said("I think yes.", 1.0))) == (
        "Yes. I think yes. Good"
    )


def test_a_word_that_was_cut_back_to_the_wrong_end_stays_at_the_other():
    cut = word("We", 0.5, 0.5 + max_word_duration(" We"))
    words = (word("Good", 0.0, 0.4), cut, word("start.", 6.0, 6.4))
    found = (word("morning.", 2.0, 2.4), word("We", 5.0, 5.3))
    assert joined(fill_gap(words, Span(cut.end + 0.1, 5.9), found)) == "Good morning. We start."


def test_a_verse_that_is_said_again_behind_a_gap_stays_twice():
    """What a gap begins with is the end of the words before it, decoded twice, or said twice: the sound knows."""
    verse = said("ask what you can", 1.0)
    again = said("ask what you can", 4.0)
    gap = Span(2.6, 6.0)
    twice = syllables(spoken([word.start + 0.15 for word in (*verse, *again)]))
    assert fill_gap(verse, gap, again, syllables=twice) == (*verse, *again)
    once = syllables(spoken([word.start + 0.15 for word in verse]))
    assert fill_gap(verse, gap, again, syllables=once) == verse


def test_a_sentence_begun_before_a_gap_belongs_behind_it():
    """As Whisper times it when it skips a sentence of a quiet voice."""
    before = said("for your country.", 0.0)
    what = word("what", 2.0, 2.0 + max_word_duration(" what"))
    words = (*before, word("Ask", 1.6, 2.0), what, *said("you can do.", 9.0))
    speech = [Span(0, 10.2)]
    [gap] = find_doubtful_gaps(words, speech)
    assert (gap.span.start, gap.span.end) == (before[-1].end + 0.1, 8.9)
    assert joined(gap.head) == "Ask what"
    for heard in ("We welcome his gospel.", "We welcome his gospel. Ask", "We welcome his gospel. Ask what"):
        filled = fill_gap(words, gap, said(heard, 1.7, 0.9))
        assert joined(filled) == "for your country. We welcome his gospel. Ask what you can do."
        assert all(one.end <= two.start for one, two in pairwise(filled))
        assert next(item for item in filled if item.text == " what").start > 6
    # It stays where it is heard, and where nothing is heard there.
    assert joined(fill_gap(words, gap, said("Ask what we all", 1.7, 1.5))) == (
        "for your country. Ask what we all you can do."
    )
    assert joined(fill_gap(words, gap, said("we all", 5.0))) == "for your country. Ask what we all you can do."
    assert fill_gap(words, gap, ()) == words


def test_a_sentence_ended_behind_a_gap_belongs_before_it():
    your = word("your", 1.0, 1.0 + max_word_duration(" your"))
    words = (*said("do for", 0.2), your, word("country.", 9.0, 9.5), *said("Good bye.", 9.6))
    [gap] = find_doubtful_gaps(words, [Span(0, 10.5)])
    assert joined(gap.tail) == "country."
    filled = fill_gap(words, gap, said("We welcome his gospel now.", 3.0, 1.5))
    assert joined(filled) == "do for your country. We welcome his gospel now. Good bye."
    assert all(one.end <= two.start for one, two in pairwise(filled))


SENTENCES = st.lists(st.integers(3, 12), min_size=3, max_size=5)


@given(SENTENCES, st.integers(0, 3), st.data())
def test_filling_a_gap_neither_reorders_nor_doubles(lengths, n_early, data):
    """One sentence of several is left out, and the next one begun too early; what fills the gap is what is said."""
    sentences, time, number = [], 0.0, 0
    for length in lengths:
        sentence = []
        for place in range(length):
            text = f"w{number}{'.' if place + 1 == length else ''}"
            sentence.append(word(text, time, time + 0.3))
            time, number = time + 0.4, number + 1
        sentences.append(sentence)
        time += 0.4
    lost = data.draw(st.integers(0, len(lengths) - 2))
    following = sentences[lost + 1]
    n_early = min(n_early, (len(following) - 1) // 2)
    first = sentences[lost][0].start
    early = [
        word(item.text.strip(), first + 0.3 * i, first + 0.3 * (i + 1)) for i, item in enumerate(following[:n_early])
    ]
    if early:
        longest = max_word_duration(early[-1].text)
        early[-1] = word(early[-1].text.strip(), early[-1].start, early[-1].start + longest)
    written = [
        *(item for sentence in sentences[:lost] for item in sentence),
        *early,
        *following[n_early:],
        *(item for sentence in sentences[lost + 2 :] for item in sentence),
    ]
    said_words = [item for sentence in sentences for item in sentence]
    filled = tuple(written)
    for gap in find_doubtful_gaps(written, [Span(0, time)]):
        heard = [item for item in said_words if gap.span.start <= (item.start + item.end) / 2 <= gap.span.end]
        filled = fill_gap(filled, gap, heard)
    texts = [item.text for item in filled]
    assert len(texts) == len(set(texts))
    assert set(texts) >= {item.text for item in written}
    assert [text for text in texts if text not in {item.text for item in early}] == [
        item.text for item in said_words if item.text in set(texts) - {item.text for item in early}
    ]
    if len(filled) > len(written):
        assert texts == [item.text for item in said_words if item.text in set(texts)]
    assert all(one.end <= two.start + 1e-9 for one, two in pairwise(filled))


def test_a_gap_longer_than_a_piece_is_cut_where_it_is_quietest():
    samples = np.random.default_rng(0).normal(0, 0.1, 46 * 16_000).astype(np.float32)
    samples[18 * 16_000 : 19 * 16_000] = 0.0
    audio = Audio(samples[None], 16_000)
    span = Span(0.0, 46.0)
    first, second = divide_gap(Gap(span, span), [span], audio, limit=29.0, whole=True)
    assert 18.0 < first.span.end == second.span.start < 19.0
    # What found nothing as a whole is decoded again between its pauses; snatches are left.
    speech = [Span(1, 4), Span(4.1, 6), Span(8, 8.2), Span(9, 12)]
    pieces = divide_gap(Gap(span, span), speech, audio, limit=29.0, whole=False)
    assert [piece.span for piece in pieces] == [Span(1, 6), Span(9, 12)]
