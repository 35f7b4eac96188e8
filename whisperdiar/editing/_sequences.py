"""Alignment of two sequences of tokens.

A cheapest alignment first (Levenshtein distance by rapidfuzz, bit-parallel: Hyyrö 2003), then, inside what differs,
the longest common runs (difflib): of the tokens as they are, and without regard to case and punctuation.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from whisperdiar.editing._cast import folded

_LARGEST_REFINED = 400_000
"""Old times new tokens up to which a block is searched for common runs, whose search may take quadratic time."""

Pairs = list[tuple[int, int]]


def key(token: str) -> str:
    """A token without regard to case, typography and the punctuation around it."""
    text = folded(unicodedata.normalize("NFC", token))
    bare = "".join(c for c in text if unicodedata.category(c)[0] not in "PS")
    return bare or text


def aligned(old: Sequence[str], new: Sequence[str]) -> Pairs:
    """Pairs of equal tokens (or nearly equal ones, see `key`), increasing on both sides."""
    from rapidfuzz.distance import Levenshtein  # at its first use: most commands need none

    pairs: Pairs = []
    at_old = at_new = 0
    for operation in Levenshtein.opcodes(old, new):
        if operation.tag != "equal":
            continue
        pairs += _refined(old, new, (at_old, operation.src_start), (at_new, operation.dest_start))
        pairs += zip(
            range(operation.src_start, operation.src_end), range(operation.dest_start, operation.dest_end), strict=True
        )
        at_old, at_new = operation.src_end, operation.dest_end
    return pairs + _refined(old, new, (at_old, len(old)), (at_new, len(new)))


def _refined(old: Sequence[str], new: Sequence[str], a: tuple[int, int], b: tuple[int, int]) -> Pairs:
    """Common runs inside old[a] and new[b]: a cheapest alignment need not hold all words that are the same."""
    if not 0 < (a[1] - a[0]) * (b[1] - b[0]) <= _LARGEST_REFINED:
        return []
    exact = _common(old, new, a, b)
    pairs: Pairs = []
    keys_old = [key(token) for token in old[a[0] : a[1]]]
    keys_new = [key(token) for token in new[b[0] : b[1]]]
    for (i, j), (i_next, j_next) in pairwise([(a[0] - 1, b[0] - 1), *exact, (a[1], b[1])]):
        gap = _common(keys_old, keys_new, (i + 1 - a[0], i_next - a[0]), (j + 1 - b[0], j_next - b[0]))
        pairs += [(x + a[0], y + b[0]) for x, y in gap]
        if i_next < a[1]:
            pairs.append((i_next, j_next))
    return pairs


def _common(old: Sequence[str], new: Sequence[str], a: tuple[int, int], b: tuple[int, int]) -> Pairs:
    if a[0] >= a[1] or b[0] >= b[1]:
        return []
    matcher = SequenceMatcher(None, old[a[0] : a[1]], new[b[0] : b[1]], autojunk=False)
    return [(a[0] + run.a + k, b[0] + run.b + k) for run in matcher.get_matching_blocks() for k in range(run.size)]


def longest_rising(values: Sequence[int]) -> list[int]:
    """Indices of a longest subsequence that never falls (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        place = bisect_right(tails, value)
        before.append(ends[place - 1] if place else -1)
        tails[place : place + 1] = [value]
        ends[place : place + 1] = [index]
    found: list[int] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        found.append(at)
        at = before[at]
    return found[::-1]
