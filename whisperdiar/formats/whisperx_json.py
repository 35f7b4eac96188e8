"""The JSON that whisperX writes after alignment and diarization (whisperx/schema.py in m-bain/whisperX).

``segments`` with ``start``, ``end``, ``text``, ``speaker`` and ``words`` (``word``, ``start``, ``end``, ``score``,
``speaker``); all words again in ``word_segments``; ``language``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.segments import segments, utterances_of, words_of
from whisperdiar.formats._reading.utterances import transcript_of
from whisperdiar.formats._writing.runs import SpokenWord, distinct_names, prepare_segments
from whisperdiar.options import WriteOptions
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "whisperx-json"
suffix = ".whisperx.json"  # `.json` alone means the transcript; this form is chosen by its name
needs = "words"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the keys are fixed
    """Words without their spaces, as whisperX has them; speakers by name, left out where nobody is known."""
    names = distinct_names(transcript)
    segments: list[dict[str, Any]] = []
    for item in prepare_segments(transcript):
        words = [_word(word, names) for word in item.words]
        who = {} if item.speaker is None else {"speaker": names[item.speaker]}
        segments.append(
            {"start": item.start_ms / 1000, "end": item.end_ms / 1000, "text": item.text, **who, "words": words}
        )
    every = [word for segment in segments for word in segment["words"]]
    return json.write({"segments": segments, "word_segments": every, "language": transcript.language})


def _word(word: SpokenWord, names: Mapping[str | None, str]) -> dict[str, Any]:
    who = {} if word.word.speaker is None else {"speaker": names[word.word.speaker]}
    score = round(word.word.probability, 3)
    return {"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000, "score": score, **who}


def read(text: str) -> Transcript:
    """With or without words (no alignment) and speakers (no diarization); words without times get some.

    Raises:
        FormatError: no JSON of whisperX; the message says where.
    """
    data = json.read(text)
    if not isinstance(data, Mapping) or "segments" not in data:
        raise FormatError(_("expected a JSON object with segments, as whisperX writes it"))
    heard = segments(data["segments"])
    if not heard and data.get("word_segments"):
        heard = utterances_of(words_of({"words": data["word_segments"]}, "word_segments"), None, "word_segments")
    return transcript_of(heard, language=fields.text(data, "language", _("the object")) or None)
