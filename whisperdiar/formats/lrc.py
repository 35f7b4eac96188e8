"""LRC lyrics: one line of text per cue, and in the enhanced form a time for every word.

LRC has no ends of lines: one ends where the next one begins, be it empty. Where that is not the end of a cue, a tag
behind its line says it, ``[end:00:03.20]``; players pass over tags that they do not know.

Reads LRC lyrics: a time before each line, and in the enhanced form before each word.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from whisperdiar.formats._reading.cues import transcript_of
from whisperdiar.formats._reading.labels import split_labels
from whisperdiar.formats._text import JOINER, number_lines, one_line, refuse_line, remove_breaks
from whisperdiar.formats._writing.cues import CuePiece, ReadyCue, prepare_cues
from whisperdiar.formats._writing.render import remark_forced, render_cues
from whisperdiar.formats._writing.speakers import clean_names, format_style, readable_prefixes
from whisperdiar.options import WriteOptions
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Span, TimedText

_TIME = r"(\d{1,9}):(\d{1,2})(?:[.:,](\d{1,3}))?"
_STAMP = re.compile(rf"\[{_TIME}\]")
# Before words "<00:01.00>"; some programs put the same in brackets, also behind the last word.
_WORD = re.compile(rf"(?:<|\[){_TIME}(?:>|\])")
_JOINED = re.compile(rf"([<\[]){JOINER}(?![:：])")  # before a colon it marks a label
_TAG = re.compile(r"\[([A-Za-z#_]+):((?:[^\[\]]|\[[^\[\]]*\])*)\]")
_LONGEST_LINE = 7.0
_PER_CHARACTER = 1 / 15
_MOST_REPEATED = 20
"""Characters that a line may become for each that it has: with a chorus of 200 columns as many as there are verses. A
file of 18 kB would otherwise become millions of words."""


_END_TAG = re.compile(rf"\s*{_TIME}\s*")


class _Lyric(NamedTuple):
    start: float
    text: str
    end: float | None = None


def lyric_cues(text: str) -> tuple[Cue, ...]:
    """The lines in order of time.

    A line ends where a tag ``end`` behind it says, or at the time behind its last word, where there is one; otherwise
    where the next one begins (an empty one marks a silence). The last stays as long as it takes to read, at most seven
    seconds.

    Raises:
        FormatError: a line has neither a time nor a tag; with its number and text.
    """
    rows: list[_Lyric] = []
    offset = 0.0
    for number, line in number_lines(text):
        stamps = []
        rest = line
        while match := _STAMP.match(rest):
            stamps.append(_parse_lrc_time(*match.groups()))
            rest = rest[match.end() :]
        tag = _TAG.fullmatch(line)
        if len(stamps) > 1 and len(stamps) * len(rest) > _MOST_REPEATED * len(line):
            refuse_line(
                number,
                line,
                _("{n_stamps} times before one text, which no song repeats so often").format(n_stamps=len(stamps)),
            )
        if stamps:
            rows += [_Lyric(stamp, rest) for stamp in stamps]
        elif tag is None:
            refuse_line(number, line, _("no time such as [00:01.00] and no tag such as [ti:Title]"))
        elif tag[1].lower() == "offset" and re.fullmatch(r"\s*[+-]?\d{1,9}\s*", tag[2]):
            offset = int(tag[2]) / 1000
        elif tag[1].lower() == "end" and rows and (end := _END_TAG.fullmatch(tag[2])):
            rows[-1] = rows[-1]._replace(end=_parse_lrc_time(*end.groups()))
    rows = sorted((row._replace(start=row.start - offset) for row in rows), key=lambda row: row.start)
    made: list[Cue] = []
    following: float | None = None
    for index in range(len(rows) - 1, -1, -1):
        if index + 1 < len(rows) and rows[index + 1].start > rows[index].start:
            following = rows[index + 1].start
        cue = _make_cue(rows[index], following, offset)
        if cue is not None:
            made.append(cue)
    return tuple(reversed(made))


def _parse_lrc_time(minutes: str, seconds: str, decimals: str | None) -> float:
    return int(minutes) * 60 + int(seconds) + (int(decimals) / 10 ** len(decimals) if decimals else 0.0)


def _make_cue(row: _Lyric, following: float | None, offset: float) -> Cue | None:
    parts = _WORD.split(row.text)
    times = [_parse_lrc_time(*parts[i : i + 3]) - offset for i in range(1, len(parts), 4)]
    pieces = [remove_breaks(_unescape(piece)) for piece in parts[::4]]
    line = one_line("".join(pieces))
    if not line:
        return None
    start = max(0.0, row.start)
    reading = min(_LONGEST_LINE, max(1.0, len(line) * _PER_CHARACTER))
    if row.end is not None and row.end - offset > start:
        end = row.end - offset
    elif times and not pieces[-1].strip() and times[-1] > start:
        end = times[-1]
    else:
        end = following if following is not None else max(start + reading, *times, start)
    span = Span(start, max(start, end))
    if not times or (len(times) == 1 and not "".join(pieces[1:]).strip()):
        return Cue(span, (line,))
    starts = [min(max(span.start, at), span.end) for at in (span.start, *times)]
    edges = [*starts[1:], span.end]
    timed = tuple(
        TimedText(Span(start, max(start, stop)), piece)
        for start, stop, piece in zip(starts, edges, pieces, strict=True)
        if piece
    )
    return Cue(span, (line,), timed=(timed,))


def _unescape(text: str) -> str:
    return _JOINED.sub(r"\1", text)


name = "lrc"
suffix = ".lrc"
needs = "words"
remarks = remark_forced

_SHORTEST_SILENCE_MS = 1000  # a shorter one is not shown: the line would flicker
_STAMP_LIKE = re.compile(r"[<\[](?=\d+:\d)|\A\[")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Lyrics of a transcript; every cue is one line, and an empty line marks where nothing is said."""
    return render_cues(transcript, dumps_cues, style=_style(options), options=options)


def dumps_cues(
    cues: Iterable[Cue],
    names: Mapping[str, str],
    *,
    word_times: bool = False,
    options: WriteOptions,
) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    made = prepare_cues(cues)
    rows = _rows(made, word_times)
    known = clean_names(made, names)
    # Lines of a dialogue are lines of their own here: a dash before each would set them apart from nothing.
    style = _style(options)
    before = readable_prefixes([row.cue for row in rows], known, "none" if style == "dash" else style)
    lines = [(row.cue.start_ms, _format_text(row, lead, word_times)) for row, (lead,) in zip(rows, before, strict=True)]
    lines += [(time_ms, "") for time_ms in _silences(made)]
    # Lines of one cue may begin after the next cue has begun: players want them in order.
    shown = [f"[{_format_lrc_clock(time_ms)}]{text}\n" for time_ms, text in sorted(lines, key=lambda line: line[0])]
    return "".join(["[re:whisperdiar]\n", *_add_ends(shown, rows)])


def _add_ends(shown: Sequence[str], rows: Sequence[_Row]) -> list[str]:
    """The lines, and behind each that would be read with another end than its row's a tag with that."""
    read = iter(zip(lyric_cues("".join(shown)), rows, strict=True))
    found = []
    for line in shown:
        found.append(line)
        if line.rstrip("\n").endswith("]") and _STAMP.fullmatch(line.rstrip("\n")):
            continue  # nothing is said
        cue, row = next(read)
        if row.is_last and round(cue.span.end * 100) * 10 != row.cue.end_ms:
            found.append(f"[end:{_format_lrc_clock(row.cue.end_ms)}]\n")
    return found


class _Row(NamedTuple):
    """A line of the file: when and what it shows as a cue of its own, and the cue's lines and pieces that it joins.

    Times are whole hundredths of a second; the last line of a cue ends where the cue does.
    """

    cue: ReadyCue
    texts: tuple[str, ...]
    pieces: tuple[tuple[CuePiece, ...], ...]
    is_last: bool


def _rows(cues: Sequence[ReadyCue], word_times: bool) -> list[_Row]:
    """Lines by their start; all but a cue's last end where the next one begins, or their own last word ends."""
    found = []
    for cue in cues:
        for first, last in _split_lines(cue):
            texts, pieces = cue.lines[first:last], cue.pieces[first:last] if word_times else ()
            start_ms = _to_hundredths(_start_ms(cue, first))
            end_ms = max(start_ms + 10, _to_hundredths(cue.end_ms))
            line = ReadyCue(start_ms, end_ms, (" ".join(texts),), cue.speakers[first])
            alone = line._replace(labelled=cue.labelled)
            found.append(_Row(alone, texts, pieces, last == len(cue.lines)))
    found.sort(key=lambda row: row.cue.start_ms)
    edges = sorted({*(row.cue.start_ms for row in found), *_silences(cues)})
    rows = []
    for row in found:
        if row.is_last:
            rows.append(row)
            continue
        start_ms = row.cue.start_ms
        later = bisect_right(edges, start_ms)
        following = edges[later] if later < len(edges) else row.cue.end_ms
        told = _to_hundredths(row.pieces[-1][-1].end_ms) if row.pieces else 0
        end_ms = told if told > start_ms else following
        rows.append(row._replace(cue=row.cue._replace(end_ms=max(start_ms, end_ms))))
    return rows


def _silences(cues: Sequence[ReadyCue]) -> list[int]:
    """Where nothing is said for a while, and the end."""
    found = []
    last_end_ms = 0
    for cue in cues:
        start_ms = _to_hundredths(cue.start_ms)
        if start_ms - last_end_ms >= _SHORTEST_SILENCE_MS and last_end_ms:
            found.append(last_end_ms)
        last_end_ms = max(last_end_ms, start_ms + 10, _to_hundredths(cue.end_ms))
    return [*found, last_end_ms] if cues else found


def _to_hundredths(time_ms: int) -> int:
    """The nearest whole hundredth of a second, which is what the format holds."""
    return round(time_ms / 10) * 10


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The lines in order of time; a line ends at a time behind its last word, or where the next one begins.

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
    return format_style(options)


def _format_lrc_clock(time_ms: int) -> str:
    """Minutes without a limit, seconds and hundredths, which is what players read."""
    time_cs = round(time_ms / 10)
    return f"{time_cs // 6000:02d}:{time_cs // 100 % 60:02d}.{time_cs % 100:02d}"


def _split_lines(cue: ReadyCue) -> list[tuple[int, int]]:
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


def _format_text(row: _Row, lead: str, word_times: bool) -> str:
    if not (word_times and row.pieces):
        return _escape(lead + row.cue.lines[0])
    words = " ".join(
        "".join(f"<{_format_lrc_clock(piece.start_ms)}>{_escape(piece.text)}" for piece in line) for line in row.pieces
    )
    return _escape(lead) + words + f"<{_format_lrc_clock(row.pieces[-1][-1].end_ms)}>"


def _escape(text: str) -> str:
    """LRC knows no escapes: an invisible joiner keeps a text from being taken for a time or a tag."""
    return _STAMP_LIKE.sub(lambda match: match[0] + JOINER, text)
