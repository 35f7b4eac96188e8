"""Atoms: words cut into the smallest pieces that a line can hold, with their times in ticks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from whisperdiar.subtitles._breaks import FORBIDDEN, NO_LINE_START, BreakRules, break_price, cut_points, ends_sentence
from whisperdiar.text.graphemes import BREAKING_SPACES, characters, columns, graphemes
from whisperdiar.text.word_bounds import find_word_starts, is_unspaced
from whisperdiar.types import Span, TimedText, Word

_TOKENS = re.compile(f"[{BREAKING_SPACES}]*[^{BREAKING_SPACES}]+")
_SPACE = re.compile(f"[{BREAKING_SPACES}]")
_PUNCTUATED = re.compile(r"[^、。，；：！？…]*[、。，；：！？…]+[」』）》】”’]*|[^、。，；：！？…]+")


@dataclass(slots=True)
class Atoms:
    """Columns of a table with one row per atom, in the order of the text.

    Attributes:
        pieces: text with its spaces, and when it is spoken.
        speakers: who says it.
        starts, ends: when, in ticks; starts never decrease.
        widths, leads: columns, and those of the spaces before, which count only inside a line.
        lengths: characters, as reading speed counts them.
        prices: what a break before the atom costs, as far as the text goes; the pause is seen in the times.
        opens: whether a word begins with it, where a line does not: a breaking space stands before.
        closes: whether it ends a sentence.
    """

    pieces: list[TimedText] = field(default_factory=list)
    speakers: list[str | None] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    leads: list[int] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    opens: list[bool] = field(default_factory=list)
    closes: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pieces)


def select_rows(order: Iterable[tuple[Atoms, int]]) -> Atoms:
    """Rows of several tables as one, in the order given."""
    made = Atoms()
    for table, row in order:
        for name in Atoms.__slots__:
            getattr(made, name).append(getattr(table, name)[row])
    return made


def make_atoms(
    words: Sequence[Word], speaker: str | None, *, width: int, tick: float, language: BreakRules, full_width: bool
) -> Atoms:
    """One speaker's words, in their order.

    Args:
        width: columns that an atom may take; a token that is wider is cut.
        tick: seconds of a tick.
    """
    made = Atoms()
    floor = place = 0
    first = True  # of a sentence
    starts = find_word_starts("".join(word.text for word in words))
    for word in _remove_stray_times(words):
        begins = None if starts is None else [i for i in range(1, len(word.text)) if place + i in starts]
        offset = place  # in all of the text
        place += len(word.text)
        for number, piece in enumerate(_split_word(word, width, begins)):
            text = piece.text
            inside = starts is not None and offset not in starts
            offset += len(text)
            body = text.lstrip()
            if not body:
                continue
            start = max(floor, _to_ticks(piece.span.start, tick))
            price = 0.0
            if made.pieces:
                before = made.pieces[-1].text
                made.closes[-1] = ends_sentence(before, language, text)
                torn = number and not text[0].isspace() and columns(before[-1]) < 2 and columns(text[0]) < 2
                torn = torn or (inside and is_unspaced(before[-1]) and is_unspaced(text[0]))
                price = FORBIDDEN if torn else break_price(before, text, language, starts_sentence=first)
                first = made.closes[-1]
            made.opens.append(
                bool(_SPACE.match(text)) or not made.pieces or bool(_SPACE.match(made.pieces[-1].text[-1]))
            )
            made.pieces.append(piece)
            made.speakers.append(speaker)
            made.starts.append(start)
            made.ends.append(max(start, _to_ticks(piece.span.end, tick)))
            made.widths.append(columns(text))
            made.leads.append(columns(text[: len(text) - len(body)]))
            made.lengths.append(characters(text, full_width=full_width))
            made.prices.append(price)
            made.closes.append(ends_sentence(text, language))
            floor = start
    return made


def _remove_stray_times(words: Sequence[Word]) -> Iterable[Word]:
    """The words, of which none begins after one of the next three: a stray time must not hold up all that follows."""
    for number, word in enumerate(words):
        earliest = min(other.span.start for other in words[number : number + 4])
        if earliest < word.span.start:
            yield replace(word, span=Span(earliest, max(earliest, min(word.span.end, earliest + word.span.duration))))
        else:
            yield word


def _to_ticks(seconds: float, tick: float) -> int:
    """The nearest tick; half a tick goes up, whatever the last bit of the time says."""
    return math.floor(seconds / tick + 0.5 + 1e-6)


def _split_word(word: Word, width: int, begins: Sequence[int] | None = None) -> list[TimedText]:
    """A word cut at its inner spaces, after its inner full-width punctuation, and where it is wider than a line.

    Where `begins` tells at which of its characters words begin, in a script without spaces, it is cut there as well.

    Each piece gets its share of the time by its characters.
    """
    tokens = _TOKENS.findall(word.text)
    if not tokens:
        return []
    rest = word.text[sum(map(len, tokens)) :]
    tokens[-1] += rest
    parts, place = [], 0
    for token in tokens:
        parts += _cut(
            token, width, [] if begins is None else [i - place for i in begins if place < i < place + len(token)]
        )
        place += len(token)
    if len(parts) == 1:
        return [TimedText(word.span, parts[0])]
    total = sum(len(part) for part in parts)
    bounds, done = [word.span.start], 0
    for part in parts:
        done += len(part)
        bounds.append(min(word.span.end, word.span.start + word.span.duration * done / total))
    return [TimedText(Span(bounds[i], max(bounds[i], bounds[i + 1])), part) for i, part in enumerate(parts)]


def _cut(token: str, width: int, begins: Sequence[int] = ()) -> list[str]:
    inner = [i for i in begins if is_unspaced(token[i - 1]) and token[i] not in NO_LINE_START]
    if inner:
        words = [token[first:last] for first, last in pairwise([0, *inner, len(token)])]
        return [piece for word in words for piece in _cut(word, width)]
    if token.isascii():
        return [token] if len(token.strip()) <= width else _cut_wide(token, width)
    parts: list[str] = _PUNCTUATED.findall(token) if columns(token.strip()) != len(token.strip()) else [token]
    return [piece for part in parts for piece in (_cut_wide(part, width) if columns(part.strip()) > width else [part])]


def _cut_wide(token: str, width: int) -> list[str]:
    """Pieces that fit, each as wide as can be, cut where the script allows it and after a hyphen where there is one."""
    clusters = graphemes(token)
    widths = [columns(cluster) for cluster in clusters]
    allowed = cut_points(clusters)
    found, first = [], 0
    while first < len(clusters):
        last, used = first, 0
        while last < len(clusters) and (used + widths[last] <= width or last == first or clusters[last].isspace()):
            used += 0 if clusters[last].isspace() and last == first else widths[last]
            last += 1
        if last < len(clusters):
            legal = [i for i in range(first + 1, last + 1) if allowed[i]] or [last]
            hyphens = [i for i in legal if clusters[i - 1] in "-‐/_.@" and i - first > (last - first) // 2]
            last = (hyphens or legal)[-1]
        found.append("".join(clusters[first:last]))
        first = last
    return found
