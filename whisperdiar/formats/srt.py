"""SubRip subtitles: composed by the `srt` package, read more tolerantly than it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import srt

from whisperdiar.formats._reading.blocks import is_webvtt, looks_like_times, srt_blocks, vtt_blocks
from whisperdiar.formats._reading.cues import read_finished
from whisperdiar.formats._reading.italics import mark_tags, read_italics, without_italics, write_italics
from whisperdiar.formats._reading.labels import split_labels
from whisperdiar.formats._reading.markup import cue_of
from whisperdiar.formats._text import JOINER, one_line, replace_arrow, with_arrow
from whisperdiar.formats._writing.cues import ReadyCue, prepare_cues
from whisperdiar.formats._writing.render import remark_forced, settle_options, shown_names, subtitle_cues
from whisperdiar.formats._writing.speakers import (
    PALETTE,
    clean_names,
    colour_numbers,
    format_style,
    readable_prefixes,
)
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "srt"
suffix = ".srt"
needs = "words"
remarks = remark_forced

# Two lines that look like the next cue's number and time would split a cue in two.
_INDEX = re.compile(r"-?[0-9]+\.?[0-9]*\s*")
_TIME = re.compile(r"[0-9]+[,.:，．。：][0-9]+[,.:，．。：][0-9]+")

# What players take for markup, and nothing else: a text may hold "a < b" or "<laughs>".
_TAGS = re.compile(
    r"</?(?:i|b|u|s|em|strong|ruby|rt|br)(?:\s+[\w-]+\s*=[^<>]*)?\s*/?>"
    r"|</?(?:font|span|lang|c|v)(?:[\s.][^<>]*)?>|\{\\[^{}]*\}",
    re.IGNORECASE,
)
# For some player a letter, a digit or a slash after "<", spaces or not, begins a tag, "\\N" breaks a line, and "\\"
# before a tag is part of it.
_JOINED = re.compile(rf"([<\\]){JOINER}(?![:：])")  # before a colon it marks a label
_MARKUP = re.compile(r"<(?=[A-Za-z0-9_/!?>])|\\(?=[Nnh]|$)")
_SPACED_TAG = re.compile(r"<(?= +[A-Za-z0-9_/])")
"""What is a tag where ``>`` follows, be it on the next line of the cue."""
# Players that render with libass take all that stands in braces for codes, as in ASS: their wide forms are shown, with
# a joiner, which tells them from wide ones.
_BRACES = str.maketrans({"{": "｛" + JOINER, "}": "｝" + JOINER})


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Subtitles of a transcript, the speakers by name where another one begins."""
    names = shown_names(transcript, _style(options))
    found = subtitle_cues(transcript, style=_style(options), options=options)
    return dumps_cues(found, names, options=settle_options(transcript, options))


def dumps_cues(cues: Iterable[Cue], names: Mapping[str, str], *, options: WriteOptions) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    style = _style(options)
    made = prepare_cues(cues)
    known = clean_names(made, names)
    colours = colour_numbers(known)
    subtitles = []
    rows = readable_prefixes(made, known, style, dashes=options.rules(None).dashes)
    for index, (cue, before) in enumerate(zip(made, rows, strict=True), start=1):
        lines = [_line(cue, number, lead) for number, lead in enumerate(before)]
        if any(">" in replace_arrow(lead + line) for lead, line in zip(before, cue.lines, strict=True)):
            lines = [_SPACED_TAG.sub("<" + JOINER, line) for line in lines]
        if style == "colour":
            lines = _colour_lines(lines, cue.speakers, colours)
        start, end = timedelta(milliseconds=cue.start_ms), timedelta(milliseconds=cue.end_ms)
        subtitles.append(srt.Subtitle(index, start, end, "\n".join(_join_false_starts(lines))))
    return str(srt.compose(subtitles, reindex=False))


def _style(options: WriteOptions) -> str:
    return format_style(options, supported=("colour",))


def _line(cue: ReadyCue, number: int, lead: str) -> str:
    ranges = cue.italic(number)
    if not ranges:
        return _escape(lead + cue.lines[number])
    return _escape(lead) + write_italics(cue.lines[number], ranges, _literal_before_tag, ("<i>", "</i>"))


def _literal_before_tag(text: str) -> str:
    return _escape(text) + (JOINER if text.endswith("<") else "")


def _escape(line: str) -> str:
    """SubRip knows no escapes: an invisible joiner keeps players from taking a text for a tag."""
    return _MARKUP.sub(lambda match: match[0] + JOINER, replace_arrow(line)).translate(_BRACES)


def _colour_lines(lines: Sequence[str], speakers: Sequence[str | None], colours: Mapping[str | None, int]) -> list[str]:
    """Runs of lines of one speaker in a tag of its colour."""
    shown = list(lines)
    for index, speaker in enumerate(speakers):
        if speaker is None:
            continue
        if index == 0 or speakers[index - 1] != speaker:
            shown[index] = f'<font color="#{PALETTE[colours[speaker]].lower()}">{shown[index]}'
        if index + 1 == len(speakers) or speakers[index + 1] != speaker:
            shown[index] += "</font>"
    return shown


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The cues of a file in its order; what is forgiven: see `whisperdiar.formats._reading.blocks`.

    Tags and position codes are left out; what begins as WebVTT is read as that.

    Args:
        labels: take ``Anna: `` and dashes out of the text and say who speaks; otherwise lines are as viewers see them.

    Raises:
        FormatError: a line of times cannot be read, or text stands before the first cue; with the line's number.
    """
    if is_webvtt(text):  # called .srt: names and times of words would be lost
        cues = [cue_of(block.span, mark_tags(block.lines)) for block in vtt_blocks(text)]
    else:
        cues = [Cue(block.span, _clean_lines(mark_tags(block.lines))) for block in srt_blocks(text)]
    seen = tuple(map(read_italics, cues))
    return split_labels(without_italics(seen)) if labels else seen


def read(text: str) -> Transcript:
    """The transcript that a file shows, each line of rolling captions once; see `whisperdiar.formats.transcript_of`.

    Raises:
        FormatError: as `read_cues`.
    """
    return read_finished(text, read_cues)


def _clean_lines(lines: Iterable[str]) -> tuple[str, ...]:
    shown = (one_line(_plain(_TAGS.sub("", line))) for line in lines)
    return tuple(line for line in shown if line)


def _plain(text: str) -> str:
    """The reverse of `_escape`."""
    return with_arrow(_JOINED.sub(r"\1", text.replace("｛" + JOINER, "{").replace("｝" + JOINER, "}")))


def _join_false_starts(lines: list[str]) -> list[str]:
    kept = lines[:1]
    for line in lines[1:]:
        if _INDEX.fullmatch(kept[-1]) and (_TIME.match(line) or looks_like_times(line)):
            kept[-1] += " " + line
        else:
            kept.append(line)
    return kept
