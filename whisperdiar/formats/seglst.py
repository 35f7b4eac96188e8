"""Segment-wise long-form speech transcription, the JSON of CHiME and MeetEval (https://github.com/fgnt/meeteval).

A list of segments with ``session_id``, ``speaker``, ``start_time``, ``end_time`` and ``words``, one text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.recordings import choose
from whisperdiar.formats._reading.utterances import ParsedUtterance, transcript_of
from whisperdiar.formats._text import one_line
from whisperdiar.formats._writing.runs import distinct_names, prepare_segments
from whisperdiar.options import WriteOptions
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "seglst"
suffix = ".seglst.json"  # `.json` alone means the transcript; this form is chosen by its name
needs = "words"
several = True

_KNOWN = ("session_id", "speaker", "start_time", "end_time")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the keys are fixed
    """One object per segment, under the speakers' names; times in seconds with three decimals."""
    names = distinct_names(transcript)
    session = one_line(transcript.recording_id)
    return json.write(
        [
            {
                "session_id": session,
                "speaker": names[item.speaker],
                "start_time": item.start_ms / 1000,
                "end_time": item.end_ms / 1000,
                "words": item.text,
            }
            for item in prepare_segments(transcript)
        ]
    )


def read(text: str, *, recording_id: str | None = None) -> Transcript:
    """One session of a file; words share their segment's time by their length.

    Args:
        recording_id: which session; None takes the only one that there is.

    Raises:
        FormatError: no SegLST (the message says where), several sessions (`SeveralRecordings`), or not the one asked
            for.
    """
    data = json.read(text)
    if not isinstance(data, list):
        raise FormatError(_("expected a JSON list of segments, as MeetEval writes it"))
    sessions: dict[str, list[ParsedUtterance]] = {}
    for index, item in enumerate(fields.objects(data, _("the list"))):
        where = f"[{index}]"
        if "session_id" not in item:
            raise FormatError(
                _("{where}.session_id: this is no SegLST, which names the session of each segment").format(where=where)
            )
        start, end = fields.time(item, "start_time", where), fields.time(item, "end_time", where)
        heard = ParsedUtterance(
            start, end, fields.text(item, "speaker", where) or None, _read_text(item, where), (), where
        )
        sessions.setdefault(fields.text(item, "session_id", where), []).append(heard)
    found = choose(sessions, recording_id)
    return transcript_of(sessions.get(found, ()), recording_id=found)


def _read_text(item: Mapping[str, Any], where: str) -> str:
    """The text of a segment; turns without words have none, unless another key holds a text that would be lost."""
    words = item.get("words")
    if isinstance(words, list):
        return " ".join(fields.text({"": word}, "", f"{where}.words") for word in words)
    other = [key for key, value in item.items() if key not in _KNOWN and isinstance(value, (str, list)) and value]
    return fields.required_text(item, ("words",), where) if other else fields.text(item, "words", where)
