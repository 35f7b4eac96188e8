"""Cues made ready to be written: whole milliseconds, clean lines, order of time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from whisperdiar.formats._text import milliseconds, one_line
from whisperdiar.types import Cue


class ReadyCue(NamedTuple):
    """One subtitle: 0 ≤ start_ms < end_ms, at least one line, none empty."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None


def ready(cues: Iterable[Cue]) -> list[ReadyCue]:
    """Sorted by start (cues of one start keep their order); a cue without text is left out."""
    made = []
    for cue in cues:
        lines = tuple(line for line in map(one_line, cue.lines) if line)
        if lines:
            start_ms = max(0, milliseconds(cue.span.start))
            # Players skip a cue of no length: a word of zero length still gets one millisecond.
            made.append(ReadyCue(start_ms, max(start_ms + 1, milliseconds(cue.span.end)), lines, cue.speaker))
    return sorted(made, key=lambda cue: cue.start_ms)
