"""MOSS-Transcribe-Diarize (README of OpenMOSS/MOSS-Transcribe-Diarize): a text ``[0.48][S01]Welcome.[1.66]``.

Each turn is its start, the speaker, the text and its end, in seconds. FunASR's ``sentence_info`` (``start``, ``end`` in
milliseconds, ``text``, ``spk``) is read, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.services import (
    first_text,
    items,
    make_transcript,
    refuse_form,
    refuse_text,
    seconds,
    utterance,
)
from whisperdiar.formats._text import one_line
from whisperdiar.text import json
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "moss"
title = "MOSS-Transcribe-Diarize"
suffix = ".moss.txt"
needs = "words"

_MARK = re.compile(r"\[(\d+(?:\.\d+)?|S\d+)\]")
_BEGIN = re.compile(r"\s*\[\d+(?:\.\d+)?\]\s*\[S\d+\]")
_MS = 0.001


def matches(data: Any) -> bool:
    """Whether a JSON value has the sentences of FunASR, or a text is one of the model's."""
    if isinstance(data, str):
        return _BEGIN.match(data) is not None
    (data,) = data if isinstance(data, list) and len(data) == 1 else (data,)
    return isinstance(data, Mapping) and isinstance(data.get("sentence_info"), list)


def read(text: str) -> Transcript:
    """Turns with their speakers; words share their turn's time by their length.

    Raises:
        FormatError: no text of the model, or a part of it without a time; the message says where.
    """
    plain = remove_byte_order_mark(text)
    if _BEGIN.match(plain):
        return _read_text(plain)
    if plain.lstrip()[:1] not in ("{", "["):
        raise FormatError(_("expected [start][S01]text[end], as MOSS-Transcribe-Diarize writes it"))
    data = json.read(text)
    (data,) = data if isinstance(data, list) and len(data) == 1 else (data,)
    if isinstance(data, str) and _BEGIN.match(data):
        return _read_text(data)
    if not isinstance(data, Mapping) or "sentence_info" not in data:
        refuse_form("sentence_info", title="FunASR")
    heard = []
    for where, item in items(data, "sentence_info", ""):
        said = first_text(item, ("text", "sentence"), where)
        if not said and not any(item.get(key) is not None for key in ("text", "sentence")):
            refuse_text(where, "text")
        start, end = (seconds(item, (key,), where, _MS) for key in ("start", "end"))
        heard += utterance(
            (), where, text=said, speaker=first_text(item, ("spk",), where) or None, start=start, end=end
        )
    whole = first_text(data, ("text",), _("the object"))
    heard = heard or utterance((), _("the object"), text=whole)
    return make_transcript(heard, whole=whole)


def _read_text(text: str) -> Transcript:
    """Between two times is a text, or nothing; a speaker's mark holds up to the next one."""
    heard = []
    start: float | None = None
    speaker: str | None = None
    said: list[str] = []
    position = 0
    for mark in [*_MARK.finditer(text), None]:
        said.append(text[position : len(text) if mark is None else mark.start()])
        position = len(text) if mark is None else mark.end()
        if mark is not None and mark[1].startswith("S"):
            if any(part.strip() for part in said):
                _refuse_untimed(said)
            speaker, said = mark[1], []
            continue
        end = None if mark is None else float(mark[1])
        whole = one_line("".join(said))
        if whole and (start is None or end is None):
            _refuse_untimed(said)
        if whole:
            heard += utterance((), f"[{start:g}]", text=whole, speaker=speaker, start=start, end=end)
        start, said = end, []
    return make_transcript(heard)


def _refuse_untimed(said: list[str]) -> None:
    raise FormatError(
        _("{text!r}: nothing says when this is spoken; each text stands between two times").format(
            text=one_line("".join(said))[:60]
        )
    )
