"""Rev AI's transcript (docs.rev.ai, "Get Transcript By Id").

``monologues`` with a ``speaker`` number and ``elements``: ``text`` with ``ts``, ``end_ts``, ``confidence``; ``punct``,
spaces included; ``unknown``. ``speakers`` may give names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.services import (
    WordKeys,
    attach_punctuation,
    first_text,
    items,
    make_transcript,
    read_object,
    read_word,
    utterance,
)
from whisperdiar.formats._reading.utterances import ParsedWord
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "revai"
title = "Rev AI"
suffix = ".revai.json"
needs = "words"

_KEYS = WordKeys(text=("value",), start=("ts",), end=("end_ts",))


def matches(data: Any) -> bool:
    """Whether a JSON value has Rev AI's keys."""
    return isinstance(data, Mapping) and "monologues" in data


def read(text: str) -> Transcript:
    """Words with their punctuation and speakers.

    Raises:
        FormatError: no JSON of Rev AI; the message says where.
    """
    data = read_object(text, "monologues", title=title)
    names = {
        fields.text(item, "id", where): fields.text(item, "name", where) for where, item in items(data, "speakers", "")
    }
    heard = []
    for where, monologue in items(data, "monologues", ""):
        words: list[ParsedWord] = []
        spaced = True
        for place, item in items(monologue, "elements", where):
            if item.get("type") == "punct":
                mark = fields.text(item, "value", place)  # empty: white space alone
                spaced = not mark or str(item.get("value"))[-1:].isspace()
                if mark:
                    attach_punctuation(words, mark)
                continue
            word = read_word(item, place, _KEYS)
            if not spaced and words and words[-1].text.endswith("-"):
                words[-1] = words[-1]._replace(text=words[-1].text + word.text, end=word.end)
            else:
                words.append(word)
            spaced = True
        label = first_text(monologue, ("speaker",), where)
        known = (
            first_text(monologue.get("speaker_info") or {}, ("display_name",), where)
            if isinstance(monologue.get("speaker_info"), Mapping)
            else ""
        )
        heard += utterance(words, where, speaker=names.get(label) or known or label or None)
    return make_transcript(heard, language=fields.text(data, "language", _("the object")))
