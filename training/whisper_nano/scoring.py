"""Words heard against words said: errors, and how far the starts of right words are off (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Timed(Protocol):
    """A word with its punctuation; seconds."""

    @property
    def text(self) -> str: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Score:
    """Errors, and how far off the words are that were heard right outside overlapped speech, in seconds.

    `delays` are starts heard less starts said, `end_delays` the same of ends.
    """

    errors: int
    words: int
    delays: tuple[float, ...]
    end_delays: tuple[float, ...] = ()

    @property
    def word_error_rate(self) -> float:
        """Errors per word said; 0 where nothing was said."""
        return self.errors / self.words if self.words else 0.0

    @property
    def start_error(self) -> float:
        """Median distance of the starts of right words, seconds; infinite without any."""
        ordered = sorted(abs(delay) for delay in self.delays)
        return ordered[len(ordered) // 2] if ordered else math.inf

    def __add__(self, other: Score) -> Score:
        return Score(
            self.errors + other.errors,
            self.words + other.words,
            self.delays + other.delays,
            self.end_delays + other.end_delays,
        )


def normalised(text: str) -> str:
    """Lower case, without punctuation; apostrophes inside a word stay."""
    return re.sub(r"[^\w']", "", text.lower()).strip("'_")


def score(said: Sequence[Timed], heard: Sequence[Timed], *, overlapped: Sequence[tuple[float, float]] = ()) -> Score:
    """Fewest errors that turn what was said into what was heard; of several such ways the one that moves words least.

    A word that is said again and again is so held against the one beside it (time-mediated alignment, as of sclite).
    Inside `overlapped` (seconds) nothing counts: neither words said there, nor words heard there that nobody said.
    """
    free_said = [_touches(word, overlapped) for word in said]
    free_heard = [_touches(word, overlapped) for word in heard]
    left, right = [normalised(word.text) for word in said], [normalised(word.text) for word in heard]

    def pair(i: int, j: int) -> tuple[int, float]:
        """The cost of the best way in which these two words lie beside each other."""
        errors, moved = costs[i - 1][j - 1]
        one, other = said[i - 1], heard[j - 1]
        wrong = left[i - 1] != right[j - 1] and not free_said[i - 1]
        return errors + wrong, moved + abs(other.start - one.start) + abs(other.end - one.end)

    # Errors, and seconds by which starts and ends differ.
    costs = [[(0, 0.0)] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) + 1):
        for j in range(len(right) + 1):
            options = []
            if i:
                errors, moved = costs[i - 1][j]
                options.append((errors + (not free_said[i - 1]), moved))
            if j:
                errors, moved = costs[i][j - 1]
                options.append((errors + (not free_heard[j - 1]), moved))
            if i and j:
                options.append(pair(i, j))
            costs[i][j] = min(options, default=(0, 0.0))
    delays: list[float] = []
    end_delays: list[float] = []
    i, j = len(left), len(right)
    while i and j:
        if costs[i][j] == pair(i, j):
            i, j = i - 1, j - 1
            if left[i] == right[j] and not free_said[i]:
                delays.append(heard[j].start - said[i].start)
                end_delays.append(heard[j].end - said[i].end)
        elif costs[i][j] == (costs[i - 1][j][0] + (not free_said[i - 1]), costs[i - 1][j][1]):
            i -= 1
        else:
            j -= 1
    n_words = sum(not free for free in free_said)
    return Score(costs[-1][-1][0], n_words, tuple(delays[::-1]), tuple(end_delays[::-1]))


def _touches(word: Timed, spans: Sequence[tuple[float, float]]) -> bool:
    return any(word.start < end and word.end > start for start, end in spans)
