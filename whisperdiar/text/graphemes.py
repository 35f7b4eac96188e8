"""Grapheme clusters (Unicode UAX #29) and their columns (UAX #11): text as a reader counts it. Pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


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
