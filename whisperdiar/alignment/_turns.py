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
        before: what the same array's earlier turns last together, float64 (n_turns,).
        speaker: int64 (n_turns,).
        share: of all speech, float64 (n_speakers,).
        low, high: seconds, a second before and behind all turns.
        keys: starts in one ascending order, float64 (n_turns,): those of speaker s lie s times `width` further.
    """

    labels: tuple[str, ...]
    first: Indices
    start: Doubles
    end: Doubles
    before: Doubles
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
            before=np.cumsum(length) - length,
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
    gaps = np.array([_gap_to_range(turns, s, low, high) for s in range(len(turns.labels))])
    # All who talk in this stretch, and a few more who are next to it: nobody else can be among the nearest.
    few = np.sort(gaps)[: N_SLOTS + 1][-1]
    speakers = np.flatnonzero(gaps <= max(few, 0.0))
    distance = np.stack([_distance(turns, int(s), middle) for s in speakers])
    order = np.argsort(distance, axis=0, kind="stable")[:N_SLOTS]
    near = np.take_along_axis(distance, order, axis=0)
    chosen = np.full((len(middle), N_SLOTS), NOBODY, dtype=np.int64)
    chosen[:, : len(order)] = np.where(near <= near[0] + REACH_S, speakers[order], NOBODY).T
    return chosen


def _gap_to_range(turns: SpeakerTurns, speaker: int, low: float, high: float) -> float:
    begin, stop = turns.first[speaker], turns.first[speaker + 1]
    after = int(np.searchsorted(turns.end[begin:stop], low)) + begin
    if after < stop and turns.start[after] <= high:
        return 0.0
    ahead = float(turns.start[after]) - high if after < stop else np.inf
    behind = low - float(turns.end[after - 1]) if after > begin else np.inf
    return min(ahead, behind)


def _distance(turns: SpeakerTurns, speaker: int, time: Doubles) -> Doubles:
    """Seconds from each time to the speaker's nearest turn, 0 inside one."""
    begin, stop = turns.first[speaker], turns.first[speaker + 1]
    start, end = turns.start[begin:stop], turns.end[begin:stop]
    at = np.searchsorted(start, time, side="right")
    behind = np.where(at > 0, np.maximum(time - end[np.maximum(at - 1, 0)], 0.0), np.inf)
    ahead = np.where(at < len(start), start[np.minimum(at, len(start) - 1)] - time, np.inf)
    distance: Doubles = np.minimum(behind, ahead)
    return distance


def pair_features(times: WordTimes, turns: SpeakerTurns, chosen: Indices) -> Floats:
    """float32 (n, N_SLOTS, N_PAIR_FEATURES), zeros where there is nobody."""
    n = len(times.middle)
    exists = (chosen != NOBODY).ravel()
    speaker = np.where(exists, chosen.ravel(), 0)
    talk = _Talk(turns, speaker)
    middle = np.repeat(times.middle, N_SLOTS)
    start, end = np.repeat(times.likely_start, N_SLOTS), np.repeat(times.end, N_SLOTS)
    centre = talk.until(middle)
    width = np.maximum(end - start, 0.02)
    columns = [(talk.until(end) - talk.until(end - width)) / width]
    for reach in WINDOWS_S:
        columns += [(centre - talk.until(middle - reach)) / reach, (talk.until(middle + reach) - centre) / reach]
    columns += talk.place(middle, start, end)
    columns += [np.sqrt(turns.share[speaker]), np.full(len(speaker), np.log1p(len(turns.labels)) / 2), exists]
    features = np.stack(columns, axis=1).astype(np.float32)
    features[~exists] = 0.0
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
        self.offset = speaker * turns.width

    def latest(self, time: Doubles) -> Indices:
        """The last turn that has begun; one before the speaker's first where none has."""
        turns = self.turns
        key = np.clip(time, turns.low, turns.high) - turns.low + self.offset
        return np.asarray(np.searchsorted(turns.keys, key, side="right") - 1)

    def until(self, time: Doubles) -> Doubles:
        """Seconds of talk up to each time, on a count of their own for each speaker."""
        turns = self.turns
        at = self.latest(time)
        began = np.maximum(at, self.first)
        length = turns.end[began] - turns.start[began]
        talked: Doubles = turns.before[began] + np.where(
            at >= self.first, np.clip(time - turns.start[began], 0.0, length), 0.0
        )
        return talked

    def place(self, middle: Doubles, start: Doubles, end: Doubles) -> list[Doubles]:
        """Where the word lies: in a turn or between two, how far from their ends, how long they are."""
        turns = self.turns
        at = self.latest(middle)
        begun = at >= self.first
        now = np.maximum(at, self.first)
        inside = begun & (middle < turns.end[now])
        following = np.where(begun, np.minimum(at + 1, self.last), self.first)
        has_next = ~begun | (at + 1 <= self.last)
        gap_before = np.where(begun, np.maximum(middle - turns.end[now], 0.0), _FAR)
        gap_after = np.where(has_next, turns.start[following] - middle, _FAR)
        length_now, length_next = turns.end[now] - turns.start[now], turns.end[following] - turns.start[following]
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
    return np.log1p(np.clip(seconds, 0.0, 120.0) / 0.1) / 3


def seconds_of(scaled: Doubles) -> Doubles:
    """The reverse of `log_scale`."""
    return np.expm1(scaled * 3) * 0.1
