"""ElevenLabs Scribe (elevenlabs.io/docs, "Create transcript").

``words`` of three types: ``word``, ``spacing`` and ``audio_event``, with ``text``, ``start``, ``end``, ``speaker_id``,
``logprob``; of several channels one such object each in ``transcripts``. Events are no words: JSON keeps them as
dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    channel_of,
    items,
    make_transcript,
    read_object,
    read_word,
    seconds,
    utterance,
)
from whisperdiar.formats._reading.utterances import ParsedUtterance, ParsedWord
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Dropped, Span

name = "elevenlabs"
title = "ElevenLabs Scribe"
suffix = ".elevenlabs.json"
needs = "words"

_KEYS = WordKeys(text=("text",), score=(), speaker=("speaker_id",))
_EVENT = "a sound that is no word"
"""The reason in `Transcript.dropped`."""


def matches(data: Any) -> bool:
    """Whether a JSON value has the keys of Scribe."""
    if not isinstance(data, Mapping):
        return False
    parts = data.get("transcripts") if isinstance(data.get("transcripts"), list) else [data]
    return any(
        isinstance(part, Mapping)
        and ("language_probability" in part or "transcription_id" in part or _has_types(part.get("words")))
        and ("words" in part or "text" in part)
        and "segments" not in part
        for part in parts or ()
    )


def _has_types(words: Any) -> bool:
    types = ("word", "spacing", "audio_event")
    return isinstance(words, list) and any(isinstance(item, Mapping) and item.get("type") in types for item in words)


def read(text: str) -> Transcript:
    """Words with their speakers; of several channels each has speakers of its own.

    Raises:
        FormatError: no JSON of Scribe; the message says where.
    """
    data = read_object(text, "words", "text", "transcripts", title=title)
    parts = list(items(data, "transcripts", "")) or [("", data)]
    heard: list[ParsedUtterance] = []
    events: list[Dropped] = []
    language = ""
    for index, (where, part) in enumerate(parts):
        place = where or _("the object")
        words, sounds = _words(part, where)
        events += sounds
        said = fields.text(part, "text", place)
        for sound in sounds:  # they stand in the text, too
            said = " ".join(said.replace(sound.text, " ", 1).split())
        number = fields.text(part, "channel_index", place) or str(index)
        heard += utterance(words, f"{where}.words".lstrip("."), text=said, channel=channel_of(number, len(parts) > 1))
        language = language or fields.text(part, "language_code", place)
    return make_transcript(
        heard, language=language, dropped=events, duration=seconds(data, ("audio_duration_secs",), _("the object"))
    )


def _words(part: Mapping[str, Any], where: str) -> tuple[list[ParsedWord], list[Dropped]]:
    words, events = [], []
    for place, item in items(part, "words", where):
        kind = item.get("type")
        if kind == "spacing" and not fields.text(item, "text", place):
            continue
        word = read_word(item, place, _KEYS)
        if kind == "audio_event":
            start = word.start or 0.0
            events.append(Dropped(Span(start, max(start, word.end or start)), word.text, _EVENT))
            continue
        chance = fields.number(item, "logprob", place)
        words.append(word if chance is None else word._replace(probability=math.exp(min(0.0, chance))))
    return words, events
