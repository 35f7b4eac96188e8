"""Tables of segments and of words: CSV (RFC 4180, with LF line ends) and the same with tabs.

Texts and names are not trusted: a cell that a spreadsheet would run as a formula begins with an apostrophe (OWASP,
"CSV Injection"), which spreadsheets take for the mark of a text; so does one that begins with such an apostrophe
already, so that reading takes exactly one away. A cell with a semicolon is quoted as well, since spreadsheets of many
countries part cells there. `tables` reads them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whisperdiar.formats._text import FORMULA_SIGNS, format_seconds, one_line
from whisperdiar.formats._writing.runs import distinct_names, prepare_segments
from whisperdiar.transcript import Transcript

_QUOTED = frozenset('";\t\r\n')
SEGMENT_COLUMNS = ("recording", "segment", "start", "end", "speaker", "text")
WORD_COLUMNS = (*SEGMENT_COLUMNS, "probability", "speaker_confidence", "second_speaker", "overlap")


def segment_table(transcript: Transcript, delimiter: str) -> str:
    """One row per segment: recording, number from 1, start and end in seconds, speaker's name, text."""
    names = distinct_names(transcript)
    recording = _escape_formula(one_line(transcript.recording_id))
    rows = [
        (
            recording,
            number,
            format_seconds(item.start_ms),
            format_seconds(item.end_ms),
            _speaker_name(names, item.speaker),
            _escape_formula(item.text),
        )
        for number, item in enumerate(prepare_segments(transcript), start=1)
    ]
    return _format_table(SEGMENT_COLUMNS, rows, delimiter)


def word_table(transcript: Transcript, delimiter: str) -> str:
    """One row per word, with the number of its segment, and what is known of it; 1 or 0 for overlap."""
    names = distinct_names(transcript)
    recording = _escape_formula(one_line(transcript.recording_id))
    rows = []
    for number, item in enumerate(prepare_segments(transcript), start=1):
        for start_ms, end_ms, text, word in item.words:
            place = (
                recording,
                number,
                format_seconds(start_ms),
                format_seconds(end_ms),
                _speaker_name(names, word.speaker),
                _escape_formula(text),
            )
            other = word.second_speaker
            second = "" if other is None else _escape_formula(names.get(other) or one_line(other))
            known = (
                _format_number(word.probability),
                _format_number(word.speaker_confidence),
                second,
                int(word.overlap),
            )
            rows.append((*place, *known))
    return _format_table(WORD_COLUMNS, rows, delimiter)


def _speaker_name(names: dict[str | None, str], speaker: str | None) -> str:
    return "" if speaker is None else _escape_formula(names[speaker])


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _escape_formula(text: str) -> str:
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_SIGNS) else text


def _format_table(columns: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str) -> str:
    return "".join(delimiter.join(_cell(value, delimiter) for value in row) + "\n" for row in (columns, *rows))


def _cell(value: object, delimiter: str) -> str:
    text = str(value)
    if _QUOTED.isdisjoint(text) and delimiter not in text:
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
