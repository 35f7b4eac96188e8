"""References that a manifest names: the turns, the words and the scored parts of each of its recordings."""

from __future__ import annotations

import os
from pathlib import Path

from whisperdiar.datasets import Recording, read_manifest, read_turns
from whisperdiar.datasets import read_uem as read_scored
from whisperdiar.errors import FormatError
from whisperdiar.scoring.documents import Document, read_documents
from whisperdiar.scoring.words import NOBODY, Utterance
from whisperdiar.system.files import read_text
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.types import Span

_SUFFIX = ".jsonl"


def is_manifest(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a manifest, and no transcript: JSON lines, or a JSON object with a list of recordings."""
    path = Path(path)
    if path.suffix.lower() == _SUFFIX:
        return True
    if path.suffix.lower() != ".json" or not os.path.isfile(path):
        return False
    try:
        values = json.read(read_text(path))
    except FormatError:  # whoever reads it as a transcript says what is wrong
        return False
    return isinstance(values, dict) and isinstance(values.get("recordings"), list)


def read_references(path: str | os.PathLike[str]) -> tuple[dict[str, Document], dict[str, tuple[Span, ...]]]:
    """References of a manifest and what is scored, by recording: its UEM, or the whole sound where it is measured.

    Recordings without a reference are left out.

    Raises:
        FormatError: the manifest or a file that it names cannot be read, or no recording has a reference.
    """
    recordings = [item for item in read_manifest(path) if item.turns is not None or item.words is not None]
    if not recordings:
        raise FormatError(
            _("{path}: no recording has a reference; add 'turns' or 'words' to the manifest").format(path=path)
        )
    scored = {}
    for item in recordings:
        spans = read_scored(item)
        if spans is None and item.duration is not None:
            spans = (Span(0.0, item.duration),)
        if spans is not None:
            scored[item.id] = spans
    return {item.id: read_reference(item) for item in recordings}, scored


def read_audio_paths(path: str | os.PathLike[str]) -> dict[str, Path]:
    """Where the sound of each recording of a manifest lies; empty for any other reference.

    Raises:
        FormatError: the manifest cannot be read.
    """
    if not is_manifest(path):
        return {}
    return {item.id: item.audio for item in read_manifest(path) if os.path.isfile(item.audio)}


def read_reference(item: Recording) -> Document:
    """What the manifest names of a recording: turns, utterances, or a text whose times nobody knows.

    Raises:
        FormatError: it names neither, or a file that cannot be read or holds other recordings.
    """
    diarization = read_turns(item)
    utterances: tuple[Utterance, ...] | None = None
    timed = True
    if item.words is not None and item.words.suffix.lower() == ".txt":
        text = " ".join(read_text(item.words).split())
        speakers = {turn.speaker for turn in diarization.turns} if diarization is not None else set()
        # Where one person speaks in the whole recording, the text is theirs.
        who = speakers.pop() if len(speakers) == 1 else NOBODY
        utterances, timed = (Utterance(who, 0.0, item.duration or 0.0, text),), False
    elif item.words is not None:
        every = read_documents(item.words)
        own = every.get(item.id) or (next(iter(every.values())) if len(every) == 1 else None)
        if own is None:
            raise FormatError(
                _("{words}: none of its recordings is {id!r}; check the id in the manifest").format(
                    words=item.words, id=item.id
                )
            )
        utterances, timed = own.utterances, own.timed
    if diarization is None and utterances is None:
        raise FormatError(
            _("{id}: the manifest names no reference; add 'turns' or 'words', or leave it out").format(id=item.id)
        )
    turns = None if diarization is None else diarization.turns
    return Document(item.id, turns, utterances, item.language, str(item.words or item.turns), timed=timed)
