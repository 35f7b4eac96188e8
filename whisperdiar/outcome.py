"""Result check: what a transcript leaves out, and whether it is a result at all (pure)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whisperdiar.text.clock import format_hours, format_minutes
from whisperdiar.text.counts import count_passages, count_speakers, count_words
from whisperdiar.text.messages import _, join, mark, to_english
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Word, merge_spans, total_duration

Kind = Literal["dropped", "without words"]

_HARDLY_ANY = 0.1
"""A result with words on less of the speech than this is called empty."""
_ENOUGH_S = 3.0
"""Less speech than this may well be a cough."""
_PLACES = 5
"""How many places a line names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One passage that is not in the transcript.

    Attributes:
        span: where it is, in seconds of the recording.
        kind: ``dropped``: it was recognised and not believed; ``without words``: nothing was recognised in speech.
        reason: one clause.
        text: what was recognised; empty where nothing was.
    """

    span: Span
    kind: Kind
    reason: str
    text: str = ""


def list_left_out(transcript: Transcript) -> tuple[LeftOut, ...]:
    """All passages that are not in the transcript, in order of time."""
    found = [
        LeftOut(item.span, "dropped" if item.text.strip() else "without words", item.reason, item.text.strip())
        for item in transcript.dropped
    ]
    return tuple(sorted(found, key=lambda item: (item.span, item.kind)))


def is_empty(transcript: Transcript) -> bool:
    """Whether there is no usable result: no words, hardly any for the speech that there is, or no turns where no words
    were asked for.
    """
    if transcript.provenance.get("asr") is None:
        return not transcript.turns and not transcript.words
    speech = transcript.provenance.get("speech")
    if not transcript.words or not isinstance(speech, (int, float)):
        return not transcript.words
    return is_hardly_any(transcript.words, speech)


def is_hardly_any(words: Sequence[Word], speech: float) -> bool:
    """Whether words lie on hardly any of that many seconds of speech."""
    return speech >= _ENOUGH_S and total_duration([word.span for word in words]) < _HARDLY_ANY * speech


def explain_empty(transcript: Transcript) -> str:
    """In which way a transcript for which `is_empty` holds is no result; its warnings say why, and what can be done."""
    speech = transcript.provenance.get("speech")
    if transcript.provenance.get("asr") is None:
        return _("the result is empty: nobody was found to speak")
    if not speech:
        return _("the result is empty: there is no speech in it")
    n_words = len(transcript.words)
    found = _("no words") if not n_words else _("{words} only").format(words=count_words(n_words))
    return _("the result is empty: {found} in {speech:.0f} s of speech").format(found=found, speech=speech)


def summarise_left_out(transcript: Transcript) -> str | None:
    """One line about what was left out and where; None where nothing was.

    ``left out: 2 passages dropped (3.1 s at 0:12, 1:05), 4.2 s of speech without words (at 2:01)``
    """
    found = list_left_out(transcript)
    parts = []
    dropped = [item.span for item in found if item.kind == "dropped"]
    if dropped:
        parts.append(
            _("{passages} dropped ({duration} at {places})").format(
                passages=count_passages(len(dropped)),
                duration=_format_duration(dropped),
                places=_format_places(dropped),
            )
        )
    silent = [item.span for item in found if item.kind == "without words"]
    if silent:
        parts.append(
            _("{duration} of speech without words (at {places})").format(
                duration=_format_duration(silent), places=_format_places(silent)
            )
        )
    return _("left out: {parts}").format(parts=join(", ", parts)) if parts else None


def report_rows(transcript: Transcript) -> list[dict[str, Any]]:
    """Warnings, notes and what was left out, as rows; start and end are None where a row is about all of the recording.

    Every row has ``recording``, ``start`` and ``end`` (seconds), ``kind``, ``reason`` and ``text``.
    """
    name = transcript.recording_id
    rows: list[dict[str, Any]] = [
        {"recording": name, "start": None, "end": None, "kind": kind, "reason": to_english(text), "text": ""}
        for kind, key in (("warning", "warnings"), ("note", "notes"))
        for text in transcript.provenance.get(key, ())
    ]
    rows += [
        {
            "recording": name,
            "start": round(item.span.start, 3),
            "end": round(item.span.end, 3),
            "kind": item.kind,
            "reason": to_english(item.reason),
            "text": item.text,
        }
        for item in list_left_out(transcript)
    ]
    return rows


REPORT_SUFFIXES = (".tsv", ".json")
"""Suffixes that choose the form of a report."""
_REPORT_COLUMNS = ("recording", "start", "end", "kind", "reason", "text")


def format_report(rows: Sequence[Mapping[str, Any]], suffix: str) -> str:
    """Rows of `report_rows`, of any number of recordings, as the text of a file.

    Args:
        suffix: one of `REPORT_SUFFIXES`; anything but ``.json`` gives a table with tabs.
    """
    if suffix.lower() == ".json":
        return json.dumps(list(rows), indent=1, ensure_ascii=False) + "\n"
    made = io.StringIO()
    writer = csv.DictWriter(made, _REPORT_COLUMNS, dialect="excel-tab", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: defuse_cell(value) for key, value in row.items()})
    return made.getvalue()


def defuse_cell(value: Any) -> Any:
    """A text on one line that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def summarise(
    transcript: Transcript,
    *,
    elapsed: float,
    stages: Mapping[str, float] | None = None,
    length: float | None = None,
    written: Sequence[object] = (),
) -> str:
    """Recording length, speakers, words, time and real-time factor, what was left out and written, as one paragraph.

    Args:
        elapsed: seconds that the work took.
        stages: seconds by stage, where they are known.
        length: seconds of sound; None for what the transcript says.
        written: names of files.
    """
    length = transcript.length if length is None else length
    factor = elapsed / length if length else 0.0
    times = " ({})".format(", ".join(_list_times(stages))) if stages is not None else ""
    language = _(", language {language}").format(language=transcript.language) if transcript.language else ""
    missing = summarise_left_out(transcript)
    n_speakers, n_words = len(transcript.speakers), len(transcript.words)
    return (
        _("{recording}: {duration} of sound, {speakers}, {words}{language}").format(
            recording=transcript.recording_id,
            duration=format_hours(round(length)),
            speakers=count_speakers(n_speakers),
            words=count_words(n_words),
            language=language,
        )
        + "\n  "
        + _("{elapsed:.1f} s{times}, real-time factor {factor:.2f}").format(elapsed=elapsed, times=times, factor=factor)
        + (f"\n  {missing}" if missing else "")
        + ("\n  " + _("wrote {files}").format(files=", ".join(map(str, written))) if written else "")
    )


_STAGES = (mark("decode"), mark("vad"), mark("asr"), mark("diarization"))
"""Under these names times are handed in."""


def _list_times(stages: Mapping[str, float]) -> list[str]:
    return [_("{stage} {seconds:.1f} s").format(stage=_(stage), seconds=spent) for stage, spent in stages.items()]


def _format_duration(spans: Sequence[Span]) -> str:
    return _("{seconds:.1f} s").format(seconds=total_duration(merge_spans(spans)))


def _format_places(spans: Sequence[Span]) -> str:
    shown = ", ".join(format_minutes(max(0, int(span.start))) for span in spans[:_PLACES])
    more = len(spans) - _PLACES
    return _("{places} and {number} more").format(places=shown, number=more) if more > 0 else shown
