"""Azure Speech: batch transcription and fast transcription (learn.microsoft.com/azure/ai-services/speech-service).

Batch: ``recognizedPhrases[].nBest[0]`` with ``display`` and ``displayWords`` or ``words``; ticks of 100 nanoseconds, or
ISO 8601 durations. Fast: ``phrases[]`` with ``text`` and ``words``; milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    channel_of,
    first_item,
    first_text,
    has_channels,
    items,
    make_transcript,
    read_object,
    read_words,
    seconds,
    utterance,
)
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "azure"
title = "Azure Speech"
suffix = ".azure.json"
needs = "words"

_TICK = 1e-7
_MS = 0.001
_WHOLE = ("combinedRecognizedPhrases", "combinedPhrases")
"""Keys of the text of a whole channel."""
_UNITS = (("InTicks", _TICK), ("Milliseconds", _MS), ("", _TICK))
"""What a time's key ends in, and the seconds of one; without an ending it is a text such as ``PT1.2S``."""


def matches(data: Any) -> bool:
    """Whether a JSON value has Azure's keys."""
    return isinstance(data, Mapping) and any(key in data for key in ("recognizedPhrases", *_WHOLE))


def read(text: str) -> Transcript:
    """Words, in their written form where the file has it; of several channels each has speakers of its own.

    Raises:
        FormatError: no JSON of Azure; the message says where.
    """
    data = read_object(text, "recognizedPhrases", "phrases", *_WHOLE, title=title)
    key = "recognizedPhrases" if "recognizedPhrases" in data else "phrases"
    phrases = list(items(data, key, ""))
    several = has_channels(phrases)
    heard, language = [], ""
    for where, item in phrases:
        start = _time(item, "offset", where)
        length = _time(item, "duration", where)
        place, best = first_item(item, "nBest", where) or (where, item)
        said = first_text(best, ("display", "text", "itn", "maskedITN", "lexical"), place)
        words = next((found for _key in ("displayWords", "words") if (found := _words(best, _key, place))), [])
        heard += utterance(
            words,
            place,
            text=said,
            speaker=fields.text(item, "speaker", where) or None,
            channel=channel_of(fields.text(item, "channel", where), several),
            start=start,
            end=None if start is None or length is None else start + length,
        )
        language = language or fields.text(item, "locale", where)
    combined = next((key for key in _WHOLE if key in data), _WHOLE[0])
    whole = [
        (where, first_text(item, ("display", "text", "lexical"), where)) for where, item in items(data, combined, "")
    ]
    for where, said in () if heard else whole:
        heard += utterance((), where, text=said)
    return make_transcript(
        heard,
        language=language,
        duration=_time(data, "duration", _("the object")),
        whole=" ".join(said for _where, said in whole),
    )


def _time(item: Mapping[str, Any], key: str, where: str) -> float | None:
    """Seconds; the first form of it that is there."""
    found = (seconds(item, (f"{key}{ending}",), where, unit) for ending, unit in _UNITS)
    return next((value for value in found if value is not None), None)


def _words(best: Mapping[str, Any], key: str, where: str) -> list[Any]:
    keys = WordKeys(text=("displayText", "word", "text"), start=("_start",), end=("_end",))
    found = []
    for place, item in items(best, key, where):
        start, length = _time(item, "offset", place), _time(item, "duration", place)
        end = None if start is None or length is None else start + length
        found.append({**item, "_start": start, "_end": end})
    return read_words({key: found}, key, where, keys)
