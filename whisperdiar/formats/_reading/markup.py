"""The text of WebVTT cues (https://www.w3.org/TR/webvtt1/#webvtt-cue-text): tags, voices, times, escapes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from whisperdiar.formats._reading.blocks import parse_clock
from whisperdiar.formats._text import one_line, remove_breaks
from whisperdiar.types import Cue, Span, TimedText

# The standard's tags, with classes and annotation, those of SRT, and times; other text in "<>" stays.
_TOKENS = re.compile(
    r"<(/?(?:i|b|u|s|em|strong|ruby|rt|br)(?:\.[^\s<>]*)?(?:\s+[\w-]+\s*=[^<>]*)?\s*/?"
    r"|/?(?:c|v|lang|font|span)(?:[\s.][^<>]*)?"
    r"|\s*(?:\d{1,9}:)?\d{1,9}:\d{1,9}(?:[.,]\d+)?\s*|/?)>",
    re.IGNORECASE,
)
_TIME = re.compile(r"\s*(?:(\d{1,9}):)?(\d{1,9}):(\d{1,9})(?:[.,](\d+))?\s*")
_VOICE = re.compile(r"v(?:\.[^\s.]+)*[ \t]+(.+)", re.DOTALL | re.IGNORECASE)
_RUBY_TEXT = re.compile(r"<rt(?:[\s.][^<>]*)?>[^<]*(?:</rt>|(?=<rt\b|</ruby>))")


@dataclass(slots=True)
class _Piece:
    text: str
    voice: str | None
    start: float | None


@dataclass(slots=True)
class _Parsed:
    """The pieces of each line of a cue."""

    lines: list[list[_Piece]] = field(default_factory=lambda: [[]])
    voice: str | None = None
    start: float | None = None

    def add(self, text: str) -> None:
        last = self.lines[-1][-1] if self.lines[-1] else None
        if last is not None and (last.voice, last.start) == (self.voice, self.start):
            last.text += text
        elif text:
            self.lines[-1].append(_Piece(text, self.voice, self.start))


def cue_of(span: Span, lines: Iterable[str]) -> Cue:
    """A cue from its lines of markup.

    Voices become speakers: of the whole cue where there is one, else line by line (a voice that changes inside a line
    begins a new one). Times inside the text become times of its pieces. Text of ruby annotations is left out, and
    so are tags, which are known by their names.
    """
    parsed = _parse(_RUBY_TEXT.sub("", "\n".join(lines)))
    rows = [row for line in parsed.lines for row in _split_by_voice(line)]
    rows = [row for row in rows if one_line("".join(piece.text for piece in row))]
    texts = tuple(one_line("".join(piece.text for piece in row)) for row in rows)
    voices = [next((piece.voice for piece in row if piece.text.strip()), None) for row in rows]
    timed = _assign_times(rows, span) if any(piece.start is not None for row in rows for piece in row) else ()
    if len(set(voices)) > 1:
        return Cue(span, texts, None, tuple(voices), timed)
    return Cue(span, texts, voices[0] if voices else None, (), timed)


def _parse(text: str) -> _Parsed:
    parsed = _Parsed()
    for index, part in enumerate(_TOKENS.split(text)):
        if index % 2:
            _parse_tag(part, parsed)
            continue
        for number, line in enumerate(part.split("\n")):
            if number:
                parsed.lines.append([])
            parsed.add(remove_breaks(html.unescape(line)))
    return parsed


def _parse_tag(tag: str, parsed: _Parsed) -> None:
    time = _TIME.fullmatch(tag)
    if time:
        parsed.start = parse_clock(*time.groups())
    elif tag.strip().lower() == "/v":
        parsed.voice = None
    elif voice := _VOICE.fullmatch(tag):
        parsed.voice = one_line(html.unescape(voice[1])) or None


def _split_by_voice(line: list[_Piece]) -> list[list[_Piece]]:
    rows: list[list[_Piece]] = [[]]
    voice: str | None = None
    for piece in line:
        if piece.text.strip() and rows[-1] and piece.voice != voice and any(item.text.strip() for item in rows[-1]):
            rows.append([])
        if piece.text.strip():
            voice = piece.voice
        rows[-1].append(piece)
    return rows


def _assign_times(rows: list[list[_Piece]], span: Span) -> tuple[tuple[TimedText, ...], ...]:
    """Each piece lasts until the next one begins, in the order of the text; nothing leaves the cue."""
    pieces = [piece for row in rows for piece in row]
    starts = [span.start]
    for piece in pieces:
        wanted = starts[-1] if piece.start is None else piece.start
        starts.append(min(max(starts[-1], wanted), span.end))
    starts = [*starts[1:], span.end]
    # Pieces without a time between them share one start: the first of them lasts to the next time.
    ends = [next((later for later in starts[i + 1 :] if later > starts[i]), span.end) for i in range(len(pieces))]
    spans = iter([Span(start, max(start, end)) for start, end in zip(starts, ends, strict=False)])
    return tuple(tuple(TimedText(next(spans), piece.text) for piece in row) for row in rows)
