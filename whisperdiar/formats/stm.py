"""Segment time marks of NIST (SCTK, "STM file format"): what sclite, asclite and MeetEval read as a reference.

The fields of a line are recording, channel, speaker, start, end, an optional label in angle brackets, and the text.
"""

from __future__ import annotations

from whisperdiar.formats._reading.recordings import NO_ID, choose
from whisperdiar.formats._reading.utterances import ParsedUtterance, transcript_of
from whisperdiar.formats._text import (
    format_seconds,
    make_distinct,
    make_token,
    number_lines,
    parse_seconds,
    refuse_line,
)
from whisperdiar.formats._writing.runs import distinct_names, prepare_segments
from whisperdiar.options import WriteOptions
from whisperdiar.text.counts import count_fields
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "stm"
suffix = ".stm"
needs = "words"
several = True

_FIELDS = 5
_NO_SPEECH = "IGNORE_TIME_SEGMENT_IN_SCORING"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - STM leaves no choice
    """One line per segment in the order of time; white space in the recording id and in names becomes ``_``.

    A text that begins with ``<`` would be taken for a label, so that it gets an empty one before it.
    """
    names = make_distinct({label: make_token(name) for label, name in distinct_names(transcript).items()})
    recording = recording_field(transcript)
    lines = []
    for item in prepare_segments(transcript):
        label = "<> " if item.text.startswith("<") else ""
        place = f"{format_seconds(item.start_ms)} {format_seconds(item.end_ms)}"
        lines.append(f"{recording} 1 {names[item.speaker]} {place} {label}{item.text}\n")
    return "".join(lines)


def recording_field(transcript: Transcript) -> str:
    """The recording id as one field: never empty, none that begins a comment, nor a file as a byte order mark does."""
    field = make_token(transcript.recording_id.replace("\ufeff", "")) or NO_ID
    return f"_{field}" if field.startswith(";") else field


def read(text: str, *, recording_id: str | None = None) -> Transcript:
    """One recording of a file; words share their segment's time by their length.

    Comments, labels and segments that are not to be scored are passed over.

    Args:
        recording_id: which one; None takes the only one that there is.

    Raises:
        FormatError: a line that cannot be read (with its number and text), several recordings (`SeveralRecordings`),
            or not the one asked for.
    """
    recordings: dict[str, list[ParsedUtterance]] = {}
    for number, line in number_lines(text):
        if line.startswith(";;"):
            continue
        fields = line.split(maxsplit=_FIELDS)
        if len(fields) < _FIELDS:
            refuse_line(
                number,
                line,
                _("{found}, where STM has {fields} and a text").format(found=count_fields(len(fields)), fields=_FIELDS),
            )
        start, end = parse_seconds(fields[3]), parse_seconds(fields[4])
        if start is None or end is None:
            refuse_line(number, line, _("expected a start and an end in seconds"))
        said = fields[_FIELDS] if len(fields) > _FIELDS else ""
        if said.startswith("<") and ">" in said:
            said = said.partition(">")[2].strip()
        if said == _NO_SPEECH:
            continue
        recordings.setdefault(fields[0], []).append(
            ParsedUtterance(start, end, fields[2], said, (), _("line {number}").format(number=number))
        )
    found = choose(recordings, recording_id)
    return transcript_of(recordings.get(found, ()), recording_id=found)
