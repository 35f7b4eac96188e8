"""Grapheme clusters (Unicode UAX #29) and their columns (UAX #11): text as a reader counts it. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

BREAKING_SPACES = " \t\n\v\f\r\x1c-\x1f\x85\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"
"""Spaces at which a line may be broken, for a class of a pattern; not so no-break ones (U+00A0, U+2007, U+202F)."""

_WORD = re.compile(f"[^{BREAKING_SPACES}]+")


def count_words(text: str) -> int:
    """Words of a text as subtitles count them: a no-break space keeps together what it stands between.

    What consists of no-break spaces alone is no word.
    """
    return sum(1 for word in _WORD.findall(text) if not word.isspace())


def graphemes(text: str) -> list[str]:
    """What a reader takes for one character each: letters with their marks, joined emoji, flags."""
    if text.isascii():
        return list(text)
    import regex  # here, because most texts do without it

    found: list[str] = regex.findall(r"\X", text)
    return found


def columns(text: str) -> int:
    """Columns that a text takes: wide and full-width characters two, what has no width none."""
    return len(text) if text.isascii() else sum(map(_width, graphemes(text)))


def characters(text: str, *, full_width: bool = False) -> float:
    """Characters that a reader reads, spaces and punctuation counted.

    With `full_width`, as East Asian publishers count: a wide character is one, any other half of one.
    """
    if text.isascii():
        return len(text) / 2 if full_width else len(text)
    widths = [_width(cluster) for cluster in graphemes(text)]
    return sum(widths) / 2 if full_width else float(sum(1 for width in widths if width))


@lru_cache(maxsize=8192)
def _width(cluster: str) -> int:
    widths = [_columns(character) for character in cluster]
    if "\ufe0f" in cluster or (len(cluster) > 1 and "\U0001f1e6" <= cluster[0] <= "\U0001f1ff"):
        return 2  # shown as an emoji, or a flag of two letters
    return max(widths)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def remove_byte_order_mark(text: str) -> str:
    """Without the byte order marks that some editors put before a text."""
    return text.lstrip("\ufeff")
