"""Vosk's results (alphacephei.com/vosk, `KaldiRecognizer` with words): one object, a list, or one after another.

``result``: ``word``, ``start``, ``end``, ``conf``; ``text``; with ``SetMaxAlternatives`` such objects in
``alternatives``. The speaker's vector ``spk`` is no label, so that nobody is named.
"""

from __future__ import annotations

import json as plain_json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import WordKeys, first_item, make_transcript, read_words, utterance
from whisperdiar.text import json
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "vosk"
title = "Vosk"
suffix = ".vosk.json"
needs = "words"

_KEYS = WordKeys(score=("conf", "confidence"))
_KNOWN = ("result", "text", "alternatives", "partial")


def matches(data: Any) -> bool:
    """Whether a JSON value has Vosk's keys."""
    parts = data if isinstance(data, list) else [data]
    fits = (isinstance(part, Mapping) and (_has_words(part) or _has_alternatives(part)) for part in parts)
    return any(fits)


def _has_words(part: Mapping[str, Any]) -> bool:
    words = part.get("result")
    return isinstance(words, list) and any(isinstance(word, Mapping) and "word" in word for word in words)


def _has_alternatives(part: Mapping[str, Any]) -> bool:
    found = part.get("alternatives")
    return isinstance(found, list) and any(isinstance(item, Mapping) and _has_words(item) for item in found)


def split_objects(text: str) -> list[Any] | None:
    """The values of JSON objects that stand one after another; None where it is something else."""
    rest = remove_byte_order_mark(text).strip()
    decoder, ends = plain_json.JSONDecoder(), [0]
    try:
        while ends[-1] < len(rest):
            _value, end = decoder.raw_decode(rest, ends[-1])
            ends.append(len(rest) - len(rest[end:].lstrip(" \t\r\n,")))
    except (ValueError, RecursionError):
        return None
    return [json.read(rest[a:b].rstrip(" \t\r\n,")) for a, b in pairwise(ends)]


def read(text: str) -> Transcript:
    """Words of all results, whose utterances they are.

    Raises:
        FormatError: no JSON of Vosk; the message says where.
    """
    parts = split_objects(text)
    data = json.read(text) if parts is None or len(parts) == 1 else parts
    every = data if isinstance(data, list) else [data]
    heard = []
    for index, part in enumerate(fields.objects(every, _("the list"))):
        where = f"[{index}]" if isinstance(data, list) else ""
        if not any(key in part for key in _KNOWN):
            raise FormatError(_("expected JSON objects with result and text, as Vosk writes them"))
        place, best = first_item(part, "alternatives", where) or (where, part)
        words = read_words(best, "result", place, _KEYS)
        heard += utterance(
            words, f"{place}.result".lstrip("."), text=fields.text(best, "text", place or _("the object"))
        )
    return make_transcript(heard)
