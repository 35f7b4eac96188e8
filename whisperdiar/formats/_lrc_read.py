"""Reads LRC lyrics: a time before each line, and in the enhanced form before each word."""

from __future__ import annotations

import re
from typing import NamedTuple

from whisperdiar.formats._text import JOINER, numbered_lines, one_line, refuse_line, without_breaks
from whisperdiar.types import Cue, Span, TimedText

_TIME = r"(\d{1,9}):(\d{1,2})(?:[.:,](\d{1,3}))?"
_STAMP = re.compile(rf"\[{_TIME}\]")
# Before words "<00:01.00>"; some programs put the same in brackets, also behind the last word.
_WORD = re.compile(rf"(?:<|\[){_TIME}(?:>|\])")
_JOINED = re.compile(rf"([<\[]){JOINER}(?![:：])")  # before a colon it marks a label
_TAG = re.compile(r"\[([A-Za-z#_]+):((?:[^\[\]]|\[[^\[\]]*\])*)\]")
_LONGEST_LINE = 7.0
_PER_CHARACTER = 1 / 15
_MOST_REPEATED = 20
"""Characters that a line may become for each that it has: with a chorus of 200 columns as many as there are verses. A
file of 18 kB would otherwise become millions of words."""


class _Row(NamedTuple):
    start: float
    text: str


def lyric_cues(text: str) -> tuple[Cue, ...]:
    """The lines in order of time.

    A line ends at the time behind its last word, where there is one; otherwise where the next one begins (an empty
    one marks a silence). The last stays as long as it takes to read, at most seven seconds.

    Raises:
        FormatError: a line has neither a time nor a tag; with its number and text.
    """
    rows: list[_Row] = []
    offset = 0.0
    for number, line in numbered_lines(text):
        stamps = []
        rest = line
        while match := _STAMP.match(rest):
            stamps.append(_seconds(*match.groups()))
            rest = rest[match.end() :]
        tag = _TAG.fullmatch(line)
        if len(stamps) > 1 and len(stamps) * len(rest) > _MOST_REPEATED * len(line):
            refuse_line(number, line, f"{len(stamps)} times before one text, which no song repeats so often")
        if stamps:
            rows += [_Row(stamp, rest) for stamp in stamps]
        elif tag is None:
            refuse_line(number, line, "no time such as [00:01.00] and no tag such as [ti:Title]")
        elif tag[1].lower() == "offset" and re.fullmatch(r"\s*[+-]?\d{1,9}\s*", tag[2]):
            offset = int(tag[2]) / 1000
    rows = sorted((_Row(row.start - offset, row.text) for row in rows), key=lambda row: row.start)
    made: list[Cue] = []
    following: float | None = None
    for index in range(len(rows) - 1, -1, -1):
        if index + 1 < len(rows) and rows[index + 1].start > rows[index].start:
            following = rows[index + 1].start
        cue = _cue(rows[index], following, offset)
        if cue is not None:
            made.append(cue)
    return tuple(reversed(made))


def _seconds(minutes: str, seconds: str, decimals: str | None) -> float:
    return int(minutes) * 60 + int(seconds) + (int(decimals) / 10 ** len(decimals) if decimals else 0.0)


def _cue(row: _Row, following: float | None, offset: float) -> Cue | None:
    parts = _WORD.split(row.text)
    times = [_seconds(*parts[i : i + 3]) - offset for i in range(1, len(parts), 4)]
    pieces = [without_breaks(_plain(piece)) for piece in parts[::4]]
    line = one_line("".join(pieces))
    if not line:
        return None
    start = max(0.0, row.start)
    reading = min(_LONGEST_LINE, max(1.0, len(line) * _PER_CHARACTER))
    if times and not pieces[-1].strip() and times[-1] > start:
        end = times[-1]
    else:
        end = following if following is not None else max(start + reading, *times, start)
    span = Span(start, max(start, end))
    if not times or (len(times) == 1 and not "".join(pieces[1:]).strip()):
        return Cue(span, (line,))
    starts = [min(max(span.start, at), span.end) for at in (span.start, *times)]
    edges = [*starts[1:], span.end]
    timed = tuple(
        TimedText(Span(start, max(start, stop)), piece)
        for start, stop, piece in zip(starts, edges, pieces, strict=True)
        if piece
    )
    return Cue(span, (line,), timed=(timed,))


def _plain(text: str) -> str:
    return _JOINED.sub(r"\1", text)
