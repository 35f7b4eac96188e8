"""Fields of other programs' JSON, which may be missing or of another kind: each error says where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._text import one_line
from whisperdiar.text.messages import _


def objects(value: Any, where: str) -> Sequence[Mapping[str, Any]]:
    """A list of objects; None counts as none.

    Raises:
        FormatError: it is another thing.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise FormatError(_("{where}: expected a list of objects").format(where=where))
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise FormatError(
                _("{where}[{index}]: expected an object, found {item!r}").format(
                    where=where, index=index, item=str(item)[:60]
                )
            )
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
        raise FormatError(_("{where}.{key}: expected a text").format(where=where, key=key))
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
    raise FormatError(
        _("{where}.{key}: this text is missing; the object has {there}").format(where=where, key=keys[0], there=there)
    )


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
        raise FormatError(
            _("{where}.{key}: expected a number, found {value!r}").format(where=where, key=key, value=str(value)[:60])
        )
    return found


def time(item: Mapping[str, Any], key: str, where: str) -> float:
    """A number that must be there.

    Raises:
        FormatError: it is missing, or is another thing.
    """
    found = number(item, key, where)
    if found is None:
        raise FormatError(_("{where}.{key}: this time is missing").format(where=where, key=key))
    return found
