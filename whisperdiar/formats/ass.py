"""Advanced SubStation Alpha (ASS v4.00+): a style and a colour for each speaker; SSA scripts are read too.

There is no standard; the form is what libass and Aegisub document, and what FFmpeg, mpv and VLC read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from whisperdiar.formats._ass_read import COMMA, script_cues
from whisperdiar.formats._cues import Piece, ReadyCue, ready
from whisperdiar.formats._from_cues import transcript_of
from whisperdiar.formats._italics import read_italics, without_italics, write_italics
from whisperdiar.formats._labels import split_labels
from whisperdiar.formats._making import written
from whisperdiar.formats._speakers import PALETTE, chosen_style, clean_names, colour_numbers, readable_leads
from whisperdiar.formats._text import JOINER
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "ass"
suffix = ".ass"
aliases = (".ssa",)
needs = "words"

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

# A brace cannot be escaped for every renderer, so that the text in it would be lost for some: its wide form is shown,
# with a joiner, which tells it from a wide one.
_BRACES = str.maketrans({"{": "｛" + JOINER, "}": "｝" + JOINER, "\\": "\\" + JOINER})


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """A script of a transcript's subtitles: the speaker as the event's name, and as a style of its own colour."""
    return written(transcript, dumps_cues, style=_style(options), options=options)


def dumps_cues(
    cues: Iterable[Cue],
    names: Mapping[str, str],
    *,
    word_times: bool = False,
    options: WriteOptions,
) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    style = _style(options)
    made = ready(cues)
    known = clean_names(made, names)
    colours = colour_numbers(known if style == "colour" else {})
    told = {} if options.speaker_style == "none" else known
    before = readable_leads(made, known, style, told="cues" if told else "")
    events = [_event(cue, row, told, colours, word_times) for cue, row in zip(made, before, strict=True)]
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
    return chosen_style(options.speaker_style, own="colour", supported=("colour",))


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


def _event(
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
    text = "\\N".join(_line(cue, i, lead, colours, word_times, start_cs) for i, lead in enumerate(before))
    return f"Dialogue: 0,{_clock(start_cs)},{_clock(end_cs)},{title},{shown},0,0,{margin},,{text}"


def _clock(time_cs: int) -> str:
    minutes, rest_cs = divmod(time_cs, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest_cs // 100:02d}.{rest_cs % 100:02d}"


def _line(
    cue: ReadyCue, index: int, lead: str, colours: Mapping[str | None, int], word_times: bool, start_cs: int
) -> str:
    speaker, before = cue.speakers[index], cue.speakers[index - 1] if index else cue.speakers[0]
    turn = ""
    if speaker != before:
        turn = f"{{\\r{_style_name(colours[speaker])}}}" if speaker in colours else "{\\rDefault}" if colours else ""
    if word_times and cue.pieces:
        text = _karaoke(cue.pieces[index], lead, _after(cue, index, start_cs))
    else:
        text = _literal(lead) + write_italics(cue.lines[index], cue.italic(index), _literal, ("{\\i1}", "{\\i0}"))
    return turn + text


def _after(cue: ReadyCue, index: int, start_cs: int) -> int:
    """Where the karaoke clock stands when a line begins: at the end of the syllables before it."""
    ends = [round(piece.end_ms / 10) for row in cue.pieces[:index] for piece in row]
    return max([start_cs, *ends])


def _karaoke(pieces: Sequence[Piece], lead: str, clock_cs: int) -> str:
    """Each word after its length in hundredths of a second; a silence before it is a syllable without letters."""
    found = [_literal(lead)] if lead else []
    for piece in pieces:
        start_cs, end_cs = max(clock_cs, round(piece.start_ms / 10)), max(clock_cs, round(piece.end_ms / 10))
        if start_cs > clock_cs:
            found.append(f"{{\\k{start_cs - clock_cs}}}")
        found.append(f"{{\\k{end_cs - start_cs}}}" + _literal(piece.text))
        clock_cs = end_cs
    return "".join(found)


def _literal(text: str) -> str:
    return text.translate(_BRACES)
