"""Corrections as JSON, as a page downloads it: what is taken from it, what is made anew, what is refused."""

from __future__ import annotations

import json as plain_json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import formats_strategies as strategies
from tests.examples import examples
from tests.unit.test_editing import TALK, conversations, talk
from whisperdiar import editing
from whisperdiar.errors import FormatError
from whisperdiar.formats import WriteOptions, json
from whisperdiar.transcript import Segment, Speaker, Transcript, Uncertain
from whisperdiar.types import Span, Turn, Word


def text_of(transcript: Transcript) -> str:
    return json.dumps(transcript, options=WriteOptions())


def with_words(transcript: Transcript, changed: dict[int, Word | None]) -> Transcript:
    """With other words at some places; None takes one out."""
    segments, place = [], 0
    for segment in transcript.segments:
        words = [changed.get(place + k, word) for k, word in enumerate(segment.words)]
        place += len(segment.words)
        kept = tuple(word for word in words if word is not None)
        segments += [replace(segment, words=kept)] if kept else []
    return replace(transcript, segments=tuple(segments))


def given_to(transcript: Transcript, number: int, speaker: str | None) -> Transcript:
    segments = list(transcript.segments)
    words = tuple(replace(word, speaker=speaker, speaker_confidence=1.0) for word in segments[number].words)
    segments[number] = replace(segments[number], words=words, speaker=speaker)
    return replace(transcript, segments=tuple(segments))


@settings(max_examples=examples(60))
@given(strategies.transcripts)
def test_json_without_corrections_gives_the_same_transcript(transcript: Transcript) -> None:
    if not transcript.segments:
        return
    done = editing.apply_json(text_of(transcript), transcript)
    assert done.transcript is transcript
    assert not done.changes


@settings(max_examples=examples(60))
@given(conversations(), st.data())
def test_one_correction_changes_one_word(transcript: Transcript, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(transcript.words) - 1))
    old = transcript.words[place]
    done = editing.apply_json(text_of(with_words(transcript, {place: replace(old, text=" corrected")})), transcript)
    assert done.changes == editing.Changes(corrected=1)
    made = list(done.transcript.words)
    assert made.pop(place) == replace(old, text=" corrected", edited=True)
    assert made == [word for i, word in enumerate(transcript.words) if i != place]
    assert done.transcript.turns == transcript.turns


@settings(max_examples=examples(60))
@given(conversations(), st.data())
def test_a_passage_given_to_somebody_else_takes_its_turn_along(transcript: Transcript, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(transcript.segments) - 1))
    speaker = data.draw(st.sampled_from(["SPEAKER_00", "SPEAKER_01", "SPEAKER_02", "GUEST"]))
    segment = transcript.segments[number]
    done = editing.apply_json(text_of(given_to(transcript, number, speaker)), transcript)
    moved = 0 if segment.speaker == speaker else len(segment.words)
    assert done.changes.reassigned == moved
    for word in done.transcript.segments[number].words:
        middle = (word.start + word.end) / 2
        assert any(turn.speaker == speaker and turn.start <= middle < turn.end for turn in done.transcript.turns)
    others = [item for i, item in enumerate(done.transcript.segments) if i != number]
    assert others == [item for i, item in enumerate(transcript.segments) if i != number]


def test_new_names_and_people_are_taken_and_those_without_words_go() -> None:
    edited = given_to(TALK, 3, "SPEAKER_07")
    edited = replace(edited, speakers=(Speaker("SPEAKER_00", " Anna  Maria "), Speaker("SPEAKER_07", "Guest")))
    done = editing.apply_json(text_of(edited), TALK)
    assert [(item.id, item.name) for item in done.transcript.speakers] == [
        ("SPEAKER_00", "Anna Maria"),
        ("SPEAKER_01", "SPEAKER_01"),
        ("SPEAKER_07", "Guest"),
    ]
    assert (done.changes.renamed, done.changes.added) == (1, ("Guest",))
    assert str(done.changes) == "2 words given to another speaker; speakers: 1 renamed, 1 new (Guest)"


def test_a_deleted_word_is_kept_among_those_left_out() -> None:
    done = editing.apply_json(text_of(with_words(TALK, {1: None, 2: None})), TALK)
    (dropped,) = done.transcript.dropped
    assert (dropped.text, dropped.reason) == ("morning everyone.", "deleted by a person")
    assert dropped.span == Span(TALK.words[1].start, TALK.words[2].end)
    assert done.transcript.provenance["edits"] == [{"deleted": 2}]


def test_doubts_stay_with_their_words_and_end_with_a_correction() -> None:
    first, second = TALK.words[3], TALK.words[4]
    doubtful = replace(
        TALK,
        uncertain=tuple(
            Uncertain(3 + k, word.span, word.speaker, "SPEAKER_02", 0.5) for k, word in enumerate((first, second))
        ),
    )
    edited = with_words(doubtful, {0: None, 4: replace(second, text=" Today")})
    assert [item.word_index for item in editing.apply_json(text_of(edited), doubtful).transcript.uncertain] == [2]


def test_what_follows_from_words_is_made_anew() -> None:
    """Turns, doubts and the record of a JSON that says something else are not believed."""
    edited = replace(
        given_to(TALK, 1, "SPEAKER_02"),
        turns=(Turn(Span(0, 1), "MALLORY"),),
        uncertain=(Uncertain(0, Span(0, 1), "MALLORY", None, 0.1),),
        provenance={"asr": "another one"},
        language="xx",
        duration=3.0,
    )
    done = editing.apply_json(text_of(edited), TALK).transcript
    assert {turn.speaker for turn in done.turns} == {"SPEAKER_00", "SPEAKER_02"}
    assert (done.uncertain, done.language, done.duration) == ((), "en", TALK.duration)
    assert "asr" not in done.provenance


def test_probabilities_outside_their_range_are_put_into_it() -> None:
    wild = replace(TALK.words[0], text=" Bad", probability=7.0, speaker_confidence=-3.0)
    word = editing.apply_json(text_of(with_words(TALK, {0: wild})), TALK).transcript.words[0]
    assert (word.probability, word.speaker_confidence) == (1.0, 0.0)


def test_a_passage_that_is_divided_or_joined_is_a_change() -> None:
    first, second, *others = TALK.segments
    divided = replace(
        TALK,
        segments=(Segment(first.words[:1], first.speaker), Segment(first.words[1:], first.speaker), second, *others),
    )
    done = editing.apply_json(text_of(divided), TALK)
    assert done.changes == editing.Changes(resegmented=True)
    assert [len(segment.words) for segment in done.transcript.segments[:3]] == [1, 2, 8]
    assert all(segment.edited for segment in done.transcript.segments[:2])
    assert done.transcript.words == TALK.words


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"recording_id": "other"}, "this is the recording 'other'"),
        ({"segments": []}, "no words are left"),
        ({"segments": [{"words": [{"text": " x", "start": 5000, "end": 5001}]}]}, "after the end of the recording"),
        ({"segments": [{"words": [{"text": " x", "start": 2, "end": 1}]}]}, r"segments\[0\].words\[0\]"),
        ({"segments": [{"words": [{"text": 7, "start": 1, "end": 2}]}]}, r"segments\[0\].words\[0\].text"),
        ({"segments": [{"words": [{"text": " x", "start": 1e300, "end": 1e301}]}]}, "too large"),
        ({"schema_version": 99}, "update whisperdiar"),
        ({"speakers": ["Anna"]}, r"speakers\[0\]"),
    ],
)
def test_what_cannot_be_meant_is_refused(change: dict, cause: str) -> None:
    data = plain_json.loads(text_of(TALK)) | change
    with pytest.raises(FormatError, match=cause):
        editing.apply_json(plain_json.dumps(data), TALK)


def test_a_stranger_is_told() -> None:
    words = {i: replace(word, text=f" other{i}") for i, word in enumerate(TALK.words)}
    done = editing.apply_json(text_of(with_words(TALK, words)), TALK)
    assert any("only 0%" in note for note in done.notes)


def test_times_finer_than_json_make_no_corrections() -> None:
    fine = talk([("SPEAKER_00", " One two three.")], each=0.33333)
    words = tuple(replace(word, span=Span(word.start + 1e-5, word.end + 1e-5)) for word in fine.words)
    fine = replace(fine, segments=(Segment(words, "SPEAKER_00"),))
    done = editing.apply_json(text_of(fine), fine)
    assert done.transcript is fine


def test_a_word_may_end_where_a_turn_does_behind_the_end_of_the_recording() -> None:
    """The page has room for new words as far as its timeline goes."""
    late = replace(TALK, turns=(*TALK.turns, Turn(Span(TALK.duration, TALK.duration + 5.0), TALK.turns[-1].speaker)))
    last = late.segments[-1]
    more = Word(Span(TALK.duration + 4.0, TALK.duration + 4.5), " more", speaker=last.speaker)
    longer = replace(late, segments=(*late.segments[:-1], replace(last, words=(*last.words, more))))
    done = editing.apply_json(text_of(longer), late)
    assert done.changes.inserted == 1
    with pytest.raises(FormatError, match="after the end of the recording"):
        editing.apply_json(text_of(longer), TALK)
