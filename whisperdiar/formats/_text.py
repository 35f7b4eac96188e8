"""Pieces of text that several formats share: clean lines, names, times, line-wise reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NoReturn, TypeVar

from whisperdiar.errors import FormatError
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _
from whisperdiar.transcript import speaker_names as speaker_names

# Whatever some reader takes for the end of a line: C0 separators, NEL and the two of Unicode beside CR and LF.
# Begins at the first of several spaces only: tried at each of them, a long run would take the square of its length.
_BREAKS = re.compile("(?<! )[ ]*[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029][ \t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]*")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
# Half a UTF-16 pair, as a broken JSON escape leaves it; no UTF-8 file can hold one.
_SURROGATES = re.compile("[\ud800-\udfff]")
# CRCRLF is one end: text that had CRLF already was written in a mode that puts CR before each LF.
_LINE_ENDS = re.compile("\r+\n|\r|\n")
_COUNT = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LONGEST = 1e9
_ARROW = re.compile("-{2,}>")
# A joiner tells a brace made wide from one that was wide.
_CODES = str.maketrans({"{": "｛\u2060", "}": "｝\u2060", "\\": "\\\u2060"})
_Key = TypeVar("_Key")

JOINER = "\u2060"
"""U+2060, which is not seen: between two characters that a format would take for markup where it has no escape."""

NOBODY = "unknown"
"""The name of nobody known, in formats where somebody has to be named; it is read back as nobody."""
FORMULA_SIGNS = tuple("=+-@＝＋－＠")
"""What a formula of a spreadsheet begins with."""


def one_line(text: str) -> str:
    """The text on one line, stripped, without control characters; joiners and direction marks stay."""
    return remove_breaks(text).strip()


def remove_breaks(text: str) -> str:
    """The same for a piece of a line: spaces at its ends stay."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", _BREAKS.sub(" ", text)))


def replace_arrow(text: str) -> str:
    """Without ``-->``, which begins the time line of a cue in SRT; an arrow stands in its place, see `with_arrow`."""
    return _ARROW.sub(lambda found: found[0][:-3] + "→" + JOINER, text)


def with_arrow(text: str) -> str:
    """The reverse of `replace_arrow`."""
    return text.replace("→" + JOINER, "-->")


def escape_codes(text: str) -> str:
    """Without what libass, by which most players render, takes for codes: braces are wide, a joiner follows them
    and backslashes. There is no escape for a brace that all renderers know."""
    return text.translate(_CODES)


def unescape_codes(text: str) -> str:
    """The reverse of `escape_codes`."""
    return text.replace("｛" + JOINER, "{").replace("｝" + JOINER, "}").replace("\\" + JOINER, "\\")


def make_token(text: str) -> str:
    """The text as one field of a format whose fields are separated by white space: runs of it become ``_``."""
    return "_".join(one_line(text).split())


def make_distinct(wanted: Mapping[_Key, str]) -> dict[_Key, str]:
    """Key → text of its own; one that two keys want goes to the first, ``TEXT_2`` to the next."""
    given: dict[_Key, str] = {}
    used: set[str] = set()
    asked = set(wanted.values())
    for key, text in wanted.items():
        unique, number = text, 1
        while unique in used or (number > 1 and unique in asked):
            number += 1
            unique = f"{text}_{number}"
        used.add(unique)
        given[key] = unique
    return given


def to_milliseconds(seconds: float) -> int:
    """Rounded once, exactly as the JSON rounds to three decimals, so that all formats show the same time."""
    return round(round(seconds, 3) * 1000)


def format_seconds(time_ms: int) -> str:
    """Milliseconds, not negative, as seconds with three decimals: 62500 → ``62.500``."""
    return f"{time_ms // 1000}.{time_ms % 1000:03d}"


def parse_seconds(text: str) -> float | None:
    """Seconds from a field of a line; None where it is no number, negative, or past thirty years."""
    seconds = float(text) if _NUMBER.fullmatch(text) else -1.0
    return seconds + 0.0 if 0.0 <= seconds < _LONGEST else None


def parse_count(text: str) -> int | None:
    """A whole number from a field of a line; None where it is none, negative, or longer than any count."""
    return int(text) if _COUNT.fullmatch(text) else None


def split_lines(text: str) -> list[str]:
    """The lines of a text, at least one, without a byte order mark; CR, LF, CRLF and CRCRLF end one, nothing else."""
    return _LINE_ENDS.split(remove_byte_order_mark(text))


def number_lines(text: str) -> Iterator[tuple[int, str]]:
    """Line number from 1 and stripped line, empty ones left out; see `split_lines`."""
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip(" \t"):
            yield number, line.strip(" \t")


def refuse_line(number: int, line: str, cause: str) -> NoReturn:
    """Raise the error of a line that cannot be read: where, why, and what it says."""
    shown = line if len(line) <= 120 else line[:119] + "…"
    raise FormatError(_("line {number}: {cause}: {shown!r}").format(number=number, cause=cause, shown=shown))
