"""Fields of other programs' JSON, which may be missing or of another kind: each error says where."""

from __future__ import annotations

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
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise FormatError(f"{where}: expected a list of objects")
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


def number(item: Mapping[str, Any], key: str, where: str) -> float | None:
    """A number, also one that is written as a string; None where there is none.

    Raises:
        FormatError: it is another thing.
    """
    value = item.get(key)
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where}.{key}: expected a number, found {str(value)[:60]!r}") from error


def time(item: Mapping[str, Any], key: str, where: str) -> float:
    """A number that must be there.

    Raises:
        FormatError: it is missing, or is another thing.
    """
    found = number(item, key, where)
    if found is None:
        raise FormatError(f"{where}.{key}: this time is missing")
    return found
