"""Reads tables of segments and of words: ours, and those of others whose header names start, end and text.

A table whose header is exactly ``start``, ``end``, ``text`` and whose times are all whole numbers is what the command
line of openai-whisper writes: milliseconds.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.recordings import NO_ID, choose
from whisperdiar.formats._reading.segments import utterances_of
from whisperdiar.formats._reading.utterances import ParsedUtterance, ParsedWord, transcript_of
from whisperdiar.formats._text import FORMULA_SIGNS, NOBODY, one_line, parse_seconds, refuse_line
from whisperdiar.text.counts import count_cells
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("start", "start_time", "begin", "start (s)"), "start"),
    **dict.fromkeys(("end", "end_time", "stop", "end (s)"), "end"),
    **dict.fromkeys(("text", "words", "word", "transcript"), "text"),
    **dict.fromkeys(("speaker", "speaker_name", "name"), "speaker"),
    **dict.fromkeys(("recording", "session_id", "file"), "recording"),
    "segment": "segment",
    "probability": "probability",
}
"""Name in a header → what the column is."""
_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,6}(?:[.,]\d+)?)")


class _Row(NamedTuple):
    """Its line in the file, its recording and segment (empty where no column says them), and who said what when."""

    number: int
    recording: str
    segment: str
    start: float
    end: float
    speaker: str
    text: str
    probability: float


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends; only line feeds and carriage returns end one, whatever else Unicode calls a line end."""
    return (match[0] for match in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text))


def read_table(text: str, *, recording_id: str | None) -> Transcript:
    """One recording of a table with one row per segment, or per word: ours with a probability, others' with a ``word``.

    Cells may be parted by commas, semicolons or tabs, as the header shows; times are seconds or [HH:]MM:SS.

    Raises:
        FormatError: there is no such header, or a row that cannot be read (with its line); several recordings
            (`SeveralRecordings`), or not the one asked for.
    """
    rows, of_words = _rows(remove_byte_order_mark(text))
    recordings: dict[str, list[_Row]] = {}
    for row in rows:
        recordings.setdefault(row.recording or NO_ID, []).append(row)
    found = choose(recordings, recording_id)
    own = recordings.get(found, [])
    return transcript_of(_by_words(own) if of_words else [_segment(row) for row in own], recording_id=found)


def _segment(row: _Row) -> ParsedUtterance:
    return ParsedUtterance(
        row.start, row.end, row.speaker or None, row.text, (), _("line {number}").format(number=row.number)
    )


def _by_words(rows: Sequence[_Row]) -> list[ParsedUtterance]:
    """Words of a segment, or where no column says it of a speaker, parted at pauses."""
    groups: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        groups.setdefault((row.segment, "" if row.segment else row.speaker), []).append(row)
    heard = []
    for (segment, speaker), own in groups.items():
        words = [ParsedWord(row.text, row.start, row.end, row.probability, row.speaker or NOBODY) for row in own]
        if not segment:
            heard += utterances_of(words, speaker or None, _("line {number}").format(number=own[0].number))
            continue
        start = min(row.start for row in own)
        heard.append(
            ParsedUtterance(
                start,
                max(start, *(row.end for row in own)),
                None,
                "",
                words,
                _("line {number}").format(number=own[0].number),
            )
        )
    return heard


def _rows(text: str) -> tuple[list[_Row], bool]:
    header = text.partition("\n")[0]
    delimiter = max("\t;,", key=header.count)
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    rows: list[_Row] = []
    columns: dict[str, int] = {}
    names: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                names = [cell.strip().casefold() for cell in cells]
                columns = _columns(reader.line_num, header, names)
                continue
            line = delimiter.join(cells)
            # With a cell too few nobody knows which one is missing.
            if len(cells) < len(names) or any(map(str.strip, cells[len(names) :])):
                refuse_line(
                    reader.line_num,
                    line,
                    _("{cells}, where the header has {n_names}").format(
                        cells=count_cells(len(cells)), n_names=len(names)
                    ),
                )
            rows.append(_row(reader.line_num, line, cells, columns))
    except csv.Error as error:
        raise FormatError(
            _("line {number}: this is no table: {error}").format(number=reader.line_num, error=error)
        ) from error
    if names == ["start", "end", "text"] and all(row.start.is_integer() and row.end.is_integer() for row in rows):
        rows = [row._replace(start=row.start / 1000, end=row.end / 1000) for row in rows]
    return rows, "word" in names or {"probability", "segment"} <= columns.keys()


def _columns(number: int, line: str, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, name in enumerate(names):
        kind = _NAMES.get(name)
        if kind in found and kind in ("start", "end", "text"):
            refuse_line(number, line, _("two columns of this header are a {kind}").format(kind=kind))
        if kind is not None:
            found.setdefault(kind, index)
    missing = [name for name in ("start", "end", "text") if name not in found]
    if missing:
        refuse_line(
            number,
            line,
            _("expected a header that names start, end and text; there is no {missing}").format(missing=missing[0]),
        )
    return found


def _row(number: int, line: str, cells: Sequence[str], columns: Mapping[str, int]) -> _Row:
    def cell(name: str) -> str:
        place = columns.get(name)
        return "" if place is None else _plain(one_line(cells[place]))

    start, end = _seconds(cell("start")), _seconds(cell("end"))
    if start is None or end is None:
        refuse_line(number, line, _("expected a start and an end in seconds"))
    probability = parse_seconds(cell("probability"))
    return _Row(
        number,
        cell("recording"),
        cell("segment"),
        start,
        end,
        cell("speaker"),
        cell("text"),
        1.0 if probability is None else probability,
    )


def _plain(text: str) -> str:
    """Without the one apostrophe that keeps a cell from being a formula."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA_SIGNS) else text


def _seconds(text: str) -> float | None:
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return parse_seconds(text.replace(",", "."))
    hours, minutes, seconds = clock.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
