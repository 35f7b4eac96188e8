"""Italics of finished subtitles: marks in the markup of a file → ranges of characters → marks of another format.

While a text is read, two noncharacters of Unicode (which no file may exchange, section 23.7 of the standard) stand for
where italics begin and end, so that readers can clean it as if they were letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from whisperdiar.types import Cue, Ranges

_BEGIN, _END = "\ufdd0", "\ufdd1"
_MARKS = re.compile(f"[{_BEGIN}{_END}]")
_TAG = re.compile(r"<(/?)i(?:\.[^<>\s]*)?\s*>", re.IGNORECASE)
_ASS_CODES = re.compile(r"\{[^{}]*\\i([01])(?![^\\{}])[^{}]*\}")


def mark_tags(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines of SRT or WebVTT with marks in place of ``<i>`` and ``</i>``."""
    return tuple(_TAG.sub(lambda found: _END if found[1] else _BEGIN, _MARKS.sub("", line)) for line in lines)


def mark_codes(text: str) -> str:
    """The text of an event of ASS with marks behind the codes ``\\i1`` and ``\\i0``."""
    return _ASS_CODES.sub(lambda found: found[0] + (_BEGIN if found[1] == "1" else _END), _MARKS.sub("", text))


def mark_spans(parts: Sequence[str]) -> list[str]:
    """Parts of a text that is italic, between marks."""
    return [_BEGIN, *parts, _END]


def remove_marks(text: str) -> str:
    """The text without marks."""
    return _MARKS.sub("", text)


def read_italics(cue: Cue) -> Cue:
    """The cue without marks, and with the ranges between them; what is italic at the end of a line stays so."""
    lines: list[str] = []
    italics: list[Ranges] = []
    kept: list[int] = []
    italic = False
    for number, line in enumerate(cue.lines):
        text, ranges = "", []
        for part in re.split(f"([{_BEGIN}{_END}])", line):
            if part in (_BEGIN, _END):
                italic = part == _BEGIN
            elif part:
                ranges += [(len(text), len(text) + len(part))] if italic else []
                text += part
        shown = text.strip()
        if shown:
            begin = len(text) - len(text.lstrip())
            inside = [(max(0, first - begin), min(len(shown), last - begin)) for first, last in ranges]
            lines.append(shown)
            italics.append(tuple((first, last) for first, last in inside if shown[first:last].strip()))
            kept.append(number)
    rows = [cue.timed[number] for number in kept] if cue.timed else []
    speakers = [cue.line_speakers[number] for number in kept] if cue.line_speakers else []
    timed = tuple(tuple(replace(piece, text=_MARKS.sub("", piece.text)) for piece in row) for row in rows)
    return replace(
        cue,
        lines=tuple(lines),
        line_speakers=tuple(speakers),
        timed=timed,
        italics=tuple(italics) if any(italics) else (),
    )


def without_italics(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """The same cues with lines only, for readers that change them."""
    return tuple(replace(cue, italics=()) if cue.italics else cue for cue in cues)


def write_italics(line: str, ranges: Ranges, literal: Callable[[str], str], tags: Sequence[str]) -> str:
    """A line by a format's `literal`, its italics between the two tags."""
    parts, done = [], 0
    for first, last in ranges:
        parts += [literal(line[done:first]), tags[0], literal(line[first:last]), tags[1]]
        done = last
    return "".join([*parts, literal(line[done:])])
