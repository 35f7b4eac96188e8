"""Transcripts of turns alone: what the formats without words read and write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whisperdiar.formats._text import (
    NOBODY,
    make_distinct,
    make_token,
    number_lines,
    parse_seconds,
    refuse_line,
    to_milliseconds,
)
from whisperdiar.text.counts import count_fields
from whisperdiar.text.messages import _
from whisperdiar.transcript import Speaker, Transcript, speaker_names
from whisperdiar.types import Diarization, Turn

FRAMES = 100
"""Frames in a second of the toolkits that count time in frames."""
_LABEL_FIELDS = 3


def transcript_of_turns(recording_id: str, turns: Iterable[Turn]) -> Transcript:
    """Speaker turns as a transcript without words that ends with the last of them; names are the labels."""
    found = Diarization(recording_id, tuple(turns))
    duration = max((turn.end for turn in found.turns), default=0.0)
    return Transcript(recording_id, duration, speakers=tuple(map(_make_speaker, found.speakers)), turns=found.turns)


def _make_speaker(label: str) -> Speaker:
    return Speaker(label, label)


def read_labels(text: str, *, form: str) -> Iterator[tuple[float, float, str]]:
    """Start, end and label of each line of three fields; comments (``;;``, ``#``) are passed over.

    Args:
        form: what an error calls the format.

    Raises:
        FormatError: a line that cannot be read, with its number and text.
    """
    for number, line in number_lines(text):
        if line.startswith((";;", "#")):
            continue
        found = line.split()
        if len(found) != _LABEL_FIELDS:
            cause = _("{found}, where a line of {form} has a start, an end and a label")
            refuse_line(number, line, cause.format(found=count_fields(len(found)), form=form))
        start, end = parse_seconds(found[0]), parse_seconds(found[1])
        if start is None or end is None or end < start:
            refuse_line(number, line, _("start and end must be seconds, not negative, the end not before the start"))
        yield start, end, found[2]


def name_turns(transcript: Transcript, *, missing: str = NOBODY) -> Iterator[tuple[Turn, str]]:
    """The turns with the name of each speaker as one field, distinct; `missing` for a name that leaves nothing."""
    turns = Diarization(transcript.recording_id, transcript.turns)
    names = speaker_names(transcript)
    tokens = make_distinct({label: _token(names.get(label, label)) or missing for label in turns.speakers})
    for turn in turns.turns:
        yield turn, tokens[turn.speaker]


def _token(name: str) -> str:
    """One field that no reader takes for a comment or a byte order mark."""
    field = make_token(name.replace("\ufeff", ""))
    return f"_{field}" if field.startswith((";", "#")) else field


def to_frames(turn: Turn) -> tuple[int, int]:
    """First frame of 10 ms and the one behind the last; the same where nothing is left after rounding."""
    return tuple(max(0, (to_milliseconds(time) + 5) // 10) for time in (turn.start, turn.end))  # type: ignore[return-value]
