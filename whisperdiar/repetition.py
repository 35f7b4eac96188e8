"""Repetition: what a finished transcript was made of and with, so that it can be made again with something changed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from whisperdiar.assembly import Request
from whisperdiar.cache.files import CacheFolder
from whisperdiar.cache.identity import hash_content
from whisperdiar.cache.recordings import find_paths, find_place
from whisperdiar.errors import InvalidOption
from whisperdiar.options import EmotionSettings, SeparationSettings
from whisperdiar.recordings import KeptRecording, Part
from whisperdiar.selection import Choice
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

Settings = TypeVar("Settings", SeparationSettings, EmotionSettings)

_BACKENDS = {"asr": "asr", "vad": "vad", "diarization": "diarizer"}
"""Stage → where the provenance names its backend."""
_MEDIA = ("track", "channel", "start", "end")


def request_of(transcript: Transcript, memory: CacheFolder | None = None) -> Request:
    """What was asked for when a transcript was made; a vocabulary and files of speech or turns are not in it.

    Args:
        transcript: as our JSON has it.
        memory: knows where models lie that were given as folders, of which the JSON has the names alone.

    Raises:
        InvalidOption: the transcript does not say how it was made, or was made of a given text or of tracks.
    """
    options = transcript.provenance.get("options")
    if not isinstance(options, Mapping) or not isinstance(options.get("vad"), Mapping):
        raise InvalidOption(
            _("{recording}: it does not say how it was made; transcribe the recording again").format(
                recording=transcript.recording_id
            )
        )
    words = transcript.provenance.get("asr")
    if isinstance(words, Mapping) and "text" in (words.get("details") or {}):
        raise InvalidOption(
            _("{recording}: it was made of a given text; transcribe the recording with that text again").format(
                recording=transcript.recording_id
            )
        )
    paths = find_paths(_content_of(transcript), memory) if memory is not None else {}
    choices = {stage: _choice(transcript, stage, paths) for stage in _BACKENDS}
    speakers = options.get("speakers")
    return Request(
        asr=choices["asr"],
        vad=choices["vad"],
        diarizer=choices["diarization"],
        speakers=ANY_SPEAKERS if speakers is None else SpeakerCount.parse(str(speakers)),
        language=options.get("language"),
        media={key: value for key, value in options.items() if key in _MEDIA},
        skip_music=bool(options.get("skip_music")),
        separation=_settings(SeparationSettings, options.get("separation"), paths),
        emotions=_settings(EmotionSettings, options.get("emotions"), paths),
    )


def part_of(request: Request) -> Part:
    """The part of the recording that was read."""
    media = {key: value for key, value in request.media.items() if value is not None}
    return Part(**media)


def change_choice(before: Choice, wanted: Choice) -> Choice:
    """A backend with its settings of before, but for what is wanted otherwise; another backend has none of them."""
    if wanted.name not in ("auto", before.name):
        return wanted
    return replace(before, settings={**before.settings, **wanted.settings})


def find_source(
    transcript: Transcript, *, given: Path | None, folders: Sequence[Path], memory: CacheFolder | None
) -> Path | KeptRecording:
    """The recording of a transcript, by its bytes; where it is nowhere, what a cache may have of it.

    Args:
        given: where it is said to be; None to look for it.
        folders: where it may lie under the name that it had.
        memory: knows where it lay.

    Raises:
        InvalidOption: the transcript does not say which recording it is of, or the one that is given is another.
    """
    content, name = _content_of(transcript), _file_of(transcript)
    if given is not None:
        if _has_content(given, content, memory):
            return given
        raise InvalidOption(
            _("--media {given}: this is not the recording of the transcript; give {name}").format(
                given=given, name=name
            )
        )
    for path in (folder / name for folder in folders):
        if _has_content(path, content, memory):
            return path
    found = None if memory is None else find_place(content, memory)
    return KeptRecording(content, name) if found is None else found


def _settings(kind: type[Settings], kept: object, paths: Mapping[str, str]) -> Settings | None:
    """Settings as the provenance has them; None where it has none, and defaults for what it does not know."""
    if not isinstance(kept, Mapping):
        return None
    known = {item.name for item in fields(kind)}
    values: dict[str, Any] = {
        key: _as_text(value, paths) if isinstance(value, str) else value for key, value in kept.items() if key in known
    }
    return kind(**values)


def _choice(transcript: Transcript, stage: str, paths: Mapping[str, str]) -> Choice:
    record = transcript.provenance.get(_BACKENDS[stage])
    settings = transcript.provenance["options"].get(stage)
    if not isinstance(record, Mapping) or not isinstance(settings, Mapping):
        return Choice()
    kept = {key: value for key, value in settings.items() if value is None or isinstance(value, (str, int, float))}
    return Choice(
        name=str(record.get("backend")), settings={key: _as_text(value, paths) for key, value in kept.items()}
    )


def _as_text(value: object, paths: Mapping[str, str]) -> str:
    """A setting as it is typed; a file or folder that is not found by its name is the one that was meant by it."""
    text = "none" if value is None else str(value)
    return text if os.path.exists(text) else paths.get(text, text)


def _recording(transcript: Transcript) -> Mapping[str, Any]:
    if transcript.provenance.get("tracks"):
        raise InvalidOption(
            _("{recording}: it was made of several tracks, not of one file; run --tracks again").format(
                recording=transcript.recording_id
            )
        )
    named = transcript.provenance.get("recording")
    if not isinstance(named, Mapping) or not isinstance(named.get("blake2b"), str):
        raise InvalidOption(
            _("{recording}: it does not say which file it was made of; transcribe the recording again").format(
                recording=transcript.recording_id
            )
        )
    return named


def _content_of(transcript: Transcript) -> str:
    return str(_recording(transcript)["blake2b"])


def _file_of(transcript: Transcript) -> str:
    return Path(str(_recording(transcript).get("file") or transcript.recording_id)).name


def _has_content(path: Path, content: str, memory: CacheFolder | None) -> bool:
    try:
        return path.is_file() and hash_content(path, memory) == content
    except OSError:
        return False
