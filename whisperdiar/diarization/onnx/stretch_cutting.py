"""Stretch cutting: words → stretches of one speaker's speech, cut where speakers tend to change.

    words      |he| |said| |so.|   |No,| |he| |did|  |Yes|
    changes                                        ^
    stretches  [--------------]   [-------------]  [---]

A stretch ends at a pause, behind a sentence, where the segmentation hears another speaker begin, and where it would
become too long. Pure: times and marks in, ranges out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.types import Span, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRule:
    """Where stretches end.

    Attributes:
        pause: seconds of silence.
        change: share of the segmentation's windows that hear a change of speaker.
        longest: seconds that a stretch lasts at most; a single word may last longer.
    """

    pause: float = 0.4
    change: float = 0.5
    longest: float = 20.0


WORDS = CutRule()
PIECES = CutRule(longest=5.0)
"""Without a text no sentence ends: the voice may change unnoticed, and shorter stretches keep that small."""
_PIECE_S = 0.25


def cut(spans: Sequence[Span], ends: Sequence[bool], changes: NDArray[np.float64], rule: CutRule) -> list[range]:
    """Numbers of the words of each stretch: every word is in exactly one, in order.

    Args:
        spans: of words, in order.
        ends: whether a sentence ends with the word.
        changes: float64 (n - 1,), how much speaks for a change of speaker between a word and the next.
        rule: where to cut.
    """
    found: list[range] = []
    first = 0
    latest = spans[0].end if spans else 0.0
    for number in range(1, len(spans)):
        span, reach = spans[number], max(latest, spans[number].end)
        apart = span.start - latest >= rule.pause or ends[number - 1] or changes[number - 1] >= rule.change
        if apart or reach - spans[first].start > rule.longest:
            found.append(range(first, number))
            first, reach = number, span.end
        latest = reach
    if spans:
        found.append(range(first, len(spans)))
    return found


def cut_finer(
    spans: Sequence[Span],
    parts: Sequence[range],
    changes: NDArray[np.float64],
    heard: NDArray[np.float64],
    *,
    at_least: int,
    shortest: float,
) -> list[range]:
    """Stretches of which those with most speech are cut in two until there are enough, or none can be cut.

    Args:
        spans, changes: as `cut` takes them.
        parts: what `cut` gives.
        heard: float64 (n,), the seconds of each word in which somebody is heard.
        at_least: how many stretches are wanted.
        shortest: seconds of speech that either half must have.
    """
    total = np.concatenate([[0.0], np.cumsum(heard)])
    found, waiting = list(parts), list(parts)
    while waiting and len(found) < at_least:
        part = max(waiting, key=lambda part: total[part.stop] - total[part.start])
        waiting.remove(part)
        at = _best_cut(spans, part, changes, total, shortest)
        if at is not None:
            halves = [range(part.start, at), range(at, part.stop)]
            place = found.index(part)
            found[place : place + 1] = halves
            waiting += halves
    return found


def _best_cut(
    spans: Sequence[Span], part: range, changes: NDArray[np.float64], total: NDArray[np.float64], shortest: float
) -> int | None:
    """The word before which a stretch is best cut: at a pause or a change of speaker, else near the middle."""
    inner = np.arange(part.start + 1, part.stop)
    before, after = total[inner] - total[part.start], total[part.stop] - total[inner]
    allowed = np.minimum(before, after) >= shortest
    if not allowed.any():
        return None
    pauses = np.array([max(0.0, spans[at].start - spans[at - 1].end) for at in inner.tolist()])
    fitness = pauses / WORDS.pause + changes[inner - 1] / WORDS.change - np.abs(before - after) / (before + after)
    return int(inner[np.where(allowed, fitness, -np.inf).argmax()])


def spans_of(spans: Sequence[Span], stretches: Sequence[range]) -> list[Span]:
    """The time of each stretch, from its first word to the latest end of its words."""
    return [Span(spans[part[0]].start, max(spans[number].end for number in part)) for part in stretches]


def find_sentence_ends(words: Sequence[Word]) -> list[bool]:
    """Whether a sentence ends with each word, by its punctuation."""
    return [last_mark(word.text) in SENTENCE_END for word in words]


def cut_speech(speech: Sequence[tuple[float, float]]) -> list[Span]:
    """Short pieces side by side, which stand in for words where there is no text.

    Args:
        speech: starts and ends in seconds, in order.
    """
    found = []
    for start, end in speech:
        edges = np.linspace(start, end, max(1, round((end - start) / _PIECE_S)) + 1).tolist()
        found += [Span(low, high) for low, high in pairwise(edges)]
    return found
