"""Shot changes: cues that begin and end at them or well away from them. Pure.

Source: Netflix, Timed Text Style Guide, Subtitle Timing Guidelines, section 2 (half a second is 12 frames at 24)::

    in-time    up to 12 frames after a shot change  → on it
               up to 7 frames before one            → on it
               8 to 11 frames before one            → 12 frames before it
    out-time   up to 12 frames before a shot change → 2 frames before it
               up to 7 frames after one             → 2 frames before it
               8 to 11 frames after one             → 12 frames after it

A time moves only where the cue, and the one before, can still be read, and nobody else's cue is passed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whisperdiar.subtitles._limits import Limits
from whisperdiar.subtitles._timing import TimedCue, find_following

ZONE_S = 0.5
"""Nearer than this to a shot change nothing begins or ends, but on it (two frames before it)."""
NEAR_S = 7.5 / 24
LEAD_FRAMES, LEAD_S = 2, 0.083
"""By how much an end comes before a shot change: in frames, and in seconds where their rate is unknown."""
_NEVER = 1 << 60


@dataclass(frozen=True, slots=True)
class Shots:
    """Shot changes in ticks, ascending, and the distances that hold around them."""

    changes: tuple[int, ...]
    zone: int
    near: int
    lead: int

    @classmethod
    def of(cls, times: Sequence[float], limits: Limits, *, framed: bool) -> Shots:
        """Args:
        times: in seconds.
        framed: whether a tick is a frame.
        """
        return cls(
            tuple(sorted({round(time * limits.rate) for time in times})),
            zone=round(ZONE_S * limits.rate),
            near=int(NEAR_S * limits.rate),
            lead=LEAD_FRAMES if framed else round(LEAD_S * limits.rate),
        )

    def starts(self, tick: int) -> Iterator[int]:
        """Where a cue that begins here should begin, best first; nothing where it is right already."""
        before, after = self._around(tick)
        if tick == before:
            return
        if tick - before < self.zone:
            yield before
        elif after - tick <= self.near:
            yield after
            yield after - self.zone
        elif after - tick < self.zone:
            yield after - self.zone
            yield after

    def ends(self, tick: int) -> Iterator[int]:
        """Where a cue that ends here should end, best first; nothing where it is right already."""
        place = bisect_left(self.changes, tick)
        before = self.changes[place - 1] if place else -_NEVER
        after = self.changes[place] if place < len(self.changes) else _NEVER
        if after - tick == self.lead:
            return
        if after - tick < self.zone:
            yield after - self.lead
        elif tick - before < self.zone:
            found = (before - self.lead, before + self.zone)
            yield from found if tick - before <= self.near else reversed(found)

    def _around(self, tick: int) -> tuple[int, int]:
        """The last shot change up to a tick, and the first one after it."""
        place = bisect_right(self.changes, tick)
        before = self.changes[place - 1] if place else -_NEVER
        return before, self.changes[place] if place < len(self.changes) else _NEVER


def snap_starts(cues: Sequence[TimedCue], shots: Shots, limits: Limits) -> None:
    """Move the starts; before the ends are set."""
    ordered = sorted(cues, key=lambda cue: cue.start)
    following = find_following(ordered)
    preceding = {after: before for before, after in following.items()}
    for number, cue in enumerate(ordered):
        earliest = ordered[number - 1].start if number else 0
        latest = min(ordered[number + 1].start if number + 1 < len(ordered) else _NEVER, cue.said - 1)
        if number in preceding:
            last = ordered[preceding[number]]
            earliest = max(earliest, min(cue.start, last.start + last.need + limits.gap))
        if number in following:
            latest = min(latest, max(cue.start, ordered[following[number]].start - limits.gap - cue.need))
        cue.start = next((tick for tick in shots.starts(cue.start) if earliest <= tick <= latest), cue.start)


def snap_ends(cues: Sequence[TimedCue], shots: Shots, limits: Limits) -> None:
    """Move the ends that `settle` set."""
    ordered = sorted(cues, key=lambda cue: cue.start)
    following = find_following(ordered)
    starts = [cue.start for cue in ordered]
    for number, cue in enumerate(ordered):
        earliest = max(cue.start + 1, min(cue.end, cue.start + cue.need))
        latest = cue.start + limits.longest
        if number in following:
            latest = min(latest, max(cue.end, starts[following[number]] - limits.gap))
        for tick in shots.ends(cue.end):
            place = bisect_left(starts, tick)
            upcoming = starts[place] if place < len(starts) else _NEVER
            if earliest <= tick <= latest and upcoming - tick >= limits.gap:
                cue.end = tick
                break
