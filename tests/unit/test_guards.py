"""What Whisper makes up is left out, and what people say is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.asr._guards import without_closing_phrases, without_loops, without_unspoken
from whisperdiar.types import Span, Word


def said(text: str, start: float = 0.0, step: float = 0.4) -> tuple[Word, ...]:
    """Words `step` seconds apart."""
    words = text.split()
    return tuple(Word(Span(start + step * i, start + step * i + 0.3), f" {word}") for i, word in enumerate(words))


def text(words) -> str:
    return "".join(word.text for word in words).strip()


def test_a_phrase_said_over_and_over_stays_once():
    found = without_loops(said("We start. " + "I'm going to be, " * 9 + "right."))
    assert text(found.words) == "We start. I'm going to be, right."
    [item] = found.dropped
    assert item.reason == "repeated 9 times in a row; it stays once"
    assert item.text.split() == ("I'm going to be, " * 8).split()
    assert item.span == Span(6 * 0.4, 37 * 0.4 + 0.3)


def test_punctuation_and_case_do_not_hide_a_loop():
    found = without_loops(said("Okay, okay. okay okay OKAY okay! okay okay then"))
    assert text(found.words) == "Okay, then"


def test_people_do_repeat_themselves():
    for spoken in (
        "no, no, no, no, no!",
        "bye bye bye bye",
        "very very good very very good very very good",
        "a b a b a b",
    ):
        assert without_loops(said(spoken)).dropped == ()


@given(st.lists(st.sampled_from("ab."), max_size=60))
def test_loops_are_cut_without_losing_anything_else(letters):
    words = said(" ".join(letters))
    found = without_loops(words)
    n_dropped = sum(len(item.text.split()) for item in found.dropped)
    assert len(found.words) + n_dropped == len(words)
    assert all(word in words for word in found.words)
    assert without_loops(found.words).words == without_loops(without_loops(found.words).words).words


def test_a_sentence_where_nobody_speaks_is_dropped():
    words = (*said("Good morning.", 0.0), *said("See you tomorrow then.", 3.0), *said("We begin.", 6.0))
    found = without_unspoken(words, [Span(0, 1), Span(5.9, 7)])
    assert text(found.words) == "Good morning. We begin."
    assert [(item.text, item.reason) for item in found.dropped] == [("See you tomorrow then.", "nobody speaks there")]
    assert found.dropped[0].span == Span(3.0, 4.5)


def test_a_sentence_with_one_spoken_word_stays():
    words = said("Good morning everybody.", 0.0, step=1.0)
    assert without_unspoken(words, [Span(0, 0.2)]).words == words
    # A word next to speech may be spoken: neither its time nor the bounds of speech are exact.
    assert without_unspoken(said("Yes.", 1.05), [Span(0, 1)]).words == said("Yes.", 1.05)
    assert without_unspoken(said("Yes.", 1.3), [Span(0, 1)]).words == ()


def test_closing_phrases_go_where_nobody_speaks():
    words = (*said("That is all.", 0.0), *said("Thanks for watching!", 3.0))
    found = without_closing_phrases(words, [Span(0, 2), Span(4.0, 4.1)])
    assert text(found.words) == "That is all."
    assert found.dropped[0].text == "Thanks for watching!"
    assert without_closing_phrases(words, [Span(0, 5)]).words == words
    assert without_closing_phrases(words, [Span(0, 5)], no_speech_probability=0.9).words == words[:3]
    spoken = said("Thanks for watching the children.", 3.0)
    assert without_closing_phrases(spoken, []).words == spoken


def test_closing_phrases_of_other_languages():
    for phrase in (
        "Продолжение следует...",
        "Vielen Dank fürs Zuschauen.",
        "Merci d'avoir regardé cette vidéo !",
        "Bye-bye.",
    ):
        assert without_closing_phrases(said(phrase), []).words == (), phrase
        assert without_closing_phrases(said(phrase), [Span(0, 9)]).words == said(phrase), phrase


def test_credits_of_subtitles_go_everywhere():
    for line in ("Субтитры сделал DimaTorzok", "Untertitel der Amara.org-Community", "Редактор субтитров А.Семкин"):
        assert without_closing_phrases(said(line), [Span(0, 9)]).words == (), line
    talk = said("Wer hat die Untertitel gemacht?")
    assert without_closing_phrases(talk, [Span(0, 9)]).words == talk
