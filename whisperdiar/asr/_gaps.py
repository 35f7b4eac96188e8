"""Speech in which no word was found → decoded once more, and joined with the words around it (pure).

Whisper now and then leaves out a sentence, or stops before the end of what it hears; its word next to the gap is then
timed as if it lasted all that while, until it is cut back to what it can last.
"""

from __future__ import annotations

from collections.abc import Sequence

from whisperdiar.asr._phrases import plain
from whisperdiar.asr._word_times import longest_word
from whisperdiar.types import Span, Word, merge_spans, total_duration

MIN_GAP_S = 1.5
"""Less speech than this may well be a word that is drawn out, or a cough."""
_PADDING_S = 0.1
"""Around words: their ends are not exact."""
_NEXT_TO_S = 0.25
_JOINED_PAUSE_S = 1.0
"""Gaps with less between them are one: a sentence with a pause inside."""


def gaps(words: Sequence[Word], speech: Sequence[Span]) -> tuple[Span, ...]:
    """Stretches between (before, after) words that hold at least `MIN_GAP_S` seconds of speech.

    Args:
        words: sorted, without overlap.
        speech: sorted spans in which somebody speaks.
    """
    if not speech:
        return ()
    edges = [speech[0].start]
    for word in words:
        edges += [word.start - _PADDING_S, word.end + _PADDING_S]
    edges.append(speech[-1].end)
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        spoken = [part for span in speech if end > start and (part := span.clipped(start, end))]
        runs = merge_spans(spoken, gap=_JOINED_PAUSE_S)
        found += [
            run
            for run in runs
            if total_duration([part for item in spoken if (part := item.clipped(run.start, run.end))]) >= MIN_GAP_S
        ]
    return tuple(found)


def with_gap_filled(words: Sequence[Word], gap: Span, found: Sequence[Word]) -> tuple[Word, ...]:
    """`words` with those that were found in the gap between two of them; what both hold at its edges stays once.

    A word that was cut back to the wrong end of the gap, and is heard at the other one, stays there.
    """
    middle = (gap.start + gap.end) / 2
    before = [word for word in words if (word.start + word.end) / 2 <= middle]
    after = list(words[len(before) :])
    inside = list(found)
    if before and len(inside) > 1 and _was_cut(before[-1], gap) and _same(before[-1:], inside[-1:]):
        before.pop()
    if before and gap.start - before[-1].end < _NEXT_TO_S:
        inside = inside[_common(before, inside) :]
    if after and inside and after[0].start - gap.end < _NEXT_TO_S:
        inside = inside[: len(inside) - _common(inside, after)]
    return (*before, *inside, *after)


def _was_cut(word: Word, gap: Span) -> bool:
    return gap.start - word.end < _NEXT_TO_S and word.span.duration > longest_word(word.text) - _PADDING_S


def _common(left: Sequence[Word], right: Sequence[Word]) -> int:
    """How many words the end of the one shares with the beginning of the other."""
    return next(
        (n for n in range(min(len(left), len(right)), 0, -1) if _same(left[len(left) - n :], right[:n])),
        0,
    )


def _same(left: Sequence[Word], right: Sequence[Word]) -> bool:
    return [plain(word.text) for word in left] == [plain(word.text) for word in right]
