"""Talk time, turns, interruptions and answers: what must hold for any recording, and small meetings by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import formats_strategies as make
from whisperdiar import Segment, Speaker, Transcript, Turn, Word
from whisperdiar.options import StatisticsOptions
from whisperdiar.statistics import Statistics, speech_of, talk_statistics
from whisperdiar.types import Diarization, Span, total_duration

TIMES = st.integers(0, 120).map(float)
MEETINGS = st.lists(st.builds(Turn, make.spans(TIMES), st.sampled_from("ABCD")), max_size=14).map(
    lambda turns: Transcript("talk", 120.0, turns=tuple(turns))
)


def meeting(*turns: tuple[str, float, float]) -> Transcript:
    return Transcript("talk", 100.0, turns=tuple(Turn(Span(start, end), who) for who, start, end in turns))


def by_label(found: Statistics) -> dict:
    return {item.speaker: item for item in found.speakers}


@given(MEETINGS)
def test_sums_agree(transcript):
    found = talk_statistics(transcript)
    talk = sum(item.talk_time for item in found.speakers)
    assert found.speech <= talk + 1e-9
    assert found.overlap <= found.speech
    assert sum(item.share for item in found.speakers) == pytest.approx(1.0 if talk else 0.0)
    assert sum(item.turns for item in found.speakers) == len(found.floor)
    assert sum(item.interruptions for item in found.speakers) == sum(item.interrupted for item in found.speakers)
    for item in found.speakers:
        assert 0 <= item.overlapped <= item.talk_time + 1e-9
        assert (item.longest_turn is None) == (item.turns == 0)


@given(MEETINGS)
def test_times_agree_with_the_diarization(transcript):
    found = talk_statistics(transcript)
    overlaps = Diarization("talk", transcript.turns).overlaps()
    assert found.overlap == pytest.approx(total_duration(overlaps))
    ticks = [tick + 0.5 for tick in range(120)]  # all times are whole seconds
    for item in found.speakers:
        own = [tick for tick in ticks if talks(transcript, item.speaker, tick)]
        both = [t for t in own if any(talks(transcript, other, t) for other in "ABCD" if other != item.speaker)]
        assert (item.talk_time, item.overlapped) == (len(own), len(both))


def talks(transcript: Transcript, label: str, tick: float) -> bool:
    return any(turn.speaker == label and turn.start < tick < turn.end for turn in transcript.turns)


@given(MEETINGS)
def test_the_floor_goes_from_hand_to_hand(transcript):
    found = talk_statistics(transcript)
    labels = [item.speaker for item in found.speakers]
    for before, after in zip(found.floor, found.floor[1:], strict=False):
        assert before.span.start <= after.span.start
        assert before.span.end < after.span.end
        assert before.speaker != after.speaker or after.span.start - before.span.end > 5.0
    counted = sum(map(sum, found.answers))
    assert counted <= max(0, len(found.floor) - 1)
    for i, label in enumerate(labels):
        assert found.answers[i][i] == 0
        assert sum(found.answers[i]) <= by_label(found)[label].turns
        assert sum(row[i] for row in found.answers) <= by_label(found)[label].turns


@given(MEETINGS, st.floats(0, 1000, allow_nan=False).map(round))
def test_nothing_but_times_depends_on_when_it_was(transcript, offset):
    moved = replace(transcript, turns=tuple(replace(t, span=t.span.shift(offset)) for t in transcript.turns))
    first, second = talk_statistics(transcript), talk_statistics(moved)
    assert first.answers == second.answers
    assert [replace(item, longest_turn=None) for item in first.speakers] == [
        replace(item, longest_turn=None) for item in second.speakers
    ]


@given(MEETINGS, st.permutations("ABCD"))
def test_nothing_depends_on_labels(transcript, others):
    names = dict(zip("ABCD", others, strict=True))
    renamed = replace(transcript, turns=Diarization("talk", transcript.turns).rename(names).turns)
    first, second = by_label(talk_statistics(transcript)), by_label(talk_statistics(renamed))
    for label, item in first.items():
        assert second[names[label]].talk_time == item.talk_time
        assert second[names[label]].overlapped == item.overlapped


@given(make.transcripts)
def test_any_transcript_has_figures(transcript):
    found = talk_statistics(transcript)
    labels = [item.speaker for item in found.speakers]
    listed = list(dict.fromkeys(item.id for item in transcript.speakers))
    assert labels[: len(listed)] == listed
    spoken = [word for word in transcript.words if word.speaker is not None]
    assert sum(item.words for item in found.speakers) == len(spoken)
    assert len(found.answers) == len(labels)


def test_a_short_remark_inside_takes_no_turn():
    found = talk_statistics(meeting(("A", 0, 10), ("B", 4, 4.4), ("A", 10.5, 20)))
    people = by_label(found)
    assert (people["A"].turns, people["B"].turns, people["B"].interjections) == (1, 0, 1)
    assert people["A"].longest_turn == Span(0, 20)
    assert people["A"].talk_time == pytest.approx(19.5)
    assert people["B"].overlapped == pytest.approx(0.4)
    assert found.answers == ((0, 0), (0, 0))


def test_who_talks_over_another_and_goes_on_interrupts():
    found = by_label(talk_statistics(meeting(("A", 0, 10), ("B", 9, 15), ("A", 14.8, 20))))
    assert (found["B"].interruptions, found["A"].interrupted) == (1, 1)
    assert (found["A"].interruptions, found["B"].interrupted) == (0, 0), "0.2 s is how people take turns"
    eager = talk_statistics(meeting(("A", 0, 10), ("B", 9.8, 15)), options=StatisticsOptions(min_overlap=0.1))
    assert by_label(eager)["B"].interruptions == 1


def test_answers_count_who_follows_whom_soon():
    found = talk_statistics(meeting(("A", 0, 3), ("B", 4, 6), ("A", 7, 9), ("C", 13, 15), ("A", 40, 45)))
    assert [item.speaker for item in found.speakers] == ["A", "B", "C"]
    assert found.answers == ((0, 1, 0), (1, 0, 0), (1, 0, 0)), "after 25 s of silence nobody is answered"


def test_a_speaker_without_turns_has_those_of_the_segments():
    words = tuple(Word(Span(i, i + 1), f" {i}", 1.0, "B") for i in range(3))
    transcript = replace(meeting(("A", 10, 12)), speakers=(Speaker("B", "Ben"),), segments=(Segment(words, "B"),))
    assert speech_of(transcript) == {"B": (Span(0, 3),), "A": (Span(10, 12),)}
    assert by_label(talk_statistics(transcript))["B"].words == 3
