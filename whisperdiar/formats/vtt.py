"""WebVTT subtitles (W3C, https://www.w3.org/TR/webvtt1/) with voice spans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from whisperdiar.formats._reading.blocks import vtt_blocks
from whisperdiar.formats._reading.cues import read_finished
from whisperdiar.formats._reading.italics import mark_tags, read_italics, without_italics, write_italics
from whisperdiar.formats._reading.labels import split_labels
from whisperdiar.formats._reading.markup import cue_of
from whisperdiar.formats._writing.cues import ReadyCue, prepare_cues
from whisperdiar.formats._writing.render import remark_forced, render_cues
from whisperdiar.formats._writing.speakers import PALETTE, clean_names, colour_numbers, format_style, readable_prefixes
from whisperdiar.options import WriteOptions
from whisperdiar.text.clock import format_clock
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "vtt"
suffix = ".vtt"
needs = "words"
remarks = remark_forced

_CLASSES = ("white", "yellow", "cyan", "lime", "speaker5", "speaker6", "speaker7", "speaker8")
"""Of the palette's colours; the first four are classes of the standard (section 5.1)."""

_LONGEST_HEADER = 10_000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Subtitles of a transcript: the speaker as a voice span."""
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
    told: Literal["", "lines"] = "lines" if style in ("voice", "colour") else ""
    parts = ["WEBVTT"]
    rules = _format_rules(made, colours, word_times=word_times)
    parts += ["STYLE\n" + "\n".join(rules)] if rules else []
    leads = readable_prefixes(made, known, style, told=told, dashes=options.rules(None).dashes)
    for cue, before in zip(made, leads, strict=True):
        rows = [lead.translate(_ESCAPES) + _format_line(cue, i, word_times) for i, lead in enumerate(before)]
        if style in ("voice", "colour"):
            rows = _format_voices(rows, cue.speakers, known, colours)
        parts.append(
            f"{format_clock(cue.start_ms, '.')} --> {format_clock(cue.end_ms, '.')}{_format_place(cue)}\n"
            + "\n".join(rows)
        )
    return "\n\n".join(parts) + "\n"


def _style(options: WriteOptions) -> str:
    return format_style(options, own="voice", supported=("colour", "voice"))


def _format_rules(cues: Sequence[ReadyCue], colours: Mapping[str | None, int], *, word_times: bool) -> list[str]:
    """Style rules for what is used; some of the classes are among those that players know without a rule."""
    used = sorted({colours[who] for cue in cues for who in cue.speakers if who in colours})
    rules = [f"::cue(.{_CLASSES[number]}) {{ color: #{PALETTE[number]} }}" for number in used]
    # What is still to be said is paler: not every player shows that, and none needs to.
    return rules + (["::cue(:future) { opacity: 0.75 }"] if word_times and any(cue.pieces for cue in cues) else [])


def _format_place(cue: ReadyCue) -> str:
    """Above the cues that are on the screen already: the line of its first row, counted from the bottom."""
    return f" line:-{cue.rows_below + len(cue.lines)}" if cue.level else ""


def _format_line(cue: ReadyCue, index: int, word_times: bool) -> str:
    """A line's text, with the time before every word that begins inside the cue (sections 3.3 and 4.2.2)."""
    if not (word_times and cue.pieces):
        return write_italics(cue.lines[index], cue.italic(index), _escape, ("<i>", "</i>"))
    last_ms = max((piece.start_ms for row in cue.pieces[:index] for piece in row), default=cue.start_ms)
    found = []
    for piece in cue.pieces[index]:
        text = piece.text.translate(_ESCAPES)
        if last_ms < piece.start_ms < cue.end_ms:
            last_ms = piece.start_ms
            space = text[: len(text) - len(text.lstrip())]
            # A style for what is still to come finds elements only, no bare text: each word is one.
            text = f"{space}<{format_clock(last_ms, '.')}><c>{text[len(space) :]}</c>"
        found.append(text)
    return "".join(found)


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _format_voices(
    rows: Sequence[str], speakers: Sequence[str | None], names: Mapping[str, str], colours: Mapping[str | None, int]
) -> list[str]:
    """Lines in voice spans, one for each run of lines of a speaker; the only one of a cue needs no end (4.2.2)."""
    shown = list(rows)
    alone = len(set(speakers)) == 1
    for index, speaker in enumerate(speakers):
        name = "" if speaker is None else _escape_annotation(names[speaker])
        kind = "" if speaker not in colours else f".{_CLASSES[colours[speaker]]}"
        tag = f"v{kind} {name}" if name else f"c{kind}" if kind else ""
        if tag and (index == 0 or speakers[index - 1] != speaker):
            shown[index] = f"<{tag}>{shown[index]}"
        if tag and not (alone and name) and (index + 1 == len(speakers) or speakers[index + 1] != speaker):
            shown[index] += f"</{tag[0]}>"
    return shown


def _escape_annotation(name: str) -> str:
    """A name inside a tag; with the tag's end, a dash at its own would look like the arrow of a line of times."""
    name = name.translate(_ESCAPES)
    return name[:-1] + "&#45;" if name.endswith("-") else name


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The cues of a file in its order; a missing header and numbers, and times as in SRT, are forgiven.

    Args:
        labels: where no voice says who speaks, take ``Anna: `` and dashes out of the text for it.

    Raises:
        FormatError: a line of times cannot be read, or text stands before the first cue; with the line's number.
    """
    cues = [cue_of(block.span, mark_tags(block.lines)) for block in vtt_blocks(text)]
    seen = tuple(map(read_italics, cues))
    return split_labels(without_italics(seen)) if labels else seen


def read(text: str) -> Transcript:
    """The transcript that a file shows, with the language of its header and each line of rolling captions once.

    See `whisperdiar.formats.transcript_of`.

    Raises:
        FormatError: as `read_cues`.
    """
    return read_finished(text, read_cues, language=_header_language(text))


def _header_language(text: str) -> str | None:
    """What stands in ``Language: en`` between the file's first line and the first blank one, as YouTube writes it."""
    header = re.split(r"\r?\n\s*\r?\n", text[:_LONGEST_HEADER], maxsplit=1)[0]
    found = re.search(r"^Language:[ \t]*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)[ \t]*\r?$", header, re.MULTILINE)
    return found[1] if found and "-->" not in header[: found.start()] else None
