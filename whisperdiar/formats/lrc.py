"""LRC lyrics: one line of text per cue, and in the enhanced form a time for every word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from whisperdiar.formats._cues import ReadyCue, ready
from whisperdiar.formats._from_cues import transcript_of
from whisperdiar.formats._labels import split_labels
from whisperdiar.formats._lrc_read import lyric_cues
from whisperdiar.formats._making import written
from whisperdiar.formats._speakers import chosen_style, clean_names, label_if_it_fits, leads
from whisperdiar.formats._text import JOINER
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "lrc"
suffix = ".lrc"
needs = "words"

_SHORTEST_SILENCE_MS = 1000  # a shorter one is not shown: the line would flicker
_STAMP_LIKE = re.compile(r"[<\[](?=\d+:\d)|\A\[")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Lyrics of a transcript; every cue is one line, and an empty line marks where nothing is said."""
    return written(transcript, dumps_cues, style=_style(options), options=options)


def dumps_cues(
    cues: Iterable[Cue],
    names: Mapping[str, str],
    *,
    word_times: bool = False,
    options: WriteOptions,
) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    made = ready(cues)
    style = _style(options)
    # Lines of a dialogue are lines of their own here: a dash before each would set them apart from nothing.
    before = leads(made, clean_names(made, names), "none" if style == "dash" else style)
    rows: list[tuple[int, str]] = []
    last_end_ms = 0
    for cue, leading in zip(made, before, strict=True):
        if cue.start_ms - last_end_ms >= _SHORTEST_SILENCE_MS and last_end_ms:
            rows.append((last_end_ms, ""))
        rows += [
            (_start_ms(cue, first), _text(cue, leading, range(first, last), word_times)) for first, last in _runs(cue)
        ]
        last_end_ms = max(last_end_ms, cue.end_ms)
    rows += [(last_end_ms, "")] if made else []
    # Lines of one cue may begin after the next cue has begun: players want them in order.
    lines = [f"[{_clock(time_ms)}]{text}" for time_ms, text in sorted(rows, key=lambda row: row[0])]
    return "".join(line + "\n" for line in ["[re:whisperdiar]", *lines])


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The lines in order of time; a line ends where the next one begins.

    Args:
        labels: take ``Anna: `` out of the text and say who speaks.

    Raises:
        FormatError: a line has no time; with its number and text.
    """
    cues = lyric_cues(text)
    return split_labels(cues) if labels else cues


def read(text: str) -> Transcript:
    """The transcript that lyrics show; see `whisperdiar.formats.transcript_of`.

    Raises:
        FormatError: as `read_cues`.
    """
    return transcript_of(read_cues(text), shown=read_cues(text, labels=False))


def _style(options: WriteOptions) -> str:
    return chosen_style(options.speaker_style, own=label_if_it_fits(options), supported=())


def _clock(time_ms: int) -> str:
    """Minutes without a limit, seconds and hundredths, which is what players read."""
    time_cs = round(time_ms / 10)
    return f"{time_cs // 6000:02d}:{time_cs // 100 % 60:02d}.{time_cs % 100:02d}"


def _runs(cue: ReadyCue) -> list[tuple[int, int]]:
    """Lines (from, to) of a cue that become one: all of them, or those of one of its speakers."""
    speakers = cue.speakers
    starts = [i for i in range(len(speakers)) if i == 0 or (cue.line_speakers and speakers[i] != speakers[i - 1])]
    return list(pairwise([*starts, len(speakers)]))


def _start_ms(cue: ReadyCue, line: int) -> int:
    if line == 0:
        return cue.start_ms
    if cue.pieces:
        return cue.pieces[line][0].start_ms
    done = sum(map(len, cue.lines[:line])) / sum(map(len, cue.lines))
    return round(cue.start_ms + (cue.end_ms - cue.start_ms) * done)


def _text(cue: ReadyCue, before: Sequence[str], lines: range, word_times: bool) -> str:
    if not (word_times and cue.pieces):
        return _literal(" ".join(before[i] + cue.lines[i] for i in lines))
    rows = []
    for i in lines:
        words = "".join(f"<{_clock(piece.start_ms)}>{_literal(piece.text)}" for piece in cue.pieces[i])
        rows.append(_literal(before[i]) + words)
    return " ".join(rows) + f"<{_clock(cue.pieces[lines[-1]][-1].end_ms)}>"


def _literal(text: str) -> str:
    """LRC knows no escapes: an invisible joiner keeps a text from being taken for a time or a tag."""
    return _STAMP_LIKE.sub(lambda match: match[0] + JOINER, text)
