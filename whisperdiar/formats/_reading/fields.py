"""Fields of other programs' JSON, which may be missing or of another kind: each error says where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._text import one_line


def objects(value: Any, where: str) -> Sequence[Mapping[str, Any]]:
    """A list of objects; None counts as none.

    Raises:
        FormatError: it is another thing.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise FormatError(f"{where}: expected a list of objects")
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise FormatError(f"{where}[{index}]: expected an object, found {str(item)[:60]!r}")
    return value


def text(item: Mapping[str, Any], key: str, where: str) -> str:
    """A string on one line; a number as its digits, nothing where there is none.

    Raises:
        FormatError: it is another thing.
    """
    value = item.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise FormatError(f"{where}.{key}: expected a text")
    return one_line(str(value))


def required_text(item: Mapping[str, Any], keys: Sequence[str], where: str) -> str:
    """The same of the first of these keys that is there; null counts as an empty text.

    Raises:
        FormatError: none is there, so that the text may stand under a key that nobody reads; or it is another thing.
    """
    for key in keys:
        if key in item:
            return text(item, key, where)
    there = ", ".join(map(str, item))[:100] or "nothing"
    raise FormatError(f"{where}.{keys[0]}: this text is missing; the object has {there}")


def number(item: Mapping[str, Any], key: str, where: str) -> float | None:
    """A finite number, also one that is written as a string; None where there is none.

    Raises:
        FormatError: it is another thing.
    """
    value = item.get(key)
    if value is None:
        return None
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise FormatError(f"{where}.{key}: expected a number, found {str(value)[:60]!r}")
    return found


def time(item: Mapping[str, Any], key: str, where: str) -> float:
    """A number that must be there.

    Raises:
        FormatError: it is missing, or is another thing.
    """
    found = number(item, key, where)
    if found is None:
        raise FormatError(f"{where}.{key}: this time is missing")
    return found
