"""When cues come and go: ends that linger, gaps that are kept or closed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from whisperdiar.subtitles._division import Limits

_NEVER = 1 << 60


@dataclass(slots=True)
class Shown:
    """A cue in ticks: when it is shown, until when its words are said, and how long it needs.

    Attributes:
        turn: it begins a turn: its speaker was silent before.
        key: whose cues come one after the other; the same for all where none may overlap.
    """

    start: int
    said: int
    need: int
    turn: bool
    key: object
    end: int = 0


def settle(cues: Sequence[Shown], limits: Limits) -> None:
    """Set the ends (and starts that leave no tick before them): of one key none overlaps the next.

    A cue stays as long as its words are said and as its text needs. It does not linger over the beginning of
    another turn, unless it could not be read otherwise; then both are on the screen for at most `limits.over`.
    Between two cues that follow each other is the least gap, which a gap too small to be seen is closed to.
    """
    last: dict[object, Shown] = {}
    following: dict[int, int] = {}
    for cue in cues:
        before = last.get(cue.key)
        if before is not None:
            cue.start = max(cue.start, before.start + 1 + limits.gap)
            following[id(before)] = cue.start
        last[cue.key] = cue
    starts = sorted(cue.start for cue in cues)
    turns = sorted((cue.start, number) for number, cue in enumerate(cues) if cue.turn)
    for cue in cues:
        latest = max(cue.start + 1, min(following.get(id(cue), _NEVER) - limits.gap, cue.start + limits.longest))
        place = bisect_left(turns, (max(cue.said, cue.start + 1), 0))
        turn = next((start for start, number in turns[place:] if cues[number].key != cue.key), _NEVER)
        cue.end = _end(cue, latest, turn, starts, limits)


def _end(cue: Shown, latest: int, turn: int, starts: Sequence[int], limits: Limits) -> int:
    least = cue.start + cue.need
    soft = min(latest, turn - limits.gap)
    if soft < least:
        return _clear(cue, min(least, latest, turn + limits.over), latest, starts, limits)
    end = min(max(cue.said, least), soft)
    upcoming = _from(starts, max(end, cue.start + 1))
    if upcoming - end < max(limits.close, limits.gap):
        closed = min(upcoming - limits.gap, latest)
        end = closed if closed >= least else end
    return _clear(cue, end, latest, starts, limits)


def _clear(cue: Shown, end: int, latest: int, starts: Sequence[int], limits: Limits) -> int:
    """An end that no cue follows in less than the gap: well after the beginning of that one where there is time."""
    moved = end
    while (upcoming := _from(starts, max(moved, cue.start + 1))) - moved < limits.gap:
        moved = upcoming + max(limits.gap, 1)
        if moved > latest:
            return max(cue.start + 1, _from(starts, max(end, cue.start + 1)) - limits.gap)
    return moved


def _from(starts: Sequence[int], tick: int) -> int:
    place = bisect_left(starts, tick)
    return starts[place] if place < len(starts) else _NEVER
