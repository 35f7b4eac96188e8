"""Rolling captions: each cue shows the line before again above the new one, as live captions and YouTube's do.

    Mary, do you go                     1
    Mary, do you go / out or in         2: the first line again, for as long as the next one is spoken
    out or in / today then              3

Between two of them YouTube puts cues of 10 ms, which show nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from whisperdiar.types import Cue

SHORT = 0.1
"""Seconds that a cue lasts at most which shows nothing but lines that are on the screen already."""
TOUCHING = 0.05
"""Seconds between two cues of which the second rolls on."""
NEARLY_ALL = 0.8
"""Share of the cues that roll on from the one before; below it a line that is said twice is said twice."""
_LEAST_GROWING = 2


def unroll(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """Cues of rolling captions (in the order of a file) with each line once, where it is new; others as they are.

    A cue rolls on where it begins with the last lines of the cue before, follows it at once, and shows a new line or
    lasts no longer than `SHORT`. A file rolls where nearly all of its cues do. A line with times of its own words is
    new whatever it says.
    """
    if not cues:
        return ()
    again = [0, *(_count_repeated_lines(before, cue) for before, cue in pairwise(cues))]
    growing = sum(0 < count < len(cue.lines) for count, cue in zip(again, cues, strict=True))
    rolling = sum(count > 0 for count in again)
    if growing < _LEAST_GROWING or rolling < NEARLY_ALL * (len(cues) - 1):
        return tuple(cues)
    kept = [_without(cue, count) for cue, count in zip(cues, again, strict=True)]
    return tuple(cue for cue in kept if cue.lines)


def _count_repeated_lines(before: Cue, cue: Cue) -> int:
    """How many first lines of a cue are the last ones of the cue before; 0 where it does not roll on."""
    if not -TOUCHING <= cue.span.start - before.span.end <= TOUCHING:
        return 0
    most = min(len(before.lines), len(cue.lines))
    count = next((n for n in range(most, 0, -1) if before.lines[-n:] == cue.lines[:n]), 0)
    if count == len(cue.lines) and cue.span.duration > SHORT:
        return 0
    timed = any(len(row) > 1 for row in cue.timed[:count])
    return 0 if timed else count


def _without(cue: Cue, count: int) -> Cue:
    return replace(cue, lines=cue.lines[count:], line_speakers=cue.line_speakers[count:], timed=cue.timed[count:])
