"""Detection of a JSON file's form by its keys, where neither its name nor a person says which program made it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from whisperdiar.errors import FormatError
from whisperdiar.formats.services import moss, vosk
from whisperdiar.text import json

ORDER = (
    "deepgram", "aws", "speechmatics", "google", "azure", "revai", "gladia", "whisper-cpp", "elevenlabs", "vosk",
    "vibevoice", "moss", "assemblyai",
)  # fmt: skip
"""Services, those with the most particular keys first."""


_OURS = re.compile(r'\ufeff?\s*\{\s*"schema_version"')
"""The beginning of our own transcripts, which may be large and are not parsed for this."""


class Detected(NamedTuple):
    """The name of a format, and whether keys that no other known program writes tell it."""

    name: str
    certain: bool


def detect(text: str) -> Detected | None:
    """The form of a file's text; None where it is a transcript of ours, or no form that is known."""
    if moss.matches(text):
        return Detected("moss", True)
    if "{" not in text or _OURS.match(text):
        return None
    try:
        data = json.read(text)
    except FormatError:
        parts = vosk.split_objects(text)
        return Detected("vosk", True) if parts and vosk.matches(parts) else _detect_fenced(text)
    return detect_value(data)


def detect_value(data: Any) -> Detected | None:
    """The same of a JSON value."""
    if isinstance(data, Mapping) and "schema_version" in data:
        return None
    own = _detect_segments(data)
    fits = [name for name in ORDER if _module(name).matches(data)]
    if fits:
        return Detected(fits[0], len(fits) == 1 and own is None)
    return None if own is None else Detected(own, own == "seglst")


def _detect_fenced(text: str) -> Detected | None:
    return Detected("vibevoice", True) if text.lstrip().startswith("```") and '"Content"' in text else None


def _detect_segments(data: Any) -> str | None:
    """Of the forms with segments that several programs write, the one that reads most of this one."""
    if isinstance(data, list):
        return "seglst" if any(isinstance(item, Mapping) and "session_id" in item for item in data) else None
    segments = data.get("segments") if isinstance(data, Mapping) else None
    first = next((item for item in segments if isinstance(item, Mapping)), {}) if isinstance(segments, list) else {}
    if not ("start" in first and ("text" in first or "words" in first)):
        return None
    if "words" in data:
        return "verbose-json"
    if "words" in first and "id" not in first:
        return "whisperx-json"
    return "diarized-json" if "speaker" in first and "words" not in first else "verbose-json"


def _module(name: str) -> Any:
    return importlib.import_module(f"whisperdiar.formats.services.{name.replace('-', '_')}")
