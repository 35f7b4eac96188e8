"""Amazon Transcribe's output of batch jobs (docs.aws.amazon.com/transcribe, "Data input and output").

``results.items``: ``pronunciation`` with times and ``punctuation`` without; ``results.speaker_labels.segments`` say who
speaks where the items do not; ``results.channel_labels.channels[].items`` have each channel's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from whisperdiar.formats._reading.utterances import ParsedUtterance, ParsedWord
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "aws"
title = "Amazon Transcribe"
suffix = ".aws.json"
needs = "words"

_KEYS = WordKeys(text=("content",), start=("start_time",), end=("end_time",), speaker=("speaker_label",))
_PUNCTUATION = "punctuation"


def matches(data: Any) -> bool:
    """Whether a JSON value has Amazon Transcribe's keys."""
    results = data.get("results") if isinstance(data, Mapping) else None
    return isinstance(results, Mapping) and any(key in results for key in ("transcripts", "items", "channel_labels"))


def read(text: str) -> Transcript:
    """Words with their punctuation and speakers; of several channels each has speakers of its own.

    Raises:
        FormatError: no JSON of Amazon Transcribe; the message says where.
    """
    results = child(read_object(text, "results", title=title), "results", _("the object"))
    labelled = child(results, "channel_labels", "results")
    channels = list(items(labelled, "channels", "results.channel_labels"))
    heard: list[ParsedUtterance] = []
    for index, (where, channel) in enumerate(channels):
        label = fields.text(channel, "channel_label", where) or str(index)
        words = _words(items(channel, "items", where), {})
        heard += utterance(words, where, channel=channel_of(label, len(channels) > 1))
    whole = " ".join(
        found
        for where, item in items(results, "transcripts", "results")
        if (found := fields.text(item, "transcript", where))
    )
    if not heard:
        heard = utterance(_words(items(results, "items", "results"), _speakers(results)), "results.items", text=whole)
    language = fields.text(results, "language_code", "results")
    return make_transcript(heard, language=language, whole=whole)


def _words(every: Iterable[tuple[str, Mapping[str, Any]]], speakers: Mapping[float, str]) -> list[ParsedWord]:
    words: list[ParsedWord] = []
    for where, item in every:
        best = read_best(item, "alternatives", where)
        word = read_word(
            {**best, **{key: item.get(key) for key in ("start_time", "end_time", "speaker_label")}}, where, _KEYS
        )
        if item.get("type") == _PUNCTUATION:
            attach_punctuation(words, word.text)
            continue
        if word.speaker is None and word.start is not None:
            word = word._replace(speaker=speakers.get(word.start))
        words.append(word)
    return words


def _speakers(results: Mapping[str, Any]) -> dict[float, str]:
    """Start of a word → label of who speaks."""
    found: dict[float, str] = {}
    place = "results.speaker_labels"
    for where, segment in items(child(results, "speaker_labels", "results"), "segments", place):
        label = fields.text(segment, "speaker_label", where)
        for inner, item in items(segment, "items", where):
            start, own = seconds(item, ("start_time",), inner), fields.text(item, "speaker_label", inner) or label
            if start is not None and own:
                found[start] = own
    return found
