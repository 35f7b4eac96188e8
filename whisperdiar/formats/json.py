"""The whole transcript as JSON, versioned; `transcript.schema.json` beside this file describes it."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.recordings import NO_ID
from whisperdiar.formats._reading.words import read_words
from whisperdiar.options import WriteOptions
from whisperdiar.segmentation import segments
from whisperdiar.text import json as _json_text
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
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
    """The words of `load_recognised`.

    Raises:
        FormatError: as there.
    """
    return load_recognised(text).words


def load_recognised(text: str) -> Transcript:
    """What a recogniser gave, as a transcript in which nobody is known to speak; a transcript stays as it is.

    A list holds words, ``{"start", "end", "text", "probability"}``, or segments with such words inside; a word's text
    may be called ``word``. Where no word begins with a space, they are whole words and get one. A time that cannot be
    is mended; the provenance's warnings say so.

    Raises:
        FormatError: no such list, or one of texts of several words, whose times nobody knows; the message says where.
    """
    data = _json_text.read(text)
    if isinstance(data, dict):
        return _transcript(data)
    if not isinstance(data, list):
        raise FormatError(_("expected a JSON list of words, or a whisperdiar transcript"))
    words, told = read_words(data)
    return Transcript(NO_ID, 0.0, segments=segments(words), provenance={"warnings": [told]} if told else {})


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `dumps` writes."""
    source = importlib.resources.files("whisperdiar.formats").joinpath("transcript.schema.json")
    loaded: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


def _transcript(data: Any) -> Transcript:
    try:
        return Transcript.from_dict(data)
    except OverflowError as error:
        raise FormatError(_("this JSON holds a number that is too large: {error}").format(error=error)) from error
