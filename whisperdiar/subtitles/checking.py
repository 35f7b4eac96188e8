"""Subtitle checking: every violation of a publisher's rules, with its value and its limit. Pure.

Lengths are counted on the lines as viewers see them, names and dashes with them; numbers of words on what is spoken.
Times in files are whole milliseconds or hundredths, so that each may lie half a `unit` from what was meant: a duration
and a gap may differ from their limits by one unit, a time from its frame by half of one.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from whisperdiar.options import SubtitleRules
from whisperdiar.subtitles._shots import LEAD_FRAMES, LEAD_S, ZONE_S
from whisperdiar.text.graphemes import characters, columns, count_words
from whisperdiar.text.messages import mark
from whisperdiar.types import Cue, Span

RULES: Mapping[str, str] = {
    "line-length": mark("columns of a line"),
    "lines": mark("lines of a cue"),
    "reading-speed": mark("characters per second"),
    "words-per-minute": mark("words per minute"),
    "words": mark("words of a cue"),
    "too-short": mark("seconds that a cue stays"),
    "too-long": mark("seconds that a cue stays"),
    "no-duration": mark("seconds that a cue stays: it ends where it starts, or before"),
    "gap": mark("seconds between two cues"),
    "overlap": mark("seconds that two cues are shown together"),
    "overlap-with-self": mark("seconds that two cues of one speaker are shown together"),
    "two-speakers": mark("speakers on one line, or of a cue without dashes and names"),
    "off-frame": mark("seconds from the nearest frame"),
    "shot-change": mark("seconds between a start or an end and a shot change"),
    "sound-mark": mark("sounds that are not in square brackets and small letters, or between notes"),
    "unsorted": mark("seconds that a cue starts before the one above it"),
    "empty": mark("visible characters"),
}
"""Every rule, and what its value and its limit count."""

_COLON = re.compile(r":\s")
_MARK = re.compile(r"\[([^\[\]]+)\]")
_OTHER_MARK = re.compile(r"^\s*[-‐‑–—−]?\s*[(*][^()*]+[)*]\s*$")
_NOTE = re.compile("[♪♫]")
_NOTE_ALONE = re.compile(r"\s*\[?[♪♫\s]+\]?\s*")
_SUNG = re.compile(r"\s*[-‐‑–—−]?\s*(\[[^\[\]]+\]\s*)?[♪♫]+\s.*\s[♪♫]+\s*")
"""Of sounds: in square brackets, in other ones, and notes alone or around what is sung."""
_DASH = re.compile(r"\s*[-‐‑–—−]")
_NOISE = 1e-6
"""Seconds that binary fractions add up to."""
_MOST_BESIDE = 10
"""Earlier cues that one cue is said to collide with."""
_HALF_FRAME = 0.02
"""Seconds of half a film's frame, where the frame rate is unknown."""
_FINEST = 0.001
"""Seconds: what the times of a subtitle file are rounded to at least."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A cue that breaks a rule.

    Attributes:
        cue: number of the cue in the file, from 1.
        span: when it is shown.
        rule: a key of `RULES`.
        value: what was found.
        limit: what the rules allow, at most or at least.
        other: number of the cue that it is too near to, where there is one.
    """

    cue: int
    span: Span
    rule: str
    value: float
    limit: float
    other: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        cues: number of cues.
        violations: sorted by cue; those that count.
        unavoidable: those that no cut can avoid; empty unless a transcript says what was spoken when.
        mean_cps, max_cps: characters per second over all cues that stay on the screen; 0 without any.
        profile: of the rules.
    """

    cues: int
    violations: tuple[Violation, ...]
    unavoidable: tuple[Violation, ...]
    mean_cps: float
    max_cps: float
    profile: str

    @property
    def by_rule(self) -> dict[str, int]:
        """Number of violations of each rule that was broken, in the order of `RULES`."""
        counts = Counter(item.rule for item in self.violations)
        return {rule: counts[rule] for rule in RULES if counts[rule]}

    @property
    def per_100(self) -> float:
        """Cues that break a rule, of a hundred."""
        return 100 * len({item.cue for item in self.violations}) / self.cues if self.cues else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "profile": self.profile,
            "cues": self.cues,
            "cues_in_violation_per_100": round(self.per_100, 3),
            "by_rule": self.by_rule,
            "mean_cps": round(self.mean_cps, 3),
            "max_cps": round(self.max_cps, 3),
            "violations": [_violation_dict(item) for item in self.violations],
            "unavoidable": [_violation_dict(item) for item in self.unavoidable],
        }


def check(
    cues: Sequence[Cue],
    rules: SubtitleRules,
    *,
    shown: Sequence[Sequence[str]] | None = None,
    unit: float = 0.001,
    in_order: bool = True,
    shots: Sequence[float] = (),
    sdh: bool = False,
) -> Report:
    """Hold cues against rules.

    Args:
        cues: in the order of the file, with their speakers where they are known.
        shown: the lines of every cue as viewers see them, with names and dashes; the cues' own lines by default.
        unit: seconds that the times of the file are multiples of.
        in_order: whether the format has its cues in the order of time.
        sdh: whether they are for the deaf and hard of hearing: sounds stand in square brackets and small letters
            (proper names and German nouns apart), and a line that is sung has a note at both ends.
        shots: shot changes of the video in seconds: nothing begins or ends near one, but on it (2 frames before it).
    """
    lines = [list(cue.lines) for cue in cues] if shown is None else [list(item) for item in shown]
    names = _Names(cues)
    found: list[Violation] = []
    for number, (cue, seen) in enumerate(zip(cues, lines, strict=True), start=1):
        found += _check_text(number, cue, seen, rules)
        found += _check_time(number, cue, seen, rules, unit)
        if sdh:
            found += _check_sounds(number, cue, seen)
        found += _check_speakers(number, cue, seen, names, dashes=shown is not None, first=rules.dash_first)
    if in_order:
        found += [
            Violation(number, right.span, "unsorted", left.span.start - right.span.start, 0.0, number - 1)
            for number, (left, right) in enumerate(pairwise(cues), start=2)
            if right.span.start < left.span.start
        ]
    found += _check_neighbours(cues, rules, unit)
    if shots:
        found += _check_shots(cues, sorted(shots), rules, unit)
    speeds = [
        _length(seen, rules) / cue.span.duration for cue, seen in zip(cues, lines, strict=True) if cue.span.duration > 0
    ]
    order = list(RULES)
    return Report(
        cues=len(cues),
        violations=tuple(sorted(found, key=lambda item: (item.cue, order.index(item.rule), item.other or 0))),
        unavoidable=(),
        mean_cps=sum(speeds) / len(speeds) if speeds else 0.0,
        max_cps=max(speeds, default=0.0),
        profile=rules.profile,
    )


def _length(lines: Sequence[str], rules: SubtitleRules) -> float:
    return sum(characters(line, full_width=rules.full_width) for line in lines)


def _check_text(number: int, cue: Cue, lines: Sequence[str], rules: SubtitleRules) -> Iterator[Violation]:
    if not any(line.strip() for line in lines):
        yield Violation(number, cue.span, "empty", 0.0, 1.0)
        return
    widest = max(columns(line) for line in lines)
    if widest > rules.max_columns:
        yield Violation(number, cue.span, "line-length", widest, rules.max_columns)
    if len(lines) > rules.max_lines:
        yield Violation(number, cue.span, "lines", len(lines), rules.max_lines)
    words = sum(count_words(line) for line in cue.lines)
    if rules.max_words is not None and words > rules.max_words:
        yield Violation(number, cue.span, "words", words, rules.max_words)


def _check_time(number: int, cue: Cue, lines: Sequence[str], rules: SubtitleRules, unit: float) -> Iterator[Violation]:
    duration, slack = cue.span.duration, unit + _NOISE
    if duration <= 0:
        yield Violation(number, cue.span, "no-duration", duration, rules.min_duration)
        return
    length, words = _length(lines, rules), sum(count_words(line) for line in cue.lines)
    if rules.max_cps is not None and length > rules.max_cps * (duration + slack):
        yield Violation(number, cue.span, "reading-speed", length / duration, rules.max_cps)
    if rules.max_wpm is not None and words * 60 > rules.max_wpm * (duration + slack):
        yield Violation(number, cue.span, "words-per-minute", words * 60 / duration, rules.max_wpm)
    if duration < rules.min_duration - slack:
        yield Violation(number, cue.span, "too-short", duration, rules.min_duration)
    if duration > rules.max_duration + slack:
        yield Violation(number, cue.span, "too-long", duration, rules.max_duration)
    if rules.frame:
        away = max(abs(time - round(time / rules.frame) * rules.frame) for time in (cue.span.start, cue.span.end))
        if away > unit / 2 + _NOISE:
            yield Violation(number, cue.span, "off-frame", away, unit / 2)


def _check_sounds(number: int, cue: Cue, lines: Sequence[str]) -> Iterator[Violation]:
    """Sounds in other brackets or in capitals, and notes at one end of a line alone (Netflix's guide, SDH)."""
    wrong = sum(
        _OTHER_MARK.search(line) is not None
        or any(item.isupper() and len(item) > 1 for item in _MARK.findall(line))
        or (bool(_NOTE.search(line)) and _NOTE_ALONE.fullmatch(line) is None and _SUNG.fullmatch(line) is None)
        for line in lines
    )
    if wrong:
        yield Violation(number, cue.span, "sound-mark", wrong, 0.0)


def _check_shots(cues: Sequence[Cue], shots: Sequence[float], rules: SubtitleRules, unit: float) -> Iterator[Violation]:
    """Starts and ends nearer than `ZONE_S` to a shot change, but for those on it and those two frames before it."""
    slack = unit / 2 + _NOISE + (rules.frame / 2 or _HALF_FRAME)
    lead = LEAD_FRAMES * rules.frame if rules.frame else LEAD_S
    # Half a second is not a whole number of frames at every rate, and a shot change need not lie on one.
    zone = ZONE_S - slack - rules.frame / 2
    for number, cue in enumerate(cues, start=1):
        for time, right in ((cue.span.start, 0.0), (cue.span.end, lead)):
            place = bisect_left(shots, time)
            around = shots[max(0, place - 1) : place + 1]
            near = [shot for shot in around if abs(time - shot) < zone]
            if near and all(abs(shot - time - right) > slack for shot in around):
                away = min(abs(time - shot) for shot in near)
                yield Violation(number, cue.span, "shot-change", away, ZONE_S)


class _Names:
    """Names of speakers that stand inside a line, not at its beginning.

    Each colon is looked at, and what stands before it is looked up: a pattern of all names would try thousands of them
    at every space.
    """

    def __init__(self, cues: Sequence[Cue]) -> None:
        self._names = {who for cue in cues for who in (cue.speaker, *cue.line_speakers) if who}
        self._lengths = sorted({len(name) for name in self._names}, reverse=True)

    def count(self, line: str) -> int:
        """How many names stand in a line, each between a space and a colon with another space."""
        found, free = 0, 0
        for colon in _COLON.finditer(line):
            ends = {colon.start(), colon.start() - line[: colon.start()][-1:].isspace()}
            if any(self._stands_before(line, end, free) for end in ends):
                found, free = found + 1, colon.end()
        return found

    def _stands_before(self, line: str, end: int, free: int) -> bool:
        return any(
            end - length > free and line[end - length - 1].isspace() and line[end - length : end] in self._names
            for length in self._lengths
        )


def _check_speakers(
    number: int, cue: Cue, lines: Sequence[str], names: _Names, *, dashes: bool, first: bool
) -> Iterator[Violation]:
    """Two people on one line; or a second one in a cue whose line begins with neither a dash nor a name."""
    people = len(set(cue.line_speakers))
    inside = max((names.count(line) for line in lines), default=0)
    if inside:
        yield Violation(number, cue.span, "two-speakers", max(people, inside + 1), 1.0)
    elif dashes and people > 1 and not _is_told_apart(cue, lines, first=first):
        yield Violation(number, cue.span, "two-speakers", people, 1.0)


def _is_told_apart(cue: Cue, lines: Sequence[str], *, first: bool) -> bool:
    """Whether a viewer sees on each line of another person that it is one: all lines have dashes, or these the name.

    Where `first` is false, the first line has none.
    """
    if len(lines) != len(cue.line_speakers) or len(lines) != len(cue.lines):
        return False
    changes = [i for i in range(1, len(lines)) if cue.line_speakers[i] != cue.line_speakers[i - 1]]
    dashed = [bool(_DASH.match(line)) for line in lines]
    # A reader takes a name off the words: what still stands before them on the screen is one.
    named = [seen.strip() != said.strip() for seen, said in zip(lines, cue.lines, strict=True)]
    return all(dashed[i] for i in ((0, *changes) if first else changes)) or all(
        named[i] and not dashed[i] for i in changes
    )


def _people(cue: Cue) -> set[str]:
    return {who for who in (cue.line_speakers or (cue.speaker,)) if who is not None}


def _check_neighbours(cues: Sequence[Cue], rules: SubtitleRules, unit: float) -> Iterator[Violation]:
    """Cues that are shown together although they may not, or that follow each other too fast.

    A cue is held against those before it that are not gone; of those that it stands in the way of, `_MOST_BESIDE` are
    told, so that a thousand cues at once do not make half a million violations.
    """
    ordered = sorted(range(len(cues)), key=lambda i: (cues[i].span.start, cues[i].span.end))
    people = [_people(cue) for cue in cues]
    shown = _Shown(cues, people, rules, unit)
    for second in ordered:
        beside = (_check_pair(first, second, cues, people, rules, unit) for first in shown.beside(second))
        yield from islice((item for item in beside if item is not None), _MOST_BESIDE)
        shown.add(second)


class _Shown:
    """The cues that are on the screen when the next one comes, or have gone so lately that it must keep the gap.

    Where people who talk at once may have cues at once, only those of the same people, and those that have gone, can be
    in the way: to go through all of a crowd for each of its cues would take the square of their number.
    """

    def __init__(self, cues: Sequence[Cue], people: Sequence[set[str]], rules: SubtitleRules, unit: float) -> None:
        self._cues, self._people, self._rules, self._unit = cues, people, rules, unit
        self._there: dict[int, None] = {}
        self._of: dict[str, dict[int, None]] = {}
        self._gone: dict[int, None] = {}
        self._leaving: list[tuple[float, int]] = []
        self._ending: list[tuple[float, int]] = []

    def add(self, number: int) -> None:
        end = self._cues[number].span.end
        self._there[number] = None
        for who in self._people[number]:
            self._of.setdefault(who, {})[number] = None
        heapq.heappush(self._leaving, (end, number))
        heapq.heappush(self._ending, (end, number))

    def beside(self, number: int) -> list[int] | dict[int, None]:
        """Those that may be in the way of a cue, which does not begin before the last one; in the order of time."""
        span, slack = self._cues[number].span, self._unit + _NOISE
        while self._leaving and span.start >= self._leaving[0][0] + self._rules.gap - slack:
            self._remove(heapq.heappop(self._leaving)[1])
        while self._ending and span.start - self._ending[0][0] >= self._unit - _FINEST:
            ended = heapq.heappop(self._ending)[1]
            if ended in self._there:
                self._gone[ended] = None
        if span.duration <= slack and self._rules.gap <= slack:
            return []  # shown for no time, it is in nobody's way
        if not self._rules.overlap:
            return self._there
        lists = [self._gone, *(self._of.get(who, {}) for who in self._people[number])]
        found = {item for some in lists for item in islice(some, _MOST_BESIDE)}
        return sorted(found, key=lambda item: (self._cues[item].span.start, self._cues[item].span.end, item))

    def _remove(self, number: int) -> None:
        del self._there[number]
        self._gone.pop(number, None)
        for who in self._people[number]:
            del self._of[who][number]


def _check_pair(
    first: int, second: int, cues: Sequence[Cue], people: Sequence[set[str]], rules: SubtitleRules, unit: float
) -> Violation | None:
    """What is wrong with a cue beside an earlier one."""
    slack = unit + _NOISE
    span, end = cues[second].span, cues[first].span.end
    shared = min(end, span.end) - span.start
    same = not people[first].isdisjoint(people[second])
    if rules.overlap and not same and span.start - end < unit - _FINEST:
        return None  # shown together, as they may, or by so little that the file's times cannot tell
    if shared <= slack:
        late = rules.gap > slack
        return Violation(second + 1, span, "gap", max(0.0, span.start - end), rules.gap, first + 1) if late else None
    return Violation(second + 1, span, "overlap-with-self" if same else "overlap", shared, 0.0, first + 1)


def _violation_dict(item: Violation) -> dict[str, Any]:
    return {
        "cue": item.cue,
        "start": round(item.span.start, 3),
        "end": round(item.span.end, 3),
        "rule": item.rule,
        "value": round(item.value, 3),
        "limit": round(item.limit, 3),
        **({"other": item.other} if item.other is not None else {}),
    }
