"""TextGrids of Praat, in the long text form (Praat manual, "TextGrid file formats": https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html).

An interval tier is cut into intervals without holes; what says nothing has an empty label. `_tiers` says which tiers
there are. A quotation mark inside a label is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.utterances import transcript_of
from whisperdiar.formats._text import format_seconds, to_milliseconds
from whisperdiar.formats._writing.tiers import (
    EMOTION_TIER,
    Mark,
    Tier,
    is_of_emotions,
    make_lanes,
    mark_emotions,
    read_tiers,
)
from whisperdiar.options import WriteOptions
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Turn

name = "textgrid"
suffix = ".TextGrid"
needs = "words"

# What Praat looks at: strings, and numbers and flags that stand alone. All other text says what a number means.
_TOKEN = re.compile(
    r'"(?P<string>[^"]*(?:""[^"]*)*)"'
    r"|(?P<comment>![^\n]*)"
    r"|(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\S)"
    r"|<(?P<flag>[a-z]+)>"
    r"|(?P<other>\S+)"
)


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - tiers always name their speakers
    """A tier of utterances and one of words for each speaker, and one of emotions, as long as the recording."""
    found, emotions = make_lanes(transcript), mark_emotions(transcript)
    last_ms = max(
        (mark.end_ms for marks in (*(lane.utterances for lane in found), emotions) for mark in marks), default=0
    )
    end_ms = max(last_ms, to_milliseconds(transcript.duration), 1)  # Praat takes no grid without length
    tiers = [pair for lane in found for pair in ((lane.tier, lane.utterances), (lane.word_tier, lane.words))]
    tiers += [(EMOTION_TIER, emotions)] if emotions else []
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {format_seconds(end_ms)}"]
    head += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    lines = [
        line
        for number, (tier, marks) in enumerate(tiers, start=1)
        for line in _format_tier(number, tier, marks, end_ms)
    ]
    return "".join(f"{line}\n" for line in [*head, *lines])


def _format_tier(number: int, tier: str, marks: Sequence[Mark], end_ms: int) -> list[str]:
    intervals = _fill_holes(marks, end_ms)
    indent = " " * 8
    lines = [f"    item [{number}]:", f'{indent}class = "IntervalTier"', f"{indent}name = {_quote(tier)}"]
    lines += [
        f"{indent}xmin = 0",
        f"{indent}xmax = {format_seconds(end_ms)}",
        f"{indent}intervals: size = {len(intervals)}",
    ]
    for index, mark in enumerate(intervals, start=1):
        lines += [
            f"{indent}intervals [{index}]:",
            f"{indent}    xmin = {format_seconds(mark.start_ms)}",
            f"{indent}    xmax = {format_seconds(mark.end_ms)}",
            f"{indent}    text = {_quote(mark.text)}",
        ]
    return lines


def _fill_holes(marks: Sequence[Mark], end_ms: int) -> list[Mark]:
    whole, done_ms = [], 0
    for mark in marks:
        if mark.start_ms > done_ms:
            whole.append(Mark(done_ms, mark.start_ms, ""))
        whole.append(mark)
        done_ms = mark.end_ms
    return [*whole, Mark(done_ms, end_ms, "")] if done_ms < end_ms else whole


def _quote(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def read(text: str) -> Transcript:
    """Interval tiers as speakers with their words, of the long and the short text form; point tiers are passed over.

    Raises:
        FormatError: no TextGrid in a text form; the message says which line.
    """
    fields = _Fields(remove_byte_order_mark(text))
    if fields.string() not in ("ooTextFile", "ooTextFile short") or fields.string() != "TextGrid":
        raise FormatError(_("this is no TextGrid in a text form; save it with Praat's 'Save as text file...'"))
    fields.number()
    end = fields.number()
    tiers = []
    if fields.flag() == "exists":
        for _each in range(fields.count()):
            tiers += fields.tier()
    fields.finish()
    felt = [tier for tier in tiers if is_of_emotions(tier.name, (mark[2] for mark in tier.marks))]
    made = transcript_of(read_tiers(tier for tier in tiers if tier not in felt), duration=end)
    return replace(made, emotions=tuple(Turn(Span(*mark[:2]), mark[2]) for tier in felt for mark in tier.marks))


class _Fields:
    """The strings, numbers and flags of a text one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._fields = self._scan()

    def _scan(self) -> Iterator[re.Match[str]]:
        for match in _TOKEN.finditer(self._text):
            self._place = match.start()
            if match.lastgroup == "other" and match["other"].startswith('"'):
                self._refuse(_("a quotation mark that is not closed"))
            if match.lastgroup in ("string", "number", "flag"):
                yield match

    def _next(self, kind: str) -> str:
        match = next(self._fields, None)
        if match is None:
            raise FormatError(_("this TextGrid ends where a {kind} is expected; it is cut off").format(kind=kind))
        if match.lastgroup != kind:
            self._refuse(_("a {found} where a {kind} is expected").format(found=match.lastgroup, kind=kind))
        return match[kind]

    def _refuse(self, cause: str) -> None:
        number = self._text.count("\n", 0, self._place) + 1
        raise FormatError(
            _("line {number}: {cause}: {text!r}").format(
                number=number, cause=cause, text=self._text[self._place : self._place + 60]
            )
        )

    def finish(self) -> None:
        """Refuses what stands behind the last tier: a number of tiers or intervals is wrong, and text would be lost."""
        if next(self._fields, None) is not None:
            self._refuse(_("more than the numbers of tiers and intervals say"))

    def string(self) -> str:
        return self._next("string").replace('""', '"')

    def number(self) -> float:
        return float(self._next("number"))

    def flag(self) -> str:
        return self._next("flag")

    def count(self) -> int:
        number = self.number()
        if not 0 <= number < 1e9 or number != int(number):
            self._refuse(_("this is no number of tiers or intervals"))
        return int(number)

    def tier(self) -> list[Tier]:
        """The next tier; none where it is one of points."""
        kind, label = self.string(), self.string()
        self.number(), self.number()
        points = kind == "TextTier"
        if not points and kind != "IntervalTier":
            self._refuse(_("a tier of the kind {kind!r}").format(kind=kind))
        marks = [self._mark(points) for _each in range(self.count())]
        return [] if points else [Tier(label, sorted((mark for mark in marks if mark[2]), key=itemgetter(0)))]

    def _mark(self, point: bool) -> tuple[float, float, str]:
        start = self.number()
        end = start if point else self.number()
        return start, end, self.string().strip()
