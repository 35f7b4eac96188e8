"""The transcript: names, derived values, and its dictionary form."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import example, rough_seconds, spans, transcripts
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.transcript import SCHEMA_VERSION, Segment, Speaker, Transcript, Uncertain
from whisperdiar.types import Dropped, Span, Turn, Word

WORDS = (
    Word(Span(1.0, 1.25), " Good", 0.9, "SPEAKER_01", 0.75, "SPEAKER_00"),
    Word(Span(1.25, 1.25), " day", 1.0, "SPEAKER_01", 1.0, overlap=True, edited=True),
    Word(Span(3.0, 4.5), " Hm.", 0.5),
)
TALK = Transcript(
    "talk",
    10.0,
    "en",
    (Speaker("SPEAKER_00", "SPEAKER_00"), Speaker("SPEAKER_01", "Anna")),
    (Segment(WORDS[:2], "SPEAKER_01", simultaneous=True, edited=True), Segment(WORDS[2:])),
    (Turn(Span(0.5, 2.0), "SPEAKER_01"), Turn(Span(1.0, 3.0), "SPEAKER_00", 2, 0.25)),
    (Dropped(Span(8.0, 9.0), " Thanks for watching!", "no speech"),),
    (Uncertain(0, Span(1.0, 1.25), "SPEAKER_01", "SPEAKER_00", 0.75),),
    {"asr": {"backend": "whisper", "model": "small", "fallback_from": None}},
)
DICTIONARY: dict[str, Any] = {
    "schema_version": 1,
    "recording_id": "talk",
    "duration": 10.0,
    "language": "en",
    "speakers": [{"id": "SPEAKER_00", "name": "SPEAKER_00"}, {"id": "SPEAKER_01", "name": "Anna"}],
    "segments": [
        {
            "speaker": "SPEAKER_01",
            "start": 1.0,
            "end": 1.25,
            "text": "Good day",
            "simultaneous": True,
            "edited": True,
            "words": [
                {
                    "text": " Good", "start": 1.0, "end": 1.25, "probability": 0.9,
                    "speaker": "SPEAKER_01", "speaker_confidence": 0.75, "second_speaker": "SPEAKER_00",
                },
                {
                    "text": " day", "start": 1.25, "end": 1.25, "probability": 1.0,
                    "speaker": "SPEAKER_01", "speaker_confidence": 1.0,
                    "overlap": True, "edited": True,
                },
            ],
        },
        {
            "speaker": None,
            "start": 3.0,
            "end": 4.5,
            "text": "Hm.",
            "words": [
                {
                    "text": " Hm.", "start": 3.0, "end": 4.5, "probability": 0.5,
                    "speaker": None, "speaker_confidence": None,
                },
            ],
        },
    ],
    "turns": [
        {"start": 0.5, "end": 2.0, "speaker": "SPEAKER_01"},
        {"start": 1.0, "end": 3.0, "speaker": "SPEAKER_00", "channel": 2, "confidence": 0.25},
    ],
    "dropped": [{"start": 8.0, "end": 9.0, "text": " Thanks for watching!", "reason": "no speech"}],
    "uncertain": [
        {
            "word_index": 0, "start": 1.0, "end": 1.25,
            "speaker": "SPEAKER_01", "second_speaker": "SPEAKER_00", "confidence": 0.75,
        }
    ],
    "provenance": {"asr": {"backend": "whisper", "model": "small", "fallback_from": None}},
}  # fmt: skip


def broken(*path: Any, value: Any) -> dict[str, Any]:
    """The dictionary with one part replaced."""
    made = copy.deepcopy(DICTIONARY)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def test_the_dictionary_is_the_contract():
    assert TALK.to_dict() == DICTIONARY
    assert json.dumps(TALK.to_dict()) == json.dumps(DICTIONARY), "the order of the keys too"
    assert Transcript.from_dict(DICTIONARY) == TALK
    assert DICTIONARY["schema_version"] == SCHEMA_VERSION


@given(transcripts)
def test_a_transcript_is_its_dictionary(transcript):
    assert Transcript.from_dict(transcript.to_dict()) == transcript


@given(spans(rough_seconds), st.floats(0, 1))
def test_the_dictionary_rounds_to_three_decimals(span, number):
    talk = Transcript(
        "talk",
        span.end,
        segments=(Segment((Word(span, " a", number, "A", number),), "A"),),
        turns=(Turn(span, "A", 1, number),),
        dropped=(Dropped(span, "a", "b"),),
        uncertain=(Uncertain(0, span, "A", None, number),),
    )
    found = talk.to_dict()
    times = [found["duration"]]
    for item in (found["segments"][0], found["segments"][0]["words"][0], *found["turns"], *found["dropped"]):
        assert item["start"] == round(span.start, 3)
        times.append(item["end"])
    assert times == [round(span.end, 3)] * 5
    word, turn, uncertain = found["segments"][0]["words"][0], found["turns"][0], found["uncertain"][0]
    shares = word["probability"], word["speaker_confidence"], turn["confidence"], uncertain["confidence"]
    assert shares == (round(number, 3),) * 4


def test_a_segment_derives_its_text_and_span():
    segment = TALK.segments[0]
    assert segment.text == "Good day"
    assert segment.span == Span(1.0, 1.25)
    crossed = Segment((Word(Span(2.0, 3.0), " b"), Word(Span(1.0, 1.5), " c")))
    assert crossed.span == Span(1.0, 3.0)
    with pytest.raises(ValueError, match="at least one word"):
        Segment(())


def test_words_are_those_of_all_segments_in_order():
    assert TALK.words == WORDS


def test_name_is_the_name_or_the_label():
    assert [TALK.name(label) for label in ("SPEAKER_01", "SPEAKER_00", "X", None)] == ["Anna", "SPEAKER_00", "X", None]


def test_rename_changes_names_and_nothing_else():
    renamed = TALK.rename({"SPEAKER_00": " Ben  de\nBoer ", "Anna": "Eve"})
    assert renamed.speakers == (Speaker("SPEAKER_00", "Ben de Boer"), Speaker("SPEAKER_01", "Eve"))
    assert dataclasses.replace(renamed, speakers=TALK.speakers) == TALK
    assert TALK.name("SPEAKER_01") == "Anna"


def test_a_label_goes_before_a_name():
    swapped = TALK.rename({"SPEAKER_00": "SPEAKER_01", "SPEAKER_01": "SPEAKER_00"})
    assert [item.name for item in swapped.speakers] == ["SPEAKER_01", "SPEAKER_00"]
    assert swapped.rename({"SPEAKER_00": "Ben"}).speakers[0] == Speaker("SPEAKER_00", "Ben")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"SPEAKER_07": "Ben"}, "'SPEAKER_07': no such speaker; the recording has: SPEAKER_00, SPEAKER_01"),
        ({"SPEAKER_00": " \n"}, "SPEAKER_00: the new name is empty"),
    ],
)
def test_a_rename_that_cannot_be_meant(names, message):
    with pytest.raises(InvalidOption, match=message):
        TALK.rename(names)


def test_a_name_that_two_share_does_not_tell_which():
    shared = TALK.rename({"SPEAKER_00": "Anna"})
    with pytest.raises(InvalidOption, match="several speakers have this name, use the label"):
        shared.rename({"Anna": "Eve"})
    with pytest.raises(InvalidOption, match="the recording has: none"):
        example(speakers=()).rename({"Anna": "Eve"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must be a JSON object, not a list"),
        ({}, "no schema_version"),
        (broken("schema_version", value="1"), "no schema_version"),
        (broken("schema_version", value=2), "schema_version 2: .*update whisperdiar"),
        (broken("schema_version", value=0), "schema_version 0"),
        (broken("recording_id", value=None), "^recording_id: expected str, found null"),
        (broken("duration", value="10"), "^duration: expected a number, found a string"),
        (broken("duration", value=True), "^duration: expected a number, found True"),
        (broken("language", value=5), "^language: expected str, found 5"),
        (broken("speakers", value={}), "^speakers: expected list, found an object"),
        (broken("speakers", 1, value="Anna"), r"^speakers\[1\]: expected an object, found a string"),
        (broken("speakers", 1, "name", value=None), r"^speakers\[1\]\.name: expected str, found null"),
        (broken("segments", 1, "words", value=[]), r"^segments\[1\]\.words: .*at least one word"),
        (broken("segments", 0, "words", 1, "text", value=1), r"^segments\[0\]\.words\[1\]\.text: expected str"),
        (broken("segments", 0, "words", 1, "start", value=None), r"^segments\[0\]\.words\[1\]\.start: expected a"),
        (broken("segments", 0, "words", 1, "end", value=0.5), r"^segments\[0\]\.words\[1\]\.start: .*before the start"),
        (broken("segments", 0, "words", 1, "probability", value="1"), r"^segments\[0\]\.words\[1\]\.probability"),
        (broken("segments", 0, "speaker", value=1), r"^segments\[0\]\.speaker: expected str"),
        (broken("turns", 0, "speaker", value=None), r"^turns\[0\]\.speaker: expected str"),
        (broken("turns", 1, "channel", value="2"), r"^turns\[1\]\.channel: expected int"),
        (broken("dropped", 0, "reason", value=None), r"^dropped\[0\]\.reason: expected str"),
        (broken("uncertain", 0, "word_index", value=None), r"^uncertain\[0\]\.word_index: expected int"),
        (broken("uncertain", 0, "confidence", value=None), r"^uncertain\[0\]\.confidence: expected a number"),
        (broken("provenance", value=[]), "^provenance: expected dict, found a list"),
    ],
)
def test_a_wrong_part_is_named(data, message):
    with pytest.raises(FormatError, match=message):
        Transcript.from_dict(data)


def test_lists_that_are_missing_are_empty_and_unknown_keys_are_ignored():
    found = Transcript.from_dict({"schema_version": 1, "recording_id": "talk", "duration": 2, "mood": "calm"})
    assert found == Transcript("talk", 2.0)


def test_a_prompt_shows_one_line_and_a_notebook_a_table() -> None:
    words = (Word(Span(0.0, 0.5), " <b>Hi</b>"), Word(Span(0.5, 1.0), " there."))
    made = Transcript("talk", 61.0, "en", (Speaker("S0", "Anna & Co"),), (Segment(words, "S0"), Segment(words[:1])))
    assert repr(made) == "<Transcript 'talk': 61.0 s, en, 1 speaker, 2 segments, 3 words>"
    shown = made._repr_html_()
    assert "Anna &amp; Co" in shown
    assert "&lt;b&gt;Hi&lt;/b&gt; there." in shown
    assert "<b>" not in shown
    many = Transcript("talk", 1.0, segments=(Segment(words),) * 201)
    assert many._repr_html_().count("<tr>") == 201
    assert "and 1 more" in many._repr_html_()
