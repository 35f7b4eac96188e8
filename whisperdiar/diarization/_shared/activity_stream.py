"""Binarisation of a stream: probabilities of speakers, chunk by chunk, become turns that settle.

    sound → network with its speaker cache → probabilities of a chunk → turns, settled behind what can still change them

The rules are those of a whole recording (`activity_turns.find_spans`), and so are the turns: what comes later changes a
turn no farther back than pads, shortest turns and filled pauses reach, and so far turns stay provisional.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.activity_turns import Frames, find_spans
from whisperdiar.diarization._shared.settled_turns import SettledTurns
from whisperdiar.options.speaker_activity import PostProcessing
from whisperdiar.types import Samples, Span, Turn

Probabilities = NDArray[np.float32]


class ChunkListener(Protocol):
    """A network that hears a stream.

    Attributes:
        n_speakers: columns of its probabilities.
    """

    n_speakers: int

    def feed(self, samples: Samples) -> Probabilities:
        """Hears more sound; float32 (n_frames, n_speakers), final, of frames behind those before; there may be none."""

    def finish(self) -> Probabilities:
        """Nothing more comes: the frames that are left."""


class ActivityStream:
    """A `whisperdiar.contracts.SpeakerStream` of a network that gives probabilities.

    Attributes:
        settled: seconds up to which turns are final.
    """

    def __init__(
        self,
        listener: ChunkListener,
        rules: PostProcessing,
        *,
        frames: Frames,
        most: int | None,
        rate: int,
    ) -> None:
        """Args:
        listener: gives the probabilities.
        rules: thresholds and durations.
        frames: what its columns are.
        most: speakers who get a label; the turns of others go to the likeliest of these.
        rate: samples per second.
        """
        self._listener, self._rules, self._frames, self._most, self._rate = listener, rules, frames, most, rate
        reach = rules.pad_onset + rules.pad_offset + rules.min_duration_on + rules.min_duration_off
        self._reach = reach + 2 * frames.duration
        self._quiet = min(rules.onset, rules.offset)
        self._values = np.zeros((0, listener.n_speakers), np.float32)
        self._first = 0  # number of the first frame that is still held
        self._n_samples = 0
        self._numbers: dict[int, int] = {}  # column → speaker
        self._turns = SettledTurns(fill=0.0)
        self._spans: list[tuple[int, Span]] = []  # column and span, by start; behind `settled`, or reaching there
        self.settled = 0.0

    def feed(self, samples: Samples, *, speech_until: float) -> bool:
        del speech_until  # the network looks for speech by itself
        self._n_samples += len(samples)
        found = self._listener.feed(samples)
        if len(found):
            self._take(found)
            self._settle((self._first + len(self._values)) * self._frames.duration - self._reach)
            self._forget()
        return bool(len(found))

    def settle(self) -> None:
        self._take(self._listener.finish())
        self._settle(self._n_samples / self._rate)
        self._spans = []

    def turns(self, start: float) -> tuple[Turn, ...]:
        numbers = dict(self._numbers)
        provisional = []
        for column, span in self._spans:
            late = span.clip(self.settled, math.inf)
            if late is None:
                continue
            if column not in numbers and not self._may_grow(len(numbers)):
                provisional.append((self._find_heir(column, late, numbers), late))
                continue
            provisional.append((numbers.setdefault(column, len(numbers)), late))
        return self._turns.turns(start, settled=self.settled, provisional=sorted(provisional, key=lambda item: item[1]))

    def _may_grow(self, n_speakers: int) -> bool:
        return self._most is None or n_speakers < self._most

    def _take(self, found: Probabilities) -> None:
        """More frames, and what is turned into spans of all that are held."""
        self._values = np.concatenate([self._values, found])
        begin, end = self._first * self._frames.duration, self._n_samples / self._rate
        spans = []
        for column in range(self._values.shape[1]):
            own = find_spans(
                self._values[:, column],
                self._rules,
                frame_duration=self._frames.duration,
                units_per_frame=self._frames.units,
                bridge_first=self._frames.bridge_first,
            )
            spans += [(column, part) for span in own if (part := span.shift(begin).clip(self.settled, end)) is not None]
        self._spans = sorted(spans, key=lambda item: (item[1].start, item[0]))

    def _settle(self, until: float) -> None:
        """What lies before `until` stays as it is."""
        until = max(until, self.settled)
        for column, span in self._spans:
            part = span.clip(self.settled, until)
            if part is None:
                continue
            if column not in self._numbers and self._may_grow(len(self._turns)):
                self._numbers[column] = self._turns.add_speaker()
            number = self._numbers.get(column)
            heir = self._find_heir(column, part, self._numbers) if number is None else number
            self._turns.add(heir, part, settled=self.settled)
        self.settled = until

    def _find_heir(self, column: int, span: Span, numbers: Mapping[int, int]) -> int:
        """Who of those with a label (column → speaker) is the likeliest in a span of somebody else."""
        first = max(0, round(span.start / self._frames.duration) - self._first)
        last = max(first + 1, round(span.end / self._frames.duration) - self._first)
        means = self._values[first:last].mean(axis=0, dtype=np.float64)
        return numbers[max(numbers, key=lambda own: float(means[own]) if own != column else -1.0)]

    def _forget(self) -> None:
        """Lets go of frames before a pause of everybody that no rule reaches over: what lies behind begins anew."""
        n_settled = math.floor(self.settled / self._frames.duration) - self._first
        length = math.ceil(self._reach / self._frames.duration) + 1
        if n_settled <= 2 * length:
            return
        loud = np.flatnonzero((self._values[:n_settled] >= self._quiet).any(axis=1))
        edges = np.concatenate([[-1], loud, [n_settled]])
        pauses = np.flatnonzero(np.diff(edges) - 1 >= 2 * length)
        if len(pauses):
            cut = int(edges[pauses[-1] + 1]) - length
            self._values, self._first = self._values[cut:], self._first + cut
