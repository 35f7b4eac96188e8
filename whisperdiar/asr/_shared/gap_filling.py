"""Gap filling: speech without words is decoded once more, and joined with the words around it (pure).

Whisper now and then leaves out a sentence, or stops before the end of what it hears; its word next to the gap is then
timed as if it lasted all that while, until it is cut back to what it can last:

    said     … country.  Mr. Quilter is the apostle …  Ask what you can do …
    written  … country.  Ask what─────────────────────────────▸ you can do …
    gap                          [───────────────────]
    decoded             [────────────────────────────]  from where "Ask" was said to be: is it heard there?
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

from whisperdiar.asr._shared.hallucinations import normalise_text
from whisperdiar.asr._shared.syllables import Syllables
from whisperdiar.asr._shared.word_times import max_word_duration, repair_spans
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.types import Span, Word, divide_time, merge_spans, total_duration

MIN_GAP_S = 1.5
"""Less speech than this may well be a word that is drawn out, or a cough."""
_PADDING_S = 0.1
"""Around words: their ends are not exact."""
_NEXT_TO_S = 0.25
_JOINED_PAUSE_S = 1.0
"""Gaps with less between them are one: a sentence with a pause inside."""
_MOST_DOUBTED = 4
"""Words of a phrase that Whisper begins before a gap, or ends after it, and that are said on its other side."""
_ALIKE = 0.6
_SYLLABLES_PER_WORD = 0.4
_SPOKEN_WORD_S = 0.1
_SPOKEN_LETTER_S = 0.06
"""What a word of n letters takes to say: 0.1 + 0.06 n seconds, roughly."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Speech without words, with the words next to it whose place is in doubt.

    Attributes:
        span: what to decode: the speech without words, and the time of the doubted words.
        speech: the speech without words alone.
        head: words before it that belong to the sentence behind it.
        tail: words behind it that belong to the sentence before it.
    """

    span: Span
    speech: Span
    head: tuple[Word, ...] = ()
    tail: tuple[Word, ...] = ()


def find_gaps(words: Sequence[Word], speech: Sequence[Span], *, besides: Sequence[Span] = ()) -> tuple[Span, ...]:
    """Stretches between (before, after) words that hold at least `MIN_GAP_S` seconds of speech.

    Args:
        words: sorted, without overlap.
        speech: sorted spans in which somebody speaks.
        besides: spans that are accounted for otherwise.
    """
    if not speech:
        return ()
    taken = merge_spans(
        [
            *(Span(max(0.0, word.start - _PADDING_S), word.end + _PADDING_S) for word in words),
            *besides,
        ]
    )
    edges = [speech[0].start]
    for span in taken:
        edges += [span.start, span.end]
    edges.append(speech[-1].end)
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        spoken = [part for span in speech if end > start and (part := span.clip(start, end))]
        runs = merge_spans(spoken, gap=_JOINED_PAUSE_S)
        found += [
            run
            for run in runs
            if total_duration([part for item in spoken if (part := item.clip(run.start, run.end))]) >= MIN_GAP_S
        ]
    return tuple(found)


def find_doubtful_gaps(words: Sequence[Word], speech: Sequence[Span]) -> list[Gap]:
    """The gaps with the words beside them that may be said on their other side; one gap where that lies in another."""
    found = [include_doubtful_words(words, span) for span in find_gaps(words, speech)]
    return [
        gap
        for gap in found
        if not any(
            other is not gap and other.span.start <= gap.span.start and gap.span.end <= other.span.end
            for other in found
        )
    ]


def join_gaps(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Gaps of neighbouring pieces that are one."""
    return merge_spans(spans, gap=_JOINED_PAUSE_S)


def include_doubtful_words(words: Sequence[Word], gap: Span) -> Gap:
    """The gap with the words beside it that may be said on its other side.

    A sentence that runs on over a gap, one of its words stretched over it, is said on one side: that of its longer
    part. The few words of the shorter one are in doubt.
    """
    before, after = _sides(words, gap)
    if not before or not after or _ends_sentence(before[-1]):
        return Gap(gap, gap)
    n_head = next((n for n, word in enumerate(reversed(before)) if n and _ends_sentence(word)), len(before))
    n_tail = next((n for n, word in enumerate(after, start=1) if _ends_sentence(word)), len(after))
    if _is_cut(before[-1]) and n_head < n_tail and n_head <= _MOST_DOUBTED:
        earlier = before[: len(before) - n_head]
        start = earlier[-1].end + _PADDING_S if earlier else before[0].start
        return Gap(Span(min(start, gap.start), gap.end), gap, head=tuple(before[len(earlier) :]))
    if _is_cut(before[-1]) or _is_cut(after[0]):
        later = after[n_tail:]
        if n_tail < n_head and n_tail <= _MOST_DOUBTED:
            end = later[0].start - _PADDING_S if later else after[-1].end
            return Gap(Span(gap.start, max(end, gap.end)), gap, tail=tuple(after[:n_tail]))
    return Gap(gap, gap)


def fill_gap(
    words: Sequence[Word], gap: Gap | Span, found: Sequence[Word], *, syllables: Syllables | None = None
) -> tuple[Word, ...]:
    """`words` with those that were found in the gap between two of them; what both hold at its edges stays once.

    Words beside it whose place is in doubt move to its other side unless they are heard where they stand. A word that
    was cut back to the wrong end of the gap, and is heard at the other one, stays there.

    Args:
        words: sorted.
        gap: from `include_doubtful_words`, or a span of which no word is in doubt.
        found: what was heard in it, sorted.
        syllables: of the sound around the gap: what is said twice has them twice, and stays twice.
    """
    if not found:
        return tuple(words)
    if isinstance(gap, Span):
        gap = Gap(gap, gap)
    before, after = _sides(words, gap.speech)
    inside = list(found)
    at_start = bool(before) and gap.speech.start - before[-1].end < _NEXT_TO_S
    at_end = bool(after) and after[0].start - gap.speech.end < _NEXT_TO_S
    # What filled another gap meanwhile may have moved the doubted words already.
    if gap.head and before[-len(gap.head) :] == list(gap.head) and _find_places(gap.head, inside):
        before = before[: len(before) - len(gap.head)]
        inside, missing = _settle(gap.head, inside, at_end=True)
        after = [*_select_adjacent(missing, inside[-1].end, after[0].start, at_end=True), *after]
        at_end = at_end and not missing
    elif gap.tail and after[: len(gap.tail)] == list(gap.tail) and _find_places(gap.tail, inside):
        after = after[len(gap.tail) :]
        inside, missing = _settle(gap.tail, inside, at_end=False)
        before += _select_adjacent(missing, before[-1].end if before else gap.span.start, inside[0].start, at_end=False)
        at_start = at_start and not missing
    if at_start and before and len(inside) > 1 and _is_cut(before[-1]) and _is_same(before[-1:], inside[-1:]):
        before.pop()
    if at_start and before:
        inside = inside[_count_repeated(before, inside, syllables) :]
    if at_end and after:
        inside = inside[: len(inside) - _count_repeated(inside, after, syllables)]
    return _make_monotonic([*before, *inside, *after])


def _sides(words: Sequence[Word], gap: Span) -> tuple[list[Word], list[Word]]:
    middle = (gap.start + gap.end) / 2
    before = [word for word in words if (word.start + word.end) / 2 <= middle]
    return before, list(words[len(before) :])


def _ends_sentence(word: Word) -> bool:
    return last_mark(word.text) in SENTENCE_END


def _is_cut(word: Word) -> bool:
    return word.span.duration > max_word_duration(word.text) - _PADDING_S


def _find_places(doubted: Sequence[Word], found: Sequence[Word]) -> range:
    """Places of the found words that were heard where the doubted ones stand.

    Where nothing was heard there, nothing speaks against the doubted words.
    """
    places = [place for place, word in enumerate(found) if word.start < doubted[-1].end and doubted[0].start < word.end]
    return range(places[0], places[-1] + 1) if places else range(0)


def _settle(doubted: Sequence[Word], found: list[Word], *, at_end: bool) -> tuple[list[Word], list[Word]]:
    """The found words, and those of the doubted ones that are neither heard where they stand nor at the other side."""
    n_heard = _count_common(found, doubted) if at_end else _count_common(doubted, found)
    n_doubted = len(doubted)
    edge = range(n_doubted) if at_end else range(max(0, len(found) - n_doubted), len(found))
    for place in (_find_places(doubted, found), edge):
        part = found[place.start : place.stop]
        if n_heard < n_doubted and part and _is_confirmed(doubted, part):
            return [*found[: place.start], *_copy_times(doubted, part), *found[place.stop :]], []
    return found, list(doubted[n_heard:] if at_end else doubted[: n_doubted - n_heard])


def _is_confirmed(doubted: Sequence[Word], found: Sequence[Word]) -> bool:
    said, heard = (normalise_text("".join(word.text for word in part)) for part in (doubted, found))
    return float(SequenceMatcher(None, said, heard, autojunk=False).ratio()) >= _ALIKE


def _copy_times(words: Sequence[Word], found: Sequence[Word]) -> list[Word]:
    """The words, at the times of the found ones where there are as many."""
    if len(words) != len(found):
        return list(words)
    return [replace(word, span=other.span) for word, other in zip(words, found, strict=True)]


def _select_adjacent(words: Sequence[Word], low: float, high: float, *, at_end: bool) -> list[Word]:
    """The words one after another at one end of the time between `low` and `high`, as fast as people speak."""
    high = max(low, high)
    lengths = [len(word.text.strip()) for word in words]
    needed = min(high - low, sum(_SPOKEN_WORD_S + _SPOKEN_LETTER_S * length for length in lengths))
    start, end = (high - needed, high) if at_end else (low, low + needed)
    times = divide_time(start, end, [max(1, length) for length in lengths])
    return [replace(word, span=Span(*time)) for word, time in zip(words, times, strict=True)]


def _count_repeated(left: Sequence[Word], right: Sequence[Word], syllables: Syllables | None) -> int:
    """How many words that end the one begin the other because the same sound was decoded twice."""
    n_common = _count_common(left, right)
    if not n_common or syllables is None or _is_cut(left[-1]):
        return n_common
    spans = [Span(part[0].start, max(part[0].start, part[-1].end)) for part in (left[-n_common:], right[:n_common])]
    least = max(1, math.ceil(_SYLLABLES_PER_WORD * n_common))
    is_said_twice = spans[1].start >= spans[0].end and len(syllables.own(spans, least=least)) == 2
    is_apart = n_common > 1 or spans[1].start - spans[0].end >= _NEXT_TO_S
    return 0 if is_said_twice and is_apart else n_common


def _count_common(left: Sequence[Word], right: Sequence[Word]) -> int:
    """How many words the end of the one shares with the beginning of the other."""
    return next(
        (n for n in range(min(len(left), len(right)), 0, -1) if _is_same(left[len(left) - n :], right[:n])),
        0,
    )


def _is_same(left: Sequence[Word], right: Sequence[Word]) -> bool:
    return [normalise_text(word.text) for word in left] == [normalise_text(word.text) for word in right]


def _make_monotonic(words: Sequence[Word]) -> tuple[Word, ...]:
    """The same words in the same order, none before the end of the one before it."""
    if all(before.end <= after.start for before, after in pairwise(words)):
        return tuple(words)
    piece = Span(min(word.start for word in words), max(word.end for word in words))
    spans = repair_spans([(word.start, word.end) for word in words], [w.text for w in words], piece=piece, speech=())
    return tuple(replace(word, span=span) for word, span in zip(words, spans, strict=True))
