"""Speaker labels of the ALIZÉ toolkit (``.lbl``): ``0.25 1.99 Anna``, start, end and speaker.

Times are seconds of frames of 10 ms. The end is the time of the last frame, so that the turn ends 10 ms later. A file
holds one recording and does not name it.
"""

from __future__ import annotations

from whisperdiar.formats._reading.recordings import NO_ID
from whisperdiar.formats._reading.turns import FRAMES, name_turns, read_labels, to_frames, transcript_of_turns
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Turn

name = "lbl"
suffix = ".lbl"
needs = "turns"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the form leaves no choice
    """One line per turn, in the order of time; white space in names becomes ``_``.

    A turn shorter than half a frame is left out.
    """
    lines = []
    for turn, who in name_turns(transcript):
        first, end = to_frames(turn)
        if end > first:
            lines.append(f"{first / FRAMES:.2f} {(end - 1) / FRAMES:.2f} {who}\n")
    return "".join(lines)


def read(text: str) -> Transcript:
    """The turns of a file; the last frame belongs to its turn.

    Raises:
        FormatError: a line that cannot be read, with its number and text.
    """
    # Rounded like the text: 0.1 + 0.01 is 0.11 there.
    turns = [
        Turn(Span(start, round(last + 1 / FRAMES, 6)), label)
        for start, last, label in read_labels(text, form="ALIZÉ's .lbl")
    ]
    return transcript_of_turns(NO_ID, turns)
