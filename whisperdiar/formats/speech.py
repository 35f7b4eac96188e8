"""Speech regions: RTTM with the label ``speech``, UEM, JSON, intervals of speech and non-speech as text.

The text form is the one that SpeechBrain's detector prints, to the hundredth of a second:

    segment_001  0.00  2.57 NON_SPEECH
    segment_002  2.57  8.20 SPEECH
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import rttm, uem
from whisperdiar.formats._reading.recordings import choose
from whisperdiar.formats._text import number_lines, parse_seconds, refuse_line
from whisperdiar.options import WriteOptions
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Diarization, Span, Turn, merge_spans

FORMATS = ("rttm", "txt", "json", "uem")

LABEL = "speech"
SLACK = 1.0
"""Seconds by which a region may outlast its recording: decoders disagree about the padding at the end."""

_NOT_SPEECH = frozenset({"non_speech", "non-speech", "nonspeech"})


def by_suffix(path: str | PurePath) -> str:
    """The name of the format that a file name asks for.

    Raises:
        InvalidOption: no format of speech regions has this suffix.
    """
    suffix = PurePath(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        known = ", ".join(f".{item}" for item in FORMATS)
        raise InvalidOption(_("{path!r}: speech regions are written as {known}").format(path=str(path), known=known))
    return suffix


def dumps(speech: Sequence[Span], *, name: str, duration: float, recording_id: str = "recording") -> str:
    """Speech regions as text in one of `FORMATS`; regions that touch after rounding become one.

    Args:
        speech: seconds from the start of the recording, clipped to it.
        duration: of the recording, seconds.

    Raises:
        InvalidOption: there is no such format.
    """
    inside = (span.clip(0.0, duration) for span in speech)
    merged = merge_spans(span for span in inside if span is not None)
    if name == "rttm":
        turns = tuple(Turn(span, LABEL) for span in _round_spans(merged, 3))
        return rttm.dumps_diarization(Diarization(recording_id, turns))
    if name == "uem":
        parts = tuple(Turn(span, uem.LABEL) for span in _round_spans(merged, 3))
        return uem.dumps(Transcript(recording_id, duration, turns=parts), options=WriteOptions())
    if name == "json":
        regions = [{"start": span.start, "end": span.end} for span in _round_spans(merged, 3)]
        return json.write({"duration": round(duration, 3), "speech": regions})
    if name == "txt":
        return _intervals(_round_spans(merged, 2), round(duration, 2))
    raise InvalidOption(
        _("speech regions as {name!r}: choose one of {formats}").format(name=name, formats=", ".join(FORMATS))
    )


def _round_spans(spans: Sequence[Span], decimals: int) -> tuple[Span, ...]:
    """To so many decimals; what touches then is joined, what has no length then is gone."""
    grid = (Span(round(span.start, decimals), round(span.end, decimals)) for span in spans)
    return merge_spans(span for span in grid if span.duration > 0)


def _intervals(speech: Sequence[Span], duration: float) -> str:
    """The whole recording without a hole, speech and non-speech by turns."""
    marks: list[tuple[float, float, str]] = []
    reached = 0.0
    for span in speech:
        marks += [(reached, span.start, "NON_SPEECH"), (span.start, span.end, "SPEECH")]
        reached = span.end
    marks.append((reached, duration, "NON_SPEECH"))
    kept = enumerate((mark for mark in marks if mark[1] > mark[0]), start=1)
    return "".join(f"segment_{i:03d} {start: .2f} {end: .2f} {label}\n" for i, (start, end, label) in kept)


def loads(
    text: str, *, suffix: str = "", recording_id: str | None = None, duration: float | None = None
) -> tuple[Span, ...]:
    """Speech regions of one recording, sorted and joined where they overlap or touch.

    Args:
        suffix: of the file: ``.rttm``, ``.uem`` and ``.json`` are taken at their word, with any other (``.txt``
            may be anything) the text shows what it is. The speakers of an RTTM are joined.
        recording_id: which recording of an RTTM or UEM with several; one that stands alone may have any id.
        duration: of the recording, where known: regions are clipped to it.

    Raises:
        FormatError: a line that cannot be read (with its number and text), a recording that is not there, or a
            region that lies beyond the recording.
    """
    name = suffix.lower().removeprefix(".")
    reader = _READERS[name if name in ("rttm", "uem", "json") else _detect_format(text)]
    regions = [span for span in reader(text, recording_id) if span.duration > 0]
    if duration is None:
        return merge_spans(regions)
    clipped = []
    for span in regions:
        if span.end > duration + SLACK:
            raise FormatError(
                _(
                    "speech from {start:.3f} to {end:.3f} s in a recording of {duration:.3f} s: the regions "
                    "belong to another recording"
                ).format(start=span.start, end=span.end, duration=duration)
            )
        clipped.append(span.clip(0.0, duration))
    return merge_spans(span for span in clipped if span is not None)


def _detect_format(text: str) -> str:
    for number, line in number_lines(text):
        if line[0] in "{[":
            return "json"
        fields = line.split()
        if line.startswith(";;"):
            continue  # RTTM and UEM share this comment
        if len(fields) >= 8:
            return "rttm"
        if len(fields) == 4:
            return "txt" if parse_seconds(fields[3]) is None else "uem"
        refuse_line(number, line, _("neither RTTM, UEM, JSON nor lines such as 'segment_001  0.00  2.57 SPEECH'"))
    return "txt"


def _read_rttm(text: str, recording_id: str | None) -> list[Span]:
    turns = rttm.loads(text, recording_id=recording_id, tolerance=rttm.TOLERANT).turns
    return [turn.span for turn in turns if turn.speaker.lower() not in _NOT_SPEECH]


def _read_uem(text: str, recording_id: str | None) -> list[Span]:
    recordings = uem.loads_all(text)
    return recordings.get(choose(recordings, recording_id, other_id=True), [])


def _read_txt(text: str, recording_id: str | None) -> list[Span]:  # noqa: ARG001 - the form names no recording
    speech = []
    for number, line in number_lines(text):
        fields = line.split()
        if len(fields) != 4 or fields[3] not in ("SPEECH", "NON_SPEECH"):
            refuse_line(number, line, _("expected a name, start, end, and SPEECH or NON_SPEECH"))
        span = _parse_line_span(number, line, fields[1], fields[2])
        if fields[3] == "SPEECH":
            speech.append(span)
    return speech


def _read_json(text: str, recording_id: str | None) -> list[Span]:  # noqa: ARG001 - the form names no recording
    data = json.read(text)
    duration = data.get("duration") if isinstance(data, dict) else None
    regions = data.get("speech") if isinstance(data, dict) else data
    if not isinstance(regions, list):
        raise FormatError(_('expected JSON with "speech", a list of {"start", "end"}'))
    speech = [_json_span(item, f"speech[{index}]") for index, item in enumerate(regions)]
    limit = math.inf if duration is None else _check_number(duration, "duration")
    for index, span in enumerate(speech):
        if span.end > limit + SLACK:
            raise FormatError(
                _("speech[{index}]: it ends at {end} s, the recording at {limit} s").format(
                    index=index, end=span.end, limit=limit
                )
            )
    return [Span(min(span.start, limit), min(span.end, limit)) for span in speech]


_READERS: dict[str, Callable[[str, str | None], list[Span]]] = {
    "rttm": _read_rttm,
    "uem": _read_uem,
    "txt": _read_txt,
    "json": _read_json,
}


def _json_span(item: Any, where: str) -> Span:
    if not isinstance(item, dict):
        raise FormatError(_('{where}: expected {{"start", "end"}}, found {item!r}').format(where=where, item=item))
    start, end = (_check_number(item.get(key), f"{where}.{key}") for key in ("start", "end"))
    if end < start:
        raise FormatError(
            _("{where}: the end {end} lies before the start {start}").format(where=where, end=end, start=start)
        )
    return Span(start, end)


def _check_number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise FormatError(
            _("{where}: expected a number of seconds, not negative, found {value!r}").format(where=where, value=value)
        )
    return float(value)


def _parse_line_span(number: int, line: str, start_text: str, end_text: str) -> Span:
    start, end = parse_seconds(start_text), parse_seconds(end_text)
    if start is None or end is None or end < start:
        refuse_line(number, line, _("start and end must be seconds, not negative, the end not before the start"))
    return Span(start, end)
