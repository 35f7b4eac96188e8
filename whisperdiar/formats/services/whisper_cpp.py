"""The JSON of whisper.cpp, ``-oj`` and ``-ojf`` (examples/cli in ggml-org/whisper.cpp).

``transcription``: ``offsets`` (``from``, ``to``, milliseconds), ``text``, in the full form ``tokens`` with ``text``,
``offsets`` and ``p``; ``speaker`` with ``-di``, ``speaker_turn_next`` with ``-tdrz``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    child,
    items,
    make_transcript,
    read_object,
    score,
    seconds,
    utterance,
)
from whisperdiar.formats._reading.utterances import ParsedWord
from whisperdiar.transcript import Transcript

name = "whisper-cpp"
title = "whisper.cpp"
suffix = ".whisper-cpp.json"
needs = "words"

_MS = 0.001
_TURN = "[SPEAKER_TURN]"


def matches(data: Any) -> bool:
    """Whether a JSON value has the keys of whisper.cpp."""
    spoken = data.get("transcription") if isinstance(data, Mapping) else None
    return isinstance(spoken, list) and ("params" in data or "result" in data or "systeminfo" in data or _timed(spoken))


def _timed(spoken: list[Any]) -> bool:
    return any(isinstance(item, Mapping) and ("offsets" in item or "timestamps" in item) for item in spoken)


def read(text: str) -> Transcript:
    """Segments, in the full form with the times and probabilities of their words.

    Raises:
        FormatError: no JSON of whisper.cpp; the message says where.
    """
    data = read_object(text, "transcription", title=title)
    segments = list(items(data, "transcription", ""))
    marked = any(item.get("speaker_turn_next") for _where, item in segments)
    heard, turn = [], 0
    for where, item in segments:
        start, end = _times(item, where)
        label = fields.text(item, "speaker", where).strip("()? ") or (str(turn) if marked else "")
        said = " ".join(fields.text(item, "text", where).replace(_TURN, " ").split())
        heard += utterance(_words(item, where), where, text=said, speaker=label or None, start=start, end=end)
        turn += bool(item.get("speaker_turn_next"))
    language = fields.text(child(data, "result", ""), "language", "result")
    return make_transcript(heard, language=language)


def _times(item: Mapping[str, Any], where: str) -> tuple[float | None, float | None]:
    offsets = child(item, "offsets", where)
    place = f"{where}.offsets"
    start, end = seconds(offsets, ("from",), place, _MS), seconds(offsets, ("to",), place, _MS)
    stamps = child(item, "timestamps", where)
    return (
        _clock(stamps, "from", f"{where}.timestamps") if start is None else start,
        _clock(stamps, "to", f"{where}.timestamps") if end is None else end,
    )


def _clock(stamps: Mapping[str, Any], key: str, where: str) -> float | None:
    """Seconds of ``00:00:01,500``."""
    told = fields.text(stamps, key, where).replace(",", ".")
    total = 0.0
    for part in told.split(":") if told else ():
        value = fields.number({key: part}, key, where)
        total = total * 60 + (value or 0.0)
    return total if told else None


def _words(item: Mapping[str, Any], where: str) -> list[ParsedWord]:
    """Tokens joined into words; one that begins with a space begins a word. Codes such as ``[_BEG_]`` are no text."""
    words: list[ParsedWord] = []
    for place, token in items(item, "tokens", where):
        told = fields.text(token, "text", place)
        raw = str(token.get("text") or "")
        if not told or (told.startswith("[_") and told.endswith("]")) or told == _TURN:
            continue
        start, end = _times(token, place)
        chance = score(token, ("p",), place)
        if words and not raw.startswith(" "):
            last = words[-1]
            words[-1] = last._replace(
                text=last.text + told, end=last.end if end is None else end, probability=min(last.probability, chance)
            )
        else:
            words.append(ParsedWord(told, start, end, chance))
    return words
