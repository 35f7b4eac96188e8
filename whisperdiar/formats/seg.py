"""Speaker segmentation of the LIUM toolkit (``.seg``): clusters and their segments, in frames of 10 ms.

The eight fields of a line are show (the recording), channel, first frame, number of frames, gender (``M``, ``F`` or
``U`` for unknown), bandwidth (``S`` studio, ``T`` telephone, ``U``), environment and cluster (the speaker):
``meeting 1 250 180 U U U Anna``. Lines that begin with ``;;`` are comments, such as the head of each cluster.
"""

from __future__ import annotations

from whisperdiar.formats._reading.recordings import choose
from whisperdiar.formats._reading.turns import FRAMES, name_turns, to_frames, transcript_of_turns
from whisperdiar.formats._text import number_lines, parse_count, parse_seconds, refuse_line
from whisperdiar.formats.stm import recording_field
from whisperdiar.options import WriteOptions
from whisperdiar.text.counts import count_fields
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Turn

name = "seg"
suffix = ".seg"
needs = "turns"
several = True

_FIELDS = 8
_UNKNOWN = "U"
_GENDERS, _BANDS = frozenset("MFU"), frozenset("STU")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the form leaves no choice
    """The turns by cluster in the order of first appearance; gender, bandwidth and environment are unknown.

    White space in the recording id and in names becomes ``_``. A turn shorter than half a frame is left out.
    """
    recording = recording_field(transcript)
    clusters: dict[str, list[str]] = {}
    for turn, who in name_turns(transcript, missing=_UNKNOWN):
        first, end = to_frames(turn)
        if end > first:
            line = f"{recording} {turn.channel} {first} {end - first} {_UNKNOWN} {_UNKNOWN} {_UNKNOWN} {who}\n"
            clusters.setdefault(who, []).append(line)
    return "".join(f";; cluster {who}\n{''.join(lines)}" for who, lines in clusters.items())


def read(text: str, *, recording_id: str | None = None) -> Transcript:
    """The turns of one recording; comments, gender, bandwidth and environment are passed over.

    Args:
        recording_id: which one; None takes the only one that there is.

    Raises:
        FormatError: a line that cannot be read (with its number and text), several recordings (`SeveralRecordings`),
            or not the one asked for.
    """
    recordings: dict[str, list[Turn]] = {}
    for number, line in number_lines(text):
        if line.startswith((";;", "#")):
            continue
        fields = line.split()
        if len(fields) != _FIELDS:
            refuse_line(
                number,
                line,
                _("{found}, where a line of LIUM's .seg has {fields}").format(
                    found=count_fields(len(fields)), fields=_FIELDS
                ),
            )
        first, frames = _count(fields[2]), _count(fields[3])
        if first is None or frames is None:
            refuse_line(number, line, _("expected the first frame and the number of frames, both whole numbers"))
        if fields[4] not in _GENDERS or fields[5] not in _BANDS:
            refuse_line(number, line, _("expected a gender (M, F or U) and a bandwidth (S, T or U)"))
        channel = parse_count(fields[1]) or 1
        span = Span(first / FRAMES, (first + frames) / FRAMES)
        recordings.setdefault(fields[0], []).append(Turn(span, fields[7], max(1, channel)))
    found = choose(recordings, recording_id)
    return transcript_of_turns(found, recordings.get(found, ()))


def _count(field: str) -> int | None:
    """A number of frames; None where it is none, or past what is a time."""
    return parse_count(field) if parse_seconds(field) is not None else None
