"""AssemblyAI's transcript (www.assemblyai.com/docs, "Get transcript"); times are milliseconds.

``utterances`` with speakers where they were asked for, else ``words``: ``text``, ``start``, ``end``, ``confidence``,
``speaker``, ``channel``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    make_transcript,
    read_object,
    read_utterances,
    read_words,
    seconds,
    utterance,
)
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "assemblyai"
title = "AssemblyAI"
suffix = ".assemblyai.json"
needs = "words"

_MS = 0.001
_KEYS = WordKeys(text=("text",), unit=_MS)
_OWN = ("audio_url", "acoustic_model", "audio_duration", "utterances", "speech_model", "punctuate")


def matches(data: Any) -> bool:
    """Whether a JSON value has AssemblyAI's keys."""
    return (
        isinstance(data, Mapping)
        and ("words" in data or "utterances" in data)
        and "segments" not in data
        and any(key in data for key in _OWN)
    )


def read(text: str) -> Transcript:
    """Words with their speakers.

    Raises:
        FormatError: no JSON of AssemblyAI, or its job has failed; the message says where.
    """
    data = read_object(text, "words", "utterances", title=title)
    if data.get("status") == "error":
        raise FormatError(
            _("AssemblyAI could not transcribe this: {error}").format(error=fields.text(data, "error", "status"))
        )
    words = read_words(data, "words", "", _KEYS)
    heard = read_utterances(data, "utterances", "", _KEYS)
    whole = fields.text(data, "text", _("the object"))
    if not heard or len(words) > sum(len(item.words) or len(item.text.split()) for item in heard):
        heard = utterance(words, "words", text=whole)
    return make_transcript(
        heard,
        language=fields.text(data, "language_code", _("the object")),
        duration=seconds(data, ("audio_duration",), _("the object")),
        whole=whole,
    )
