"""Google Cloud Speech-to-Text, versions 1 and 2 (cloud.google.com/speech-to-text, "SpeechRecognitionResult").

``results[].alternatives[0].words``: ``word``, ``startTime``/``startOffset`` (``"1.200s"``), ``endTime``/``endOffset``,
``confidence``, ``speakerTag``/``speakerLabel``. With speakers the last result of version 1 holds all words of the
results before it once more, with their tags: then it alone is read. Operations and batches have the results deeper
inside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    channel_of,
    first_item,
    first_text,
    items,
    make_transcript,
    read_words,
    refuse_form,
    seconds,
    utterance,
)
from whisperdiar.formats._reading.utterances import ParsedWord
from whisperdiar.formats._reading.word_matching import letters
from whisperdiar.text import json
from whisperdiar.transcript import Transcript

name = "google"
title = "Google Speech-to-Text"
suffix = ".google.json"
needs = "words"

_KEYS = WordKeys(
    start=("startTime", "startOffset", "start_time", "start_offset"),
    end=("endTime", "endOffset", "end_time", "end_offset"),
    speaker=("speakerLabel", "speaker_label", "speakerTag", "speaker_tag"),
)
_ENDS = ("resultEndTime", "resultEndOffset", "result_end_time", "result_end_offset")


class _Result(NamedTuple):
    """A result: where it stands, its channel, text and words, and where it ends in seconds."""

    where: str
    channel: str
    text: str
    words: list[ParsedWord]
    end: float | None


def matches(data: Any) -> bool:
    """Whether a JSON value has Google's keys."""
    results, _where = _find_results(data)
    best = [alternative for item in results or () for alternative in _alternatives(item)[:1]]
    return (
        bool(best)
        and any("transcript" in item or "words" in item for item in best)
        and not any("timestamps" in item or "content" in item for item in best)
    )


def read(text: str) -> Transcript:
    """Words of all results; of several channels each has speakers of its own.

    Raises:
        FormatError: no JSON of Google; the message says where.
    """
    results, where = _find_results(json.read(text))
    if results is None:
        refuse_form("results", title=title)
    spoken: list[_Result] = []
    language = ""
    for place, item in items({"results": results}, "results", where):
        channel = first_text(item, ("channelTag", "channel_tag"), place)
        language = language or first_text(item, ("languageCode", "language_code"), place)
        end = seconds(item, _ENDS, place)
        if (found := first_item(item, "alternatives", place)) is None:
            continue
        inner, best = found
        said = fields.text(best, "transcript", inner)
        spoken.append(_Result(inner, channel, said, _untag(read_words(best, "words", inner, _KEYS)), end))
    if _repeats_all(spoken):
        spoken = spoken[-1:]
    several = len({item.channel for item in spoken}) > 1
    heard, reached = [], 0.0
    for place, channel, said, words, end in spoken:
        start = None if words or end is None else min(reached, end)
        heard += utterance(
            words, place, text=said, channel=channel_of(channel, several), start=start, end=None if words else end
        )
        reached = max(reached, end or 0.0)
    return make_transcript(heard, language=language, duration=reached)


def _untag(words: list[ParsedWord]) -> list[ParsedWord]:
    """Tag 0 says that nobody was told apart."""
    return [word._replace(speaker=None) if word.speaker == "0" else word for word in words]


def _repeats_all(spoken: Sequence[_Result]) -> bool:
    """Whether the last result says with speakers, at the same times, what all before it say."""
    if len(spoken) < 2 or not any(word.speaker for word in spoken[-1].words):
        return False
    last, before = spoken[-1].words, [word for item in spoken[:-1] for word in item.words]
    if before:
        return not Counter(map(_word_and_start, before)) - Counter(map(_word_and_start, last))
    tokens = Counter(letters(token) for item in spoken[:-1] for token in item.text.split())
    return bool(tokens) and not tokens - Counter(letters(word.text) for word in last)


def _word_and_start(word: ParsedWord) -> tuple[str, float | None]:
    return letters(word.text), word.start


def _find_results(data: Any) -> tuple[list[Any] | None, str]:
    """The list of results and where it stands: at the top, in an operation's response, or in a batch's one file."""
    if not isinstance(data, Mapping):
        return None, ""
    for key in ("response", "transcript", "inlineResult", "inline_result"):
        if isinstance(data.get(key), Mapping):
            found, where = _find_results(data[key])
            if found is not None:
                return found, f"{key}.{where}".rstrip(".")
    results = data.get("results")
    if isinstance(results, Mapping) and len(results) == 1:  # of a batch: address of the file → what it says
        ((key, value),) = results.items()
        found, where = _find_results(value)
        return found, f"results.{key}.{where}".rstrip(".")
    return (results, "") if isinstance(results, list) else (None, "")


def _alternatives(item: Any) -> list[Any]:
    found = item.get("alternatives") if isinstance(item, Mapping) else None
    return [value for value in found if isinstance(value, Mapping)] if isinstance(found, list) else []
