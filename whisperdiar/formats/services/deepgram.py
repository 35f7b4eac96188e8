"""Deepgram's answer for recordings (developers.deepgram.com, "Pre-Recorded Audio").

``results.channels[].alternatives[0].words``: ``word``, ``punctuated_word``, ``start``, ``end``, ``confidence``,
``speaker``; the same words once more in ``results.utterances``, which are read where the channels hold none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    channel_of,
    child,
    first_item,
    items,
    make_transcript,
    read_object,
    read_utterances,
    read_words,
    seconds,
    utterance,
)
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "deepgram"
title = "Deepgram"
suffix = ".deepgram.json"
needs = "words"

_KEYS = WordKeys(text=("punctuated_word", "word"))


def matches(data: Any) -> bool:
    """Whether a JSON value has Deepgram's keys."""
    results = data.get("results") if isinstance(data, Mapping) else None
    return isinstance(results, Mapping) and isinstance(results.get("channels"), list)


def read(text: str) -> Transcript:
    """Words of all channels; of several channels each has speakers of its own.

    Raises:
        FormatError: no JSON of Deepgram; the message says where.
    """
    data = read_object(text, "results", title=title)
    results = child(data, "results", _("the object"))
    channels = list(items(results, "channels", "results"))
    heard, language = [], ""
    for index, (where, channel) in enumerate(channels):
        if (found := first_item(channel, "alternatives", where)) is None:
            continue
        place, best = found
        heard += utterance(
            read_words(best, "words", place, _KEYS),
            place,
            text=fields.text(best, "transcript", place) if best.get("words") or not results.get("utterances") else "",
            channel=channel_of(str(index), len(channels) > 1),
        )
        language = language or fields.text(channel, "detected_language", where) or _first_language(best, place)
    utterances = read_utterances(results, "utterances", "results", _KEYS, text="transcript")
    return make_transcript(
        heard or utterances,
        language=language,
        duration=seconds(child(data, "metadata", _("the object")), ("duration",), "metadata"),
        whole=" ".join(item.text for item in utterances),
    )


def _first_language(best: Mapping[str, Any], where: str) -> str:
    found = best.get("languages")
    return fields.text({"languages": found[0]}, "languages", where) if isinstance(found, list) and found else ""
