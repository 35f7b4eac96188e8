"""Limits: the rules in the units in which the work is done (ticks, columns, characters)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from whisperdiar.options import SubtitleRules

LONGEST_OVER = 1.0
TRIM = 0.25
LATEST = 0.5
"""Seconds that a cue may begin after its speech, where the one before could not be read otherwise: by as much as
Netflix's Subtitle Timing Guidelines let a cue stay after it. Chosen on every other meeting of AMI: with 0.125 (three
frames of a film) twice as many cues cannot be read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Rules in those units.

    Attributes:
        tick, rate: seconds of a tick, a frame or a millisecond; ticks of a second.
        width, lines, words: of a cue, at most.
        shortest, longest: how long a cue stays.
        gap, close: between two cues; a smaller one than `close` is closed to `gap`.
        over: for how long a cue may stay after somebody else began, if it could not be read otherwise.
        trim: by how much a cue may go before its words are said, for the sake of the one that comes.
        late: by how much a cue may begin after its speech.
        per_character, per_word: ticks that a reader takes.
    """

    tick: float
    rate: float
    width: int
    lines: int
    words: int
    shortest: int
    longest: int
    gap: int
    close: int
    over: int
    trim: int
    late: int
    per_character: float
    per_word: float

    @classmethod
    def of(cls, rules: SubtitleRules) -> Limits:
        """Durations are rounded so that the rule holds: the shortest and the gap up, the longest down."""
        tick = rules.frame or 0.001
        shortest = max(1, math.ceil(rules.min_duration / tick - 1e-6))
        return cls(
            tick=tick,
            rate=1 / tick,
            width=rules.max_columns,
            lines=rules.max_lines,
            words=rules.max_words or 1_000_000,
            shortest=shortest,
            longest=max(1, math.floor(rules.max_duration / tick + 1e-6)),
            gap=math.ceil(rules.gap / tick - 1e-6),
            close=math.ceil(rules.close_gap / tick - 1e-6),
            over=round(LONGEST_OVER / tick),
            trim=round(TRIM / tick),
            late=math.floor(LATEST / tick + 1e-6),
            per_character=1 / rules.max_cps / tick if rules.max_cps else 0.0,
            per_word=60 / rules.max_wpm / tick if rules.max_wpm else 0.0,
        )

    def need(self, length: float, words: int) -> int:
        """Ticks that a text has to stay."""
        return max(self.shortest, math.ceil(max(length * self.per_character, words * self.per_word) - 1e-6))
