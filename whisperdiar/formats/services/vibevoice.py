"""VibeVoice-ASR (docs/vibevoice-asr.md in microsoft/VibeVoice): a list of ``Start``, ``End``, ``Speaker``, ``Content``.

The model also writes ``Start time``, ``End time`` and ``Speaker ID``, times as texts, within a Markdown fence or not;
its processor calls them ``start_time``, ``end_time``, ``speaker_id`` and ``text``. Words have no times of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.services import first_text, items, make_transcript, refuse_text, seconds, utterance
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "vibevoice"
title = "VibeVoice-ASR"
suffix = ".vibevoice.json"
needs = "words"

_TEXT = ("Content", "text")
_START = ("Start", "Start time", "start_time")
_END = ("End", "End time", "end_time")
_SPEAKER = ("Speaker", "Speaker ID", "speaker_id")
_FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)


def matches(data: Any) -> bool:
    """Whether a JSON value has the keys of VibeVoice."""
    segments = _segments(data)
    return isinstance(segments, list) and any(
        isinstance(item, Mapping)
        and ("Content" in item or ("speaker_id" in item and "text" in item and "start_time" in item))
        for item in segments
    )


def _segments(data: Any) -> Any:
    return data.get("segments") if isinstance(data, Mapping) else data


def read(text: str) -> Transcript:
    """Segments with their speakers; words share their segment's time by their length.

    Raises:
        FormatError: no JSON of VibeVoice; the message says where.
    """
    fenced = _FENCE.match(text)
    data = json.read(fenced[1] if fenced else text)
    segments = _segments(data)
    if not isinstance(segments, list):
        raise FormatError(_("expected a JSON list of segments, as VibeVoice-ASR writes it"))
    key = "segments" if isinstance(data, Mapping) else ""
    heard = []
    for where, item in items({key: segments}, key, ""):
        said = first_text(item, _TEXT, where)
        if not said and not any(item.get(found) is not None for found in _TEXT):
            refuse_text(where, _TEXT[0])
        heard += utterance(
            (),
            where,
            text=said,
            speaker=first_text(item, _SPEAKER, where) or None,
            start=seconds(item, _START, where),
            end=seconds(item, _END, where),
        )
    return make_transcript(heard)
