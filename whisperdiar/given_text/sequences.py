"""Matching of two word sequences: a global alignment with affine gaps, between anchors (pure).

Sources: Gotoh, "An improved algorithm for matching biological sequences", Journal of Molecular Biology 162, 1982, for
gaps that cost less for each further word; Hirschberg-like division at unique runs of words as in Bram Cohen's patience
diff, so that hours of words are aligned in pieces.

    text    the  meeting begins at  nine              Units are what both sides can agree on: runs of letters and
    heard   uh  the meeting begins at 9  everybody    digits, and the characters of Chinese and Japanese.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

_UNIT = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]|[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]+"
)
_APOSTROPHES = str.maketrans("", "", "'’ʼ‘`´")

_LARGEST_TABLE = 40_000
"""Cells of one table of dynamic programming; larger stretches are divided at anchors first."""
_ANCHOR_LENGTHS = (5, 4, 3, 2, 1)
"""Words of a run that stands once on either side, the surest first."""

# Scores. A long word that is alike says more than "the"; two words that are not alike cost less than a gap on either
# side, so that what was recognised wrongly stays beside what was said.
_MATCH, _MATCH_PER_LETTER, _MOST_LETTERS = 1.0, 0.15, 8
_MISMATCH = -0.9
_GAP_OPEN, _GAP_EXTEND = -0.9, -0.15
ALIKE = 0.5
"""Share of letters from which on two words are taken for one another, recognised wrongly."""

Allowed = Callable[[int, int], bool]
"""Whether a unit of the text may be one that was heard, by their times."""


class Pair(NamedTuple):
    """Units that belong together: index in the text, index among those heard, how alike they are, 0 to 1."""

    said: int
    heard: int
    likeness: float


def split_units(word: str) -> list[str]:
    """What a word is compared by: ``Twenty-five,`` has ``twenty`` and ``five``; never empty."""
    folded = unicodedata.normalize("NFKC", word).casefold().translate(_APOSTROPHES)
    return _UNIT.findall(folded) or [folded.strip()]


@lru_cache(maxsize=65536)
def likeness(one: str, other: str) -> float:
    """How alike two units are: 1 less the edit distance per letter of the longer one."""
    if one == other:
        return 1.0
    longer = max(len(one), len(other))
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, against in enumerate(other, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != against))
    return 1.0 - row[-1] / longer


def match_units(said: Sequence[str], heard: Sequence[str], *, allowed: Allowed | None = None) -> list[Pair]:
    """Pairs of units, sorted, each unit in one at most; the others are gaps.

    Args:
        said: units of the text.
        heard: units that were recognised.
        allowed: which pairs may be; None for all.
    """
    pairs: list[Pair] = []
    todo = [(0, len(said), 0, len(heard))]
    while todo:
        first, last, low, high = todo.pop()
        while first < last and low < high and said[first] == heard[low] and _may(allowed, first, low):
            pairs.append(Pair(first, low, 1.0))
            first, low = first + 1, low + 1
        while first < last and low < high and said[last - 1] == heard[high - 1] and _may(allowed, last - 1, high - 1):
            last, high = last - 1, high - 1
            pairs.append(Pair(last, high, 1.0))
        if first == last or low == high:
            continue
        if (last - first) * (high - low) <= _LARGEST_TABLE:
            pairs += _align(said[first:last], heard[low:high], first, low, allowed)
            continue
        anchors = _find_anchors(said, heard, (first, last, low, high), allowed)
        if not anchors:
            middle, centre = (first + last) // 2, (low + high) // 2
            todo += [(first, middle, low, centre), (middle, last, centre, high)]
            continue
        for i, j, length in anchors:
            pairs += [Pair(i + k, j + k, 1.0) for k in range(length)]
            todo.append((first, i, low, j))
            first, low = i + length, j + length
        todo.append((first, last, low, high))
    return sorted(pairs)


def _may(allowed: Allowed | None, i: int, j: int) -> bool:
    return allowed is None or allowed(i, j)


def _find_anchors(
    said: Sequence[str], heard: Sequence[str], bounds: tuple[int, int, int, int], allowed: Allowed | None
) -> list[tuple[int, int, int]]:
    """Runs of units that stand once on either side, in order on both: the first of each, and the length; or none."""
    first, last, low, high = bounds
    for length in _ANCHOR_LENGTHS:
        left = _unique_runs(said, first, last, length)
        right = _unique_runs(heard, low, high, length)
        places = [(i, right[run]) for run, i in left.items() if run in right and _may(allowed, i, right[run])]
        chain = _longest_chain(sorted(places))
        if chain:
            return _merge_runs(chain, length)
    return []


def _unique_runs(units: Sequence[str], first: int, last: int, length: int) -> dict[tuple[str, ...], int]:
    runs = [tuple(units[i : i + length]) for i in range(first, last - length + 1)]
    counts = Counter(runs)
    return {run: first + i for i, run in enumerate(runs) if counts[run] == 1}


def _longest_chain(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of places that rise on both sides (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int | None] = []
    for index, (_i, j) in enumerate(places):
        at = bisect_left(tails, j)
        before.append(ends[at - 1] if at else None)
        tails[at : at + 1], ends[at : at + 1] = [j], [index]
    chain: list[tuple[int, int]] = []
    index_: int | None = ends[-1] if ends else None
    while index_ is not None:
        chain.append(places[index_])
        index_ = before[index_]
    return chain[::-1]


def _merge_runs(chain: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int, int]]:
    """Runs that overlap on both sides in the same way become one; of those that do not, the first stays."""
    merged: list[tuple[int, int, int]] = []
    for i, j in chain:
        if merged:
            a, b, n = merged[-1]
            if i - a == j - b and i <= a + n:
                merged[-1] = (a, b, max(n, i - a + length))
                continue
            if i < a + n or j < b + n:
                continue
        merged.append((i, j, length))
    return merged


def _score(one: str, other: str) -> float:
    if one == other:
        return _MATCH + _MATCH_PER_LETTER * min(len(one), _MOST_LETTERS)
    alike = likeness(one, other)
    return alike if alike >= ALIKE else _MISMATCH


def _align(said: Sequence[str], heard: Sequence[str], first: int, low: int, allowed: Allowed | None) -> list[Pair]:
    """Gotoh's alignment of two stretches that begin at `first` and `low`; every pair, also of units not alike."""
    n, m = len(said), len(heard)
    none = float("-inf")
    # States: 0 a pair, 1 a unit of the text alone, 2 a heard unit alone.
    steps = [[(0, 0, 0)] * (m + 1) for _row in range(n + 1)]
    above = [(0.0 if j == 0 else none, none, _gap(j) if j else none) for j in range(m + 1)]
    for j in range(1, m + 1):
        steps[0][j] = (0, 0, 2 if j > 1 else 0)
    for i in range(1, n + 1):
        row = [(none, _gap(i), none)]
        steps[i][0] = (0, 1 if i > 1 else 0, 0)
        for j in range(1, m + 1):
            diagonal, up, left = above[j - 1], above[j], row[j - 1]
            best = max(range(3), key=diagonal.__getitem__)
            fits = _may(allowed, first + i - 1, low + j - 1)
            paired = diagonal[best] + _score(said[i - 1], heard[j - 1]) if fits else none
            alone = [up[0] + _GAP_OPEN, up[1] + _GAP_EXTEND, up[2] + _GAP_OPEN]
            extra = [left[0] + _GAP_OPEN, left[1] + _GAP_OPEN, left[2] + _GAP_EXTEND]
            from_up, from_left = max(range(3), key=alone.__getitem__), max(range(3), key=extra.__getitem__)
            row.append((paired, alone[from_up], extra[from_left]))
            steps[i][j] = (best, from_up, from_left)
        above = row
    pairs = []
    i, j = n, m
    state = max(range(3), key=above[m].__getitem__)
    while i or j:
        previous = steps[i][j][state]
        if state == 0:
            i, j = i - 1, j - 1
            pairs.append(Pair(first + i, low + j, likeness(said[i], heard[j])))
        elif state == 1:
            i -= 1
        else:
            j -= 1
        state = previous
    return pairs


def _gap(length: int) -> float:
    return _GAP_OPEN + _GAP_EXTEND * (length - 1)
