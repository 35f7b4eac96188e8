"""Un-partitioned evaluation map (UEM) of NIST: the parts of a recording that are scored.

The four fields of a line are recording, channel, start and end: ``meeting 1 0.000 1800.000``. As a transcript the
parts are turns of one label, `LABEL`; a transcript of speakers gives the whole of its recording.
"""

from __future__ import annotations

from whisperdiar.formats._reading.recordings import choose
from whisperdiar.formats._reading.turns import transcript_of_turns
from whisperdiar.formats._text import format_seconds, number_lines, parse_seconds, refuse_line, to_milliseconds
from whisperdiar.formats.stm import recording_field
from whisperdiar.options import WriteOptions
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Turn, merge_spans

name = "uem"
suffix = ".uem"
needs = "turns"
several = True

LABEL = "scored"
_FIELDS = 4


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - UEM leaves no choice
    """The parts that were read from a UEM; else the recording from its start to its end, or to the end of its turns.

    A transcript without turns has no parts.
    """
    recording = recording_field(transcript)
    turns = transcript.turns
    if all(turn.speaker == LABEL for turn in turns):
        parts = merge_spans(turn.span for turn in turns)
    else:
        end = max(transcript.duration, *(turn.end for turn in turns))
        parts = (Span(min(max(0.0, transcript.start), end), end),)
    lines = []
    for part in parts:
        start_ms, end_ms = max(0, to_milliseconds(part.start)), max(0, to_milliseconds(part.end))
        if end_ms > start_ms:
            lines.append(f"{recording} 1 {format_seconds(start_ms)} {format_seconds(end_ms)}\n")
    return "".join(lines)


def read(text: str, *, recording_id: str | None = None) -> Transcript:
    """The scored parts of one recording, joined where they overlap or touch; comments are passed over.

    Args:
        recording_id: which one; None takes the only one that there is.

    Raises:
        FormatError: a line that cannot be read (with its number and text), several recordings (`SeveralRecordings`),
            or not the one asked for.
    """
    recordings = loads_all(text)
    found = choose(recordings, recording_id)
    return transcript_of_turns(found, (Turn(span, LABEL) for span in merge_spans(recordings.get(found, ()))))


def loads_all(text: str) -> dict[str, list[Span]]:
    """The parts of every recording by its id, in the order of the text.

    Raises:
        FormatError: a line that cannot be read; with its number and text.
    """
    recordings: dict[str, list[Span]] = {}
    for number, line in number_lines(text):
        if line.startswith((";;", "#")):
            continue
        fields = line.split()
        if len(fields) != _FIELDS:
            refuse_line(number, line, _("expected the 4 fields of UEM: recording, channel, start, end"))
        start, end = parse_seconds(fields[2]), parse_seconds(fields[3])
        if start is None or end is None or end < start:
            refuse_line(number, line, _("start and end must be seconds, not negative, the end not before the start"))
        recordings.setdefault(fields[0], []).append(Span(start, end))
    return recordings
