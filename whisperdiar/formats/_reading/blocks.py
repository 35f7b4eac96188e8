"""Cues as SRT, WebVTT and SBV have them: a line of two times and the lines below it. Read so that most files pass.

What is left out is known by its syntax: numbers and identifiers above times, settings behind them, and in WebVTT the
header, comments, styles and regions. Everything else is text of a cue, or an error with its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from whisperdiar.formats._text import refuse_line, split_lines
from whisperdiar.text.messages import _
from whisperdiar.types import Span

# Hours may be missing, points and commas stand for each other, digits may be missing, a time may lie before zero.
_CLOCK = r"([-−]\s*)?(?:(\d{1,9})\s*[:：]\s*)?(\d{1,9})\s*[:：]\s*(\d{1,9})(?:\s*[,.:，．]\s*(\d+))?"
_ARROW = r"-{2,}>"
# What editors, word processors and web pages make of the arrow, and one dash in its place.
_OTHER_ARROW = r"(?:[-‐‑–—−=]+(?:\s?[-‐‑–—−=])*\s?(?:>|&gt;|\\>)|→|⟶|⇒|[-‐‑–—−])"
_MARK = "[\\s\ufeff]*"
_TIMES = re.compile(rf"{_MARK}{_CLOCK}\s*{_ARROW}\s*{_CLOCK}(?:\s+(.*)|\s*)", re.DOTALL)
_OTHER_TIMES = re.compile(rf"{_MARK}{_CLOCK}\s*{_OTHER_ARROW}\s*{_CLOCK}(?:\s+(.*)|\s*)", re.DOTALL)
_FULL_CLOCK = re.compile(r"\d\s*[:：]\s*\d{1,2}\s*[,.，．]\s*\d{2}")
_MEANT_AS_TIMES = re.compile(rf"{_MARK}[-−]?\s*\d(?=.*[:：]).*?{_ARROW}.*", re.DOTALL)
_TWO_CLOCKS = re.compile(r"[^\w]*\d+\s*[:：]\s*\d.*\d\s*[:：]\s*\d[^A-Za-z]*", re.DOTALL)
_OTHER_MEANT = re.compile(rf"{_MARK}[-−]?\s*\d.*?(?:{_ARROW}|[-–—−]\s?>|&gt;|→).*\d.*", re.DOTALL)
_NUMBER = re.compile(rf"{_MARK}\d+\s*")
_SBV_START = re.compile(rf"{_MARK}{_CLOCK}\s*[,;，]\s*{_CLOCK}")
_SBV_TIMES = re.compile(rf"{_SBV_START.pattern}(?:\s+(.*)|\s*)", re.DOTALL)
_SBV_MEANT = re.compile(rf"{_MARK}[-−]?\s*\d+\s*[:：]\s*\d.*[,;，].*\d\s*[:：]\s*\d.*", re.DOTALL)

# Positions behind the times of SRT: X1:40, those of WebVTT, and of its drafts (A:middle).
_SRT_SETTINGS = re.compile(
    r"\A(?:(?:[A-Za-z]\d?|align|line|position|size|vertical|region):\S+(?:\s+|\Z))+", re.IGNORECASE
)
_VTT_SETTINGS = re.compile(r"\A(?:[\w-]+:\S+(?:\s+|\Z))+")
_HEADER = re.compile("\ufeff?WEBVTT(?:[ \t].*)?", re.DOTALL)
_HEADER_FIELD = re.compile(r"WEBVTT(?:[ \t].*)?|\s*[A-Za-z][\w-]*\s*[:=].*|\s+", re.DOTALL)
_NO_CUE = re.compile(r"NOTE(?:[ \t].*)?|(?:STYLE|REGION)[ \t]*", re.DOTALL)
_LONGEST = 1e9
_LONGEST_LINE = 500
"""Characters of a line that can be meant as times."""
_EXAMPLE = "00:00:01,000 --> 00:00:02,500"
_SBV_EXAMPLE = "0:00:01.000,0:00:02.500"
"""Examples in errors."""


class CueBlock(NamedTuple):
    """One cue as it stands in the file: the number of its line of times (from 1), when, and its lines of text."""

    number: int
    span: Span
    lines: tuple[str, ...]


class _Times(NamedTuple):
    """A line of times: when, and the text that follows the settings on the same line."""

    span: Span
    text: str


def is_webvtt(text: str) -> bool:
    """Whether a text begins with the header of WebVTT, whatever its file is called."""
    return _HEADER.fullmatch(split_lines(text)[0]) is not None


def parse_clock(hours: str | None, minutes: str, seconds: str, decimals: str | None) -> float:
    """Up to three decimals are a number of milliseconds, as FFmpeg and the `srt` package take them: ``,5`` is 0.005."""
    milliseconds = (
        0.0
        if not decimals
        else int(decimals)
        if len(decimals) <= 3
        else int(decimals[:9]) * 1e3 / 10 ** min(len(decimals), 9)
    )
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + milliseconds / 1000


def _parse_fraction(hours: str | None, minutes: str, seconds: str, decimals: str | None) -> float:
    """Decimals are a fraction of a second, as FFmpeg takes those of SubViewer: ``.5`` is 0.5."""
    fraction = int(decimals[:9]) / 10 ** min(len(decimals), 9) if decimals else 0.0
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + fraction


def looks_like_times(line: str) -> bool:
    """Whether a line without ``-->`` is read as times below a number, or refused as times that cannot be read."""
    return _OTHER_TIMES.match(line) is not None or _is_broken(line, after_number=True)


def srt_blocks(text: str) -> Iterator[CueBlock]:
    """The cues of SRT in the order of the file; a blank line belongs to the text unless a cue follows.

    Forgiven are missing and wrong numbers, blank lines that are missing or stand after every line, missing hours,
    points for commas, other arrows (``->``, ``→`` …), times before zero, which are read as zero, and an end before
    the start, which is read as the start.

    Raises:
        FormatError: a line is meant as times and cannot be read, or text stands before the first cue.
    """
    lines = split_lines(text)
    found = {index: times for index in range(len(lines)) if (times := _srt_times(lines, index)) is not None}
    places = [*found, len(lines)]
    head, number = lines[: places[0]], None
    if found:
        head, number = _without_number(head, None, first=True)
    for index, line in enumerate(head):
        if not _is_blank(line):
            refuse_line(index + 1, line, _explain_no_place(_EXAMPLE))
    for place, following in pairwise(places):
        body, later = lines[place + 1 : following], None
        if following < len(lines):
            body, later = _without_number(body, number, first=False)
        yield CueBlock(place + 1, found[place].span, _texts([found[place].text, *body]))
        number = later


def vtt_blocks(text: str) -> Iterator[CueBlock]:
    """The cues of WebVTT in the order of the file; only an empty line ends a cue, one with a space is text.

    Forgiven are a missing header, a header again (joined files), and what `srt_blocks` forgives. Text that follows a
    cue after an empty line is the cue's: players would lose it.

    Raises:
        FormatError: as `srt_blocks`.
    """
    lines = split_lines(text)
    waiting: CueBlock | None = None
    start = 0
    while start < len(lines):
        end = next((i for i in range(start, len(lines)) if not lines[i]), len(lines))
        for block in _vtt_cues(lines, _after_header(lines, start, end), end):
            if block.number:
                if waiting is not None:
                    yield waiting
                waiting = block
            elif waiting is not None:
                waiting = waiting._replace(lines=waiting.lines + block.lines)
            else:
                place = next(i for i in range(start, end) if lines[i] == block.lines[0])
                refuse_line(place + 1, lines[place], _explain_no_place(_EXAMPLE.replace(",", ".")))
        start = end + 1
    if waiting is not None:
        yield waiting


def sbv_blocks(text: str) -> Iterator[CueBlock]:
    """The cues of SBV in the order of the file; a blank line belongs to the text unless a cue follows.

    Forgiven are blank lines that are missing or doubled, missing hours, and what `srt_blocks` forgives of times.

    Raises:
        FormatError: as `srt_blocks`.
    """
    lines = split_lines(text)
    found = {index: times for index in range(len(lines)) if (times := _sbv_times(lines, index)) is not None}
    for index, line in enumerate(lines[: next(iter(found), len(lines))]):
        if not _is_blank(line):
            refuse_line(
                index + 1,
                line,
                _explain_no_place(_SBV_EXAMPLE),
            )
    for place, following in pairwise([*found, len(lines)]):
        yield CueBlock(place + 1, found[place].span, _texts([found[place].text, *lines[place + 1 : following]]))


def begins_with_sbv_times(line: str) -> bool:
    """Whether a line begins as the line of times of SBV does: FFmpeg takes it for one whatever follows."""
    return _SBV_START.match(line) is not None


def _sbv_times(lines: Sequence[str], index: int) -> _Times | None:
    """The times on a line of SBV, and the text behind them where a cue may begin; None where it is text."""
    line = lines[index]
    first = not index or _is_blank(lines[index - 1])
    match = _SBV_TIMES.fullmatch(line)
    if match is not None and (first or not (match[11] or "").strip()):
        return _Times(_span_of(match, index + 1, line, _parse_fraction), match[11] or "")
    meant = len(line) <= _LONGEST_LINE and (_SBV_MEANT.fullmatch(line) or _is_broken(line, after_number=False))
    if first and meant:
        refuse_line(index + 1, line, _explain_no_times(_SBV_EXAMPLE))
    return None


def _after_header(lines: Sequence[str], start: int, end: int) -> int:
    """Where a group of lines begins that may begin with the header of the file and its fields."""
    if start == end or not _HEADER.fullmatch(lines[start]):
        return start
    start += 1
    while start < end:
        styles = lines[start].strip() == "Style:"  # YouTube's old files: rules up to a line of number signs
        if styles:
            start = next((i for i in range(start, end) if lines[i].strip() == "##"), start)
        elif _TIMES.fullmatch(lines[start]) or not _HEADER_FIELD.fullmatch(lines[start]):
            break
        start += 1
    return start


def _vtt_cues(lines: Sequence[str], start: int, end: int) -> Iterator[CueBlock]:
    """The cues of lines without an empty one; number 0 for text without times."""
    comment = start < end and _NO_CUE.fullmatch(lines[start]) is not None
    places: dict[int, _Times] = {}
    for index in range(start, end):
        # An identifier may stand above the first times; a comment with times below it is one, and ends before others.
        first = index - start < 2 and not places
        ends = first or (comment and not places)
        numbered = index > start and _NUMBER.fullmatch(lines[start]) is not None
        alone = index == start and _FULL_CLOCK.search(lines[index]) is not None
        other = first and not comment and (numbered or alone)
        times = _times_of(lines[index], _VTT_SETTINGS, first=ends, other=other, number=index + 1)
        if times is not None:
            places[index] = times
        elif ends and _is_broken(lines[index], after_number=numbered) and not (comment and index == start):
            refuse_line(index + 1, lines[index], _explain_no_times(_EXAMPLE.replace(",", ".")))
    edges = [*places, end]
    above = list(lines[start : edges[0]])
    if comment or (places and len(above) == 1):
        above = []
    elif places:
        above = _without_number(above, None, first=False)[0]
    if not all(map(_is_blank, above)):
        yield CueBlock(0, Span(0.0, 0.0), _texts(above))
    for place, following in pairwise(edges):
        body = list(lines[place + 1 : following])
        body = _without_number(body, None, first=False)[0] if following < end else body
        yield CueBlock(place + 1, places[place].span, _texts([places[place].text, *body]))


def _srt_times(lines: Sequence[str], index: int) -> _Times | None:
    """The times on a line of SRT; None where it is text.

    Where a cue may begin (below a blank line or a number) other arrows are times as well, and text may follow on the
    line; there a line that is meant as times and cannot be read is an error.
    """
    line = lines[index]
    above = lines[index - 1] if index else ""
    numbered = _NUMBER.fullmatch(above) is not None
    alone = numbered and (index < 2 or _is_blank(lines[index - 2]))
    first = _is_blank(above) or numbered
    times = _times_of(
        line,
        _SRT_SETTINGS,
        first=first,
        other=alone or (_is_blank(above) and _FULL_CLOCK.search(line) is not None),
        number=index + 1,
    )
    if times is None and first and _is_broken(line, after_number=numbered):
        refuse_line(index + 1, line, _explain_no_times(_EXAMPLE))
    return times


def _times_of(line: str, settings: re.Pattern[str], *, first: bool, other: bool, number: int) -> _Times | None:
    match = _TIMES.fullmatch(line)
    text = settings.sub("", match[11] or "", count=1) if match else ""
    if match is None or (text.strip() and not first):
        match = _OTHER_TIMES.fullmatch(line) if other else None
        text = settings.sub("", match[11] or "", count=1) if match else ""
        if match is None or text.strip():
            return None
    return _Times(_span_of(match, number, line, parse_clock), text)


def _span_of(match: re.Match[str], number: int, line: str, parse: Callable[..., float]) -> Span:
    """The span of two times of a line; one before zero is zero, an end before the start the start."""
    start, end = (0.0 if sign else parse(*clock) for sign, *clock in (match.groups()[:5], match.groups()[5:10]))
    if max(start, end) > _LONGEST:
        refuse_line(number, line, _("this time is too large"))
    return Span(start, max(start, end))


def _is_broken(line: str, *, after_number: bool) -> bool:
    if len(line) > _LONGEST_LINE:
        return False
    if _MEANT_AS_TIMES.fullmatch(line):
        return True
    if after_number:
        return any(rule.fullmatch(line) for rule in (_OTHER_MEANT, _TWO_CLOCKS))
    return _OTHER_MEANT.fullmatch(line) is not None and _FULL_CLOCK.search(line) is not None


def _without_number(lines: Sequence[str], before: int | None, *, first: bool) -> tuple[list[str], int | None]:
    """Lines above times without the cue's number. Blank lines may part it from the times where it is the one that
    has to come, or the file's first."""
    filled = [index for index, line in enumerate(lines) if not _is_blank(line)]
    last = filled[-1] if filled else None
    if last is None or not _NUMBER.fullmatch(lines[last]):
        return list(lines), None
    number = int(lines[last].replace("\ufeff", "").strip()[-9:])
    apart = last + 1 < len(lines)
    alone = last > 0 and _is_blank(lines[last - 1])
    if apart and not first and not (alone and before is not None and number == before + 1):
        return list(lines), None
    return list(lines[:last]), number


def _texts(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.strip())


def _is_blank(line: str) -> bool:
    """Whether nothing is seen on a line; a byte order mark may stand there where files were joined."""
    return not line.replace("\ufeff", "").strip()


def _explain_no_times(example: str) -> str:
    return _("these are no times such as {example}").format(example=example)


def _explain_no_place(example: str) -> str:
    return _("no cue has begun; remove this text, or put times such as {example} above it").format(example=example)
