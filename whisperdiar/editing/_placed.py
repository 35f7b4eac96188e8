"""A word of the corrected text on its way to a time."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.types import Span


@dataclass(frozen=True, slots=True)
class Placed:
    """A word of the corrected text.

    Attributes:
        word: index of the old word that stays; None for a corrected or an inserted one.
        text: what stands there, without spaces around it.
        glued: no white space comes before it.
        replaced: the old words in whose place a corrected one stands.
        span: when; None until it is known.
        part: number of its paragraph in the turn.
        stray: a word without visible text that belongs to another speaker than the words around it, and stays there.
        start: the character of its token with which it begins.
    """

    word: int | None
    text: str
    glued: bool
    replaced: tuple[int, ...] = ()
    span: Span | None = None
    part: int = 0
    stray: bool = False
    start: int = 0

    @property
    def time(self) -> Span:
        """The span of a word whose time is known."""
        if self.span is None:
            raise ValueError(f"{self.text!r} has no time yet")
        return self.span
