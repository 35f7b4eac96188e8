"""Cue timing: ends that linger, gaps that are kept or closed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from whisperdiar.subtitles._limits import Limits

_NEVER = 1 << 60


@dataclass(slots=True)
class TimedCue:
    """A cue in ticks: when it is shown, until when its words are said, and how long it needs.

    Attributes:
        turn: it begins a turn: its speaker was silent before.
        lanes: cues that share a lane never overlap: those of one speaker, or all of them.
    """

    start: int
    said: int
    need: int
    turn: bool
    lanes: frozenset[object]
    end: int = 0


def spread_starts(lane: Sequence[TimedCue], limits: Limits) -> None:
    """Move starts that leave no time to the cue before: with words of no length, or all of one time."""
    for before, cue in pairwise(lane):
        cue.start = max(cue.start, before.start + 1 + limits.gap)


def find_following(ordered: Sequence[TimedCue]) -> dict[int, int]:
    """For each cue, by its place, that of the next one that shares a lane with it, where there is one."""
    following: dict[int, int] = {}
    last: dict[object, int] = {}
    for number, cue in enumerate(ordered):
        for lane in cue.lanes:
            if lane in last:
                following.setdefault(last[lane], number)
            last[lane] = number
    return following


def settle(cues: Sequence[TimedCue], limits: Limits) -> None:
    """Set the ends.

    A cue stays as long as its words are said and as its text needs. It does not linger over the beginning of
    another turn, unless it could not be read otherwise; then both are on the screen for at most `limits.over`.
    Between two cues that follow each other is the least gap, which a gap too small to be seen is closed to.
    """
    ordered = sorted(cues, key=lambda cue: cue.start)
    following = {number: ordered[other].start for number, other in find_following(ordered).items()}
    starts = [cue.start for cue in ordered]
    turns = [(cue.start, number) for number, cue in enumerate(ordered) if cue.turn]
    for number, cue in enumerate(ordered):
        latest = max(cue.start + 1, min(following.get(number, _NEVER) - limits.gap, cue.start + limits.longest))
        # Turns that begin after the cue must be gone do not matter; there may be a thousand before one of another lane.
        late = latest + limits.gap
        begins = [
            next(
                (start for start, other in _between(turns, said, late) if not ordered[other].lanes & cue.lanes), _NEVER
            )
            for said in (max(cue.said - limits.trim, cue.start + 1), max(cue.said, cue.start + 1))
        ]
        # Who begins while the last sound is made ends the cue as well: nobody sees two cues for so short a time.
        turn = begins[0] if begins[0] - limits.gap >= cue.start + cue.need else begins[1]
        cue.end = _end(cue, latest, turn, starts, limits)


def _between(turns: Sequence[tuple[int, int]], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Of the turns, sorted, those that begin at the ticks `first` to `last`."""
    return takewhile(
        lambda turn: turn[0] <= last, (turns[i] for i in range(bisect_left(turns, (first, 0)), len(turns)))
    )


def _end(cue: TimedCue, latest: int, turn: int, starts: Sequence[int], limits: Limits) -> int:
    least = cue.start + cue.need
    soft = min(latest, turn - limits.gap)
    if soft < least:
        return _clear_end(cue, min(max(least, cue.said), latest, turn + limits.over), latest, starts, limits)
    end = min(max(cue.said, least), soft)
    upcoming = _first_from(starts, max(end, cue.start + 1))
    if upcoming - end < max(limits.close, limits.gap):
        closed = min(upcoming - limits.gap, latest)
        end = closed if closed >= least else end
    return _clear_end(cue, end, latest, starts, limits)


def _clear_end(cue: TimedCue, end: int, latest: int, starts: Sequence[int], limits: Limits) -> int:
    """An end that no cue follows in less than the gap: well after the beginning of that one where there is time."""
    moved = end
    while (upcoming := _first_from(starts, max(moved, cue.start + 1))) - moved < limits.gap:
        moved = upcoming + max(limits.gap, 1)
        if moved > latest:
            return max(cue.start + 1, _first_from(starts, max(end, cue.start + 1)) - limits.gap)
    return moved


def _first_from(starts: Sequence[int], tick: int) -> int:
    place = bisect_left(starts, tick)
    return starts[place] if place < len(starts) else _NEVER
