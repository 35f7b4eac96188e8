"""Violations that no cut of the words into cues can avoid: speech faster than the limit, people who talk at once. Pure.

For each stretch of speech the least number of cues in violation is computed by dynamic programming over all divisions
of its words into cues, each shown from its first word until, at the latest, the next word is said (less the gap). So
many of the cues of a file that break a rule there for want of time cannot be blamed on the cut.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from whisperdiar.checking import Report, Violation
from whisperdiar.graphemes import characters
from whisperdiar.options import SubtitleRules
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Word

_FOR_WANT_OF_TIME = frozenset({"reading-speed", "words-per-minute", "too-short", "no-duration", "gap"})


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Words between long pauses: of one speaker, or of all where cues may not overlap."""

    speaker: str | None
    start: float
    end: float
    least: int


def without_unavoidable(
    report: Report, cues: Sequence[Cue], transcript: Transcript, rules: SubtitleRules
) -> Report:
    """The report with what no cut can avoid put apart.

    Args:
        cues: those that were checked.
        transcript: what is spoken when. Speakers of cues are matched by name or label.
    """
    stretches = list(_stretches(transcript, rules))
    apart: set[Violation] = {item for item in report.violations if item.rule == "overlap" and _talk(item, transcript)}
    broken: dict[int, list[Violation]] = {}
    for item in report.violations:
        if item.rule in _FOR_WANT_OF_TIME:
            broken.setdefault(item.cue, []).append(item)
    names = {transcript.name(label): label for label in {segment.speaker for segment in transcript.segments}}
    at: dict[int, list[int]] = {}
    for number in broken:
        place = _place(cues[number - 1], stretches, names, rules)
        if place is not None:
            at.setdefault(place, []).append(number)
    for place, numbers in at.items():
        worst = sorted(numbers, key=lambda number: -max(_excess(item) for item in broken[number]))
        apart.update(item for number in worst[: stretches[place].least] for item in broken[number])
    return replace(
        report,
        violations=tuple(item for item in report.violations if item not in apart),
        unavoidable=tuple(item for item in report.violations if item in apart),
    )
