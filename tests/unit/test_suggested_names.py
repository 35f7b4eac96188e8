"""Names that speakers are offered: what is a vocative, whom it means, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import formats_strategies as strategies
from tests.examples import examples
from whisperdiar.suggested_names import suggest_names
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Word

A, B, C = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"


def said(
    *turns: tuple[str, str], language: str = "en", pause: float = 0.4, named: dict[str, str] | None = None
) -> Transcript:
    segments, clock = [], 0.0
    for speaker, text in turns:
        words = []
        for token in text.split():
            words.append(Word(Span(clock, clock + 0.3), f" {token}", 0.9, speaker, 0.9))
            clock = round(clock + 0.35, 3)
        segments.append(Segment(tuple(words), speaker))
        clock = round(clock + pause, 3)
    people = dict.fromkeys(speaker for speaker, _ in turns)
    speakers = tuple(Speaker(label, (named or {}).get(label, label)) for label in people)
    return Transcript("talk", clock, language, speakers, tuple(segments))


def names(transcript: Transcript) -> dict[str, str]:
    return {item.speaker: item.name for item in suggest_names(transcript)}


TRUE = [
    ("en", "Dan, what did you find?", "Two errors.", "Dan"),
    ("en", "So, Dan, what did you find?", "Two errors.", "Dan"),
    ("en", "What do you think, Dan?", "I like it.", "Dan"),
    ("en", "Hi Anna.", "Hello.", "Anna"),
    ("en", "Good morning, Anna, how are you?", "Fine.", "Anna"),
    ("en", "Okay Dan, could you go first?", "Sure.", "Dan"),
    ("en", "Tell us, Dan, where you were.", "At home.", "Dan"),
    ("en", "Dr. Jones, what do you think?", "I agree.", "Dr. Jones"),
    ("en", "Emily, are you there?", "Yes.", "Emily"),
    ("en", "Anna-Lena, are you there?", "Yes.", "Anna-Lena"),
    ("ru", "Дан, что ты нашёл?", "Две ошибки.", "Дан"),
    ("ru", "А что вы думаете, Анна?", "Мне нравится.", "Анна"),
    ("ru", "Анна Ивановна, как вы считаете?", "Согласна.", "Анна Ивановна"),
    ("ru", "Ну, Миша, рассказывай, как съездил?", "Хорошо.", "Миша"),
    ("ru", "Привет, Оля!", "Привет.", "Оля"),
    ("de", "Anna, was hast du gefunden?", "Zwei Fehler.", "Anna"),
    ("de", "Was denkst du, Jonas?", "Ich finde es gut.", "Jonas"),
    ("de", "Herr Müller, was meinen Sie?", "Ich stimme zu.", "Herr Müller"),
    ("de", "Also Jonas, kannst du anfangen?", "Ja.", "Jonas"),
]


@pytest.mark.parametrize(("language", "call", "answer", "name"), TRUE)
def test_who_answers_a_vocative_may_have_that_name(language: str, call: str, answer: str, name: str) -> None:
    transcript = said((A, call), (B, answer), language=language)
    (found,) = suggest_names(transcript)
    assert (found.speaker, found.name, found.said, found.start, found.count) == (B, name, call, 0.0, 1)


FALSE = [
    ("en", "Well, what do you think?"),
    ("en", "Well, I think you are right."),
    ("en", "May, June and July are warm, you know?"),
    ("en", "Monday, are you free?"),
    ("en", "Yes, you did."),
    ("en", "Honestly, what do you want?"),
    ("en", "Guys, are you ready?"),
    ("en", "Anna, Ben and Carla, are you ready?"),
    ("en", "Have you been to London, Paris or Rome?"),
    ("en", "Dan said you found two errors."),
    ("en", "London, a large city, was wet."),
    ("en", "Did you ask Dan?"),
    ("en", "Do you work for NASA, IBM?"),
    ("en", "I do not know how you Casting."),
    ("en", "'Kay, did you save it?"),
    ("en", "But um Alternatively, could you listen again?"),
    ("en", "Electronics, simple chip, advanced chip, right?"),
    ("en", "Sorry, did you say something?"),
    ("en", "Then, when the rain stopped, you left?"),
    ("ru", "Ну, что ты думаешь?"),
    ("ru", "Слушай, ты готов?"),
    ("ru", "Май, июнь и июль, вы знаете, тёплые."),
    ("ru", "Коллеги, вы готовы?"),
    ("ru", "Конечно, вы правы."),
    ("ru", "Вы видели Анну?"),
    ("de", "Also, was denkst du?"),
    ("de", "Natürlich, du hast recht."),
    ("de", "Leute, seid ihr bereit?"),
    ("de", "Möchtest du Kaffee, Tee oder Wasser?"),
    ("de", "Mai, Juni und Juli sind warm, weißt du?"),
    ("de", "Hast du Anna gesehen?"),
    ("fr", "Anna, que penses-tu ?"),
]


@pytest.mark.parametrize(("language", "call"), FALSE)
def test_what_only_looks_like_a_vocative_is_no_name(language: str, call: str) -> None:
    assert suggest_names(said((A, call), (B, "Mhm."), language=language)) == ()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Thank you Dan."),
        ("en", "Thanks, Dan."),
        ("en", "Thank you, Dan."),
        ("ru", "Спасибо, Дан."),
        ("de", "Danke, Dan."),
    ],
)
def test_who_is_thanked_has_spoken_before(language: str, text: str) -> None:
    name = text.split()[-1].rstrip(".")
    assert names(said((B, "Here it is."), (A, text), (C, "Mhm."), language=language)) == {B: name}


@pytest.mark.parametrize(
    ("language", "text"), [("en", "My name is Carla."), ("ru", "Меня зовут Карла."), ("de", "Hallo, ich heiße Carla.")]
)
def test_who_says_the_own_name_has_it(language: str, text: str) -> None:
    assert list(names(said((A, "Mhm."), (B, text), (A, "Mhm."), language=language))) == [B]


def test_more_sentences_win_and_a_tie_offers_nothing() -> None:
    call = (A, "Dan, are you there?")
    assert names(said(call, (B, "Yes."), call, (B, "Yes."), call, (C, "He is away."))) == {B: "Dan"}
    assert names(said(call, (B, "Yes."), call, (C, "He is away."))) == {}


def test_nobody_has_a_name_that_the_same_person_calls_another() -> None:
    assert names(said((A, "Dan, are you there?"), (B, "Dan, are you there?"), (A, "Yes."))) == {}


def test_a_speaker_with_a_name_and_a_name_with_a_speaker_are_left_alone() -> None:
    turns = ((A, "Dan, are you there?"), (B, "Yes."))
    assert suggest_names(said(*turns, named={B: "Daniel"})) == ()
    assert suggest_names(said(*turns, named={A: "Dan"})) == ()


def test_what_is_also_written_small_is_no_name() -> None:
    assert suggest_names(said((A, "Captain, are you there?"), (B, "Yes."), (A, "The captain is there."))) == ()


def test_an_answer_that_comes_late_tells_nothing() -> None:
    assert suggest_names(said((A, "Dan, are you there?"), (B, "Good evening."), pause=8.0)) == ()


@settings(max_examples=examples(60))
@given(strategies.transcripts, st.sampled_from(["en", "ru", "de"]))
def test_any_transcript_gives_names_of_its_own_speakers(transcript: Transcript, language: str) -> None:
    known = {segment.speaker for segment in transcript.segments}
    for found in suggest_names(replace(transcript, language=language)):
        assert found.speaker in known
        assert found.name
        assert found.said
