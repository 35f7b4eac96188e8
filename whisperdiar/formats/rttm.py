"""Speaker turns as Rich Transcription Time Marked lines (NIST, RT-09 evaluation plan, appendix A).

The ten fields of a line are type, file, channel, onset, duration, orthography, subtype, name, confidence and
lookahead time: ``SPEAKER meeting 1 0.500 2.250 <NA> <NA> Anna <NA> <NA>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.recordings import NO_ID as NO_ID
from whisperdiar.formats._reading.recordings import choose
from whisperdiar.formats._text import (
    format_seconds,
    make_distinct,
    make_token,
    number_lines,
    parse_count,
    parse_seconds,
    refuse_line,
    speaker_names,
    to_milliseconds,
)
from whisperdiar.options import RttmTolerance, WriteOptions
from whisperdiar.text.counts import count_fields
from whisperdiar.text.messages import _
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import Diarization, Span, Turn

name = "rttm"
suffix = ".rttm"
rewritable = True
needs = "turns"
several = True

STRICT = RttmTolerance()
TOLERANT = RttmTolerance(
    comments=True,
    tabs=True,
    other_types=True,
    short_lines=True,
    odd_fields=True,
    other_id=True,
    spaces=True,
)

_FIELDS = 10
_NAME = 7
_MISSING = "<NA>"
_OTHER_TYPES = frozenset(
    {"SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP", "SU", "CB"}
    | {"A/P", "SPKR-INFO"}
)


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - RTTM leaves no choice
    """The turns of a transcript under the names that people read.

    Raises:
        FormatError: see `dumps_diarization`.
    """
    turns = Diarization(transcript.recording_id, transcript.turns)
    return dumps_diarization(turns, speaker_names(transcript))


def dumps_diarization(diarization: Diarization, names: Mapping[str, str] | None = None) -> str:
    """One line per turn, sorted; white space in the recording id and in names becomes ``_``.

    Onset and duration have three decimals whose sum is the rounded end. A turn without length after rounding is
    left out: scoring tools refuse it. Two speakers whose names come out the same are told apart by a number.

    Args:
        names: name of a speaker label; the label itself where there is none.

    Raises:
        FormatError: the recording id or a name is empty or ``<NA>``.
    """
    recording = _field(diarization.recording_id, _("recording id"))
    tokens = _tokens(diarization.speakers, names or {})
    lines = []
    for turn in diarization.turns:
        start_ms = max(0, to_milliseconds(turn.start))
        length_ms = to_milliseconds(turn.end) - start_ms
        if length_ms > 0:
            confidence = _MISSING if turn.confidence is None else f"{turn.confidence:.3f}"
            onset, duration = format_seconds(start_ms), format_seconds(length_ms)
            speaker = f"{tokens[turn.speaker]} {confidence} {_MISSING}"
            lines.append(f"SPEAKER {recording} {turn.channel} {onset} {duration} {_MISSING} {_MISSING} {speaker}\n")
    return "".join(lines)


def _tokens(labels: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Label → field of its own; a name that two labels share goes to the first, ``NAME_2`` to the next."""
    wanted = {
        label: _field(names.get(label, label), _("name of speaker {label!r}").format(label=label)) for label in labels
    }
    return make_distinct(wanted)


def _field(text: str, what: str) -> str:
    field = make_token(text)
    if not field or field == _MISSING:
        raise FormatError(
            _("{what} is {text!r}: RTTM needs one that is neither empty nor {missing}; rename it").format(
                what=what, text=text, missing=_MISSING
            )
        )
    return field


def read(text: str, *, recording_id: str | None = None) -> Transcript:
    """One recording of an RTTM text as a transcript without words, read with every tolerance.

    Args:
        recording_id: which one; None takes the only one that there is.

    Raises:
        FormatError: a line that cannot be read, several recordings (`SeveralRecordings`), or not the one asked for.
    """
    found = loads(text, recording_id=recording_id, tolerance=replace(TOLERANT, other_id=False))
    speakers = tuple(Speaker(label, label) for label in found.speakers)
    duration = max((turn.end for turn in found.turns), default=0.0)
    return Transcript(found.recording_id, duration, speakers=speakers, turns=found.turns)


def loads(text: str, *, recording_id: str | None = None, tolerance: RttmTolerance = STRICT) -> Diarization:
    """The turns of one recording.

    Args:
        recording_id: which one; None takes the only one that there is. A text without turns has none of any.

    Raises:
        FormatError: a line that cannot be read (with its number and text), a recording that is not there, or
            several of them and none asked for (`SeveralRecordings`).
    """
    recordings = loads_all(text, tolerance=tolerance)
    found = choose(recordings, recording_id, other_id=tolerance.other_id)
    turns = recordings[found].turns if found in recordings else ()
    return Diarization(recording_id or found, turns)


def loads_all(text: str, *, tolerance: RttmTolerance = STRICT) -> dict[str, Diarization]:
    """The turns of every recording by its id, in the order of the text.

    Raises:
        FormatError: a line that cannot be read; with its number and text.
    """
    turns: dict[str, list[Turn]] = {}
    for number, line in number_lines(text):
        fields = _split_fields(number, line, tolerance)
        if fields:
            turns.setdefault(fields[1], []).append(_parse_turn(number, line, fields, tolerance))
    return {recording: Diarization(recording, tuple(items)) for recording, items in turns.items()}


def _split_fields(number: int, line: str, tolerance: RttmTolerance) -> list[str]:
    """The fields of a SPEAKER line, or none where the line is to be skipped."""
    if line.startswith((";;", "#")):
        if tolerance.comments:
            return []
        refuse_line(number, line, _("a comment, where only SPEAKER lines are expected"))
    if "\t" in line:
        if not tolerance.tabs:
            refuse_line(number, line, _("a tab, where only spaces separate fields"))
        line = line.replace("\t", " ")
    fields = line.split(" ")  # not at every white space: a name may hold a no-break space
    fields = [field for field in fields if field]
    if fields[0] != "SPEAKER":
        if fields[0] in _OTHER_TYPES and tolerance.other_types:
            return []
        refuse_line(number, line, _("no SPEAKER line of RTTM"))
    least = _NAME + 1 if tolerance.short_lines else _FIELDS
    if len(fields) > _FIELDS:
        return _rejoin(number, line, fields, tolerance)
    if len(fields) < least:
        refuse_line(
            number, line, _("{found}, where RTTM has {fields}").format(found=count_fields(len(fields)), fields=_FIELDS)
        )
    return fields


def _rejoin(number: int, line: str, fields: list[str], tolerance: RttmTolerance) -> list[str]:
    """Ten fields of a line with too many, where a file name or a speaker name with spaces was written as it is.

    The channel, onset, duration and two unused fields stand between the two, confidence and lookahead time at the end.
    """
    places = [
        place
        for place in range(2, len(fields) - 7)
        if fields[place].isascii()
        and fields[place].isdigit()
        and parse_seconds(fields[place + 1]) is not None
        and parse_seconds(fields[place + 2]) is not None
        and fields[place + 3 : place + 5] == [_MISSING, _MISSING]
    ]
    if len(places) != 1 or _MISSING in fields[places[0] + 5 : -2]:
        refuse_line(
            number,
            line,
            _("{found}, where RTTM has {fields}; nobody can tell them apart").format(
                found=count_fields(len(fields)), fields=_FIELDS
            ),
        )
    (place,) = places
    recording, speaker = fields[1:place], fields[place + 5 : -2]
    if not tolerance.spaces:
        what = _("recording id") if len(recording) > 1 else _("speaker's name")
        found = " ".join(recording if len(recording) > 1 else speaker)
        refuse_line(
            number,
            line,
            _("{n_fields}, where RTTM has {fields}: a space in the {what} {found!r}").format(
                n_fields=count_fields(len(fields)), fields=_FIELDS, what=what, found=found
            ),
        )
    return [fields[0], "_".join(recording), *fields[place : place + 5], " ".join(speaker), *fields[-2:]]


def _parse_turn(number: int, line: str, fields: list[str], tolerance: RttmTolerance) -> Turn:
    start = _parse_seconds(number, line, fields[3], "onset")
    duration = _parse_seconds(number, line, fields[4], "duration")
    if fields[_NAME] == _MISSING:
        refuse_line(number, line, _("no speaker name"))
    # Rounded like the text: 0.1 + 0.2 is 0.3 there.
    span = Span(start, max(start, round(start + duration, 6)))
    channel = parse_count(fields[2]) or 0
    if channel < 1 and not tolerance.odd_fields:
        refuse_line(number, line, _("channel {field!r}: expected a number from 1 on").format(field=fields[2]))
    return Turn(span, fields[_NAME], max(1, channel), _parse_confidence(number, line, fields, tolerance))


def _parse_confidence(number: int, line: str, fields: list[str], tolerance: RttmTolerance) -> float | None:
    text = fields[_NAME + 1] if len(fields) > _NAME + 1 else _MISSING
    if text == _MISSING:
        return None
    try:
        confidence = float(text)
    except ValueError:
        # Not left out with odd numbers: it may be the end of a name with a space.
        refuse_line(
            number,
            line,
            _("confidence {text!r}: expected a number from 0 to 1, or {missing}").format(text=text, missing=_MISSING),
        )
    if 0.0 <= confidence <= 1.0:
        return confidence
    if not tolerance.odd_fields:
        refuse_line(
            number,
            line,
            _("confidence {text!r}: expected a number from 0 to 1, or {missing}").format(text=text, missing=_MISSING),
        )
    return None


def _parse_seconds(number: int, line: str, text: str, what: str) -> float:
    seconds = parse_seconds(text)
    if seconds is None:
        refuse_line(
            number, line, _("{what} {text!r}: expected a number of seconds, not negative").format(what=what, text=text)
        )
    return seconds
