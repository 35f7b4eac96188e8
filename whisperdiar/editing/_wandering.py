"""Words that were cut out at one place of the text and put in at another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from whisperdiar.editing._new import New
from whisperdiar.editing._old import Old
from whisperdiar.editing._sequences import Pairs

RUN = 4
"""Words in a row that are found wherever they went; fewer are too often the same by chance."""
_NEAR = 3
"""Paragraphs beside the place of a turn in which fewer words are looked for."""


def homes(old: Old, origin: Sequence[int | None], in_order: set[int]) -> tuple[list[int], list[int]]:
    """For every new turn the first and the last old paragraph that its words may well come from."""
    low, last = [], 0
    for turn, paragraph in enumerate(origin):
        low.append(last)
        last = paragraph if turn in in_order and paragraph is not None else last
    high, last = [], len(old.paragraphs)
    for turn in range(len(origin) - 1, -1, -1):
        paragraph = origin[turn]
        high.append(last)
        last = paragraph if turn in in_order and paragraph is not None else last
    return low, high[::-1]


def wandered(
    old: Old, new: New, used_old: set[int], used_new: set[int], near: tuple[Sequence[int], Sequence[int]]
) -> Iterator[Pairs]:
    """Runs of words that are left over on both sides: long ones from anywhere, short ones from nearby.

    Args:
        used_old, used_new: tokens that have found each other; those of long runs are added.
        near: see `homes`.
    """
    for pairs in list(_long(old, new, used_old, used_new)):
        used_old |= {i for i, _ in pairs}
        used_new |= {j for _, j in pairs}
        yield pairs
    yield from list(_short(old, new, used_old, used_new, near))


def _long(old: Old, new: New, used_old: set[int], used_new: set[int]) -> Iterator[Pairs]:
    """Runs of `RUN` words and more whose first words are nowhere else among what is left over."""
    places: dict[tuple[str, ...], list[int]] = {}
    for i in range(len(old.tokens) - RUN + 1):
        if used_old.isdisjoint(range(i, i + RUN)):
            places.setdefault(old.tokens[i : i + RUN], []).append(i)
    taken: set[int] = set()
    j = 0
    while places and j <= len(new.tokens) - RUN:
        (i, *others) = places.get(new.tokens[j : j + RUN], [-1, -1])
        length = 0
        while (
            not others
            and i + length < len(old.tokens)
            and j + length < len(new.tokens)
            and old.tokens[i + length] == new.tokens[j + length]
            and new.turn_of[j + length] == new.turn_of[j]
            and i + length not in used_old
            and i + length not in taken
            and j + length not in used_new
        ):
            length += 1
        if length >= RUN:
            taken |= set(range(i, i + length))
            yield [(i + k, j + k) for k in range(length)]
        j += max(1, length)


def _short(
    old: Old, new: New, used_old: set[int], used_new: set[int], near: tuple[Sequence[int], Sequence[int]]
) -> Iterator[Pairs]:
    """Whole runs of left over words, such as an interjection that was moved behind the next turn; the nearest first."""
    places: dict[tuple[str, ...], list[range]] = {}
    for gone in _left_over(len(old.tokens), used_old, old.paragraph_of):
        places.setdefault(old.tokens[gone.start : gone.stop], []).append(gone)
    low, high = near
    for come in _left_over(len(new.tokens), used_new, new.turn_of):
        turn = new.turn_of[come.start]
        candidates = places.get(new.tokens[come.start : come.stop], [])
        fitting = [
            gone for gone in candidates if low[turn] - _NEAR <= old.paragraph_of[gone.start] <= high[turn] + _NEAR
        ]
        best = min(
            fitting, key=lambda gone: abs(2 * old.paragraph_of[gone.start] - low[turn] - high[turn]), default=None
        )
        if best is not None:
            candidates.remove(best)
            yield list(zip(best, come, strict=True))


def _left_over(count: int, used: set[int], group_of: Sequence[int]) -> Iterable[range]:
    """Runs of tokens of one paragraph that have found none, as long as can be."""
    first: int | None = None
    for at in range(count + 1):
        inside = at < count and at not in used
        if first is not None and (not inside or group_of[at] != group_of[first]):
            yield range(first, at)
            first = None
        if inside and first is None:
            first = at
