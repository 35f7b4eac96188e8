"""Cues as SRT and WebVTT have them: a line of two times and the lines below it. Read so that most files pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from whisperdiar.formats._text import refuse_line, without_mark
from whisperdiar.types import Span

# Hours may be missing, points and commas stand for each other, digits may be missing.
_CLOCK = r"(?:(\d{1,9})\s*:\s*)?(\d{1,9})\s*:\s*(\d{1,9})(?:\s*[,.:，．]\s*(\d+))?"
_TIMES = re.compile(rf"\s*{_CLOCK}\s*-{{2,}}>\s*{_CLOCK}(?:\s.*)?")
_MEANT_AS_TIMES = re.compile(r"\s*[\d:.,]+[^\s]*\s*-{2,}>.*\d")
_NUMBER = re.compile(r"\s*\d+\s*")
_LINE_ENDS = re.compile("\r\n|\r|\n")
_LONGEST = 1e9


class Block(NamedTuple):
    """One cue as it stands in the file: the number of its line of times (from 1), when, and its lines of text."""

    number: int
    span: Span
    lines: tuple[str, ...]


def clock_seconds(hours: str | None, minutes: str, seconds: str, decimals: str | None) -> float:
    """Up to three decimals are a number of milliseconds, as FFmpeg and the `srt` package take them: ``,5`` is 0.005."""
    milliseconds = (
        0.0
        if not decimals
        else int(decimals)
        if len(decimals) <= 3
        else int(decimals[:9]) * 1e3 / 10 ** min(len(decimals), 9)
    )
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + milliseconds / 1000


def blocks(text: str, *, blank_ends: bool) -> Iterator[Block]:
    """The cues in the order of the file.

    Forgiven are missing and wrong numbers, missing blank lines, missing hours, points for commas, and an end before
    the start, which is read as the start.

    Args:
        blank_ends: a blank line ends a cue, as in WebVTT; otherwise it belongs to the text unless a cue follows.

    Raises:
        FormatError: a line is meant as times and cannot be read; or the file holds text and no cue.
    """
    lines = _LINE_ENDS.split(without_mark(text))
    places = [index for index, line in enumerate(lines) if _TIMES.fullmatch(line)]
    _refuse_broken(lines, set(places))
    for place, following in pairwise([*places, len(lines)]):
        body = lines[place + 1 : following]
        if following < len(lines) and body and _NUMBER.fullmatch(body[-1]):
            body = body[:-1]
        if blank_ends:
            body = body[: next((i for i, line in enumerate(body) if not line.strip()), len(body))]
        yield Block(place + 1, _span(place + 1, lines[place]), tuple(line for line in body if line.strip()))


def _span(number: int, line: str) -> Span:
    match = _TIMES.fullmatch(line)
    if match is None:  # pragma: no cover - the caller has looked
        refuse_line(number, line, "no times")
    start, end = clock_seconds(*match.groups()[:4]), clock_seconds(*match.groups()[4:])
    if max(start, end) > _LONGEST:
        refuse_line(number, line, "this time is too large")
    return Span(start, max(start, end))


def _refuse_broken(lines: list[str], places: set[int]) -> None:
    """Where a cue may begin stands a line with an arrow that is no line of times: passing over it would lose text."""
    for index, line in enumerate(lines):
        if index in places or "-->" not in line:
            continue
        before = lines[index - 1] if index else ""
        if _MEANT_AS_TIMES.fullmatch(line) and (not before.strip() or _NUMBER.fullmatch(before)):
            refuse_line(index + 1, line, "these are no times such as 00:00:01,000 --> 00:00:02,500")
    if not places:
        for index, line in enumerate(lines):
            if line.strip() and not line.startswith("WEBVTT"):
                if line.startswith(("NOTE", "STYLE", "REGION")) and lines[0].startswith("WEBVTT"):
                    return
                refuse_line(index + 1, line, "no cue, such as 00:00:01,000 --> 00:00:02,500 and a text below it")
