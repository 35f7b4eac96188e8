"""Conversation statistics: who talks how much, who interrupts, who answers whom. Pure.

    Anna   ████████████████░░░░░░░░░░██████████     1 turn, then another one: Ben had the floor in between
    Ben                 ▒██████████                 ▒ overlap: long enough, this is an interruption
    Chie        ██                                  inside another's utterance: an interjection, no turn

Speech is taken from the diarizer's turns, and for a speaker without any from the segments. Speech of one person with
pauses up to `max_pause` is one utterance. An utterance that lies wholly inside another's is an interjection ("mhm"): it
counts as talk, not as a turn. The others, in order, take the floor one from the other; those of one person with nobody
between them are one turn. What begins within `max_silence` after another's turn answers it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from whisperdiar.options import StatisticsOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, merge_spans, total_duration


@dataclass(frozen=True, slots=True)
class SpeakerStatistics:
    """What one person contributed (seconds).

    Attributes:
        speaker: label.
        talk_time: union of the speech, pauses left out.
        share: of the talk time of all, 0 to 1; the shares of all speakers add up to 1 where anybody talks.
        overlapped: talk time while somebody else talks too.
        turns: times that the person had the floor.
        interjections: utterances wholly inside another's.
        words: of the recogniser, that are this person's.
        interruptions: times that the person took the floor while another was talking.
        interrupted: times that another did so to this person.
        longest_turn: the longest time on the floor, from its start to its end; None without a turn.
    """

    speaker: str
    talk_time: float = 0.0
    share: float = 0.0
    overlapped: float = 0.0
    turns: int = 0
    interjections: int = 0
    words: int = 0
    interruptions: int = 0
    interrupted: int = 0
    longest_turn: Span | None = None


class FloorTurn(NamedTuple):
    """One time that somebody has the floor, from the first start to the last end; pauses are inside."""

    speaker: str
    span: Span


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of one transcript.

    Attributes:
        duration: of the recording, or of the part of it that was read, seconds.
        speech: seconds in which anybody talks.
        overlap: seconds in which at least two people talk.
        speakers: in the transcript's order; labels that only turns or segments know follow.
        floor: who had the floor when, in order of start, and of end.
        answer_counts: ``(i, j, count)``: how often speaker i took the floor right after speaker j, where that happened
            at all; sorted.
    """

    duration: float
    speech: float
    overlap: float
    speakers: tuple[SpeakerStatistics, ...]
    floor: tuple[FloorTurn, ...]
    answer_counts: tuple[tuple[int, int, int], ...]

    @property
    def answers(self) -> tuple[tuple[int, ...], ...]:
        """``answers[i][j]`` is how often speaker i took the floor right after speaker j; the diagonal is 0.

        A table for few speakers: of thousands, `answer_counts` has the few that answer each other.
        """
        counts = [[0] * len(self.speakers) for _ in self.speakers]
        for i, j, count in self.answer_counts:
            counts[i][j] = count
        return tuple(map(tuple, counts))


def talk_statistics(transcript: Transcript, *, options: StatisticsOptions | None = None) -> Statistics:
    """The figures of a transcript; times are those of its turns, unrounded. Takes n log n steps for n turns."""
    options = options or StatisticsOptions()
    speech = speech_of(transcript)
    words = dict.fromkeys(speech, 0)
    for word in transcript.words:
        if word.speaker is not None:
            words[word.speaker] += 1
    utterances = sorted(
        (
            FloorTurn(label, span)
            for label, spans in speech.items()
            for span in merge_spans(spans, gap=options.max_pause)
        ),
        key=lambda item: (item.span.start, -item.span.end),
    )
    taking, interjections = _separate_floor(utterances)
    floor = _floor(taking, options.max_silence)
    doubled = find_overlaps(speech)
    talked = {label: total_duration(spans) for label, spans in speech.items()}
    total = math.fsum(talked.values())
    interruptions = [
        (after.speaker, before.speaker)
        for before, after in pairwise(taking)
        if before.speaker != after.speaker
        and before.span.end > after.span.start
        and before.span.end - after.span.start >= options.min_overlap
    ]
    taken = Counter(turn.speaker for turn in floor)
    interjected = Counter(item.speaker for item in interjections)
    interrupting, interrupted = Counter(by for by, _ in interruptions), Counter(whom for _, whom in interruptions)
    longest = _find_longest(floor)
    speakers = tuple(
        SpeakerStatistics(
            speaker=label,
            talk_time=talked[label],
            share=talked[label] / total if total else 0.0,
            overlapped=sum(_overlap_seconds(span, doubled) for span in speech[label]),
            turns=taken[label],
            interjections=interjected[label],
            words=words[label],
            interruptions=interrupting[label],
            interrupted=interrupted[label],
            longest_turn=longest.get(label),
        )
        for label in speech
    )
    return Statistics(
        duration=transcript.length,
        speech=total_duration(merge_spans(span for spans in speech.values() for span in spans)),
        overlap=total_duration(doubled),
        speakers=speakers,
        floor=floor,
        answer_counts=_answers(floor, list(speech), options.max_silence),
    )


def speech_of(transcript: Transcript) -> dict[str, tuple[Span, ...]]:
    """Speaker label → when that person talks: sorted, without overlap; first the labels that the transcript lists."""
    found: dict[str, list[Span]] = {item.id: [] for item in transcript.speakers}
    for turn in transcript.turns:
        found.setdefault(turn.speaker, []).append(turn.span)
    known = {label for label, spans in found.items() if spans}
    for segment in transcript.segments:
        for label in (segment.speaker, *(word.speaker for word in segment.words)):
            if label is not None:
                found.setdefault(label, [])
        if segment.speaker is not None and segment.speaker not in known:
            found[segment.speaker].append(segment.span)
    return {label: merge_spans(spans) for label, spans in found.items()}


def _separate_floor(utterances: Sequence[FloorTurn]) -> tuple[list[FloorTurn], list[FloorTurn]]:
    """Those that take the floor, in order of start and strictly of end, and those inside another one."""
    taking: list[FloorTurn] = []
    inside: list[FloorTurn] = []
    for item in utterances:
        held = bool(taking) and item.span.end <= taking[-1].span.end
        (inside if held else taking).append(item)
    return taking, inside


def _floor(taking: Sequence[FloorTurn], max_silence: float) -> tuple[FloorTurn, ...]:
    turns: list[FloorTurn] = []
    for item in taking:
        last = turns[-1] if turns else None
        if last and last.speaker == item.speaker and item.span.start - last.span.end <= max_silence:
            turns[-1] = FloorTurn(item.speaker, Span(last.span.start, item.span.end))
        else:
            turns.append(item)
    return tuple(turns)


def _find_longest(floor: Sequence[FloorTurn]) -> dict[str, Span]:
    """Label → the longest time on the floor, of several the first."""
    found: dict[str, Span] = {}
    for turn in floor:
        known = found.get(turn.speaker)
        if known is None or (turn.span.duration, -turn.span.start) > (known.duration, -known.start):
            found[turn.speaker] = turn.span
    return found


def _answers(floor: Sequence[FloorTurn], labels: Sequence[str], max_silence: float) -> tuple[tuple[int, int, int], ...]:
    place = {label: i for i, label in enumerate(labels)}
    counts = Counter(
        (place[after.speaker], place[before.speaker])
        for before, after in pairwise(floor)
        if before.speaker != after.speaker and after.span.start - before.span.end <= max_silence
    )
    return tuple((i, j, count) for (i, j), count in sorted(counts.items()))


def find_overlaps(speech: Mapping[str, Sequence[Span]]) -> tuple[Span, ...]:
    """Where at least two people talk, sorted and without overlap; of what `speech_of` gives."""
    found: list[Span] = []
    floor = -math.inf
    for span in sorted(span for spans in speech.values() for span in spans):
        if span.start < min(floor, span.end):
            found.append(Span(span.start, min(floor, span.end)))
        floor = max(floor, span.end)
    return merge_spans(found)


def _overlap_seconds(span: Span, others: Sequence[Span]) -> float:
    """Seconds of `span` inside `others` (sorted, without overlap)."""
    first = bisect_right(others, span.start, key=lambda other: other.end)
    shared = 0.0
    while first < len(others) and others[first].start < span.end:
        shared += min(span.end, others[first].end) - max(span.start, others[first].start)
        first += 1
    return shared
