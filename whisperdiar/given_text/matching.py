"""Matching of a given text with recognised words: which word is which (pure).

heard    so the  meeting begins          at nine      everybody
text        the  meeting begins today    at nine
items    +  =    =       =      ?        =  =         +           + added, = anchor, ? open
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from whisperdiar.given_text.reading import GivenText, GivenWord
from whisperdiar.given_text.sequences import ALIKE, Pair, match_units, split_units
from whisperdiar.types import Span, Word, divide_time


@dataclass(frozen=True, slots=True)
class Item:
    """A word of the text, a word that was heard, or both.

    Attributes:
        given: None for a word that was heard and does not stand in the text.
        heard: those recognised that it is taken for; none for a word that was not heard.
        likeness: of the two, by their letters, 0 to 1.
    """

    given: GivenWord | None
    heard: tuple[Word, ...] = ()
    likeness: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it has to be judged if the word is spoken at all."""
        return self.given is not None and self.likeness < ALIKE

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.heard) if self.given is None else self.given.text

    @property
    def span(self) -> Span | None:
        """When it was heard; None where it was not."""
        return Span(self.heard[0].start, max(word.end for word in self.heard)) if self.heard else None


@dataclass(frozen=True, slots=True)
class MatchedText:
    """A text beside what was heard.

    Attributes:
        items: in order; each word of the text and each word that was heard in one of them.
        agreement: share of the text's units that were heard as they stand there, two or more in a row, 0 to 1.
    """

    items: tuple[Item, ...]
    agreement: float


def match_text(text: GivenText, heard: Sequence[Word]) -> MatchedText:
    """Hold a text against recognised words (in order of time)."""
    said = [(unit, index) for index, word in enumerate(text.words) for unit in split_units(word.text)]
    units: list[tuple[str, int, float]] = []
    for index, word in enumerate(heard):
        own = split_units(word.text)
        times = divide_time(word.start, word.end, [len(unit) for unit in own])
        units += [(unit, index, start) for unit, (start, _end) in zip(own, times, strict=True)]
    tolerance = text.tolerance

    def is_near(i: int, j: int) -> bool:
        span = text.words[said[i][1]].span
        return tolerance is None or span is None or span.start - tolerance <= units[j][2] <= span.end + tolerance

    left, right = [unit for unit, _index in said], [unit for unit, _index, _time in units]
    pairs = match_units(left, right, allowed=None if tolerance is None else is_near)
    pairs = _join_divided(pairs, left, right)
    exact = [pair for pair in pairs if pair.likeness == 1.0]
    in_a_row = {
        one
        for before, after in pairwise(exact)
        if after.said == before.said + 1 and after.heard == before.heard + 1
        for one in (before.said, after.said)
    }
    agreed = len(in_a_row) if len(left) > 1 else len(exact)
    owners: dict[int, set[int]] = defaultdict(set)
    likeness: dict[int, float] = defaultdict(float)
    for pair in pairs:
        owner = said[pair.said][1]
        owners[owner].add(units[pair.heard][1])
        likeness[owner] += pair.likeness * max(1, len(left[pair.said]))
    lengths: dict[int, int] = defaultdict(int)
    for unit, index in said:
        lengths[index] += max(1, len(unit))
    items = _list_items(text, heard, owners, {index: likeness[index] / lengths[index] for index in likeness})
    return MatchedText(tuple(items), agreed / max(1, len(left)))


def _join_divided(pairs: Sequence[Pair], said: Sequence[str], heard: Sequence[str]) -> list[Pair]:
    """Pairs, and those of ``anymore`` with both ``any`` and ``more``, on either side."""
    of_said, of_heard = {pair.said for pair in pairs}, {pair.heard for pair in pairs}
    found: list[Pair] = []
    for pair in pairs:
        one, other = said[pair.said], heard[pair.heard]
        joined = [pair]
        if pair.likeness < 1.0:
            for step in (-1, 1):
                i, j = pair.said + step, pair.heard + step
                if (
                    0 <= j < len(heard)
                    and j not in of_heard
                    and one == (heard[j] + other if step < 0 else other + heard[j])
                ):
                    joined = [Pair(pair.said, pair.heard, 1.0), Pair(pair.said, j, 0.0)]
                    of_heard.add(j)
                    break
                if 0 <= i < len(said) and i not in of_said and other == (said[i] + one if step < 0 else one + said[i]):
                    joined = [Pair(pair.said, pair.heard, 1.0), Pair(i, pair.heard, 1.0)]
                    of_said.add(i)
                    break
        found += joined
    return sorted(found)


def _list_items(
    text: GivenText, heard: Sequence[Word], owners: Mapping[int, set[int]], likeness: Mapping[int, float]
) -> Iterator[Item]:
    """Items in order: a heard word that no word of the text is stands before the next one that is."""
    paired = {other for own in owners.values() for other in own}
    at = 0
    for index, given in enumerate(text.words):
        own = sorted(owners.get(index, ()))
        last = own[-1] + 1 if own else 0
        while at < last:
            if at not in paired:
                if at > own[0]:
                    own.append(at)  # within the word: it is a part of it
                else:
                    yield Item(None, (heard[at],))
            at += 1
        yield Item(given, tuple(heard[other] for other in sorted(own)), likeness.get(index, 0.0))
    for other in range(at, len(heard)):
        if other not in paired:
            yield Item(None, (heard[other],))
