"""Reads SSA and ASS scripts (Advanced SubStation Alpha, as libass documents it): events, their text, karaoke times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from whisperdiar.formats._italics import mark_codes
from whisperdiar.formats._text import JOINER, numbered_lines, one_line, refuse_line, without_breaks
from whisperdiar.types import Cue, Span, TimedText

COMMA = "‚" + JOINER
"""Stands for a comma in the name of an event, whose fields commas separate."""

_SECTION = re.compile(r"\[([^\]]+)\]")
_SECTIONS = frozenset(
    {"script info", "v4 styles", "v4+ styles", "v4++ styles", "events", "fonts", "graphics"}
    | {"aegisub project garbage", "aegisub extradata"}
)
_DATA = frozenset({"fonts", "graphics"})
"""Sections of encoded files."""
_KEYS: dict[str, frozenset[str]] = {
    "events": frozenset({"format", "comment", "picture", "sound", "movie", "command"}),
    "v4 styles": frozenset({"format", "style"}),
    "v4+ styles": frozenset({"format", "style"}),
}
"""What lines of a section begin with; in other sections it is any key and a colon or an equals sign."""
_TIME = re.compile(r"\s*(\d{1,9}):(\d{1,9}):(\d{1,9})(?:[.,:](\d+))?\s*")
_KARAOKE = re.compile(r"\\(?:kf|ko|K|k)\s*(\d{1,9})")
_DRAWING = re.compile(r"\\p(\d{1,9})")
_BREAK = re.compile(r"\\N|\\n")
_ASS_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
_SSA_FIELDS = "Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


@dataclass(slots=True)
class _Script:
    fields: list[str] = field(default_factory=lambda: _names(_ASS_FIELDS))


def script_cues(text: str) -> Iterator[Cue]:
    """The dialogue events in the order of the script, with marks of italics (`_italics`). The event's name (actor) is
    the speaker.

    Comments, drawings and override codes are left out; a script without a section or a Format line is read with the
    usual fields, and events are read in whatever section they stand.

    Raises:
        FormatError: an event cannot be read, a line means nothing in its section, or the text has no event and no
            section; with the line.
    """
    script = _Script()
    section = "events"
    known = False
    for number, line in numbered_lines(text):
        header = _SECTION.fullmatch(line)
        if header:
            section = header[1].strip().lower()
            known = known or section in _SECTIONS
            if section == "v4 styles":
                script.fields = _names(_SSA_FIELDS)
            continue
        key, colon, value = line.partition(":")
        key = key.strip().lower() if colon else ""
        if key == "dialogue":  # in every section: where a header is missing, its events are in the one before
            known = True
            cue = _event(number, line, value, script.fields)
            if cue is not None:
                yield cue
        elif key == "format" and "text" in _names(value):
            script.fields = _names(value)
            if script.fields[-1] != "text":
                refuse_line(number, line, "Text must be the last field, since it may hold commas")
        elif line.startswith((";", "!")):
            continue
        elif not known:
            refuse_line(number, line, "no SSA or ASS script: expected a section such as [Script Info]")
        elif not _belongs(section, key or line.partition("=")[1]):
            refuse_line(number, line, f"this line means nothing in [{section}]; remove it, or put ; before it")


def _belongs(section: str, key: str) -> bool:
    """Whether a line that begins with this key means something in a section."""
    if section in _DATA:
        return True
    return key in _KEYS[section] if _KEYS.get(section) else key != ""


def _names(value: str) -> list[str]:
    return [name.strip().lower() for name in value.split(",")]


def _event(number: int, line: str, value: str, fields: list[str]) -> Cue | None:
    values = value.split(",", len(fields) - 1)
    found = dict(zip(fields, values, strict=False))
    if "text" not in found:
        refuse_line(number, line, f"this event has {len(values)} of {len(fields)} fields ({', '.join(fields)})")
    times = [_TIME.fullmatch(found.get(name, "")) for name in ("start", "end")]
    if None in times:
        refuse_line(number, line, "no times such as 0:00:01.00,0:00:02.50")
    start, end = (_seconds(*match.groups()) for match in times if match is not None)
    if max(start, end) > 1e9:
        refuse_line(number, line, "this time is too large")
    name = one_line(found.get("name", found.get("actor", ""))).replace(COMMA, ",") or None
    return _cue(Span(start, max(start, end)), mark_codes(found["text"]), name)


def _seconds(hours: str, minutes: str, seconds: str, decimals: str | None) -> float:
    fraction = int(decimals[:9]) / 10 ** min(len(decimals), 9) if decimals else 0.0
    return round(int(hours) * 3600 + int(minutes) * 60 + int(seconds) + fraction, 6)


def _cue(span: Span, text: str, speaker: str | None) -> Cue | None:
    lines: list[list[tuple[str, float | None]]] = [[]]
    clock: float | None = None
    length = 0.0
    drawing = False
    for index, part in enumerate(_parted(text)):
        if index % 2:
            shapes = _DRAWING.findall(part)
            drawing = int(shapes[-1]) > 0 if shapes else drawing
            for syllable in _KARAOKE.findall(part):
                clock = (span.start if clock is None else clock) + length
                length = int(syllable) / 100
            continue
        if drawing:
            continue
        for number, piece in enumerate(_BREAK.split(part)):
            if number:
                lines.append([])
            if piece:
                lines[-1].append((_plain(piece), clock))
    rows = [row for row in lines if one_line("".join(piece for piece, _ in row))]
    if not rows:
        return None
    texts = tuple(one_line("".join(piece for piece, _ in row)) for row in rows)
    timed = _timed(rows, span) if any(start is not None for row in rows for _, start in row) else ()
    return Cue(span, texts, speaker, (), timed)


def _parted(text: str) -> list[str]:
    """Text, code, text, code … text; what no brace closes is text. One pass, whatever the text is."""
    parts = [""]
    place = 0
    while True:
        opened = text.find("{", place)
        closed = text.find("}", opened) if opened >= 0 else -1
        if closed < 0:
            parts[-1] += text[place:]
            return parts
        if opened and text[opened - 1] == "\\":
            parts[-1] += text[place : opened + 1]
            place = opened + 1
        else:
            parts[-1] += text[place:opened]
            parts += [text[opened + 1 : closed], ""]
            place = closed + 1


def _plain(text: str) -> str:
    text = text.replace("\\h", "\u00a0").replace("\\{", "{").replace("\\}", "}")
    text = text.replace("｛" + JOINER, "{").replace("｝" + JOINER, "}")
    return without_breaks(text.replace("\\" + JOINER, "\\"))


def _timed(rows: list[list[tuple[str, float | None]]], span: Span) -> tuple[tuple[TimedText, ...], ...]:
    starts = [min(max(span.start, span.start if at is None else at), span.end) for row in rows for _, at in row]
    edges = [*starts, span.end]
    spans = iter([Span(start, max(start, end)) for start, end in zip(starts, edges[1:], strict=True)])
    return tuple(tuple(TimedText(next(spans), piece) for piece, _ in row) for row in rows)
