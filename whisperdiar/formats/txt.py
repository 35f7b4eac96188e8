"""A transcript to be read: one paragraph per line, with its time and its speaker.

Such texts are read back, those of other makers as well: a paragraph begins with a time in brackets, and maybe a name
and a colon. Its end is not said; it lasts until the next one begins, at most as long as its words take.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from whisperdiar.formats._reading.labels import join_label, split_label, split_labels
from whisperdiar.formats._reading.utterances import ParsedUtterance, split_words, transcript_of
from whisperdiar.formats._text import number_lines, one_line, refuse_line, to_milliseconds
from whisperdiar.formats._writing.paragraphs import divide_paragraphs
from whisperdiar.options import WriteOptions
from whisperdiar.text.clock import format_clock
from whisperdiar.text.messages import _, mark
from whisperdiar.transcript import Segment, Transcript, speaker_names
from whisperdiar.types import Cue, Span

name = "txt"
suffix = ".txt"
styles_speakers = True
needs = "words"

_TIME = re.compile(r"\[(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,3})?)\]\s*")
_PER_WORD_S = 0.4
"""Seconds of a word in the middle of a conversation: 150 words a minute."""
_ENDS = mark("a text gives no ends of paragraphs; these and the times of words are estimated")


class Paragraph(NamedTuple):
    """A line of a text without times: who says it, None where nobody knows, and its words as `Word.text` has them."""

    speaker: str | None
    words: tuple[str, ...]


def has_times(text: str) -> bool:
    """Whether the first line that holds anything begins with a time, as `read` wants it."""
    return next((bool(_TIME.match(line)) for _number, line in number_lines(text)), False)


def read_paragraphs(text: str) -> tuple[Paragraph, ...]:
    """The lines of a text without times; those such as ``Anna: text`` name a speaker, where the text names its own.

    A line without a name goes on with the speaker above it.
    """
    lines = [Cue(Span(0.0, 0.0), (one_line(line),)) for _number, line in number_lines(text)]
    found = (Paragraph(cue.speaker, tuple(split_words(cue.lines[0]))) for cue in split_labels(lines) if cue.lines)
    return tuple(item for item in found if item.words)


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Lines such as ``[00:01:02] Anna: text``."""
    names = speaker_names(transcript)
    lines = [_line(group, names, options) for group in divide_paragraphs(transcript.segments, options)]
    return "".join(line + "\n" for line in filter(None, lines))


def _line(group: Sequence[Segment], names: Mapping[str, str], options: WriteOptions) -> str:
    text = one_line("".join(word.text for segment in group for word in segment.words))
    if not text:
        return ""
    # The clock shows whole seconds cut off, not rounded: who jumps there must not miss the first word.
    time = format_clock(max(0, to_milliseconds(group[0].span.start)), ".").partition(".")[0]
    label = group[0].speaker if options.speaker_style != "none" else None
    speaker = "" if label is None else one_line(names.get(label, label))
    return f"[{time}] {join_label(speaker, text)}"


def read(text: str) -> Transcript:
    """The paragraphs that a text gives times for; a line without one goes on with the paragraph above it.

    Raises:
        FormatError: the first line has no time; with its number and text.
    """
    rows: list[tuple[int, float, list[str]]] = []
    for number, line in number_lines(text):
        time = _TIME.match(line)
        if time is not None:
            hours, minutes, seconds = time.groups()
            start = int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
            rows.append((number, start, [line[time.end() :]]))
        elif rows:
            rows[-1][2].append(line)
        else:
            refuse_line(
                number,
                line,
                _(
                    "no time such as [00:01:02], so nobody knows when this is said; transcribe the recording, "
                    "and correct its words with `whisperdiar edit`, whose texts go to `whisperdiar apply`"
                ),
            )
    starts = sorted({start for _number, start, _parts in rows})
    later = dict(pairwise(starts))
    heard = []
    for number, start, parts in rows:
        name, said = split_label(one_line(" ".join(parts)))
        end = start + max(1, len(split_words(said))) * _PER_WORD_S
        heard.append(
            ParsedUtterance(
                start, min(end, later.get(start, end)), name, said, (), _("line {number}").format(number=number)
            )
        )
    return transcript_of(heard, notes=(_(_ENDS),) if heard else (), nobody=None)
