"""Speechmatics' json-v2 (docs.speechmatics.com, "Batch output").

``results``: ``type`` ``word`` or ``punctuation`` (with ``attaches_to``), ``start_time``, ``end_time``,
``alternatives[0]`` with ``content``, ``confidence``, ``speaker`` (``UU``: nobody known), ``channel``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    attach_punctuation,
    channel_of,
    child,
    items,
    make_transcript,
    read_best,
    read_object,
    read_word,
    seconds,
    utterance,
)
from whisperdiar.formats._reading.utterances import ParsedWord
from whisperdiar.formats._text import NOBODY
from whisperdiar.transcript import Transcript

name = "speechmatics"
title = "Speechmatics"
suffix = ".speechmatics.json"
needs = "words"

_KEYS = WordKeys(text=("content",), start=("start_time",), end=("end_time",))
_UNKNOWN = "UU"


def matches(data: Any) -> bool:
    """Whether a JSON value has the keys of Speechmatics."""
    results = data.get("results") if isinstance(data, Mapping) else None
    if not isinstance(results, list):
        return False
    found = [item["alternatives"] for item in results if isinstance(item, Mapping) and item.get("alternatives")]
    return any(isinstance(item, list) and isinstance(item[0], Mapping) and "content" in item[0] for item in found) or (
        "format" in data and "job" in data
    )


def read(text: str) -> Transcript:
    """Words with their punctuation and speakers; of several channels each has speakers of its own.

    Raises:
        FormatError: no JSON of Speechmatics; the message says where.
    """
    data = read_object(text, "results", title=title)
    channels: dict[str, list[ParsedWord]] = {}
    language = ""
    for where, item in items(data, "results", ""):
        best = read_best(item, "alternatives", where)
        both = {**best, "start_time": item.get("start_time"), "end_time": item.get("end_time")}
        word = read_word(both, where, _KEYS)
        if word.speaker == _UNKNOWN:
            word = word._replace(speaker=NOBODY)
        own = channels.setdefault(fields.text(item, "channel", where), [])
        if item.get("type") == "punctuation" and item.get("attaches_to") != "next":
            attach_punctuation(own, word.text)
        else:
            own.append(word)
        language = language or fields.text(best, "language", where)
    heard = [
        found
        for channel, words in channels.items()
        for found in utterance(words, "results", channel=channel_of(channel, len(channels) > 1))
    ]
    job, config = child(data, "job", ""), child(child(data, "metadata", ""), "transcription_config", "metadata")
    told = fields.text(config, "language", "metadata.transcription_config")
    return make_transcript(
        heard,
        language=language or ("" if told in ("auto", "multi") else told),
        duration=seconds(job, ("duration",), "job"),
    )
