"""Answers: a transcript in the forms that OpenAI's endpoint has, made from the library's own formats."""

from __future__ import annotations

import json
import math
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import Any

from whisperdiar.formats import by_name
from whisperdiar.options import WriteOptions
from whisperdiar.text.languages import english_name
from whisperdiar.transcript import Transcript

FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
"""Values of ``response_format``."""
_PLAIN = WriteOptions(speaker_style="none")


@dataclass(frozen=True, slots=True)
class Answer:
    """A body and its media type."""

    body: str
    media_type: str


def write_answer(
    transcript: Transcript,
    *,
    form: str,
    seconds: float,
    translated: bool = False,
    granularities: Sequence[str] = (),
    logprobs: bool = False,
) -> Answer:
    """A transcript as a ``response_format``.

    Args:
        transcript: for ``diarized_json`` with the letters of `letter_speakers`.
        form: one of `FORMATS`.
        seconds: length of the sound, for ``usage``.
        translated: whether the words are a translation.
        granularities: ``word``, ``segment``, of ``verbose_json``.
        logprobs: whether ``json`` has the probabilities of the words.
    """
    if form in ("srt", "vtt"):
        options = WriteOptions() if transcript.speakers else _PLAIN
        media_type = "text/vtt" if form == "vtt" else "application/x-subrip"
        return Answer(str(by_name(form).dumps(transcript, options=options)), media_type)
    usage = {"type": "duration", "seconds": round(seconds, 3)}
    if form == "text":
        return Answer(join_text(transcript) + "\n", "text/plain")
    if form == "diarized_json":
        data = diarized(transcript)
        return _as_json({**data, "duration": round(seconds, 3), "usage": usage})
    if form == "verbose_json":
        return _as_json(
            {**_verbose(transcript, granularities), "duration": round(seconds, 3), "usage": usage}, translated
        )
    more = {"logprobs": list(_list_logprobs(transcript))} if logprobs else {}
    return _as_json({"text": join_text(transcript), **more, "usage": usage})


def join_text(transcript: Transcript) -> str:
    """All that is said, in one line."""
    return " ".join(" ".join(segment.text.split()) for segment in transcript.segments if segment.text.strip())


def diarized(transcript: Transcript) -> dict[str, Any]:
    """``diarized_json`` with a line of text for each turn."""
    data: dict[str, Any] = json.loads(str(by_name("diarized-json").dumps(transcript, options=WriteOptions())))
    turns = groupby(data["segments"], key=lambda item: item["speaker"])
    lines = (f"{speaker}: {' '.join(item['text'] for item in items)}" for speaker, items in turns)
    return {**data, "text": "\n".join(lines)}


def letter_speakers(transcript: Transcript) -> Transcript:
    """The speakers called A, B, … in the order in which they speak, but for those who have names."""
    said = [segment.speaker for segment in transcript.segments if segment.speaker is not None]
    order = dict.fromkeys([*said, *(item.id for item in transcript.speakers)])
    names = {item.id: item.name for item in transcript.speakers if item.name != item.id}
    free = (letter for letter in _letters() if letter not in names.values())
    letters = {label: next(free) for label in order if label not in names}
    return transcript.rename(letters) if letters else transcript


def _letters() -> Iterator[str]:
    """A … Z, AA, AB, …"""
    for n in count():
        text, left = "", n
        while True:
            text = string.ascii_uppercase[left % 26] + text
            left = left // 26 - 1
            if left < 0:
                break
        yield text


def _verbose(transcript: Transcript, granularities: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(str(by_name("verbose-json").dumps(transcript, options=WriteOptions())))
    if "word" not in granularities:
        data.pop("words", None)
    if granularities and "segment" not in granularities:
        data.pop("segments", None)
    return {**data, "language": english_name(transcript.language or "") or "unknown"}


def _list_logprobs(transcript: Transcript) -> Iterator[dict[str, Any]]:
    """Of words: there are no tokens in a transcript."""
    for word in transcript.words:
        yield {
            "token": word.text,
            "logprob": round(math.log(max(word.probability, 1e-10)), 6),
            "bytes": list(word.text.encode("utf-8")),
        }


def _as_json(data: dict[str, Any], translated: bool = False) -> Answer:
    if translated:
        data = {**data, "task": "translate"}
    return Answer(json.dumps(data, ensure_ascii=False, allow_nan=False), "application/json")
