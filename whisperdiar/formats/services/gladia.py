"""Gladia's result of a recording, version 2 of its interface (docs.gladia.io, "Get pre-recorded result").

``result.transcription.utterances`` with ``text``, ``speaker``, ``channel``, ``start``, ``end`` and ``words``
(``word`` with its space, ``start``, ``end``, ``confidence``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    child,
    items,
    make_transcript,
    read_utterances,
    refuse_form,
    seconds,
    utterance,
)
from whisperdiar.text import json
from whisperdiar.transcript import Transcript

name = "gladia"
title = "Gladia"
suffix = ".gladia.json"
needs = "words"


def matches(data: Any) -> bool:
    """Whether a JSON value has Gladia's keys."""
    found, _where = _transcription(data)
    return found is not None


def _transcription(data: Any) -> tuple[Mapping[str, Any] | None, str]:
    """What is transcribed and where it stands: in the answer for a job, in its result, or alone."""
    where = ""
    for key in ("result", "transcription"):
        if isinstance(data, Mapping) and isinstance(data.get(key), Mapping):
            data, where = data[key], f"{where}.{key}".lstrip(".")
    fits = isinstance(data, Mapping) and ("full_transcript" in data or ("utterances" in data and where))
    return (data, where) if fits else (None, where)


def read(text: str) -> Transcript:
    """Utterances with their words and speakers; of several channels each has speakers of its own.

    Raises:
        FormatError: no JSON of Gladia; the message says where.
    """
    data = json.read(text)
    spoken, where = _transcription(data)
    if spoken is None:
        refuse_form("result.transcription", title=title)
    heard = read_utterances(spoken, "utterances", where, WordKeys())
    languages = (fields.text(item, "language", place) for place, item in items(spoken, "utterances", where))
    whole = fields.text(spoken, "full_transcript", where)
    heard = heard or utterance((), where, text=whole)
    metadata = child(child(data, "result", ""), "metadata", "result") if isinstance(data, Mapping) else {}
    return make_transcript(
        heard,
        language=next(filter(None, languages), ""),
        duration=seconds(metadata, ("audio_duration",), "result.metadata"),
        whole=whole,
    )
