"""The turns as a pyannote service handler answers them: ``{"diarization": [{"speaker", "start", "end"}]}``."""

from __future__ import annotations

from whisperdiar.formats._text import format_seconds, to_milliseconds
from whisperdiar.options import WriteOptions
from whisperdiar.text import json
from whisperdiar.transcript import Transcript

name = "pyannote-json"
suffix = ".pyannote.json"  # `.json` alone means the transcript; this form is chosen by its name
needs = "turns"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the form leaves no choice
    """Speaker labels, not names; times are strings of seconds with three decimals."""
    return json.write({"diarization": [_turn(turn.speaker, turn.start, turn.end) for turn in transcript.turns]})


def _turn(speaker: str, start: float, end: float) -> dict[str, str]:
    return {
        "speaker": speaker,
        "start": format_seconds(max(0, to_milliseconds(start))),
        "end": format_seconds(max(0, to_milliseconds(end))),
    }
