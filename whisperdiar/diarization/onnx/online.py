"""Online diarization: a stream of sound becomes turns whose labels never change once they are settled.

What the diarizer does with a whole recording is done again and again with what has come so far:

    last windows → stretches of speech ┐
    stretches before, with their voices ┴→ clustering → clusters take the labels that were told → turns

The segmentation network hears the last seconds at each step. Their speech is cut into stretches, which are embedded and
clustered anew together with all stretches before (`stretch_clustering`), so that an early mistake does not draw later
speech to it. A cluster takes the label that was told for most of it; one without a label is a new speaker as soon as
enough clean speech is his, and until then he waits, for a bounded time.

Source of the windows: Coria et al., "Overlap-aware low-latency online speaker diarization based on end-to-end local
segmentation", ASRU 2021.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from whisperdiar.diarization._shared.onnx_embedding import FrameEncoder
from whisperdiar.diarization._shared.settled_turns import SettledTurns
from whisperdiar.diarization._shared.windows import WindowGrid, find_active_spans, select_speaking
from whisperdiar.diarization.onnx import agreement, stretch_clustering, stretch_cutting, stretch_diarization
from whisperdiar.diarization.onnx.segmentation import Segmentation
from whisperdiar.diarization.onnx.stretch_clustering import Stretches
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import Audio, Samples, Span, SpeakerCount, Turn

_STEP_S = 0.5
"""New sound after which a window is heard."""
_SPARSE = 2
"""Of windows that are due at once, one in so many is heard: who is late must not fall behind further."""
_PIECE_S, _LEAST_PIECE_S = 0.25, 0.125
"""Pieces of speech that make stretches; a window hears little of a shorter one."""
_CUT = stretch_cutting.PIECES
_FILLED_S = 0.3
"""Pauses of one speaker that are filled."""
_LEAST_CLEAN_S = 1.0
"""Clean speech by which somebody who has been waited for becomes a new speaker; with less he is the nearest one."""
_LONG_S = 0.8
"""Stretches of so much make the clusters; the others go to the nearest."""
_OWN_SHARE, _CLUSTER_SHARE = 0.25, 0.5
"""A cluster takes the label of which it has so much, or that so much of it has."""
_RECENT, _KEPT_PER_SPEAKER = 60, 20
"""Stretches that are remembered: the last ones, and the longest of each speaker."""
_SAME_S = 0.13
"""So far the edges of a stretch may move before it is embedded again."""
_LONGEST_S = 20.0
"""Behind the voice: all stretches are closed by then, and no more of the sound is needed."""
_MOST_WEIGHT_S = 5.0
"""Of a stretch in the voice of its cluster."""
_UNKNOWN = -1

Active = NDArray[np.bool_]
Labels = NDArray[np.int64]


@dataclass(slots=True)
class _Stretch:
    """Speech of one voice.

    Attributes:
        span: in seconds of the stream.
        voice: float32 (dimension,), of length 1.
        duration, clear: seconds of speech, and of those in which nobody else talks.
        told: seconds by label, as far as they are settled.
        number: counted from 0.
    """

    span: Span
    voice: NDArray[np.float32]
    duration: float
    clear: float
    told: dict[int, float]
    number: int = -1


class OnlineDiarization:
    """A `whisperdiar.contracts.SpeakerStream`.

    Attributes:
        settled: seconds up to which turns are final.
    """

    def __init__(
        self,
        segmentation: Segmentation,
        encoder: FrameEncoder,
        *,
        threshold: float,
        most: int | None,
        delay: float,
        patience: float,
        new_speaker: float,
    ) -> None:
        """Stores; `threshold` is that of the clustering, the rest as of `whisperdiar.contracts.StreamingDiarizer`."""
        self._segmentation, self._encoder, self._threshold, self._most = segmentation, encoder, threshold, most
        self._delay, self._patience, self._new_speaker = delay, patience, new_speaker
        self._sound = np.zeros(0, np.float32)
        self._end = 0  # samples that came
        self._heard = 0.0
        self._windows: dict[int, Active] = {}
        self._grid: WindowGrid | None = None
        self._closed: list[_Stretch] = []
        self._pairs: dict[tuple[int, int], tuple[float, float]] = {}
        self._n_closed = 0
        self._border = 0.0  # before it all stretches are closed
        self._last_end = 0.0  # of the last stretch
        self._cache: list[tuple[Span, float, NDArray[np.float32]]] = []
        self._main: list[tuple[Span, int]] = []  # whose the settled speech is, of late
        self._turns = SettledTurns(fill=_FILLED_S)
        self._open: list[tuple[int, Span]] = []  # what may change
        self.settled = 0.0

    def feed(self, samples: Samples, *, speech_until: float) -> bool:
        before = self.settled
        changed = False
        most = round(self._segmentation.window / 2 * SAMPLE_RATE_HZ)
        for first in range(0, len(samples), most):
            self._take(samples[first : first + most])
            now = self._end / SAMPLE_RATE_HZ
            if now - self._heard < _STEP_S:
                continue
            if self.settled >= speech_until and self._heard >= speech_until:
                # Silence: nobody's voice is in it.
                self.settled = max(self.settled, now - self._delay)
                self._heard = now
                if self._last_end < now - self._segmentation.window and self._windows:
                    # What was said is remembered before its windows are let go.
                    self._decide(now, is_last=False)
                    self._windows.clear()
                continue
            self._hear(now)
            changed = True
        return changed or self.settled != before

    def settle(self) -> None:
        now = self._end / SAMPLE_RATE_HZ
        if now > 0.0 and (now > self._heard or self.settled < now):
            self._hear(now, is_last=True)
        self.settled, self._open = now, []

    def turns(self, start: float) -> tuple[Turn, ...]:
        return self._turns.turns(start, settled=self.settled, provisional=self._open)

    def _take(self, samples: Samples) -> None:
        kept = round((_LONGEST_S + self._segmentation.window) * SAMPLE_RATE_HZ)
        self._sound = np.concatenate([self._sound, samples])[-kept:]
        self._end += len(samples)

    def _hear(self, now: float, *, is_last: bool = False) -> None:
        """Hears the windows that are due, and decides what they tell."""
        length = self._segmentation.window
        last = max(0, int(np.floor((now - length) / _STEP_S + 1e-6)))
        if is_last:
            last = max(0, int(np.ceil((now - length) / _STEP_S - 1e-6)))
        first = max(0, int(np.floor((self._heard - length) / _STEP_S + 1e-6)) + 1) if self._heard else last
        due = {*range(last, first - 1, -_SPARSE), last}
        if self._heard < length:
            due.add(0)  # the first window was not full
        for number in sorted(due):
            self._windows[number] = self._segment(number, now)
        self._heard = now
        self._decide(now, is_last=is_last)

    def _segment(self, number: int, now: float) -> Active:
        """Who talks in a window, bool (n_frames, n_local)."""
        length = round(self._segmentation.window * SAMPLE_RATE_HZ)
        start = round(number * _STEP_S * SAMPLE_RATE_HZ)
        audio = Audio(self._cut(start, start + length)[None], SAMPLE_RATE_HZ)
        grid = self._segmentation.grid(audio)
        self._grid = replace(grid, step=round(_STEP_S * SAMPLE_RATE_HZ))
        _scores, found = self._segmentation.scores(audio, grid, report=_ignore)
        # Behind the sound there is nothing but padding.
        talks: Active = found[0] & (grid.middle(np.arange(len(found[0]))) + number * _STEP_S < now)[:, None]
        return talks

    def _cut(self, first: int, last: int) -> Samples:
        """Sound between two samples of the stream; zeros beyond what is there."""
        begin = self._end - len(self._sound)
        part = self._sound[max(0, first - begin) : max(0, last - begin)]
        made = np.zeros(last - first, np.float32)
        at = max(0, begin - first)
        made[at : at + len(part)] = part
        return made

    def _decide(self, now: float, *, is_last: bool) -> None:
        length = self._segmentation.window
        self._border = max(self._border, now - _LONGEST_S)
        for number in [number for number in self._windows if number * _STEP_S + length <= self._border]:
            del self._windows[number]
        numbers = sorted(self._windows)
        if self._grid is None or not numbers:
            self._open = []
            self.settled = now if is_last else max(self.settled, now - self._delay)
            return
        origin = numbers[0] * _STEP_S
        n_windows = numbers[-1] - numbers[0] + 1
        grid = replace(self._grid, n_samples=self._grid.length + (n_windows - 1) * self._grid.step)
        shape = next(iter(self._windows.values())).shape
        active = np.zeros((n_windows, *shape), bool)
        for number in numbers:
            active[number - numbers[0]] = self._windows[number]
        count = _count(active, [number - numbers[0] for number in numbers], grid)
        middle = grid.middle(np.arange(grid.total_frames)) + origin
        count[middle >= now] = 0
        opened = count.copy()
        opened[middle < self._border] = 0
        spans = _cut_stretches(opened, active, grid, origin)
        stretches = self._describe(spans, active, count, grid, origin)
        self._last_end = max(self._last_end, *(span.end for span in spans), 0.0)
        near = [item for item in self._closed if item.span.end > origin]
        local = [*near, *stretches]
        if not local:
            self._open = []
            self.settled = now if is_last else max(self.settled, now - self._delay)
            return
        shifted = [item.span.shift(-origin) for item in local]
        same, shared = agreement.measure_agreement(active, grid, shifted)
        labels, waits = self._label(near, stretches, same, shared, now, is_last=is_last)
        until = now if is_last else now - self._delay
        for item, waiting in zip(stretches, waits, strict=True):
            if waiting and item.span.end > self.settled:
                until = min(until, max(item.span.start, self.settled))
        until = max(until, self.settled)
        every = [self._told_label(item) for item in near] + labels
        self._freeze(shifted, every, active, count, grid, origin, until, now)
        self._close(near, stretches, same, shared, now)

    def _describe(
        self, spans: Sequence[Span], active: Active, count: NDArray[np.int64], grid: WindowGrid, origin: float
    ) -> list[_Stretch]:
        """The stretches with their voices, which are kept as long as hardly anything of them changes."""
        shifted = [span.shift(-origin) for span in spans]
        frames = stretch_diarization.select_frames(shifted, grid)
        alone = agreement.undisturbed(active, grid, shifted, frames)
        step = grid.frame_step
        found = []
        for span, own, mask in zip(spans, frames, alone, strict=True):
            spoken = count[own] > 0
            clear = float((mask & spoken).sum() * step)
            voice = self._find_voice(span, clear)
            if voice is None:
                voice = self._embed(span, mask, grid, origin)
            told: dict[int, float] = {}
            for part, label in self._main:
                shared = part.clip(span.start, span.end)
                if shared is not None:
                    told[label] = told.get(label, 0.0) + shared.duration
            found.append((span, clear, voice, float(spoken.sum() * step), told))
        self._cache = [(span, clear, voice) for span, clear, voice, _duration, _told in found]
        return [_Stretch(span, voice, duration, clear, told) for span, clear, voice, duration, told in found]

    def _find_voice(self, span: Span, clear: float) -> NDArray[np.float32] | None:
        for known, known_clear, voice in self._cache:
            moved = max(abs(known.start - span.start), abs(known.end - span.end), abs(known_clear - clear))
            if moved <= _SAME_S:
                return voice
        return None

    def _embed(self, span: Span, mask: Active, grid: WindowGrid, origin: float) -> NDArray[np.float32]:
        first = round(origin * SAMPLE_RATE_HZ)
        audio = Audio(self._cut(first, first + grid.n_samples)[None], SAMPLE_RATE_HZ)
        found: NDArray[np.float32] = stretch_diarization.embed(
            audio, [span.shift(-origin)], [mask], grid, self._encoder, _ignore
        )[0]
        return found

    def _label(
        self,
        near: Sequence[_Stretch],
        stretches: Sequence[_Stretch],
        same: sparse.csr_matrix,
        shared: sparse.csr_matrix,
        now: float,
        *,
        is_last: bool,
    ) -> tuple[list[int], list[bool]]:
        """The label of each open stretch, or `_UNKNOWN`, and whether it has to wait for more."""
        if not stretches:
            return [], []
        nodes = [*self._closed, *stretches]
        known = self._gather(nodes, near, same, shared)
        chosen = np.flatnonzero((known.durations >= _LONG_S) & known.voices.any(axis=1))
        if not len(chosen):
            chosen = np.array([int(known.durations.argmax())])
        train = known.of(chosen)
        threshold = stretch_clustering.calibrate(train, self._threshold)
        clusters = stretch_clustering.cluster(train, threshold=threshold, speakers=SpeakerCount(None, self._most))
        who = stretch_clustering.assign_nearest(known, chosen, clusters)
        n_clusters = int(clusters.max()) + 1
        names = self._match(nodes, who, n_clusters)
        clear = np.zeros(n_clusters)
        np.add.at(clear, who, known.clear)
        waits = []
        n_before = len(self._closed)
        open_of: dict[int, float] = {}
        for item, own in zip(stretches, who[n_before:].tolist(), strict=True):
            if names[own] == _UNKNOWN and item.span.end > self.settled:
                open_of.setdefault(own, max(item.span.start, self.settled))
        for own in sorted(open_of, key=lambda own: open_of[own]):
            over = is_last or now - open_of[own] >= self._patience
            least = _LEAST_CLEAN_S if over else self._new_speaker
            if (clear[own] >= least and self._may_grow()) or (over and not len(self._turns)):
                names[own] = self._turns.add_speaker()
            elif over:
                names[own] = self._nearest(known, who, names, own)
        labels = []
        for own in who[n_before:].tolist():
            waits.append(names[own] == _UNKNOWN)
            labels.append(names[own] if names[own] != _UNKNOWN else self._nearest(known, who, names, own))
        return labels, waits

    def _gather(
        self,
        nodes: Sequence[_Stretch],
        near: Sequence[_Stretch],
        same: sparse.csr_matrix,
        shared: sparse.csr_matrix,
    ) -> Stretches:
        n, n_before, n_near = len(nodes), len(self._closed), len(near)
        place = {item.number: index for index, item in enumerate(self._closed)}
        rows: list[int] = []
        columns: list[int] = []
        one: list[float] = []
        both: list[float] = []
        for (a, b), (alike, together) in self._pairs.items():
            i, j = place[a], place[b]
            rows += (i, j)
            columns += (j, i)
            one += (alike, alike)
            both += (together, together)
        where = [place[item.number] for item in near] + list(range(n_before, n))
        found = shared.tocoo()
        heard = np.asarray(same[found.row, found.col]).ravel() if found.nnz else np.zeros(0)
        for i, j, s, t in zip(found.row.tolist(), found.col.tolist(), heard.tolist(), found.data.tolist(), strict=True):
            if i >= n_near or j >= n_near:
                rows.append(where[i])
                columns.append(where[j])
                one.append(s)
                both.append(t)
        at = (np.array(rows, np.int64), np.array(columns, np.int64))
        made = [sparse.coo_matrix((np.array(values), at), shape=(n, n)).tocsr() for values in (one, both)]
        return Stretches(
            np.stack([item.voice for item in nodes]),
            np.array([item.duration for item in nodes]),
            np.array([item.clear for item in nodes]),
            made[0],
            made[1],
        )

    def _match(self, nodes: Sequence[_Stretch], who: Labels, n_clusters: int) -> list[int]:
        """The label of each cluster, of those that were told for its stretches; `_UNKNOWN` for a new voice."""
        names = [_UNKNOWN] * n_clusters
        if not len(self._turns):
            return names
        told = np.zeros((n_clusters, len(self._turns)))
        for item, own in zip(nodes, who.tolist(), strict=True):
            for label, seconds in item.told.items():
                told[own, label] += seconds
        rows, columns = linear_sum_assignment(-told)
        whole, mine = told.sum(axis=0), told.sum(axis=1)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            share = told[row, column]
            if share > 0 and (share >= _OWN_SHARE * whole[column] or share >= _CLUSTER_SHARE * mine[row]):
                names[row] = column
        return names

    def _nearest(self, known: Stretches, who: Labels, names: Sequence[int], own: int) -> int:
        """The label of the cluster with a label that is nearest by voice."""
        named = [number for number, name in enumerate(names) if name != _UNKNOWN]
        if not named:
            return _UNKNOWN
        weights = np.minimum(known.durations, _MOST_WEIGHT_S)[:, None] * known.voices
        sums = np.zeros((len(names), known.voices.shape[1]))
        np.add.at(sums, who, weights)
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        return names[max(named, key=lambda number: float(sums[number] @ sums[own]))]

    def _may_grow(self) -> bool:
        return self._most is None or len(self._turns) < self._most

    @staticmethod
    def _told_label(item: _Stretch) -> int:
        return max(item.told, key=lambda label: item.told[label]) if item.told else _UNKNOWN

    def _freeze(
        self,
        spans: Sequence[Span],
        labels: Sequence[int],
        active: Active,
        count: NDArray[np.int64],
        grid: WindowGrid,
        origin: float,
        until: float,
        now: float,
    ) -> None:
        """What the windows tell of the speakers, up to `until` for good; spans, those of the stretches, count from `origin`
        on."""
        kept = [index for index, label in enumerate(labels) if label != _UNKNOWN]
        self._open = []
        if kept:
            chosen = [spans[index] for index in kept]
            own = np.array([labels[index] for index in kept], np.int64)
            heard = stretch_diarization.count_hearing_windows(chosen, own, active, grid)
            frames = stretch_diarization.select_frames(chosen, grid)
            summed = stretch_diarization.rank_speakers(heard, frames, own, grid)
            capped = count if self._most is None else count.clip(max=self._most)
            who = select_speaking(summed, capped)[:, : len(self._turns)]
            for label in range(who.shape[1]):
                for start, end in find_active_spans(who[:, label], grid):
                    span = Span(start + origin, end + origin)
                    final = span.clip(self.settled, until)
                    if final is not None:
                        self._turns.add(label, final, settled=self.settled)
                    late = span.clip(until, now)
                    if late is not None:
                        self._open.append((label, late))
            for span, label in zip(chosen, own.tolist(), strict=True):
                final = span.shift(origin).clip(self.settled, until)
                if final is not None:
                    self._main.append((final, label))
        self.settled = max(self.settled, until)
        self._main = [item for item in self._main if item[0].end > self.settled - 2 * _LONGEST_S]

    def _close(
        self,
        near: Sequence[_Stretch],
        stretches: Sequence[_Stretch],
        same: sparse.csr_matrix,
        shared: sparse.csr_matrix,
        now: float,
    ) -> None:
        """Stretches that no window hears any more are kept as they are."""
        limit = min(self.settled, now - self._segmentation.window)
        n_near, local = len(near), [*near, *stretches]
        done = [n_near + index for index, item in enumerate(stretches) if item.span.end <= limit]
        for index in done:
            item = local[index]
            item.number = self._n_closed
            self._n_closed += 1
            item.told = {}
            for part, label in self._main:
                own = part.clip(item.span.start, item.span.end)
                if own is not None:
                    item.told[label] = item.told.get(label, 0.0) + own.duration
            self._closed.append(item)
            self._border = max(self._border, item.span.end)
        for index in done:
            row = shared[index].tocoo()
            for other, together in zip(row.col.tolist(), row.data.tolist(), strict=True):
                if other < index and local[other].number >= 0:
                    self._pairs[local[other].number, local[index].number] = (float(same[index, other]), together)
        self._forget()

    def _forget(self) -> None:
        n_speakers = max(1, len(self._turns))
        if len(self._closed) <= _RECENT + _KEPT_PER_SPEAKER * n_speakers:
            return
        old, recent = self._closed[: -_RECENT // 2], self._closed[-_RECENT // 2 :]
        kept: list[_Stretch] = []
        for label in range(-1, n_speakers):
            own = [item for item in old if self._told_label(item) == label]
            kept += sorted(own, key=lambda item: -item.clear)[:_KEPT_PER_SPEAKER]
        self._closed = sorted([*kept, *recent], key=lambda item: item.number)
        left = {item.number for item in self._closed}
        self._pairs = {pair: value for pair, value in self._pairs.items() if left.issuperset(pair)}


def _count(active: Active, heard: Iterable[int], grid: WindowGrid) -> NDArray[np.int64]:
    """How many speak at once: int64 (total_frames,), the mean over the windows that were heard."""
    total, windows = np.zeros(grid.total_frames, np.float32), np.zeros(grid.total_frames, np.float32)
    for window in heard:
        first = grid.first_frame(window)
        here = slice(first, first + grid.n_frames)
        total[here] += active[window].sum(axis=1)[: len(total) - first]
        windows[here] += 1.0
    return np.rint(total / np.maximum(windows, 1e-12)).astype(np.int64)


def _cut_stretches(count: NDArray[np.int64], active: Active, grid: WindowGrid, origin: float) -> list[Span]:
    """Stretches of speech in seconds of the stream; their inner edges lie on a raster, so that they stay."""
    pieces: list[Span] = []
    for start, end in find_active_spans(count > 0, grid):
        inner = np.arange(np.ceil((start + origin) / _PIECE_S), np.floor((end + origin) / _PIECE_S) + 1) * _PIECE_S
        edges = [start, *(inner - origin).tolist(), end]
        edges = [
            edges[0],
            *(edge for edge in edges[1:-1] if edge - start > _LEAST_PIECE_S and end - edge > _LEAST_PIECE_S),
            edges[-1],
        ]
        pieces += [Span(low, high) for low, high in pairwise(edges) if high > low]
    if not pieces:
        return []
    changes = agreement.change_scores(active, grid, pieces)
    parts = stretch_cutting.cut(pieces, [False] * len(pieces), changes, _CUT)
    return [span.shift(origin) for span in stretch_cutting.spans_of(pieces, parts)]


def _ignore(_done: float) -> None:
    """Nobody waits for a part of a window."""
