"""Corrections of an earlier transcript, kept when the recording is transcribed again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.unit.test_editing import LABELS, TALK, corrected, said, talk
from whisperdiar.editing import carry_over
from whisperdiar.segmentation import segments
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

NEW = {"SPEAKER_00": "SPEAKER_01", "SPEAKER_01": "SPEAKER_00", "SPEAKER_02": "SPEAKER_02"}
"""How the speakers of `TALK` are called in the second run."""


def again(transcript: Transcript, *, moved: float = 0.02, heard: dict[str, str] | None = None) -> Transcript:
    """A second run: other labels, times a little different, some words heard otherwise (an empty text: not at all)."""
    heard = heard or {}

    def word(old: Word) -> list[Word]:
        text = heard.get(old.text.strip(), old.text.strip())
        span = Span(old.span.start + moved, old.span.end + moved)
        return [Word(span, f" {text}", 0.8, NEW[old.speaker or ""], 0.9)] if text else []

    made = [
        Segment(words, NEW[segment.speaker or ""])
        for segment in transcript.segments
        if (words := tuple(new for old in segment.words for new in word(old)))
    ]
    turns = tuple(Turn(turn.span, NEW[turn.speaker]) for turn in transcript.turns)
    speakers = tuple(Speaker(label, label) for label in sorted({turn.speaker for turn in turns}))
    return replace(transcript, segments=tuple(made), turns=turns, speakers=speakers)


def test_words_names_and_speakers_are_kept() -> None:
    edited = corrected(
        TALK,
        ("SPEAKER_00 = SPEAKER_00", "SPEAKER_00 = Anna"),
        ("new search page", "old search page"),
        ("**SPEAKER_02** [00:00:10]", "**Guest** [00:00:10]"),
    ).transcript
    found = carry_over(edited, again(TALK, heard={"new": "few", "morning": "evening"}))
    assert said(found.transcript) == [
        ("Anna", "Good evening everyone."),
        ("SPEAKER_00", "Sure, yesterday I finished the old search page."),
        ("Anna", "That is too long."),
        ("Guest", "Not yet."),
    ]
    assert found.notes == ()
    assert [word.text for word in found.transcript.words if word.edited] == [" old"]
    assert found.transcript.provenance["edits"] == [{"carried_over": 1}]


def test_a_speaker_set_by_a_person_stays() -> None:
    edited = corrected(TALK, ("I finished the", "\n**SPEAKER_00**\nI finished the\n\n**SPEAKER_01**\n")).transcript
    found = carry_over(edited, again(TALK)).transcript
    assert said(found)[1:4] == [
        ("SPEAKER_00", "Sure, yesterday"),
        ("SPEAKER_01", "I finished the"),
        ("SPEAKER_00", "new search page."),
    ]
    middle = found.segments[2].span
    assert any(turn.speaker == "SPEAKER_01" and turn.start < middle.start + 0.1 < turn.end for turn in found.turns)


def test_a_corrected_word_is_said_by_whoever_says_the_words_around_it() -> None:
    edited = corrected(TALK, ("new search", "old search"), ("SPEAKER_01 = SPEAKER_01", "SPEAKER_01 = Boris")).transcript
    fresh = again(TALK)
    one = "SPEAKER_02"
    merged = tuple(
        Segment(tuple(replace(word, speaker=one) for word in segment.words), one) for segment in fresh.segments
    )
    found = carry_over(edited, replace(fresh, segments=merged)).transcript
    assert [segment.speaker for segment in found.segments] == ["SPEAKER_02"] * 4
    assert found.segments[1].text == "Sure, yesterday I finished the old search page."


def test_deleted_words_do_not_come_back_and_inserted_ones_do() -> None:
    edited = corrected(TALK, (" yesterday", ""), ("That is", "That really is")).transcript
    found = carry_over(edited, again(TALK)).transcript
    assert found.segments[1].text == "Sure, I finished the new search page."
    assert found.segments[2].text == "That really is too long."


def test_times_that_are_further_apart_than_a_word_is_long() -> None:
    edited = corrected(TALK, ("finished the", "finished all the"), ("new search", "old search"), (" yesterday", ""))
    ends = corrected(TALK, ("Good", "Fine"), ("yet.", "now."))
    for moved in (-0.4, 0.4):
        texts = [segment.text for segment in carry_over(ends.transcript, again(TALK, moved=moved)).transcript.segments]
        assert (texts[0], texts[-1]) == ("Fine morning everyone.", "Not now.")
        found = carry_over(edited.transcript, again(TALK, moved=moved, heard={"new": "few"})).transcript
        assert found.segments[1].text == "Sure, I finished all the old search page."


def test_what_does_not_fit_is_reported_and_left() -> None:
    edited = corrected(TALK, ("new search page", "old search page"), ("SPEAKER_02 = SPEAKER_02", "SPEAKER_02 = Ada"))
    other = talk([("SPEAKER_00", " entirely different words are spoken in this recording, and many more of them.")])
    found = carry_over(edited.transcript, again(other))
    assert said(found.transcript) == said(again(other))
    assert found.corrections == 0
    assert "the correction at 0:05 (old) is not kept: the words around it are not found" in found.notes[0]
    assert "the name Ada is not kept" in found.notes[1]
    part = carry_over(edited.transcript, again(TALK), part=Span(8.0, 12.0))
    assert "it lies outside of what was transcribed" in part.notes[0]


def test_without_corrections_nothing_changes() -> None:
    fresh = again(TALK)
    assert carry_over(TALK, fresh).transcript is fresh


@settings(max_examples=examples(150))
@given(st.data())
def test_every_correction_is_there_again_and_nothing_else_is_lost(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 5))
    turns = [(LABELS[i % 3], "".join(f" w{i}x{j}" for j in range(6))) for i in range(count)]
    first = talk(list(turns), pause=data.draw(st.sampled_from([0.3, 2.0])))
    chosen = data.draw(st.sets(st.sampled_from([word.text.strip() for word in first.words]), min_size=1, max_size=3))
    edited = corrected(first, *((word, f"corrected{word}") for word in sorted(chosen))).transcript
    misheard = data.draw(st.sets(st.sampled_from([word.text.strip() for word in first.words])))
    agreeing = len(first.words) - len(misheard | chosen)
    second = again(first, moved=data.draw(st.floats(-0.15, 0.15)), heard={word: f"heard{word}" for word in misheard})
    found = carry_over(edited, second)
    texts = [word.text.strip() for word in found.transcript.words]
    expected = [
        f"corrected{word}" if word in chosen else f"heard{word}" if word in misheard else word
        for word in (old.text.strip() for old in first.words)
    ]
    if agreeing > 0.8 * len(first.words):
        assert texts == expected
        assert found.notes == ()
    else:
        assert len(texts) == len(expected)
    starts = [word.span.start for word in found.transcript.words]
    assert starts == sorted(starts)
    assert len(segments(found.transcript.words)) == len(found.transcript.segments)
