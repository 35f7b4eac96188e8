"""Reads SSA and ASS scripts (Advanced SubStation Alpha, as libass documents it): events, their text, karaoke times.

Advanced SubStation Alpha (ASS v4.00+): a style and a colour for each speaker; SSA scripts are read too.

There is no standard; the form is what libass and Aegisub document, and what FFmpeg, mpv and VLC read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from whisperdiar.formats._reading.cues import transcript_of
from whisperdiar.formats._reading.italics import mark_codes, read_italics, without_italics, write_italics
from whisperdiar.formats._reading.labels import split_labels
from whisperdiar.formats._text import (
    JOINER,
    escape_codes,
    number_lines,
    one_line,
    refuse_line,
    remove_breaks,
    unescape_codes,
)
from whisperdiar.formats._writing.cues import CuePiece, ReadyCue, prepare_cues
from whisperdiar.formats._writing.render import remark_forced, render_cues
from whisperdiar.formats._writing.speakers import PALETTE, clean_names, colour_numbers, format_style, readable_prefixes
from whisperdiar.options import WriteOptions
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
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
    fields: list[str] = field(default_factory=lambda: _parse_fields(_ASS_FIELDS))


def script_cues(text: str) -> Iterator[Cue]:
    """The dialogue events in the order of the script, with marks of italics (`_reading.italics`). The event's name
    (actor) is the speaker.

    Comments, drawings and override codes are left out; a script without a section or a Format line is read with the
    usual fields, and events are read in whatever section they stand.

    Raises:
        FormatError: an event cannot be read, a line means nothing in its section, or the text has no event and no
            section; with the line.
    """
    script = _Script()
    section = "events"
    known = False
    for number, line in number_lines(text):
        header = _SECTION.fullmatch(line)
        if header:
            section = header[1].strip().lower()
            known = known or section in _SECTIONS
            if section == "v4 styles":
                script.fields = _parse_fields(_SSA_FIELDS)
            continue
        key, colon, value = line.partition(":")
        key = key.strip().lower() if colon else ""
        if key == "dialogue":  # in every section: where a header is missing, its events are in the one before
            known = True
            cue = _parse_event(number, line, value, script.fields)
            if cue is not None:
                yield cue
        elif key == "format" and "text" in _parse_fields(value):
            script.fields = _parse_fields(value)
            if script.fields[-1] != "text":
                refuse_line(number, line, _("Text must be the last field, since it may hold commas"))
        elif line.startswith((";", "!")):
            continue
        elif not known:
            refuse_line(number, line, _("no SSA or ASS script: expected a section such as [Script Info]"))
        elif not _belongs(section, key or line.partition("=")[1]):
            refuse_line(
                number,
                line,
                _("this line means nothing in [{section}]; remove it, or put ; before it").format(section=section),
            )


def _belongs(section: str, key: str) -> bool:
    """Whether a line that begins with this key means something in a section."""
    if section in _DATA:
        return True
    return key in _KEYS[section] if _KEYS.get(section) else key != ""


def _parse_fields(value: str) -> list[str]:
    return [name.strip().lower() for name in value.split(",")]


def _parse_event(number: int, line: str, value: str, fields: list[str]) -> Cue | None:
    values = value.split(",", len(fields) - 1)
    found = dict(zip(fields, values, strict=False))
    if "text" not in found:
        refuse_line(
            number,
            line,
            _("this event has {n_values} of {n_fields} fields ({fields})").format(
                n_values=len(values), n_fields=len(fields), fields=", ".join(fields)
            ),
        )
    times = [_TIME.fullmatch(found.get(name, "")) for name in ("start", "end")]
    if None in times:
        refuse_line(number, line, _("no times such as 0:00:01.00,0:00:02.50"))
    start, end = (_parse_ass_time(*match.groups()) for match in times if match is not None)
    if max(start, end) > 1e9:
        refuse_line(number, line, _("this time is too large"))
    name = one_line(found.get("name", found.get("actor", ""))).replace(COMMA, ",") or None
    return _make_cue(Span(start, max(start, end)), mark_codes(found["text"]), name)


def _parse_ass_time(hours: str, minutes: str, seconds: str, decimals: str | None) -> float:
    fraction = int(decimals[:9]) / 10 ** min(len(decimals), 9) if decimals else 0.0
    return round(int(hours) * 3600 + int(minutes) * 60 + int(seconds) + fraction, 6)


def _make_cue(span: Span, text: str, speaker: str | None) -> Cue | None:
    lines: list[list[tuple[str, float | None]]] = [[]]
    clock: float | None = None
    length = 0.0
    drawing = False
    for index, part in enumerate(_split_codes(text)):
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
                lines[-1].append((_unescape(piece), clock))
    rows = [row for row in lines if one_line("".join(piece for piece, _ in row))]
    if not rows:
        return None
    texts = tuple(one_line("".join(piece for piece, _ in row)) for row in rows)
    timed = _assign_times(rows, span) if any(start is not None for row in rows for _, start in row) else ()
    return Cue(span, texts, speaker, (), timed)


def _split_codes(text: str) -> list[str]:
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


def _unescape(text: str) -> str:
    text = text.replace("\\h", "\u00a0").replace("\\{", "{").replace("\\}", "}")
    return remove_breaks(unescape_codes(text))


def _assign_times(rows: list[list[tuple[str, float | None]]], span: Span) -> tuple[tuple[TimedText, ...], ...]:
    starts = [min(max(span.start, span.start if at is None else at), span.end) for row in rows for _, at in row]
    edges = [*starts, span.end]
    spans = iter([Span(start, max(start, end)) for start, end in zip(starts, edges[1:], strict=True)])
    return tuple(tuple(TimedText(next(spans), piece) for piece, _ in row) for row in rows)


name = "ass"
suffix = ".ass"
aliases = (".ssa",)
needs = "words"
remarks = remark_forced

_WIDTH, _HEIGHT = 1920, 1080
_FONT, _SIZE = "Arial", 64
_MARGIN = 60
_ROW = round(_SIZE * 1.15)  # from one line to the next
_STYLE_FIELDS = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
    "StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, "
    "Encoding"
)
_EVENT_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """A script of a transcript's subtitles: the speaker as the event's name, and as a style of its own colour."""
    return render_cues(transcript, dumps_cues, style=_style(options), options=options)


def dumps_cues(
    cues: Iterable[Cue],
    names: Mapping[str, str],
    *,
    word_times: bool = False,
    options: WriteOptions,
) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    style = _style(options)
    made = prepare_cues(cues)
    known = clean_names(made, names)
    colours = colour_numbers(known if style == "colour" else {})
    told = {} if options.speaker_style == "none" else known
    before = readable_prefixes(made, known, style, told="cues" if told else "", dashes=options.rules(None).dashes)
    events = [_format_event(cue, row, told, colours, word_times) for cue, row in zip(made, before, strict=True)]
    used = sorted({colours[who] for cue in made for who in cue.speakers if who in colours})
    styles = [_style_line("Default", PALETTE[0]), *(_style_line(_style_name(i), PALETTE[i]) for i in used)]
    head = [
        "[Script Info]",
        "ScriptType: v4.00+",
        f"PlayResX: {_WIDTH}",
        f"PlayResY: {_HEIGHT}",
        "WrapStyle: 0",
        "ScaledBorderAndShadow: yes",
    ]
    lines = [*head, "", "[V4+ Styles]", f"Format: {_STYLE_FIELDS}", *styles, "", "[Events]", f"Format: {_EVENT_FIELDS}"]
    return "".join(line + "\n" for line in [*lines, *events])


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The dialogue events in the order of the script, of ASS and SSA; override codes and drawings are left out.

    Args:
        labels: where an event has no name, take ``Anna: `` and dashes out of the text for it.

    Raises:
        FormatError: no script, or an event that cannot be read; with the line's number and text.
    """
    seen = tuple(map(read_italics, script_cues(text)))
    return split_labels(without_italics(seen)) if labels else seen


def read(text: str) -> Transcript:
    """The transcript that a script shows; see `whisperdiar.formats.transcript_of`.

    Raises:
        FormatError: as `read_cues`.
    """
    return transcript_of(read_cues(text), shown=read_cues(text, labels=False))


def _style(options: WriteOptions) -> str:
    return format_style(options, own="colour", supported=("colour",))


def _style_name(number: int) -> str:
    return f"Speaker{number + 1}"


def _style_line(title: str, rgb: str) -> str:
    """White or coloured letters with a black outline; before its word comes (karaoke), a letter is grey."""
    colour = "&H00" + rgb[4:] + rgb[2:4] + rgb[:2]  # alpha, blue, green, red
    values = (
        f"{_FONT},{_SIZE},{colour},&H00A0A0A0,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,"
        f"{_MARGIN},{_MARGIN},{_MARGIN},1"
    )
    return f"Style: {title},{values}"


def _format_event(
    cue: ReadyCue, before: Sequence[str], names: Mapping[str, str], colours: Mapping[str | None, int], word_times: bool
) -> str:
    start_cs, end_cs = round(cue.start_ms / 10), round(cue.end_ms / 10)
    end_cs = max(end_cs, start_cs + 1)
    speakers = [who for who in dict.fromkeys(cue.speakers) if who is not None and names.get(who)]
    # The fields are separated by commas, and only the text may hold one. Two people have no one name.
    shown = names[speakers[0]].replace(",", COMMA) if len(speakers) == 1 and None not in cue.speakers else ""
    first = cue.speakers[0]
    title = _style_name(colours[first]) if first in colours else "Default"
    margin = _MARGIN + cue.rows_below * _ROW if cue.level else 0  # 0: the style's
    text = "\\N".join(_format_line(cue, i, lead, colours, word_times, start_cs) for i, lead in enumerate(before))
    return f"Dialogue: 0,{_format_ass_clock(start_cs)},{_format_ass_clock(end_cs)},{title},{shown},0,0,{margin},,{text}"


def _format_ass_clock(time_cs: int) -> str:
    minutes, rest_cs = divmod(time_cs, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest_cs // 100:02d}.{rest_cs % 100:02d}"


def _format_line(
    cue: ReadyCue, index: int, lead: str, colours: Mapping[str | None, int], word_times: bool, start_cs: int
) -> str:
    speaker, before = cue.speakers[index], cue.speakers[index - 1] if index else cue.speakers[0]
    turn = ""
    if speaker != before:
        turn = f"{{\\r{_style_name(colours[speaker])}}}" if speaker in colours else "{\\rDefault}" if colours else ""
    if word_times and cue.pieces:
        text = _format_karaoke(cue.pieces[index], lead, _karaoke_start_cs(cue, index, start_cs))
    else:
        text = escape_codes(lead) + write_italics(
            cue.lines[index], cue.italic(index), escape_codes, ("{\\i1}", "{\\i0}")
        )
    return turn + text


def _karaoke_start_cs(cue: ReadyCue, index: int, start_cs: int) -> int:
    """Where the karaoke clock stands when a line begins: at the end of the syllables before it."""
    ends = [round(piece.end_ms / 10) for row in cue.pieces[:index] for piece in row]
    return max([start_cs, *ends])


def _format_karaoke(pieces: Sequence[CuePiece], lead: str, clock_cs: int) -> str:
    """Each word after its length in hundredths of a second; a silence before it is a syllable without letters."""
    found = [escape_codes(lead)] if lead else []
    for piece in pieces:
        start_cs, end_cs = max(clock_cs, round(piece.start_ms / 10)), max(clock_cs, round(piece.end_ms / 10))
        if start_cs > clock_cs:
            found.append(f"{{\\k{start_cs - clock_cs}}}")
        found.append(f"{{\\k{end_cs - start_cs}}}" + escape_codes(piece.text))
        clock_cs = end_cs
    return "".join(found)
