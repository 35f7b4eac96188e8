"""The whole transcript as JSON, versioned; `transcript.schema.json` beside this file describes it."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats import _json_text
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript, read_words
from whisperdiar.types import Word

name = "json"
suffix = ".json"
rewritable = True


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - it is written whole
    """Every word on a line of its own; nothing but the rounding to three decimals is lost.

    Raises:
        FormatError: the provenance holds what is no JSON value, or a number is not finite.
    """
    return _json_text.write(transcript.to_dict())


def loads(text: str) -> Transcript:
    """The transcript of a JSON text; keys that this version does not know are ignored.

    Raises:
        FormatError: no JSON, no transcript, or one of a later version; the message says where.
    """
    return _transcript(_json_text.read(text))


read = loads


def load_words(text: str) -> tuple[Word, ...]:
    """Words from a list of ``{"start", "end", "text", "probability"}``, or those of a transcript.

    Raises:
        FormatError: neither of them; the message says where.
    """
    data = _json_text.read(text)
    if isinstance(data, dict):
        return _transcript(data).words
    if not isinstance(data, list):
        raise FormatError("expected a JSON list of words, or a whisperdiar transcript")
    try:
        return read_words(data)
    except OverflowError as error:
        raise FormatError(f"this JSON holds a number that is too large: {error}") from error


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `dumps` writes."""
    source = importlib.resources.files("whisperdiar.formats").joinpath("transcript.schema.json")
    loaded: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


def _transcript(data: Any) -> Transcript:
    try:
        return Transcript.from_dict(data)
    except OverflowError as error:
        raise FormatError(f"this JSON holds a number that is too large: {error}") from error
