"""Segmentation agreement: which stretches of speech are heard as one speaker, and which as two.

Each window names its local speakers anew, so a window can only compare what lies in it:

    window 0   |-- A --  -- B --  -- A --|
    window 1            |-- a --  -- b --  -- b --|
    stretches   [  0  ]  [  1  ]  [  2  ]  [  3  ]      0 and 2: one; 0 and 1: two; 2 and 3: one

Windows overlap, so that neighbours are compared by many of them; stretches that no window holds together by none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from whisperdiar.diarization._shared.windows import NOBODY, Counts, WindowGrid
from whisperdiar.types import Span

Active = NDArray[np.bool_]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_LEAST_HEARD_S = 0.05
"""Of a stretch in a window: with less the window does not say whose it is."""
_LEAST_VOTE_S = 0.2
"""Of a local speaker's speech inside stretches, by which he belongs to their speaker."""


def change_scores(active: Active, grid: WindowGrid, spans: Sequence[Span]) -> Floats:
    """How much speaks for a change of speaker between each span and the next: float64 (n - 1,), 0 to 1.

    The share of windows, by the time that they hear, in which the two have different local speakers; 0 where no window
    hears both.

    Args:
        active: bool (n_windows, n_frames, n_speakers), who talks when.
        spans: sorted by start.
    """
    n = max(0, len(spans) - 1)
    other, total = np.zeros(n), np.zeros(n)
    for _, inside, seconds in _iterate_windows(active, grid, spans):
        heard, shares = _shares(seconds)
        weight = np.minimum(heard[:-1], heard[1:]) * (np.diff(inside) == 1)
        weight[(heard[:-1] < _LEAST_HEARD_S) | (heard[1:] < _LEAST_HEARD_S)] = 0.0
        total[inside[:-1][weight > 0]] += weight[weight > 0]
        differ = weight * (1.0 - (shares[:-1] * shares[1:]).sum(axis=1))
        other[inside[:-1][weight > 0]] += differ[weight > 0]
    return np.asarray(np.where(total > 0.0, other / np.maximum(total, 1e-12), 0.0))


def measure_agreement(active: Active, grid: WindowGrid, spans: Sequence[Span]) -> tuple[Any, Any]:
    """Seconds in which pairs of spans are heard as one speaker, and in which they are heard together.

    Two sparse symmetric matrices of float64 (n, n), in CSR format; a time that several windows hear counts once.

    Args:
        active: bool (n_windows, n_frames, n_speakers), who talks when.
        spans: sorted by start.
    """
    n = len(spans)
    rows: list[Indices] = [np.zeros(0, np.int64)]
    columns: list[Indices] = [np.zeros(0, np.int64)]
    same: list[Floats] = [np.zeros(0)]
    shared: list[Floats] = [np.zeros(0)]
    # The same second lies in so many windows.
    share = min(1.0, grid.step / grid.length)
    for _, inside, seconds in _iterate_windows(active, grid, spans):
        heard, shares = _shares(seconds)
        kept = heard >= _LEAST_HEARD_S
        places, shares, heard = inside[kept], shares[kept], heard[kept]
        together = share * np.minimum.outer(heard, heard)
        rows.append(np.repeat(places, len(places)))
        columns.append(np.tile(places, len(places)))
        same.append((together * (shares @ shares.T)).ravel())
        shared.append(together.ravel())
    at = (np.concatenate(rows), np.concatenate(columns))
    return tuple(sparse.coo_matrix((np.concatenate(values), at), shape=(n, n)).tocsr() for values in (same, shared))


def cluster_local_speakers(active: Active, grid: WindowGrid, spans: Sequence[Span], labels: Indices) -> Counts:
    """The cluster of each local speaker, int64 (n_windows, n_speakers): that of the stretches in which he talks.

    `NOBODY` for one who says nothing, or nearly all of whose speech lies outside the stretches that are his.

    Args:
        active: bool (n_windows, n_frames, n_speakers), who talks when.
        spans: sorted by start.
        labels: int64 (n,), the cluster of each span.
    """
    found: Counts = np.full((active.shape[0], active.shape[2]), NOBODY, dtype=np.int64)
    n_clusters = int(labels.max(initial=-1)) + 1
    for window, inside, seconds in _iterate_windows(active, grid, spans):
        _, shares = _shares(seconds)
        votes = np.zeros((n_clusters, active.shape[2]))
        # What somebody says beside the one whose stretch it is tells little of whose voice he has.
        np.add.at(votes, labels[inside], seconds * shares)
        sure = votes.max(axis=0) >= _LEAST_VOTE_S
        found[window, sure] = votes.argmax(axis=0)[sure]
    return found


def undisturbed(
    active: Active, grid: WindowGrid, spans: Sequence[Span], frames: Sequence[slice]
) -> list[NDArray[np.bool_]]:
    """The frames of each span in which nobody talks but its main speaker: bool (n_frames,) for each.

    The main speaker is, in each window, the local one who talks most in the span; a frame counts where fewer than half
    of the windows that hear it hear another one.

    Args:
        active: bool (n_windows, n_frames, n_speakers), who talks when.
        spans: sorted by start.
        frames: of each span, numbers in the recording.
    """
    votes = [np.zeros(max(0, own.stop - own.start)) for own in frames]
    for window, inside, seconds in _iterate_windows(active, grid, spans):
        first = grid.first_frame(window)
        talking = active[window].sum(axis=1)
        main = seconds.argmax(axis=1)
        for number in np.flatnonzero(seconds.max(axis=1) >= _LEAST_HEARD_S).tolist():
            own = frames[inside[number]]
            low, high = max(own.start, first), min(own.stop, first + grid.n_frames)
            if low < high:
                others = talking[low - first : high - first] - active[window, low - first : high - first, main[number]]
                votes[inside[number]][low - own.start : high - own.start] += np.where(others > 0, -1.0, 1.0)
    return [own > 0.0 for own in votes]


def _iterate_windows(active: Active, grid: WindowGrid, spans: Sequence[Span]) -> Iterator[tuple[int, Indices, Floats]]:
    """Window by window: its number, the spans that it hears, int64 (m,), and how long each of its local speakers talks
    in each of them, float64 (m, n_speakers), in seconds."""
    starts, ends = np.array([span.start for span in spans]), np.array([span.end for span in spans])
    latest = np.maximum.accumulate(ends) if len(ends) else ends
    for window, own in enumerate(active):
        begin = window * grid.step / grid.sample_rate
        end = begin + grid.length / grid.sample_rate
        low, high = np.searchsorted(latest, begin, side="right"), np.searchsorted(starts, end)
        inside = np.arange(low, high)
        inside = inside[ends[low:high] > begin]
        if not len(inside):
            continue
        talked = np.concatenate([np.zeros((1, own.shape[1]), np.int64), np.cumsum(own, axis=0, dtype=np.int64)])
        first = np.clip(np.rint((starts[inside] - begin) / grid.frame_step), 0, grid.n_frames - 1).astype(np.int64)
        last = np.clip(np.rint((ends[inside] - begin) / grid.frame_step), first + 1, grid.n_frames).astype(np.int64)
        yield window, inside, (talked[last] - talked[first]) * grid.frame_step


def _shares(seconds: Floats) -> tuple[Floats, Floats]:
    """Seconds of speech in each span, float64 (m,), and each local speaker's share of them, (m, n_speakers)."""
    heard = seconds.sum(axis=1)
    return heard, seconds / np.maximum(heard, 1e-12)[:, None]
