"""Online diarization: a stream of sound becomes turns whose labels never change once they are settled.

The segmentation network hears the last seconds again and again; each of its local speakers is embedded from the frames
in which nobody else talks, and becomes one of the speakers known so far, or a new one:

    last window → local speakers → embeddings → nearest centroids (threshold with hysteresis) → turns

Hysteresis: who was taken for a speaker in the window before, which overlaps this one, is taken for another one only
where the voice is nearer to that one by a margin. A voice that is near to nobody waits: with enough clean speech it
becomes a new speaker, and after a while it goes to the nearest one.

Source: Coria et al., "Overlap-aware low-latency online speaker diarization based on end-to-end local segmentation",
ASRU 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from whisperdiar.diarization._shared.onnx_embedding import FrameEncoder
from whisperdiar.diarization.onnx import local_embeddings
from whisperdiar.diarization.onnx.segmentation import Segmentation
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import Audio, Samples, Span, Turn, speaker_label

_STEP_S = 0.5
"""New sound after which a window is heard."""
_LONGEST_STEP_S = 4.0
"""… at most, where the stream runs ahead of the work: windows must overlap for labels to go on."""
_SAME = 0.55
"""Cosine distance up to which a voice is that of a centroid."""
_KEPT = 0.25
"""How much farther it may be from the one whom it was taken for in the window before."""
_LEARNT = 0.8
"""Distance up to which a centroid moves towards a voice."""
_LOOSE = 0.7
"""Distance up to which a voice that has been waited for long enough goes to the nearest one."""
_LEAST_CLEAN_S = 0.3
"""Clean speech with less tells nothing of a voice."""
_MOST_WEIGHT_S = 60.0
"""Of a centroid: a voice may change slowly."""
_FILLED_S = 0.3
"""Pauses of one speaker that are filled."""
_UNKNOWN = -1

Active = NDArray[np.bool_]


@dataclass(slots=True)
class _Centroid:
    """A known voice: the mean of its embeddings, float64 (dimension,), weighted by the clean speech behind each."""

    total: NDArray[np.float64]
    weight: float

    @property
    def direction(self) -> NDArray[np.float64]:
        return self.total / max(float(np.linalg.norm(self.total)), 1e-9)

    def learn(self, voice: NDArray[np.float64], seconds: float) -> None:
        self.total += seconds * voice
        self.weight += seconds
        if self.weight > _MOST_WEIGHT_S:
            self.total *= _MOST_WEIGHT_S / self.weight
            self.weight = _MOST_WEIGHT_S


@dataclass(slots=True)
class _Window:
    """What was made of one window.

    Attributes:
        start: seconds of its first frame.
        active: bool (n_frames, n_local).
        who: speaker of each local one; `_UNKNOWN` for one who waits or says nothing.
    """

    start: float
    active: Active
    who: list[int]


@dataclass(slots=True)
class _Row:
    """The settled turns of one speaker, in order."""

    spans: list[Span] = field(default_factory=list)

    def add(self, span: Span) -> None:
        if self.spans and span.start - self.spans[-1].end <= _FILLED_S:
            self.spans[-1] = Span(self.spans[-1].start, max(span.end, self.spans[-1].end))
        else:
            self.spans.append(span)


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
        most: int | None,
        delay: float,
        patience: float,
        new_speaker: float,
    ) -> None:
        """Stores; parameters are those of `whisperdiar.contracts.StreamingDiarizer`."""
        self._segmentation, self._encoder, self._most = segmentation, encoder, most
        self._delay, self._patience, self._new_speaker = delay, patience, new_speaker
        self._length = round(segmentation.window * SAMPLE_RATE_HZ)
        self._sound = np.zeros(0, np.float32)
        self._end = 0  # samples that came
        self._heard = 0.0
        self._window: _Window | None = None
        self._voices: NDArray[np.float64] | None = None
        self._clean = np.zeros(0)
        self._frame_s = 1.0
        self._centroids: list[_Centroid] = []
        self._rows: list[_Row] = []
        self.settled = 0.0

    def feed(self, samples: Samples, *, speech_until: float) -> bool:
        before = self.settled
        changed = False
        for first in range(0, len(samples), round(_LONGEST_STEP_S * SAMPLE_RATE_HZ)):
            part = samples[first : first + round(_LONGEST_STEP_S * SAMPLE_RATE_HZ)]
            self._sound = np.concatenate([self._sound, part])[-self._length :]
            self._end += len(part)
            now = self._end / SAMPLE_RATE_HZ
            if now - self._heard < _STEP_S:
                continue
            if self.settled >= speech_until and self._heard >= speech_until:
                # Silence: nobody's voice is in it.
                self.settled = max(self.settled, now - self._delay)
                self._heard = now
                continue
            self._hear(now)
            changed = True
        return changed or self.settled != before

    def settle(self) -> None:
        now = self._end / SAMPLE_RATE_HZ
        if now > self._heard:
            self._hear(now)
        if self._window is not None:
            self._decide_waiting(self._window, now, at_once=True)
            self._freeze(self._window, now)
        self.settled = now

    def turns(self, start: float) -> tuple[Turn, ...]:
        rows = [_Row([*row.spans]) for row in self._rows]
        if self._window is not None:
            self._add(rows, self._window, self.settled, np.inf, guess=True)
        found = [
            Turn(span, speaker_label(number))
            for number, row in enumerate(rows)
            for span in row.spans
            if span.end > start
        ]
        return tuple(sorted(found, key=lambda turn: (turn.start, turn.end, turn.speaker)))

    def _hear(self, now: float) -> None:
        """Hears the window that ends now."""
        audio = Audio(self._sound[None], SAMPLE_RATE_HZ)
        grid = self._segmentation.grid(audio)
        _scores, found = self._segmentation.scores(audio, grid, report=_ignore)
        active = found[0]
        step, start = grid.frame_step, now - len(self._sound) / SAMPLE_RATE_HZ
        # Behind the sound there is nothing but padding.
        active = active & (np.arange(len(active)) * step < now - start)[:, None]
        window = _Window(start, active, [_UNKNOWN] * active.shape[1])
        alone = active & (active.sum(axis=1) == 1)[:, None]
        clean = alone.sum(axis=0) * step
        self._voices = None
        if active.any():
            voices = local_embeddings.embed(
                audio, active[None], self._encoder, grid, exclude_overlap=True, batch=1, report=_ignore
            )[0].astype(np.float64)
            voices /= np.maximum(np.linalg.norm(voices, axis=1, keepdims=True), 1e-9)
            self._assign(window, voices, clean, step)
            self._learn(window, voices, alone, step)
            self._voices = voices
        self._window, self._clean, self._frame_s = window, clean, step
        self._heard = now
        self._decide_waiting(window, now, at_once=False)
        self._freeze(window, self._settle_time(window, now))

    def _assign(self, window: _Window, voices: NDArray[np.float64], clean: NDArray[np.float64], step: float) -> None:
        """Gives local speakers to known ones, each to another, and makes new ones."""
        present = [k for k in range(len(voices)) if window.active[:, k].any()]
        distances = self._distances(voices)
        went_on = self._find_continuations(window, step)
        if self._centroids and present:
            cost = distances[present] - _KEPT * went_on[present]
            # A voice of which hardly anything is clean is known by whom it goes on from alone.
            blind = clean[present] < _LEAST_CLEAN_S
            cost[blind] = np.where(went_on[present][blind] >= 0.5, 0.0, 2.0)
            rows, columns = linear_sum_assignment(cost)
            for row, column in zip(rows, columns, strict=True):
                if cost[row, column] <= _SAME:
                    window.who[present[row]] = int(column)
        for k in sorted(present, key=lambda k: -clean[k]):
            if window.who[k] == _UNKNOWN and clean[k] >= self._new_speaker and self._may_grow():
                window.who[k] = self._add_speaker(voices[k])

    def _distances(self, voices: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self._centroids:
            return np.zeros((len(voices), 0))
        known = np.stack([item.direction for item in self._centroids])
        return np.asarray(1.0 - voices @ known.T)

    def _find_continuations(self, window: _Window, step: float) -> NDArray[np.float64]:
        """The share of each local speaker's frames, of those in the window before, in which a known one was heard."""
        found = np.zeros((window.active.shape[1], len(self._centroids)))
        before = self._window
        if before is None:
            return found
        shift = round((window.start - before.start) / step)
        n = min(len(before.active) - shift, len(window.active))
        if n <= 0:
            return found
        old, new = before.active[shift : shift + n], window.active[:n]
        for k in range(new.shape[1]):
            mine = new[:, k]
            if mine.sum() * step < _LEAST_CLEAN_S:
                continue
            for j, who in enumerate(before.who):
                if who != _UNKNOWN:
                    found[k, who] = max(found[k, who], float((mine & old[:, j]).sum() / mine.sum()))
        return found

    def _may_grow(self) -> bool:
        return self._most is None or len(self._centroids) < self._most

    def _add_speaker(self, voice: NDArray[np.float64]) -> int:
        self._centroids.append(_Centroid(np.zeros_like(voice), 0.0))
        self._rows.append(_Row())
        return len(self._centroids) - 1

    def _learn(self, window: _Window, voices: NDArray[np.float64], alone: Active, step: float) -> None:
        """Centroids move towards what is new of their voices."""
        new = np.arange(len(alone)) * step + window.start >= self._heard
        for k, who in enumerate(window.who):
            if who == _UNKNOWN:
                continue
            centroid = self._centroids[who]
            if centroid.weight == 0.0:
                centroid.learn(voices[k], float(alone[:, k].sum() * step))
                continue
            seconds = float((alone[:, k] & new).sum() * step)
            if seconds > 0 and 1.0 - float(voices[k] @ centroid.direction) <= _LEARNT:
                centroid.learn(voices[k], seconds)

    def _waiting(self, window: _Window) -> list[int]:
        """Local speakers who talk behind what is settled, and are nobody yet."""
        late = np.arange(len(window.active)) * self._frame_s + window.start >= self.settled
        return [k for k, who in enumerate(window.who) if who == _UNKNOWN and window.active[late, k].any()]

    def _decide_waiting(self, window: _Window, now: float, *, at_once: bool) -> None:
        """Decides of voices that have been listened to for long enough."""
        for k in self._waiting(window):
            since = self._first_open(window, k)
            if not at_once and now - since < self._patience:
                continue
            voices, clean = self._voices, float(self._clean[k])
            if voices is None:
                continue
            distances = self._distances(voices)[k]
            free = [g for g in range(len(self._centroids)) if g not in window.who]
            nearest = min(free, key=lambda g: distances[g]) if free else None
            if nearest is not None and (distances[nearest] <= _LOOSE or clean < _LEAST_CLEAN_S or not self._may_grow()):
                window.who[k] = nearest
            elif self._may_grow() and clean >= _LEAST_CLEAN_S:
                window.who[k] = self._add_speaker(voices[k])
                self._centroids[-1].learn(voices[k], clean)

    def _first_open(self, window: _Window, k: int) -> float:
        frames = np.flatnonzero(window.active[:, k]) * self._frame_s + window.start
        return float(frames[frames >= self.settled][0])

    def _settle_time(self, window: _Window, now: float) -> float:
        """Up to when everything is known well enough: not behind the beginning of a voice that waits."""
        until = now - self._delay
        for k in self._waiting(window):
            first = self._first_open(window, k)
            if now - first < self._patience:
                until = min(until, first)
        return max(self.settled, until)

    def _freeze(self, window: _Window, until: float) -> None:
        self._add(self._rows, window, self.settled, until)
        self.settled = max(self.settled, until)

    def _add(self, rows: list[_Row], window: _Window, start: float, end: float, *, guess: bool = False) -> None:
        """Adds what a window tells between two times to the rows."""
        times = np.arange(len(window.active) + 1) * self._frame_s + window.start
        nearest = self._guess(window) if guess else window.who
        for k, who in enumerate(nearest):
            if who == _UNKNOWN or who >= len(rows):
                continue
            edges = np.flatnonzero(np.diff(np.concatenate([[0], window.active[:, k].astype(np.int8), [0]])))
            for first, last in zip(edges[::2], edges[1::2], strict=True):
                part = Span(float(times[first]), float(times[last])).clip(start, end)
                if part is not None:
                    rows[who].add(part)

    def _guess(self, window: _Window) -> list[int]:
        """As `window.who`, and for who waits the nearest speaker known, or who may be the next one."""
        who = list(window.who)
        for k in self._waiting(window):
            if self._voices is not None and self._centroids:
                who[k] = int(self._distances(self._voices)[k].argmin())
        return who


def _ignore(_done: float) -> None:
    """Nobody waits for a part of a window."""
