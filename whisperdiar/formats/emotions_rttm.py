"""Emotions as lines of RTTM: the field of the speaker's name holds what is heard, such as ``happy``.

``SPEAKER meeting 1 0.500 2.250 <NA> <NA> happy <NA> <NA>``; programs that score RTTM take them as they are.
"""

from __future__ import annotations

from dataclasses import replace

from whisperdiar.formats import rttm
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Diarization

name = "emotions-rttm"
suffix = ".emotions.rttm"
needs = "emotions"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - RTTM leaves no choice
    """A line for each emotion."""
    return rttm.dumps_diarization(Diarization(transcript.recording_id, transcript.emotions))


def read(text: str) -> Transcript:
    """The emotions of a recording, as a transcript without words and turns.

    Raises:
        FormatError: a line that cannot be read, or several recordings.
    """
    found = rttm.read(text)
    return replace(found, speakers=(), turns=(), emotions=found.turns)
