"""Measures of turns: seconds and counts that make up DER, JER, purity, coverage, boundaries, detection.

Definitions, edge cases and results are those of pyannote.metrics 4 (Bredin, Interspeech 2017), against which a property
test holds them. Here the recording is cut at every boundary once, and all measures are sums over those pieces.

    reference   |--A--|    |-----B-----|
    hypothesis     |--1--|      |---2-----|
    pieces      |--|--|--|-|----|------|--|
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from whisperdiar.types import Span, Turn, merge_spans

Array = NDArray[np.float64]
Components = dict[str, float]

_SHORTEST_S = 1e-6
"""Pieces that are no longer come from rounding; pyannote.core takes them for empty."""


class Pieces(NamedTuple):
    """Scored pieces of time with the number of turns of each speaker in each.

    Attributes:
        start, end: seconds, (n_pieces,).
        reference, hypothesis: (n_speakers, n_pieces); more than 1 where turns of one speaker overlap.
    """

    start: Array
    end: Array
    reference: NDArray[np.int64]
    hypothesis: NDArray[np.int64]

    @property
    def duration(self) -> Array:
        return self.end - self.start


class TurnError(NamedTuple):
    """A piece of time, in seconds, and how many speakers are missed, false alarms and confused in it."""

    start: float
    end: float
    missed: int
    false_alarm: int
    confused: int


def score_turns(
    reference: Sequence[Turn],
    hypothesis: Sequence[Turn],
    *,
    uem: Sequence[Span] | None = None,
    collar: float = 0.0,
    skip_overlap: bool = False,
    boundary_tolerance: float = 0.25,
) -> dict[str, Components]:
    """Components of each measure of turns, by the measure's name; seconds and counts.

    Args:
        uem: what is scored; None for all from the first boundary of either side to the last.
        collar: seconds left out on each side of every boundary of the reference, as in md-eval.
        skip_overlap: leave out what several turns of the reference cover.
        boundary_tolerance: seconds by which a boundary may be off.

    Purity, coverage, boundaries and the number of speakers know no collar and no overlap, as in pyannote.metrics.
    """
    reference, hypothesis = [_drop_empty(side) for side in (reference, hypothesis)]
    uem = _cover(reference, hypothesis) if uem is None else uem
    everything = cut_pieces(reference, hypothesis, uem)
    scored = everything
    if collar or skip_overlap:
        scored = cut_pieces(reference, hypothesis, uem, collar=collar, skip_overlap=skip_overlap)
    reference, hypothesis = [_crop(side, uem) for side in (reference, hypothesis)]
    matched, found, there = match_boundaries(reference, hypothesis, boundary_tolerance)
    n_reference, n_hypothesis = (
        int(np.count_nonzero(side.any(axis=1))) for side in (everything.reference, everything.hypothesis)
    )
    return {
        "DER": diarization_errors(scored),
        "detection": detection_errors(scored),
        "JER": jaccard_errors(scored),
        "speaker count": {"error": float(abs(n_hypothesis - n_reference)), "files": 1.0},
        "purity": _purity(everything.hypothesis, everything.reference, everything.duration),
        "coverage": _purity(everything.reference, everything.hypothesis, everything.duration),
        "boundary precision": {"matches": float(matched), "boundaries": float(found)},
        "boundary recall": {"matches": float(matched), "boundaries": float(there)},
    }


def locate_errors(
    reference: Sequence[Turn],
    hypothesis: Sequence[Turn],
    *,
    uem: Sequence[Span] | None = None,
    collar: float = 0.0,
    skip_overlap: bool = False,
) -> tuple[dict[str, str], tuple[TurnError, ...]]:
    """Where the errors of DER are: the optimal mapping of labels to speakers, and the pieces of time with an error.

    Arguments as of `score_turns`; seconds times speakers of the pieces add up to the components of DER. Pieces that
    touch and have the same errors are one.
    """
    reference, hypothesis = [_drop_empty(side) for side in (reference, hypothesis)]
    uem = _cover(reference, hypothesis) if uem is None else uem
    pieces = cut_pieces(reference, hypothesis, uem, collar=collar, skip_overlap=skip_overlap)
    speakers, labels = (sorted({turn.speaker for turn in side}) for side in (reference, hypothesis))
    mapping, counts = map_speakers(pieces), np.stack(_count_errors(pieces))
    found: list[TurnError] = []
    for i in np.flatnonzero(counts.any(axis=0)):
        own = TurnError(float(pieces.start[i]), float(pieces.end[i]), *(int(count) for count in counts[:, i]))
        if found and found[-1].end == own.start and found[-1][2:] == own[2:]:
            found[-1] = found[-1]._replace(end=own.end)
        else:
            found.append(own)
    return {labels[own]: speakers[other] for own, other in mapping.items()}, tuple(found)


def cut_pieces(
    reference: Sequence[Turn],
    hypothesis: Sequence[Turn],
    uem: Iterable[Span],
    *,
    collar: float = 0.0,
    skip_overlap: bool = False,
) -> Pieces:
    """Time cut at every boundary; only pieces that are scored are kept. Speakers are sorted by their labels."""
    uem = merge_spans(uem)
    collars = merge_spans(
        Span(max(0.0, time - collar), max(0.0, time + collar))
        for turn in (reference if collar else ())
        for time in (turn.start, turn.end)
    )
    edges = np.unique(
        [t for side in (reference, hypothesis) for turn in side for t in (turn.start, turn.end)]
        + [t for side in (uem, collars) for span in side for t in (span.start, span.end)]
    )
    if len(edges) < 2:
        none = np.zeros((0, 0), dtype=np.int64)
        return Pieces(np.zeros(0), np.zeros(0), none, none)
    sides = [_count_turns(side, edges) for side in (reference, hypothesis)]
    keep = _count_spans(uem, edges) > 0
    keep &= (_count_spans(collars, edges) == 0) & (np.diff(edges) > _SHORTEST_S)
    if skip_overlap:
        keep &= sides[0].sum(axis=0) < 2
    return Pieces(edges[:-1][keep], edges[1:][keep], sides[0][:, keep], sides[1][:, keep])


def map_speakers(pieces: Pieces) -> dict[int, int]:
    """The optimal mapping of speakers of the hypothesis to those of the reference, by their time together (Hungarian).

    Rows of `Pieces`; a speaker who shares no time with a partner has none.
    """
    # In the order in which pyannote.metrics sees speakers, so that ties are broken alike.
    return _assign(_share(pieces).T)


def diarization_errors(pieces: Pieces) -> Components:
    """Seconds that make up the diarization error rate (NIST RT-09)."""
    missed, false_alarm, confused = _count_errors(pieces)
    duration = pieces.duration
    return {
        "total": float(duration @ pieces.reference.sum(axis=0)),
        "missed detection": float(duration @ missed),
        "false alarm": float(duration @ false_alarm),
        "confusion": float(duration @ confused),
    }


def detection_errors(pieces: Pieces) -> Components:
    """Seconds that make up the detection error rate: speech or none, whoever speaks."""
    speech, found = pieces.reference.any(axis=0), pieces.hypothesis.any(axis=0)
    duration = pieces.duration
    return {
        "total": float(duration @ speech),
        "missed detection": float(duration @ (speech & ~found)),
        "false alarm": float(duration @ (found & ~speech)),
    }


def jaccard_errors(pieces: Pieces) -> Components:
    """The sum of the Jaccard error rates of the reference's speakers, and their number (DIHARD II, 2019)."""
    mapping = _assign(_share(pieces))
    duration = pieces.duration
    total = count = 0.0
    for own, spoken in enumerate(pieces.reference > 0):
        if not spoken.any():
            continue
        count += 1
        if own not in mapping:
            total += 1.0
            continue
        given = pieces.hypothesis[mapping[own]] > 0
        total += float(duration @ (spoken ^ given)) / float(duration @ (spoken | given))
    return {"speaker error": total, "speaker count": count}


def match_boundaries(reference: Sequence[Turn], hypothesis: Sequence[Turn], tolerance: float) -> tuple[int, int, int]:
    """Boundaries matched one to one, the nearest first, and how many hypothesis and reference have.

    A boundary is the end of a stretch of time with a turn, but for the last one.
    """
    left, right = (
        np.array([end for _, end in sorted({(t.start, t.end) for t in side})][:-1]) for side in (reference, hypothesis)
    )
    order = np.argsort(right, kind="stable")
    first = np.searchsorted(right[order], left - tolerance - _SHORTEST_S)
    last = np.searchsorted(right[order], left + tolerance + _SHORTEST_S)
    pairs = [(i, int(order[k])) for i in range(len(left)) for k in range(first[i], last[i])]
    near = sorted((float(abs(left[i] - right[j])), i, j) for i, j in pairs)
    rows, columns = set[int](), set[int]()
    for delta, i, j in near:
        if delta <= tolerance and i not in rows and j not in columns:
            rows.add(i)
            columns.add(j)
    return len(rows), len(right), len(left)


def _count_errors(pieces: Pieces) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """How many speakers are missed, false alarms and confused in each piece, (n_pieces,) each."""
    n_reference, n_hypothesis = pieces.reference.sum(axis=0), pieces.hypothesis.sum(axis=0)
    right = np.zeros_like(n_reference)
    for own, other in map_speakers(pieces).items():
        right += np.minimum(pieces.hypothesis[own], pieces.reference[other])
    missed: NDArray[np.int64] = np.maximum(n_reference - n_hypothesis, 0)
    false_alarm: NDArray[np.int64] = np.maximum(n_hypothesis - n_reference, 0)
    return missed, false_alarm, np.minimum(n_reference, n_hypothesis) - right


def _cover(reference: Sequence[Turn], hypothesis: Sequence[Turn]) -> tuple[Span, ...]:
    """All from the first boundary of either side to the last."""
    times = [time for turn in (*reference, *hypothesis) for time in (turn.start, turn.end)]
    return (Span(min(times), max(times)),) if times else ()


def _share(pieces: Pieces) -> Array:
    """Seconds that each pair of speakers shares, (n_reference, n_hypothesis)."""
    shared: Array = (pieces.reference * pieces.duration) @ pieces.hypothesis.T
    return shared


def _assign(shared: Array) -> dict[int, int]:
    rows, columns = linear_sum_assignment(shared, maximize=True)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if shared[i, j] > 0}


def _purity(clusters: NDArray[np.int64], classes: NDArray[np.int64], duration: Array) -> Components:
    shared = ((clusters > 0) * duration) @ (classes > 0).T.astype(np.float64)
    largest = shared.max(axis=1).sum() if shared.size else 0.0
    return {"total": float(((clusters > 0) @ duration).sum()), "correct": float(largest)}


def _count_turns(turns: Sequence[Turn], edges: Array) -> NDArray[np.int64]:
    labels = {label: i for i, label in enumerate(sorted({turn.speaker for turn in turns}))}
    changes = np.zeros((len(labels), len(edges)), dtype=np.int64)
    flat = changes.reshape(-1)
    if turns:
        rows = np.array([labels[turn.speaker] for turn in turns])
        np.add.at(flat, rows * len(edges) + np.searchsorted(edges, [turn.start for turn in turns]), 1)
        np.add.at(flat, rows * len(edges) + np.searchsorted(edges, [turn.end for turn in turns]), -1)
    counts: NDArray[np.int64] = changes.cumsum(axis=1)[:, :-1]
    return counts


def _count_spans(spans: Sequence[Span], edges: Array) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = _count_turns([Turn(span, "") for span in spans], edges).sum(axis=0)
    return counts


def _crop(turns: Sequence[Turn], uem: Sequence[Span]) -> list[Turn]:
    uem = merge_spans(uem)
    if len(uem) == 1 and all(uem[0].start <= turn.start and turn.end <= uem[0].end for turn in turns):
        return list(turns)
    parts = [(turn, turn.span.clip(own.start, own.end)) for turn in turns for own in uem]
    return [Turn(span, turn.speaker) for turn, span in parts if span is not None]


def _drop_empty(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.end - turn.start > _SHORTEST_S]
