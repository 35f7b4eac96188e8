"""The corrected text as one sequence of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from whisperdiar.editing.form import NewTurn


@dataclass(frozen=True, slots=True)
class New:
    """The tokens of the corrected turns, the turn of each, and those with which a paragraph begins and ends."""

    turns: tuple[NewTurn, ...]
    tokens: tuple[str, ...]
    turn_of: tuple[int, ...]
    begins: frozenset[int]
    ends: frozenset[int]


def new_tokens(turns: Sequence[NewTurn]) -> New:
    """The tokens of corrected turns as one sequence."""
    tokens = [turn.tokens for turn in turns]
    ends = list(accumulate(len(part) for turn in turns for part in turn.parts))
    return New(
        tuple(turns),
        tuple(token for items in tokens for token in items),
        tuple(number for number, items in enumerate(tokens) for _ in items),
        frozenset([0, *ends]),
        frozenset(end - 1 for end in ends),
    )
