"""What OpenAI's endpoint for transcriptions answers as ``verbose_json`` (API reference, "The transcription object
(Verbose JSON)"), with words and with segments.

Speakers are not part of it; each segment has one all the same, in a further key that clients pass over.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.segments import segments, utterances_of, words_of
from whisperdiar.formats._reading.utterances import ParsedUtterance, ParsedWord, transcript_of
from whisperdiar.formats._text import to_milliseconds
from whisperdiar.formats._writing.runs import SpokenSegment, distinct_names, prepare_segments
from whisperdiar.formats._writing.tiers import attach_words
from whisperdiar.options import WriteOptions
from whisperdiar.text import json
from whisperdiar.text.languages import english_name, find_code
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "verbose-json"
suffix = ".verbose.json"  # `.json` alone means the transcript; this form is chosen by its name
needs = "words"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the keys are fixed
    """Keys of the decoder that a transcript has not are empty: ``tokens``, ``temperature``, ``no_speech_prob``.

    ``avg_logprob`` is the mean over the words' probabilities, ``compression_ratio`` that of the text as Whisper
    computes it.
    """
    names = distinct_names(transcript)
    items = prepare_segments(transcript)
    duration_ms = max(0, to_milliseconds(transcript.duration))
    return json.write(
        {
            "task": "transcribe",
            "language": english_name(transcript.language or ""),
            "duration": duration_ms / 1000,
            "text": " ".join(item.text for item in items),
            "segments": [_segment(number, item, names) for number, item in enumerate(items)],
            "words": [
                {"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000}
                for item in items
                for word in item.words
            ],
            "usage": {"type": "duration", "seconds": max(0, to_milliseconds(transcript.length)) / 1000},
        }
    )


def _segment(number: int, item: SpokenSegment, names: Mapping[str | None, str]) -> dict[str, Any]:
    data = item.text.encode("utf-8")
    logs = [math.log(max(word.word.probability, 1e-10)) for word in item.words]
    who = {} if item.speaker is None else {"speaker": names[item.speaker]}
    return {
        "id": number,
        "seek": 0,
        "start": item.start_ms / 1000,
        "end": item.end_ms / 1000,
        "text": item.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(logs) / len(logs), 4),
        "compression_ratio": round(len(data) / len(zlib.compress(data)), 4),
        "no_speech_prob": 0.0,
        **who,
    }


def read(text: str) -> Transcript:
    """Segments with the words inside them, or else with those of the whole whose times lie in them; segments or words
    may be missing.

    Raises:
        FormatError: no verbose JSON; the message says where.
    """
    data = json.read(text)
    if not isinstance(data, Mapping) or not ("segments" in data or "words" in data):
        raise FormatError(_("expected a JSON object with segments or words, as verbose_json has them"))
    spoken_segments = segments(data.get("segments"))
    heard = spoken_segments
    if not any(item.words for item in spoken_segments):
        words = words_of(data, "", keys=("word",))
        heard = _with_words(spoken_segments, words) if spoken_segments else utterances_of(words, None, "words")
    if not heard and fields.text(data, "text", _("the object")):
        raise FormatError(_("the object has a text, and neither segments nor words that say when it is spoken"))
    return transcript_of(
        heard,
        duration=fields.number(data, "duration", _("the object")),
        language=find_code(fields.text(data, "language", _("the object"))),
    )


def _with_words(heard: Sequence[ParsedUtterance], words: Sequence[ParsedWord]) -> list[ParsedUtterance]:
    if any(word.start is None or word.end is None for word in words):
        raise FormatError(_("words: one has no start or no end, so that nobody knows to which segment it belongs"))
    timed = [(word.start or 0.0, word.end or 0.0, word.text) for word in words]
    return _assign_in_order(heard, words) or _assign_by_time(heard, timed)


_Mark = tuple[float, float, str]


def _assign_in_order(heard: Sequence[ParsedUtterance], words: Sequence[ParsedWord]) -> list[ParsedUtterance]:
    """Each segment with as many of the words as its text holds, one segment after the other; none if that fails."""
    found, used = [], 0
    for item in heard:
        position, first = 0, used
        while used < len(words) and (place := item.text.find(words[used].text, position)) >= 0:
            if any(character.isalnum() for character in item.text[position:place]):
                break
            position = place + len(words[used].text)
            used += 1
        found.append(item._replace(words=words[first:used]))
    return found if used == len(words) else []


def _assign_by_time(heard: Sequence[ParsedUtterance], words: Sequence[_Mark]) -> list[ParsedUtterance]:
    order = sorted(heard, key=lambda item: item.start)
    found = attach_words([(item.start, item.end, item.text) for item in order], words, None)
    named = [own._replace(words=item.words) for own, item in zip(order, found, strict=False)]
    return named + found[len(order) :]
