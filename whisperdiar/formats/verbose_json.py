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
from whisperdiar.formats import _fields, _json_text
from whisperdiar.formats._heard import Heard, HeardWord, transcript_of
from whisperdiar.formats._languages import code_of, english_name
from whisperdiar.formats._spoken import Spoken, distinct_names, spoken
from whisperdiar.formats._text import milliseconds
from whisperdiar.formats._tiers import whole, with_words
from whisperdiar.options import WriteOptions
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
    items = spoken(transcript)
    duration_ms = max(0, milliseconds(transcript.duration))
    return _json_text.write(
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
            "usage": {"type": "duration", "seconds": max(0, milliseconds(transcript.length)) / 1000},
        }
    )


def _segment(number: int, item: Spoken, names: Mapping[str | None, str]) -> dict[str, Any]:
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
    """Segments with the words whose times lie in them; either of them may be missing.

    Raises:
        FormatError: no verbose JSON; the message says where.
    """
    data = _json_text.read(text)
    if not isinstance(data, Mapping) or not ("segments" in data or "words" in data):
        raise FormatError("expected a JSON object with segments or words, as verbose_json has them")
    marks, speakers = [], []
    for index, item in enumerate(_fields.objects(data.get("segments"), "segments")):
        where = f"segments[{index}]"
        start, end = _fields.time(item, "start", where), _fields.time(item, "end", where)
        marks.append((start, end, _fields.text(item, "text", where)))
        speakers.append(_fields.text(item, "speaker", where) or None)
    words = [
        (
            _fields.time(item, "start", f"words[{i}]"),
            _fields.time(item, "end", f"words[{i}]"),
            _fields.text(item, "word", f"words[{i}]"),
        )
        for i, item in enumerate(_fields.objects(data.get("words"), "words"))
    ]
    heard = _in_order(marks, speakers, words) or (_by_time(marks, speakers, words) if marks else whole(words, None))
    return transcript_of(
        heard,
        duration=_fields.number(data, "duration", "the object"),
        language=code_of(_fields.text(data, "language", "the object")),
    )


_Mark = tuple[float, float, str]


def _in_order(marks: Sequence[_Mark], speakers: Sequence[str | None], words: Sequence[_Mark]) -> list[Heard]:
    """Each segment with as many of the words as its text holds, one segment after the other; none if that fails."""
    heard, used = [], 0
    for (start, end, said), speaker in zip(marks, speakers, strict=True):
        position, first = 0, used
        while used < len(words) and (found := said.find(words[used][2], position)) >= 0:
            if any(character.isalnum() for character in said[position:found]):
                break
            position = found + len(words[used][2])
            used += 1
        own = [HeardWord(word, first_at, last_at) for first_at, last_at, word in words[first:used]]
        heard.append(Heard(start, end, speaker, said, own))
    return heard if used == len(words) else []


def _by_time(marks: Sequence[_Mark], speakers: Sequence[str | None], words: Sequence[_Mark]) -> list[Heard]:
    order = sorted(range(len(marks)), key=lambda index: marks[index][0])
    heard = with_words([marks[index] for index in order], words, None)
    named = [item._replace(speaker=speakers[index]) for item, index in zip(heard, order, strict=False)]
    return named + heard[len(order) :]
