"""Segments of audioseg, a tool that parts speech, music and a presenter: ``0.0000000 19.7126313 m``.

Start, end and label of each; the labels are ``m`` (music), ``s`` (speech), ``ms`` (speech over music) and ``p`` (the
presenter). Here every label is read and written, so that the turns of any speakers go through.
"""

from __future__ import annotations

from whisperdiar.formats._reading.recordings import NO_ID
from whisperdiar.formats._reading.turns import name_turns, read_labels, transcript_of_turns
from whisperdiar.formats._text import to_milliseconds
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Turn

name = "audioseg"
suffix = ".audioseg.txt"
needs = "turns"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the form leaves no choice
    """One line per turn in the order of time, times with seven decimals; white space in names becomes ``_``."""
    lines = []
    for turn, who in name_turns(transcript):
        start_ms, end_ms = max(0, to_milliseconds(turn.start)), max(0, to_milliseconds(turn.end))
        if end_ms > start_ms:
            lines.append(f"{start_ms / 1000:.7f} {end_ms / 1000:.7f} {who}\n")
    return "".join(lines)


def read(text: str) -> Transcript:
    """The segments of a file as turns whose speakers are the labels.

    Raises:
        FormatError: a line that cannot be read, with its number and text.
    """
    turns = [Turn(Span(start, end), label) for start, end, label in read_labels(text, form="audioseg")]
    return transcript_of_turns(NO_ID, turns)
