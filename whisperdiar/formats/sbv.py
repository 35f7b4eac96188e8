"""SBV subtitles, the captions of YouTube: a line of two times, lines of text, a blank line. A form of SubViewer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from whisperdiar.formats._reading.blocks import begins_with_sbv_times, sbv_blocks
from whisperdiar.formats._reading.cues import read_finished
from whisperdiar.formats._reading.labels import split_labels
from whisperdiar.formats._text import JOINER, escape_codes, one_line, unescape_codes
from whisperdiar.formats._writing.cues import prepare_cues
from whisperdiar.formats._writing.render import remark_forced, settle_options, shown_names, subtitle_cues
from whisperdiar.formats._writing.speakers import clean_names, format_style, readable_prefixes
from whisperdiar.options import WriteOptions
from whisperdiar.text.clock import format_clock
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "sbv"
suffix = ".sbv"
needs = "words"
remarks = remark_forced

# SubViewer breaks lines by "[br]", and FFmpeg skips lines that begin with a bracket as headers of SubViewer.
_BREAK = re.compile(r"\[br\]", re.IGNORECASE)
_BREAK_LIKE = re.compile(r"\[(?=br\])", re.IGNORECASE)
_JOINED_BREAK = re.compile(rf"\[{JOINER}(?=br\])", re.IGNORECASE)


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Captions of a transcript, the speakers by name where another one begins."""
    found = subtitle_cues(transcript, style=_style(options), options=options)
    return dumps_cues(found, shown_names(transcript, _style(options)), options=settle_options(transcript, options))


def dumps_cues(cues: Iterable[Cue], names: Mapping[str, str], *, options: WriteOptions) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    made = prepare_cues(cues)
    blocks = []
    dashes = options.rules(None).dashes
    rows = readable_prefixes(made, clean_names(made, names), _style(options), dashes=dashes)
    for cue, leads in zip(made, rows, strict=True):
        lines = [_escape(lead + line) for lead, line in zip(leads, cue.lines, strict=True)]
        blocks.append("\n".join([f"{_format_time(cue.start_ms)},{_format_time(cue.end_ms)}", *lines, ""]))
    return "\n".join(blocks)


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The cues of a file in its order; what is forgiven: see `whisperdiar.formats._reading.blocks.sbv_blocks`.

    Args:
        labels: take ``Anna: `` and dashes out of the text and say who speaks; otherwise lines are as viewers see them.

    Raises:
        FormatError: a line of times cannot be read, or text stands before the first cue; with the line's number and
            text.
    """
    seen = tuple(Cue(block.span, _clean_lines(block.lines)) for block in sbv_blocks(text))
    return split_labels(seen) if labels else seen


def read(text: str) -> Transcript:
    """The transcript that a file shows, each line of rolling captions once; see `whisperdiar.formats.transcript_of`.

    Raises:
        FormatError: as `read_cues`.
    """
    return read_finished(text, read_cues)


def _style(options: WriteOptions) -> str:
    return format_style(options)


def _format_time(time_ms: int) -> str:
    """Hours have one digit where one is enough: ``0:00:01.000``."""
    return format_clock(time_ms, ".").removeprefix("0")


def _escape(line: str) -> str:
    """SBV knows no escapes: an invisible joiner keeps a text from being taken for times, a break or a header."""
    joined = _BREAK_LIKE.sub("[" + JOINER, escape_codes(line))
    return JOINER + joined if _is_code(joined.lstrip(JOINER)) else joined


def _is_code(line: str) -> bool:
    return line.startswith("[") or begins_with_sbv_times(line)


def _clean_lines(lines: Iterable[str]) -> tuple[str, ...]:
    shown = (_plain(one_line(part)) for line in lines for part in _BREAK.split(line))
    return tuple(line for line in shown if line)


def _plain(line: str) -> str:
    """The reverse of `_escape`: one joiner less, since labels begin with joiners of their own."""
    joined = line.startswith(JOINER) and _is_code(line.lstrip(JOINER))
    return unescape_codes(_JOINED_BREAK.sub("[", line[1:] if joined else line))
