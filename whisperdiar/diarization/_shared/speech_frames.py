"""Speech frames: the frames inside speech regions, strung together, and the way back to times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.types import Audio, Span, Turn, merge_spans, speaker_label

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SpeechFrames:
    """The frames that lie in speech, region after region; a place counts along this string of frames.

    Attributes:
        regions: sorted, disjoint spans inside the audio.
        numbers: int64 (n_places,), the frame at each place. Regions closer than a frame share one.
        edges: int64 (n_regions + 1,), the place where each region begins, then n_places.
        hop: seconds from frame to frame.
    """

    regions: tuple[Span, ...]
    numbers: NDArray[np.int64]
    edges: NDArray[np.int64]
    hop: float

    @classmethod
    def of(cls, speech: Sequence[Span], audio: Audio, *, hop: float, n_frames: int) -> SpeechFrames:
        """Sorted union of `speech`, cut to the audio; each region gets at least one of the `n_frames`."""
        clipped = (span.clip(0.0, audio.duration) for span in speech)
        regions = merge_spans(span for span in clipped if span is not None)
        pieces = []
        for region in regions:
            first = min(math.floor(region.start / hop + 0.5), n_frames - 1)
            pieces.append((first, max(first + 1, min(math.floor(region.end / hop + 0.5), n_frames))))
        edges = np.cumsum([0, *(last - first for first, last in pieces)])
        numbers = np.empty(int(edges[-1]), dtype=np.int64)
        for (first, last), at in zip(pieces, edges.tolist(), strict=False):
            numbers[at : at + last - first] = np.arange(first, last)
        return cls(regions, numbers, edges.astype(np.int64), hop)

    def __len__(self) -> int:
        return len(self.numbers)

    def turns(self, labels: Labels) -> tuple[Turn, ...]:
        """One turn per run of equal `labels` (int64 (n_places,)) in a region; speakers numbered by appearance."""
        order: dict[int, str] = {}
        turns = []
        for region, first, last in zip(self.regions, self.edges[:-1], self.edges[1:], strict=True):
            starts = [int(first), *(first + 1 + np.flatnonzero(np.diff(labels[first:last])))]
            times = [region.start, *(float(self.numbers[place] * self.hop) for place in starts[1:]), region.end]
            for place, start, end in zip(starts, times[:-1], times[1:], strict=True):
                label = order.setdefault(int(labels[place]), speaker_label(len(order)))
                turns.append(Turn(Span(start, end), label))
        return tuple(turns)


def speakers_by_appearance(labels: Labels, count: int) -> tuple[str, ...]:
    """The speaker label of each number 0 … count - 1, as `SpeechFrames.turns` gives them; else empty."""
    found, first = np.unique(labels, return_index=True)
    names = [""] * count
    for rank, number in enumerate(found[np.argsort(first)].tolist()):
        names[number] = speaker_label(rank)
    return tuple(names)
