"""Segmentation: words → segments of one speaker. Pure. Cutting for a screen is done in `whisperdiar.subtitles`.

A segment ends where the speaker changes, at a long pause, and where it would become too long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from whisperdiar.options import SegmentationOptions
from whisperdiar.text.punctuation import CLAUSE_END, SENTENCE_END, last_mark
from whisperdiar.transcript import Segment
from whisperdiar.types import Span, Word, merge_spans

_UTTERANCE_PAUSE_S = 0.5
_JITTER_S = 0.1
"""Of recognised times: so much later a reply may seem to begin than the pause that it fills."""


def segments(words: Sequence[Word], *, options: SegmentationOptions | None = None) -> tuple[Segment, ...]:
    """Split words (in order) into segments; joined again, their words are exactly `words`.

    A segment knows that it is simultaneous where one of its words lies in overlapping speech, or where it shares
    time with a segment of somebody else.
    """
    options = options or SegmentationOptions()
    runs: list[list[Word]] = []
    for word in words:
        last = runs[-1][-1] if runs else None
        if last is not None and last.speaker == word.speaker and word.span.start - last.span.end <= options.max_pause:
            runs[-1].append(word)
        else:
            runs.append([word])
    found = [Segment(tuple(part), part[0].speaker) for run in runs for part in _cut_long_runs(run, options)]
    shared = _find_overlapping(found)
    return tuple(
        replace(item, simultaneous=True) if i in shared or any(word.overlap for word in item.words) else item
        for i, item in enumerate(found)
    )


def interleave(streams: Sequence[Sequence[Word]], *, options: SegmentationOptions | None = None) -> tuple[Segment, ...]:
    """Segments of several people's words, each one's own in order, as segments in order of time.

    What somebody says in a pause of another one ends that one's segment; who talks at the same time does not cut into
    the other's segment, so that the words of both stay together.
    """
    found: list[Segment] = []
    for i, words in enumerate(streams):
        others = sorted(
            utterance
            for j, stream in enumerate(streams)
            if j != i
            for utterance in merge_spans((word.span for word in stream), gap=_UTTERANCE_PAUSE_S)
        )
        for part in _cut_where_others_talk(words, others):
            found += segments(part, options=options)
    found.sort(key=lambda item: item.span)
    shared = _find_overlapping(found)
    return tuple(replace(item, simultaneous=True) if i in shared else item for i, item in enumerate(found))


def _cut_where_others_talk(words: Sequence[Word], others: Sequence[Span]) -> list[list[Word]]:
    """Words, cut at each pause that holds all of one of the `others` (sorted)."""
    parts: list[list[Word]] = []
    for word in words:
        if parts and not _is_talk_between(others, parts[-1][-1].end - _JITTER_S, word.start + _JITTER_S):
            parts[-1].append(word)
        else:
            parts.append([word])
    return parts


def _is_talk_between(others: Sequence[Span], start: float, end: float) -> bool:
    index = bisect_left(others, start, key=lambda span: span.start)
    while index < len(others) and others[index].start < end:
        if others[index].end <= end:
            return True
        index += 1
    return False


def _find_overlapping(found: Sequence[Segment]) -> set[int]:
    """Places of the segments that share time with one of another speaker."""
    spans = [item.span for item in found]
    shared: set[int] = set()
    open_ones: list[int] = []
    for i in sorted(range(len(found)), key=lambda i: spans[i]):
        open_ones = [j for j in open_ones if spans[j].end > spans[i].start]
        others = [j for j in open_ones if found[j].speaker != found[i].speaker and spans[i].duration > 0]
        if others:
            shared.update((i, *others))
        open_ones.append(i)
    return shared


def _cut_long_runs(words: list[Word], options: SegmentationOptions) -> list[list[Word]]:
    """Cut a run that is too long where that hurts least, until every part fits (one word always does)."""
    parts, first = [], 0
    while first < len(words) - 1 and words[-1].span.end - words[first].span.start > options.max_segment:
        last = first + 1
        while last < len(words) - 1 and words[last].span.end - words[first].span.start <= options.max_segment:
            last += 1
        # The later half of what fits: a segment should not end after two words because a comma stood there.
        choice = range(first + 1 + (last - first) // 2, last + 1)
        cut = min(choice, key=lambda i: (_break_price(words[i - 1], words[i]), -i))
        parts.append(words[first:cut])
        first = cut
    return [*parts, words[first:]]


def _break_price(left: Word, right: Word) -> float:
    """What it costs to break between two words: less at the end of a sentence, after a clause, and at a pause."""
    mark = last_mark(left.text)
    pause = max(0.0, right.span.start - left.span.end)
    price = 0.0 if mark in SENTENCE_END else 0.8 if mark in CLAUSE_END else 2.0
    return max(-0.5, price - 2.5 * min(pause, 0.8))
