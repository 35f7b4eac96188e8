"""Cues ready to be written: whole milliseconds, clean lines, order of time, places that do not cover each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from whisperdiar.formats._text import one_line, remove_breaks, to_milliseconds
from whisperdiar.types import Cue, Ranges, TimedText


class CuePiece(NamedTuple):
    """A part of a line and when it is spoken; the texts of a line's pieces joined are the line."""

    start_ms: int
    end_ms: int
    text: str


class ReadyCue(NamedTuple):
    """One subtitle: 0 ≤ start_ms < end_ms, at least one line, none empty.

    `line_speakers` has one entry for each line, or none where `speaker` says it all; `pieces` likewise where words
    have times. `level` counts the cues below it on the screen at the same time, `rows_below` their lines; `labelled`
    `italics` and `forced` as in `Cue`.
    """

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None
    line_speakers: tuple[str | None, ...] = ()
    pieces: tuple[tuple[CuePiece, ...], ...] = ()
    level: int = 0
    rows_below: int = 0
    labelled: bool = False
    italics: tuple[Ranges, ...] = ()
    forced: bool = False

    @property
    def speakers(self) -> tuple[str | None, ...]:
        """Who says each line."""
        return self.line_speakers or (self.speaker,) * len(self.lines)

    def italic(self, line: int) -> Ranges:
        """The ranges of a line that are set in italics."""
        return self.italics[line] if self.italics else ()


def prepare_cues(cues: Iterable[Cue]) -> list[ReadyCue]:
    """Sorted by start (cues of one start keep their order); a cue without text is left out."""
    made = sorted(filter(None, map(_prepare_cue, cues)), key=lambda cue: cue.start_ms)
    return _stack_cues(made)


def _prepare_cue(cue: Cue) -> ReadyCue | None:
    lines = [one_line(line) for line in cue.lines]
    kept = [index for index, line in enumerate(lines) if line]
    if not kept:
        return None
    start_ms = max(0, to_milliseconds(cue.span.start))
    # Players skip a cue of no length: a word of zero length still gets one millisecond.
    end_ms = max(start_ms + 1, to_milliseconds(cue.span.end))
    speakers = tuple(cue.line_speakers[i] for i in kept) if len(cue.line_speakers) == len(lines) else ()
    timed = tuple(cue.timed[i] for i in kept) if len(cue.timed) == len(lines) else ()
    shown = tuple(lines[i] for i in kept)
    pieces = _make_pieces(shown, timed, start_ms, end_ms)
    # Ranges are of the lines as they were read; a line that had to be cleaned has none.
    italics = tuple(cue.italics[i] if lines[i] == cue.lines[i] else () for i in kept) if cue.italics else ()
    made = ReadyCue(start_ms, end_ms, shown, cue.speaker, speakers, pieces)
    return made._replace(labelled=cue.labelled, italics=italics, forced=cue.forced)


def _make_pieces(
    lines: tuple[str, ...], timed: tuple[tuple[TimedText, ...], ...], start_ms: int, end_ms: int
) -> tuple[tuple[CuePiece, ...], ...]:
    """Times in order and inside the cue; a line whose pieces do not add up to it is one piece."""
    if not timed:
        return ()
    found = []
    clock_ms = start_ms
    for line, items in zip(lines, timed, strict=True):
        texts = _split_text(line, items)
        row = []
        for item, text in zip(items, texts, strict=False):
            clock_ms = min(max(clock_ms, to_milliseconds(item.span.start)), end_ms)
            if text:
                row.append(CuePiece(clock_ms, min(max(clock_ms, to_milliseconds(item.span.end)), end_ms), text))
        found.append(tuple(row) or (CuePiece(clock_ms, end_ms, line),))
    return tuple(found)


def _split_text(line: str, items: tuple[TimedText, ...]) -> list[str]:
    """Each piece's share of the line; empty where they do not add up to it."""
    texts = [remove_breaks(item.text) for item in items]
    if "".join(texts).strip() != line:
        return []
    filled = [index for index, text in enumerate(texts) if text.strip()]
    texts = ["" if not filled[0] <= index <= filled[-1] else text for index, text in enumerate(texts)]
    texts[filled[0]] = texts[filled[0]].lstrip()
    texts[filled[-1]] = texts[filled[-1]].rstrip()
    return texts


def _stack_cues(cues: list[ReadyCue]) -> list[ReadyCue]:
    """Cues that are shown at the same time lie above one another: each on the lowest level that is free."""
    placed: list[ReadyCue] = []
    shown: dict[int, ReadyCue] = {}
    for cue in cues:
        shown = {level: other for level, other in shown.items() if other.end_ms > cue.start_ms}
        level = next(level for level in range(len(shown) + 1) if level not in shown)
        rows = sum(len(other.lines) for below, other in shown.items() if below < level)
        shown[level] = cue._replace(level=level, rows_below=rows)
        placed.append(shown[level])
    return placed
