"""What Whisper makes up is left out, and what people say is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_syllables import spoken, syllables
from whisperdiar.asr._shared.hallucinations import (
    collapse_marks,
    is_chant,
    remove_closing_phrases,
    remove_loops,
    remove_marks,
    remove_unspoken,
)
from whisperdiar.types import Span, Word


def said(text: str, start: float = 0.0, step: float = 0.4) -> tuple[Word, ...]:
    """Words `step` seconds apart."""
    words = text.split()
    return tuple(Word(Span(start + step * i, start + step * i + 0.3), f" {word}") for i, word in enumerate(words))


def text(words) -> str:
    return "".join(word.text for word in words).strip()


def test_a_phrase_said_over_and_over_stays_once():
    found = remove_loops(said("We start. " + "I'm going to be, " * 9 + "right."))
    assert text(found.words) == "We start. I'm going to be, right."
    [item] = found.dropped
    assert item.reason == "repeated 9 times in a row; it stays once"
    assert item.text.split() == ("I'm going to be, " * 8).split()
    assert item.span == Span(6 * 0.4, 37 * 0.4 + 0.3)


def test_punctuation_and_case_do_not_hide_a_loop():
    found = remove_loops(said("Okay, okay. okay okay OKAY okay! okay okay then"))
    assert text(found.words) == "Okay, then"


def test_people_do_repeat_themselves():
    for phrase in (
        "no, no, no, no, no!",
        "bye bye bye bye",
        "very very good very very good very very good",
        "a b a b a b",
    ):
        assert remove_loops(said(phrase)).dropped == ()


@given(st.lists(st.sampled_from("ab."), max_size=60))
def test_loops_are_cut_without_losing_anything_else(letters):
    words = said(" ".join(letters))
    found = remove_loops(words)
    n_dropped = sum(len(item.text.split()) for item in found.dropped)
    assert len(found.words) + n_dropped == len(words)
    assert all(word in words for word in found.words)
    assert remove_loops(found.words).words == remove_loops(remove_loops(found.words).words).words


def test_a_sentence_where_nobody_speaks_is_dropped():
    words = (*said("Good morning.", 0.0), *said("See you tomorrow then.", 3.0), *said("We begin.", 6.0))
    found = remove_unspoken(words, [Span(0, 1), Span(5.9, 7)])
    assert text(found.words) == "Good morning. We begin."
    assert [(item.text, item.reason) for item in found.dropped] == [("See you tomorrow then.", "nobody speaks there")]
    assert found.dropped[0].span == Span(3.0, 4.5)


def test_a_sentence_with_one_spoken_word_stays():
    words = said("Good morning everybody.", 0.0, step=1.0)
    assert remove_unspoken(words, [Span(0, 0.2)]).words == words
    # A word next to speech may be spoken: neither its time nor the bounds of speech are exact.
    assert remove_unspoken(said("Yes.", 1.05), [Span(0, 1)]).words == said("Yes.", 1.05)
    assert remove_unspoken(said("Yes.", 1.3), [Span(0, 1)]).words == ()


def test_closing_phrases_go_where_nobody_speaks():
    words = (*said("That is all.", 0.0), *said("Thanks for watching!", 3.0))
    found = remove_closing_phrases(words, [Span(0, 2), Span(4.0, 4.1)])
    assert text(found.words) == "That is all."
    assert found.dropped[0].text == "Thanks for watching!"
    assert remove_closing_phrases(words, [Span(0, 5)]).words == words
    assert remove_closing_phrases(words, [Span(0, 5)], no_speech_probability=0.9).words == words[:3]
    spoken = said("Thanks for watching the children.", 3.0)
    assert remove_closing_phrases(spoken, []).words == spoken


def test_closing_phrases_of_other_languages():
    for phrase in (
        "Продолжение следует...",
        "Vielen Dank fürs Zuschauen.",
        "Merci d'avoir regardé cette vidéo !",
        "Bye-bye.",
    ):
        assert remove_closing_phrases(said(phrase), []).words == (), phrase
        assert remove_closing_phrases(said(phrase), [Span(0, 9)]).words == said(phrase), phrase


def test_credits_of_subtitles_go_everywhere():
    for line in ("Субтитры сделал DimaTorzok", "Untertitel der Amara.org-Community", "Редактор субтитров А.Семкин"):
        assert remove_closing_phrases(said(line), [Span(0, 9)]).words == (), line
    talk = said("Wer hat die Untertitel gemacht?")
    assert remove_closing_phrases(talk, [Span(0, 9)]).words == talk


def chanted(phrase: str, n_repeats: int, *, period: float, start: float = 1.0) -> tuple[Word, ...]:
    """Words 0.25 s apart, and the whole again every `period` seconds."""
    return tuple(word for i in range(n_repeats) for word in said(phrase, start + period * i, step=0.25))


@pytest.mark.parametrize(("phrase", "n_repeats"), [("Help!", 9), ("Yes we can.", 5), ("no", 8), ("0", 9)])
def test_what_is_said_again_with_pauses_stays(phrase, n_repeats):
    """Chants, roll calls, cries for help: every repeat has speech and syllables of its own."""
    words = chanted(phrase, n_repeats, period=1.2)
    sound = syllables(spoken([word.start + 0.15 for word in words], seconds=20))
    length = 0.25 * len(phrase.split())
    speech = [Span(1 + 1.2 * i, 1 + 1.2 * i + length + 0.05) for i in range(n_repeats)]
    found = remove_loops(words, speech=speech, syllables=lambda: sound)
    assert (found.words, found.dropped) == (words, ())
    assert is_chant(words, speech, lambda: sound)


def test_what_is_said_again_without_a_pause_stays_where_the_sound_repeats_itself():
    words = chanted("no no really", 5, period=0.9)
    sound = syllables(spoken([word.start + 0.15 for word in words]))
    whole = [Span(1, 6)]
    assert remove_loops(words, speech=whole, syllables=lambda: sound).words == words
    assert not is_chant(words, whole, lambda: sound)
    # Other speech has as many syllables, at other places.
    other = syllables(spoken([1.1, 1.3, 1.9, 2.1, 2.25, 2.9, 3.1, 3.3, 3.5, 4.1, 4.5, 4.7, 5.2, 5.4, 5.6]))
    found = remove_loops(words, speech=whole, syllables=lambda: other)
    assert text(found.words) == "no no really"
    assert found.dropped[0].reason == "repeated 5 times in a row; it stays once"


def test_a_loop_over_other_speech_stays_once_with_pauses_too():
    """A sentence invented for every sentence that is said: the syllables of one are not those of the next."""
    words = chanted("I do not know", 6, period=1.4)
    speech = [Span(1 + 1.4 * i, 2.05 + 1.4 * i) for i in range(6)]
    rhythms = ([0.1, 0.9], [0.1, 0.3, 0.5, 0.7], [0.5, 0.8], [0.1, 0.3], [0.3, 0.55, 0.9], [0.1, 0.55])
    other = syllables(spoken([1 + 1.4 * i + time for i, rhythm in enumerate(rhythms) for time in rhythm]))
    found = remove_loops(words, speech=speech, syllables=lambda: other)
    assert text(found.words) == "I do not know"
    assert not is_chant(words, speech, lambda: other)


def test_more_repeats_than_the_sound_holds_are_cut_to_its_number():
    """Eleven where the sound has eight, one after another at one pace."""
    beats = [1.1 + 0.7 * i for i in range(8)]
    sound = syllables(spoken(beats))
    words = tuple(Word(Span(1 + 0.5 * i, 1.5 + 0.5 * i), " 0") for i in range(11))
    found = remove_loops(words, speech=[Span(0.9, 6.6)], syllables=lambda: sound)
    assert len(found.words) == 8
    assert {item.reason for item in found.dropped} == {
        "repeated 11 times in a row; it stays 8 times, as the sound has it"
    }


def test_a_loop_over_noise_or_crammed_into_a_moment_stays_once():
    words = said("how " * 36, 1.0, 0.14)
    noise = syllables(spoken([], level=0.0))
    assert text(remove_loops(words, speech=[Span(1, 6)], syllables=lambda: noise).words) == "how"
    moment = syllables(spoken([1.2, 1.6]))
    crammed = tuple(Word(Span(1 + 0.02 * i, 1.02 + 0.02 * i), " how") for i in range(36))
    assert len(remove_loops(crammed, speech=[Span(1, 2)], syllables=lambda: moment).words) == 1


@pytest.mark.parametrize(
    "line",
    [
        "The film was subtitled by my sister.",
        "All our videos are subtitled by volunteers.",
        "Субтитры сделал мой коллега.",
        "Редактор субтитров опоздал на встречу.",
        "We use Amara.org for that.",
    ],
)
def test_talk_about_subtitles_stays_where_it_is_spoken(line):
    words = said(line, 1.0)
    sound = syllables(spoken([word.start + 0.15 for word in words]))
    assert remove_closing_phrases(words, [Span(0, 9)], syllables=lambda: sound).words == words
    # Where the sound speaks against it, it goes: no speech, none for the model's ear, and no syllables.
    assert remove_closing_phrases(words, [Span(8, 9)], syllables=lambda: sound).words == ()
    assert remove_closing_phrases(words, [Span(0, 9)], no_speech_probability=0.7).words == ()
    noise = syllables(spoken([], level=0.0))
    found = remove_closing_phrases(words, [Span(0, 9)], syllables=lambda: noise)
    assert found.words == ()
    assert {item.reason for item in found.dropped} == {"the credits of a subtitle where nobody speaks"}


def test_initials_do_not_end_a_sentence():
    assert remove_closing_phrases(said("Редактор субтитров А. Семкин Корректор А. Егорова"), [Span(0, 9)]).words == ()


def test_marks_without_a_word_go():
    for token in (" )))))))", " !!!!!!", " ♪♪", " ...", " \ufffd\ufffd"):
        found = remove_marks((*said("Yes."), Word(Span(2, 3), token)))
        assert text(found.words) == "Yes."
        assert [item.text for item in found.dropped] == [token.strip()]
    for token in (" 5", " %", " €", " &", " +", " и", " 今", " ก"):
        assert remove_marks((Word(Span(2, 3), token),)).words == (Word(Span(2, 3), token),)


def test_marks_written_over_and_over_stay_once():
    assert text(remove_marks(said("What!!!!!! )))))) Well... 1000000")).words) == "What! Well... 1000000"


@given(st.text(alphabet="a1.!)،। ", max_size=30))
def test_collapsing_marks_changes_nothing_else(given_text):
    found = collapse_marks(given_text)
    assert [c for c in found if c.isalnum() or c.isspace()] == [c for c in given_text if c.isalnum() or c.isspace()]
    assert collapse_marks(found) == found


def test_a_word_with_a_broken_character_is_kept_as_improbable():
    [word] = remove_marks((Word(Span(0, 1), " caf\ufffd", 0.98),)).words
    assert (word.text, word.probability) == (" caf\ufffd", 0.1)
