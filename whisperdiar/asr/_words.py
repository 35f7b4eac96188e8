"""A recogniser's words for one piece → words with usable times that keep all of the text (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from whisperdiar.types import Span, Word

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Whisper's codes of languages that are written without spaces between words."""

_PAUSE_S = 0.3
"""Shorter silence inside a word is left alone: a detector of speech is not exact to the word."""
_SPOKEN_S = 0.1
"""With less speech than this under a word, the detector and the recogniser disagree, and the word stays."""


@dataclass(frozen=True, slots=True)
class RawWord:
    """A word as a recogniser gave it: seconds, or None (or NaN) where it could not tell."""

    text: str
    start: float | None
    end: float | None
    probability: float | None = None


def place_words(
    raw: Sequence[RawWord],
    text: str,
    *,
    piece: Span,
    speech: Sequence[Span],
    spaced: bool = True,
    probability: float = 1.0,
) -> tuple[Word, ...]:
    """Words in order inside `piece`; joined they are `text`, white space aside.

    Words without times share the gap between their neighbours by length. A word that is stretched over a pause
    keeps the part in which more of it is spoken.

    Args:
        raw: what the recogniser gave, times on the same axis as `piece`.
        text: the text that the words must add up to.
        piece: where the words may lie.
        speech: sorted spans of speech, for words that are stretched over a pause.
        spaced: whether the language puts spaces between words (the first word then gets one).
        probability: for words that come without one.
    """
    if "".join(word.text for word in raw).split() != text.split():
        raw = _from_text(text, raw, spaced)
    tidy = _without_blanks(raw, spaced)
    spans = _ordered(_filled(tidy, piece), piece)
    return tuple(
        Word(_without_pause(span, speech), word.text, _probability(word.probability, probability))
        for word, span in zip(tidy, spans, strict=True)
    )


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _probability(value: float | None, default: float) -> float:
    return min(1.0, max(0.0, float(value if value is not None and math.isfinite(value) else default)))


def _from_text(text: str, raw: Sequence[RawWord], spaced: bool) -> list[RawWord]:
    """The words of `text` itself, spread over the stretch in which the recogniser placed its own."""
    parts = [f" {part}" for part in text.split()]
    if not spaced:
        parts = [f"{' ' * (i == 0)}{letter}" for part in parts for i, letter in enumerate(part[1:])]
    starts = [word.start for word in raw if word.start is not None and math.isfinite(word.start)]
    ends = [word.end for word in raw if word.end is not None and math.isfinite(word.end)]
    if not starts or not ends or max(ends) <= min(starts):
        return [RawWord(part, None, None) for part in parts]
    times = _shared(min(starts), max(ends), [len(part) for part in parts])
    return [RawWord(part, start, end) for part, (start, end) in zip(parts, times, strict=True)]


def _without_blanks(raw: Sequence[RawWord], spaced: bool) -> list[RawWord]:
    """Runs of white space become one space; a blank word leaves its space to the next one."""
    tidy: list[RawWord] = []
    space = spaced
    for word in raw:
        body = " ".join(word.text.split())
        space = space or word.text[:1].isspace()
        if body:
            tidy.append(replace(word, text=f" {body}" if space else body))
            space = word.text[-1:].isspace()
    return tidy


def _shared(start: float, end: float, weights: Sequence[int]) -> list[tuple[float, float]]:
    total = sum(weights) or 1
    edges = [start]
    for weight in weights:
        edges.append(edges[-1] + (end - start) * weight / total)
    return list(pairwise(edges))


def _filled(words: Sequence[RawWord], piece: Span) -> list[tuple[float, float]]:
    times: list[tuple[float, float]] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word.start is not None and word.end is not None and _finite(word.start) and _finite(word.end):
            times.append((word.start, word.end))
            index += 1
            continue
        last = index
        while last < len(words) and not (_finite(words[last].start) and _finite(words[last].end)):
            last += 1
        low = times[-1][1] if times else piece.start
        following = words[last].start if last < len(words) else None
        high = max(low, piece.end if following is None else following)
        times.extend(_shared(low, high, [len(item.text) for item in words[index:last]]))
        index = last
    return times


def _ordered(times: Sequence[tuple[float, float]], piece: Span) -> list[Span]:
    starts: list[float] = []
    for start, _ in times:
        inside = min(max(start, piece.start), piece.end)
        starts.append(max(inside, starts[-1]) if starts else inside)
    limits = [*starts[1:], piece.end][: len(starts)]
    return [
        Span(start, min(max(end, start), limit)) for start, (_, end), limit in zip(starts, times, limits, strict=True)
    ]


def _without_pause(span: Span, speech: Sequence[Span]) -> Span:
    spoken = [part for item in speech if (part := item.clipped(span.start, span.end))]
    longest = max(spoken, key=lambda part: part.duration, default=span)
    stretched = span.duration - longest.duration > _PAUSE_S and longest.duration >= _SPOKEN_S
    return longest if stretched else span
