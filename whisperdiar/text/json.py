"""JSON that people can read and compare: what holds plain values only takes one line, the rest one line per item."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _, current, make_english

_LONGEST_LIST = 100
_LONGEST_VALUE = 60
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_ENCODE_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_SURROGATES = re.compile("[\ud800-\udfff]")


def write(value: Any) -> str:
    """JSON text of a value, not escaped beyond need, with a line end.

    Raises:
        FormatError: a part is no JSON value (the message names it), or a number is not finite.
    """
    return _encode_checked(value, lambda value: _layout(value, "")) + "\n"


def write_line(value: Any) -> str:
    """The same on one line whatever the value holds, for JSON lines.

    Raises:
        FormatError: as `write`.
    """
    return _encode_checked(value, _ENCODE) + "\n"


def write_compact(value: Any) -> str:
    """The same on one line without a space, for programs.

    Raises:
        FormatError: as `write`.
    """
    return _encode_checked(value, _ENCODE_COMPACT)


def _encode_checked(value: Any, encode: Callable[[Any], str]) -> str:
    if current() != "en":  # a file says the same whoever ran the program
        value = make_english(value)
    try:
        text = encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(
            _("{invalid} cannot be written as JSON: {error}").format(
                invalid=_find_invalid(value) or _("the value"), error=error
            )
        ) from error
    # Half a UTF-16 pair has no UTF-8 form; as an escape it survives the file and is read back as it was.
    return _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read(text: str) -> Any:
    """The value of a JSON text; a byte order mark before it is passed over.

    Raises:
        FormatError: no JSON (the message says where), a number that is not finite, or an object with two values for one
            key, of which one would be lost.
    """
    try:
        return json.loads(
            remove_byte_order_mark(text),
            parse_float=_parse_finite,
            parse_constant=_parse_finite,
            object_pairs_hook=_make_object,
        )
    except json.JSONDecodeError as error:
        raise FormatError(
            _("line {line}, column {column}: this is no JSON: {cause}").format(
                line=error.lineno, column=error.colno, cause=error.msg
            )
        ) from error
    except RecursionError as error:
        raise FormatError(_("this JSON is nested too deeply to be read")) from error
    except ValueError as error:
        raise FormatError(_("this JSON holds a number that cannot be read: {error}").format(error=error)) from error


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        for key, value in pairs:
            if repr(value) != repr(made[key]):
                one, other = (_shorten(repr(item)) for item in (value, made[key]))
                raise FormatError(
                    _("an object holds the key {key!r} twice: {one} and {other}; remove one of them").format(
                        key=key, one=one, other=other
                    )
                )
    return made


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(_("{text} is not finite").format(text=text))
    return number


def _layout(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):  # the encoder would make a string of it, and nobody a number again
                raise TypeError(_("key {key!r} is no string").format(key=key))
        if _is_flat(value.values()):
            return _ENCODE(dict(value))
        items = [f"{inner}{_ENCODE(key)}: {_layout(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)) and value:
        flat = _ENCODE(value) if _is_flat(value) else ""
        if 0 < len(flat) <= _LONGEST_LIST:
            return flat
        return "[\n" + ",\n".join(inner + _layout(item, inner) for item in value) + f"\n{indent}]"
    return _ENCODE(value)


def _is_flat(values: Iterable[Any]) -> bool:
    return not any(isinstance(item, (Mapping, list, tuple)) for item in values)


def _find_invalid(value: Any, where: str = "", depth: int = 0) -> str:
    """Where in the value the first part lies that is no JSON, such as ``provenance.options.path``."""
    if depth > 50:
        return where
    if isinstance(value, Mapping):
        parts = [(f"{where}.{key}".lstrip("."), item) for key, item in value.items()]
        if any(not isinstance(key, str) for key in value):
            return where
    elif isinstance(value, (list, tuple)):
        parts = [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    else:
        good = value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
        return "" if good else where
    return next(filter(None, (_find_invalid(item, place, depth + 1) for place, item in parts)), "")
