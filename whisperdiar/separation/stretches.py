"""Stretches of overlap: which parts of a recording are separated, and for which two speakers. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from whisperdiar.options import SeparationSettings
from whisperdiar.types import Diarization, Span, Turn, merge_spans, remove_spans, total_duration

_EDGE_S = 0.25
"""Edges of overlap are as much off as the times of words are, and what the mixture has just there is of both voices."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Overlap of two speakers, and the sound around it that a separator hears with it.

    Attributes:
        span: what is separated, context included.
        overlap: where both talk, in order.
        speakers: their labels.
    """

    span: Span
    overlap: tuple[Span, ...]
    speakers: tuple[str, str]

    @property
    def region(self) -> tuple[Span, ...]:
        """Whose words are chosen anew: the overlap, a little wider."""
        wider = (Span(span.start - _EDGE_S, span.end + _EDGE_S) for span in self.overlap)
        return merge_spans(part for span in wider if (part := span.clip(self.span.start, self.span.end)))


def find_stretches(
    diarization: Diarization, *, duration: float, settings: SeparationSettings
) -> tuple[tuple[Stretch, ...], int]:
    """The stretches in which exactly two speakers talk at once, and in how many places more of them do.

    Nobody else speaks in a stretch, so that its context is shorter where somebody does.
    """
    pairs, crowded = _find_pairs(diarization.turns, duration)
    found: list[Stretch] = []
    for speakers, spans in pairs.items():
        others = merge_spans(turn.span for turn in diarization.turns if turn.speaker not in speakers)
        for group in _group(spans, others, settings):
            if total_duration(group) >= settings.min_overlap:
                found.append(Stretch(_widen(group, others, duration, settings.context), tuple(group), speakers))
    return tuple(sorted(found, key=lambda item: (item.span, item.speakers))), len(crowded)


def find_solo(turns: Iterable[Turn], speaker: str, span: Span) -> tuple[Span, ...]:
    """Where that speaker alone talks inside a span."""
    own: list[Span] = []
    others: list[Span] = []
    for turn in turns:
        inside = turn.span.clip(span.start, span.end)
        if inside is not None:
            (own if turn.speaker == speaker else others).append(inside)
    return remove_spans(merge_spans(own), merge_spans(others))


def _find_pairs(turns: Sequence[Turn], duration: float) -> tuple[dict[tuple[str, str], list[Span]], tuple[Span, ...]]:
    """Overlap by the two who talk, and where more than two do."""
    pairs: dict[tuple[str, str], list[Span]] = {}
    crowded: list[Span] = []
    inside = [(part, turn.speaker) for turn in turns if (part := turn.span.clip(0.0, duration))]
    times = sorted({time for part, _speaker in inside for time in (part.start, part.end)})
    starts: dict[float, list[tuple[Span, str]]] = {}
    for item in inside:
        starts.setdefault(item[0].start, []).append(item)
    active: list[tuple[Span, str]] = []
    for start, end in pairwise(times):
        active = [item for item in active if item[0].end > start] + starts.get(start, [])
        speakers = sorted({speaker for _part, speaker in active})
        if len(speakers) == 2:
            pairs.setdefault((speakers[0], speakers[1]), []).append(Span(start, end))
        elif len(speakers) > 2:
            crowded.append(Span(start, end))
    return {pair: list(merge_spans(spans)) for pair, spans in pairs.items()}, merge_spans(crowded)


def _group(spans: Sequence[Span], others: Sequence[Span], settings: SeparationSettings) -> list[list[Span]]:
    """Overlaps that are separated together: close ones between which nobody else talks, and no more than fit."""
    groups: list[list[Span]] = []
    for span in (part for whole in spans for part in _divide(whole, settings.max_stretch)):
        last = groups[-1] if groups else None
        if (
            last is not None
            and span.start - last[-1].end <= settings.max_gap
            and span.end - last[0].start <= settings.max_stretch
            and not _is_between(others, last[-1].end, span.start)
        ):
            last.append(span)
        else:
            groups.append([span])
    return groups


def _is_between(others: Sequence[Span], end: float, start: float) -> bool:
    """Whether one of sorted spans, apart, goes on after one time and begins before another."""
    at = bisect_right(others, end, key=lambda other: other.end)
    return at < len(others) and others[at].start < start


def _divide(span: Span, most: float) -> list[Span]:
    """A span in equal parts of at most so many seconds."""
    n = max(1, math.ceil(span.duration / most))
    edges = [span.start + span.duration * i / n for i in range(n)] + [span.end]
    return [Span(first, last) for first, last in pairwise(edges)]


def _widen(group: Sequence[Span], others: Sequence[Span], duration: float, context: float) -> Span:
    """A group with its context, which ends where somebody else talks; `others` are sorted and apart."""
    start, end = group[0].start, group[-1].end
    before = bisect_right(others, start, key=lambda other: other.end)
    after = bisect_left(others, end, key=lambda other: other.start)
    low = max([0.0, start - context, *(other.end for other in others[before - 1 : before])])
    high = min([duration, end + context, *(other.start for other in others[after : after + 1])])
    return Span(low, max(high, end))
