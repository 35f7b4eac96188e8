"""Word features: what the words alone say about changes of speaker.

Nothing here knows a language: a word is its times, its length, the punctuation and the case that the recogniser
wrote, and how words of the same spelling behave elsewhere in this recording (a spelling that keeps standing alone
as a sentence, or between pauses, is what listeners say: "mhm", "да", "うん").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.text.punctuation import CLAUSE_END, CLOSING, SENTENCE_END
from whisperdiar.types import Word

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

N_WORD_FEATURES = 24
_BASE_S, _PER_CHARACTER_S = 0.1, 0.06
"""What a word of n characters takes to say: 0.1 + 0.06 n seconds, roughly."""


def seconds_since(origin: float, seconds: Sequence[float]) -> Doubles:
    """Float64, seconds from the origin on, to the microsecond: a shift of everything in time then changes no bit."""
    result: Doubles = (np.array(seconds) - origin).round(6)
    return result


@dataclass(frozen=True, slots=True)
class WordTimes:
    """Times of n words in seconds from the first one, float64 (n,).

    Attributes:
        start: as recognised.
        end: as recognised, never before the start.
        likely_start: without the pause that a recogniser stretched the word over (it pulls starts back, not ends).
        middle: of the likely part.
    """

    start: Doubles
    end: Doubles
    likely_start: Doubles
    middle: Doubles

    @classmethod
    def of(cls, words: Sequence[Word], origin: float) -> WordTimes:
        start = seconds_since(origin, [word.span.start for word in words])
        end = seconds_since(origin, [word.span.end for word in words])
        length = np.array([len(word.text) for word in words])
        likely = np.maximum(start, end - (_BASE_S + _PER_CHARACTER_S * length))
        return cls(start, end, likely, (likely + end) / 2)

    def part(self, first: int, last: int) -> WordTimes:
        """Those of words `first` to `last`, the latter left out; views."""
        chosen = slice(first, last)
        return WordTimes(self.start[chosen], self.end[chosen], self.likely_start[chosen], self.middle[chosen])


@dataclass(frozen=True, slots=True)
class _Spellings:
    """Per word, what its text shows; computed once for each different text."""

    kind: Indices  # which spelling it is, case and punctuation aside
    ends_sentence: NDArray[np.bool_]
    ends_clause: NDArray[np.bool_]
    capital: NDArray[np.bool_]
    cased: NDArray[np.bool_]
    length: Floats


def word_features(words: Sequence[Word], times: WordTimes) -> Floats:
    """float32 (n, N_WORD_FEATURES), every value between about -2 and 3."""
    # Filled column by column: a stack of them as they are would take four times the memory.
    table = np.empty((len(words), N_WORD_FEATURES), dtype=np.float32)
    for place, column in enumerate(_columns(_spellings(words), times)):
        table[:, place] = column
    return table


def _columns(texts: _Spellings, times: WordTimes) -> Iterator[NDArray[np.generic] | float]:
    start, end = times.start, times.end
    before, after = _sides(start, end)
    since, until = _place_in_sentence(texts.ends_sentence)
    duration = end - start
    alone = (since == 0) & (until == 0)
    isolated = (before > 0.15) & (after > 0.15)
    frequency, alone_share, isolated_share = _usage_rates(texts.kind, alone, isolated)
    yield np.minimum(duration, 2.0)
    yield np.clip(duration - (_BASE_S + _PER_CHARACTER_S * texts.length), -0.5, 1.5)
    yield np.clip(before, -0.5, 2.0)
    yield np.clip(after, -0.5, 2.0)
    yield _log_scale(before)
    yield _log_scale(after)
    yield _pause_back(start, end, 2)
    yield _pause_back(start, end, 3)
    yield _pause_ahead(start, end, 2)
    yield _pause_ahead(start, end, 3)
    yield texts.ends_sentence
    yield texts.ends_clause
    yield texts.capital
    yield texts.cased
    yield np.minimum(texts.length / 8.0, 2.0)
    yield np.log1p(np.minimum(since, 40)) / 2
    yield np.log1p(np.minimum(until, 40)) / 2
    yield min(float(np.mean(texts.ends_sentence)) * 5, 1.0)
    yield min(float(np.mean(texts.capital)) * 3, 1.0)
    yield alone_share
    yield isolated_share
    yield frequency
    yield np.concatenate([[False], texts.kind[1:] == texts.kind[:-1]])
    yield 1.0


def _spellings(words: Sequence[Word]) -> _Spellings:
    texts = [word.text for word in words]
    index: dict[str, int] = {}
    of_word = np.fromiter((index.setdefault(text, len(index)) for text in texts), np.int64, len(texts))
    kinds: dict[str, int] = {}
    rows = [_spelling(text, kinds) for text in index]
    table = np.array(rows, dtype=np.int64)[of_word]
    return _Spellings(
        table[:, 0], table[:, 1] > 0, table[:, 2] > 0, table[:, 3] > 0, table[:, 4] > 0, table[:, 5].astype(np.float32)
    )


def _spelling(text: str, kinds: dict[str, int]) -> tuple[int, bool, bool, bool, bool, int]:
    text = text.strip()
    bare = text.rstrip(CLOSING)
    last = bare[-1:]
    key = "".join(character for character in text.casefold() if character.isalnum()) or text
    first = next((character for character in text if character.isalpha()), "")
    cased = first.lower() != first.upper()
    return (
        kinds.setdefault(key, len(kinds)),
        last in SENTENCE_END,
        (last in CLAUSE_END or last == "-") and len(bare) > 1,
        cased and first == first.upper(),
        cased,
        len(text),
    )


def _sides(start: Doubles, end: Doubles) -> tuple[Doubles, Doubles]:
    """Seconds of pause before and after each word; negative where words overlap, long at both ends of the stream."""
    pause = np.concatenate([[10.0], start[1:] - end[:-1], [10.0]])
    return pause[:-1], pause[1:]


def _log_scale(seconds: Doubles) -> Doubles:
    return np.log1p(np.clip(seconds, 0.0, 20.0) / 0.1) / 3


def _pause_back(start: Doubles, end: Doubles, back: int) -> Doubles:
    """Seconds from the end of the word `back` places before: two people's words alternate in overlapping speech."""
    value = np.full(len(start), 1.0)
    value[back:] = np.clip(start[back:] - end[:-back], -1.0, 1.0)
    return value


def _pause_ahead(start: Doubles, end: Doubles, ahead: int) -> Doubles:
    value = np.full(len(start), 1.0)
    value[:-ahead] = np.clip(start[ahead:] - end[:-ahead], -1.0, 1.0)
    return value


def _place_in_sentence(ends: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
    """How many words of its sentence come before and after each word."""
    n = len(ends)
    places = np.arange(n)
    first = np.zeros(n, dtype=np.int64)
    first[1:] = np.where(ends[:-1], places[1:], 0)
    first = np.maximum.accumulate(first)
    last = np.minimum.accumulate(np.where(ends, places, n - 1)[::-1])[::-1]
    return (places - first).astype(np.float64), (last - places).astype(np.float64)


def _usage_rates(
    kind: Indices, alone: NDArray[np.bool_], isolated: NDArray[np.bool_]
) -> tuple[Doubles, Doubles, Doubles]:
    """How often a word's spelling occurs here, and how often it stands alone: shares smoothed to the recording's."""
    count = np.bincount(kind).astype(np.float64)
    shares = []
    for flag in (alone, isolated):
        prior = 2.0
        hits = np.bincount(kind, weights=flag.astype(np.float64), minlength=len(count))
        shares.append(((hits + prior * np.mean(flag)) / (count + prior))[kind])
    return np.log1p(count * 1000 / len(kind))[kind] / 4, shares[0], shares[1]
