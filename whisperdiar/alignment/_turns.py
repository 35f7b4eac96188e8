"""Speaker features: what the turns near a word say of each candidate speaker.

Every word gets `N_SLOTS` candidates, the speakers whose turns are nearest. A candidate is described by how much
he talks in windows to the left and right of the word's middle, by where the word lies in his turn or between two
of them, and by how long those are: a turn as short as the word and in its place is there because the diarizer
heard this very word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whisperdiar.alignment._words import Doubles, Floats, Indices, WordTimes, seconds_since
from whisperdiar.types import Turn

N_SLOTS = 4
N_PAIR_FEATURES = 24
REACH_S = 15.0
"""A speaker whose turns are further from a word than the nearest one's by this much is no candidate."""
WINDOWS_S = (0.15, 0.4, 1.0, 3.0, 15.0)
NOBODY = -1
_FAR = 1e6


@dataclass(frozen=True, slots=True)
class SpeakerTurns:
    """Turns of all speakers, those of one speaker joined where they touch; sorted by speaker, then by start.

    Attributes:
        labels: speakers in the order of their turns: of whose first ones begins or ends first, and so on.
        first: int64 (n_speakers + 1,): turns first[s] … first[s + 1] - 1 are those of speaker s.
        start, end: seconds, float64 (n_turns,).
        speaker: int64 (n_turns,).
        share: of all speech, float64 (n_speakers,).
        low, high: seconds, a second before and behind all turns.
        keys: starts in one ascending order, float64 (n_turns,): those of speaker s lie s times `width` further.
    """

    labels: tuple[str, ...]
    first: Indices
    start: Doubles
    end: Doubles
    speaker: Indices
    # Kept, not computed where they are asked for: that is block by block, and every time for all turns.
    share: Doubles
    low: float
    high: float
    keys: Doubles

    @classmethod
    def of(cls, turns: Sequence[Turn], origin: float) -> SpeakerTurns:
        ordered = sorted(turns, key=lambda turn: (turn.span.start, turn.span.end))
        spans: dict[str, list[tuple[float, float]]] = {}
        for turn in ordered:
            own, (begin, stop) = spans.setdefault(turn.speaker, []), (turn.span.start, turn.span.end)
            if own and begin <= own[-1][1]:
                own[-1] = (own[-1][0], max(own[-1][1], stop))
            else:
                own.append((begin, stop))
        # A label decides only between speakers with the very same turns.
        index = {label: place for place, label in enumerate(sorted(spans, key=lambda label: (spans[label], label)))}
        speaker = np.array([index[turn.speaker] for turn in ordered])
        start = seconds_since(origin, [turn.span.start for turn in ordered])
        end = seconds_since(origin, [turn.span.end for turn in ordered])
        order = np.argsort(speaker, kind="stable")
        speaker, start, end = _merge_touching(speaker[order], start[order], end[order])
        length = end - start
        first = np.searchsorted(speaker, np.arange(len(index) + 1))
        spoken = np.bincount(speaker, weights=length, minlength=len(index))
        low, high = float(np.min(start)) - 1.0, float(np.max(end)) + 1.0
        return cls(
            labels=tuple(index),
            first=first,
            start=start,
            end=end,
            speaker=speaker,
            share=spoken / max(float(spoken.sum()), 1e-9),
            low=low,
            high=high,
            keys=(start - low) + speaker * (high - low),
        )

    @property
    def width(self) -> float:
        """Seconds by which the keys of one speaker are shifted against those of the one before."""
        return self.high - self.low

    def between(self, start: float, end: float) -> SpeakerTurns:
        """All speakers with those turns alone that a time between two can lie in or next to."""
        bounds = np.clip([start, end], self.low, self.high) - self.low
        offset = np.arange(len(self.labels)) * self.width
        latest = np.searchsorted(self.keys, bounds[:, None] + offset, side="right") - 1
        begin = np.maximum(latest[0], self.first[:-1])
        number = np.minimum(latest[1] + 2, self.first[1:]) - begin
        first = np.concatenate([[0], np.cumsum(number)])
        kept = np.arange(first[-1]) + (begin - first[:-1]).repeat(number)
        starts, ends, speaker = self.start[kept], self.end[kept], self.speaker[kept]
        low, high = float(np.min(starts)) - 1.0, float(np.max(ends)) + 1.0
        return SpeakerTurns(
            labels=self.labels,
            first=first,
            start=starts,
            end=ends,
            speaker=speaker,
            share=self.share,
            low=low,
            high=high,
            keys=(starts - low) + speaker * (high - low),
        )


def _merge_touching(speaker: Indices, start: Doubles, end: Doubles) -> tuple[Indices, Doubles, Doubles]:
    # The running maximum of ends within a speaker: speakers are kept apart by an offset larger than any time.
    span = float(np.max(end) - np.min(start)) + 1.0
    latest = np.maximum.accumulate(end + speaker * span) - speaker * span
    new = np.ones(len(start), dtype=bool)
    new[1:] = (speaker[1:] != speaker[:-1]) | (start[1:] > latest[:-1])
    begins = np.flatnonzero(new)
    ends = np.append(begins[1:], len(start)) - 1
    return speaker[begins], start[begins], np.maximum(latest[ends], start[begins])


def candidates(times: WordTimes, turns: SpeakerTurns) -> Indices:
    """int64 (n, N_SLOTS): the speakers whose turns are nearest to each word's middle, nearest first; NOBODY for none.

    Equally near speakers stand in the order of `SpeakerTurns.labels`.
    """
    middle = times.middle
    low, high = float(np.min(middle)), float(np.max(middle))
    near = turns.between(low, high)
    speakers = _possible(near, low, high)
    distance = _distances(near, speakers, middle)
    chosen = np.full((len(middle), N_SLOTS), NOBODY, dtype=np.int64)
    words, reach = np.arange(len(middle)), np.inf
    for slot in range(min(N_SLOTS, len(speakers))):
        nearest = distance.argmin(axis=0)  # of equally near ones the first
        away = distance[nearest, words]
        reach = away + REACH_S if slot == 0 else reach
        chosen[:, slot] = np.where(away <= reach, speakers[nearest], NOBODY)
        distance[nearest, words] = np.inf
    return chosen


def _possible(turns: SpeakerTurns, low: float, high: float) -> Indices:
    """All speakers who can be among the nearest to a time between two: who talks there, and the next on either side."""
    by_speaker = turns.first[:-1]
    talks = np.logical_or.reduceat((turns.start <= high) & (turns.end >= low), by_speaker)
    for gap in (np.where(turns.end < low, low - turns.end, np.inf), np.where(turns.start > high, turns.start, np.inf)):
        least = np.where(talks, np.inf, np.minimum.reduceat(gap, by_speaker))
        next_ones = np.argsort(least, kind="stable")[:N_SLOTS]
        talks[next_ones] |= least[next_ones] < np.inf
    return np.flatnonzero(talks)


def _distances(turns: SpeakerTurns, speakers: Indices, time: Doubles) -> Doubles:
    """Seconds from each time to each speaker's nearest turn, float64 (n_speakers, n), 0 inside one."""
    first, last = turns.first[speakers, None], turns.first[speakers + 1, None] - 1
    key = np.minimum(np.maximum(time, turns.low), turns.high) + (speakers[:, None] * turns.width - turns.low)
    at = turns.keys.searchsorted(key, side="right") - 1
    behind = np.where(at >= first, np.maximum(time - turns.end[np.maximum(at, first)], 0.0), np.inf)
    ahead = np.where(at < last, turns.start[np.minimum(at + 1, last)] - time, np.inf)
    distance: Doubles = np.minimum(behind, np.maximum(ahead, 0.0), out=behind)
    return distance


def pair_features(times: WordTimes, turns: SpeakerTurns, chosen: Indices) -> Floats:
    """float32 (n, N_SLOTS, N_PAIR_FEATURES), zeros where there is nobody."""
    n = len(times.middle)
    # Speaker by speaker: turns that are looked up one after the other then lie side by side in memory.
    order = np.argsort(chosen.ravel(), kind="stable")
    speaker, word = chosen.ravel()[order], order // N_SLOTS
    exists = speaker != NOBODY
    speaker = np.where(exists, speaker, 0)
    middle, start, end = times.middle[word], times.likely_start[word], times.end[word]
    reach = max(WINDOWS_S)
    asked = np.min(start) - reach, np.max(end) + reach
    talk = _Talk(turns.between(*map(float, asked)), speaker)
    at = talk.latest(middle)
    centre = talk.until(middle)
    width = np.maximum(end - start, 0.02)
    columns = [(talk.until(end) - talk.until(end - width)) / width]
    for reach in WINDOWS_S:
        columns += [(centre - talk.until(middle - reach)) / reach, (talk.until(middle + reach) - centre) / reach]
    columns += talk.place(at, middle, start, end)
    columns += [np.sqrt(turns.share)[speaker], np.full(len(speaker), np.log1p(len(turns.labels)) / 2), exists]
    table = np.empty((len(speaker), N_PAIR_FEATURES), dtype=np.float32)
    for number, column in enumerate(columns):
        table[:, number] = column
    table[~exists] = 0.0
    features = np.empty_like(table)
    features[order] = table
    return features.reshape(n, N_SLOTS, N_PAIR_FEATURES)


def coverage_of(pairs: Floats) -> Floats:
    """float32 (n, N_SLOTS), 0 to 1: the part of each word that each candidate's turns cover, from its features."""
    return pairs[:, :, 0]


def distance_of(pairs: Floats) -> Floats:
    """float32 (n, N_SLOTS), 0 to 2: how far each candidate's nearest turn is from the word's middle, on the scale of
    `log_scale`, from its features."""
    return pairs[:, :, -4]


class _Talk:
    """The turns of one speaker a row, looked up by time."""

    def __init__(self, turns: SpeakerTurns, speaker: Indices) -> None:
        self.turns = turns
        self.first = turns.first[speaker]
        self.last = turns.first[speaker + 1] - 1
        self.offset = speaker * turns.width - turns.low
        self.length = turns.end - turns.start
        # Talk adds up along a line that rises in turns and is level between them.
        edges, total = np.stack([turns.keys, turns.keys + self.length], axis=1), np.cumsum(self.length)
        talked = np.stack([total - self.length, total], axis=1)
        rises = self.length > 0.0
        self._edges = np.concatenate([[0.0], edges[rises].ravel()])
        self._talked = np.concatenate([[0.0], talked[rises].ravel()])

    def latest(self, time: Doubles) -> Indices:
        """The last turn that has begun; one before the speaker's first where none has."""
        return np.asarray(self.turns.keys.searchsorted(self._key(time), side="right") - 1)

    def until(self, time: Doubles) -> Doubles:
        """Seconds of talk up to each time, on a count of their own for each speaker."""
        talked: Doubles = np.interp(self._key(time), self._edges, self._talked)
        return talked

    def _key(self, time: Doubles) -> Doubles:
        key: Doubles = np.minimum(np.maximum(time, self.turns.low), self.turns.high)
        key += self.offset
        return key

    def place(self, at: Indices, middle: Doubles, start: Doubles, end: Doubles) -> list[Doubles]:
        """Where the word lies: in a turn or between two, how far from their ends, how long they are.

        Args:
            at: the turn that has begun last by its middle.
        """
        turns = self.turns
        begun = at >= self.first
        now = np.maximum(at, self.first)
        inside = begun & (middle < turns.end[now])
        following = np.where(begun, np.minimum(at + 1, self.last), self.first)
        has_next = ~begun | (at + 1 <= self.last)
        gap_before = np.where(begun, np.maximum(middle - turns.end[now], 0.0), _FAR)
        gap_after = np.where(has_next, turns.start[following] - middle, _FAR)
        length_now, length_next = self.length[now], self.length[following]
        nearest = np.where(inside | (gap_before <= gap_after), now, following)
        shared = np.clip(np.minimum(end, turns.end[nearest]) - np.maximum(start, turns.start[nearest]), 0.0, None)
        either = (end - start) + (turns.end[nearest] - turns.start[nearest]) - shared
        return [
            inside.astype(np.float64),
            np.where(inside, log_scale(middle - turns.start[now]), 0.0),
            np.where(inside, log_scale(turns.end[now] - middle), 0.0),
            np.where(inside, 0.0, log_scale(gap_before)),
            np.where(inside, 0.0, log_scale(gap_after)),
            np.where(inside, log_scale(length_now), 0.0),
            np.where(begun & ~inside, log_scale(length_now), 0.0),
            np.where(has_next, log_scale(length_next), 0.0),
            shared / np.maximum(either, 1e-3),
            np.minimum(log_scale(np.where(inside, 0.0, np.minimum(gap_before, gap_after))), 2.0),
        ]


def log_scale(seconds: Doubles) -> Doubles:
    """Times on a logarithmic scale: 0 s is 0, 40 s is 2."""
    return np.log1p(np.minimum(np.maximum(seconds, 0.0), 120.0) / 0.1) / 3


def seconds_of(scaled: Doubles) -> Doubles:
    """The reverse of `log_scale`."""
    return np.expm1(scaled * 3) * 0.1
