"""Overlapping windows: their speakers are matched where the windows overlap.

A model that hears a window gives its speakers numbers of its own. Two neighbouring windows hear the same sound where
they overlap, so that the same person has about the same probabilities there in both, under whatever number.

    window 1   0 ====       ==            A  B
               1      ====      ====      ·  ·   B of the first is 0 of the second: they agree in the overlap
    window 2                  0 ====   ===
                              1     ==        === a third speaker, silent in the overlap: takes a free number
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Probabilities = NDArray[np.float32]

TRAINED_SECONDS = 90.0
"""What NVIDIA trains on; shorter windows would hear less than the model knows how to use."""
LONGEST_SECONDS = 720.0
"""What NVIDIA's model card names as the longest recording for 48 GB."""
_BYTES_PER_PAIR = 300.0
"""Of two frames that attend to each other. A network of the size of v1 took 194 on a CPU (between 60 and 150 s); on a
GPU the v1 model was seen to take 1.02 GB for 2 minutes and 12.65 GB for 10, which is 216. The rest is for allocators
that are less lucky."""
_BASE_BYTES = 1e9
_USABLE = 0.8
_SPEAKING = 0.5
_HEARD_FRAMES = 6
"""Half a second: who speaks less in an overlap cannot be recognised by it."""


def window_seconds(free_bytes: int | None, *, frame_duration: float = 0.08) -> float:
    """How long a window the memory allows, 30 s to 12 minutes; attention needs memory by the square of it."""
    if free_bytes is None:
        return TRAINED_SECONDS
    frames = math.sqrt(max(0.0, _USABLE * free_bytes - _BASE_BYTES) / _BYTES_PER_PAIR)
    return min(LONGEST_SECONDS, max(TRAINED_SECONDS / 3, frames * frame_duration))


def plan(n_samples: int, *, window: int, overlap: int, unit: int) -> list[tuple[int, int]]:
    """First and last sample (exclusive) of each window; all start at whole units, the last one ends with the sound.

    Args:
        n_samples: of the recording.
        window, overlap: samples; the overlap is at most half of the window.
        unit: samples of one frame of the model's output.
    """
    frames = max(2, window // unit)
    step = (frames - min(max(1, overlap // unit), frames // 2)) * unit
    window, starts = frames * unit, [0]
    while starts[-1] + window < n_samples:
        last = -(-(n_samples - window) // unit) * unit
        starts.append(min(starts[-1] + step, last))
    return [(start, min(start + window, n_samples)) for start in starts]


@dataclass(frozen=True, slots=True)
class Match:
    """Which speaker of a new window has which number.

    Attributes:
        order: for each number the speaker (column) of the window.
        guessed: speakers that were silent in the overlap and could be somebody who was heard before.
    """

    order: tuple[int, ...]
    guessed: int


def match(known: Probabilities, new: Probabilities, later: Probabilities, last_heard: NDArray[np.int64]) -> Match:
    """Match the speakers of a new window to those of the recording so far.

    Whoever is heard in the overlap gets the number whose probabilities differ least from theirs, all of them together
    (optimal assignment). Whoever is heard only later takes a number that is silent in the overlap, in the order of
    first appearance: one that nobody had yet, else the one that was heard last.

    Args:
        known: (n_frames, n_speakers), the recording so far where the windows overlap.
        new: the same frames as the new window has them.
        later: (n_more_frames, n_speakers), the rest of the new window.
        last_heard: (n_speakers,), frame in which each number was last heard; -1 for never.
    """
    n_speakers = known.shape[1]
    # Never given away yet, in their order, then those heard last.
    rank = np.argsort(np.lexsort((np.arange(n_speakers), -last_heard, last_heard >= 0)))
    busy, here = _has_speech(known), _has_speech(new)
    cost = np.abs(new[:, :, None] - known[:, None, :]).mean(axis=0) + np.where(busy, 0.0, 1e-6 * rank)
    rows = np.flatnonzero(here)
    taken: dict[int, int] = {}
    if len(rows):
        for row, number in zip(*linear_sum_assignment(cost[rows]), strict=True):
            taken[int(number)] = int(rows[row])
    free = sorted(set(range(n_speakers)) - taken.keys(), key=lambda number: (busy[number], rank[number]))
    silent = [int(speaker) for speaker in np.flatnonzero(~here)]
    newcomers = _has_speech(later)
    first = np.where(newcomers, np.argmax(later > _SPEAKING, axis=0) if len(later) else 0, np.iinfo(np.int64).max)
    guessed = 0
    for speaker in sorted(silent, key=lambda speaker: (first[speaker], speaker)):
        guessed += bool(newcomers[speaker] and any(last_heard[number] >= 0 and not busy[number] for number in free))
        taken[free.pop(0)] = speaker
    return Match(tuple(taken[number] for number in range(n_speakers)), guessed)


def _has_speech(probabilities: Probabilities) -> NDArray[np.bool_]:
    heard: NDArray[np.bool_] = np.count_nonzero(probabilities > _SPEAKING, axis=0) >= _HEARD_FRAMES
    return heard


class WindowJoiner:
    """Takes windows one after another and keeps one matrix (n_frames, n_speakers) for the recording."""

    def __init__(self, n_frames: int, n_speakers: int) -> None:
        self.probabilities: Probabilities = np.zeros((n_frames, n_speakers), np.float32)
        self.guessed = 0
        self._filled = 0
        self._last_heard = np.full(n_speakers, -1, np.int64)

    def add(self, first_frame: int, window: Probabilities) -> None:
        """Add a window that starts at `first_frame`, inside or at the end of what is there."""
        shared = min(self._filled - first_frame, len(window))
        end = min(first_frame + len(window), len(self.probabilities))
        if shared > 0:
            known = self.probabilities[first_frame : first_frame + shared]
            found = match(known, window[:shared], window[shared:], self._last_heard)
            self.guessed += found.guessed
            window = window[:, list(found.order)]
            # Near its edges a window has heard one side only: each fades into the other.
            weight = np.linspace(0.0, 1.0, shared + 2, dtype=np.float32)[1:-1, None]
            window[:shared] = (1 - weight) * known + weight * window[:shared]
        self.probabilities[first_frame:end] = window[: end - first_frame]
        self._filled = max(self._filled, end)
        speaking = window > _SPEAKING
        last = first_frame + len(window) - 1 - np.argmax(speaking[::-1], axis=0)
        self._last_heard = np.where(_has_speech(window), last, self._last_heard)
