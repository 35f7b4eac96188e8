"""Sliding windows: their grid over a recording, and what they say together.

A network looks at one window at a time and names its speakers anew in each. Here is where windows and their frames
lie, and how what they say is added up on the frames of the recording:

    window 0   |----------|
    window 1      |----------|
    window 2         |----------|
    frames     ················    frame i stands for the time around i · frame_step + frame_duration / 2

Source of the rules: Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe",
Interspeech 2023. They are followed to the frame, so that results can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.activity import compact, labels_of_columns, pad_columns
from whisperdiar.types import ActivityValues, Audio, Samples, SpeakerActivity, Turn, speaker_label

Scores = NDArray[np.float32]
Counts = NDArray[np.int64]

_BLOCK_FRAMES = 100_000
NOBODY = -2
"""The cluster of a local speaker who says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowGrid:
    """Where windows and frames lie.

    Attributes:
        n_samples: of the recording.
        length, step: of windows, in samples.
        sample_rate: in Hz.
        n_frames: of one window.
        frame_step, frame_duration: of frames, in seconds; a frame is computed from so much sound.
    """

    n_samples: int
    length: int
    step: int
    sample_rate: int
    n_frames: int
    frame_step: float
    frame_duration: float

    @property
    def n_windows(self) -> int:
        """The last one reaches past the end of the recording where its length is no multiple of the step."""
        whole = max(0, (self.n_samples - self.length) // self.step + 1)
        rest = self.n_samples < self.length or (self.n_samples - self.length) % self.step > 0
        return whole + int(rest)

    @property
    def total_frames(self) -> int:
        """Of the recording, out to the end of its last window."""
        last = self.length / self.sample_rate + (self.n_windows - 1) * self.step / self.sample_rate
        return int(np.rint(last / self.frame_step)) + 1

    def first_frame(self, window: int) -> int:
        """Number in the recording of a window's first frame."""
        return int(np.rint(window * self.step / self.sample_rate / self.frame_step))

    def middle(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """The time that frames stand for, in seconds."""
        return np.asarray(frames * self.frame_step + self.frame_duration / 2)

    def batches(self, size: int) -> Iterator[range]:
        """Numbers of windows, `size` at once."""
        for first in range(0, self.n_windows, size):
            yield range(first, min(self.n_windows, first + size))


def read_mono(audio: Audio, first: int, last: int) -> Samples:
    """float32 (last - first,): the mean of the channels between two samples; zeros beyond the recording."""
    mono = audio.mono_part(first, last)
    before = min(max(0, -first), last - first)
    padded: Samples = np.zeros(last - first, dtype=np.float32)
    padded[before : before + len(mono)] = mono
    return np.nan_to_num(padded, copy=False, posinf=0.0, neginf=0.0)


def count_speakers(active: NDArray[np.bool_], grid: WindowGrid) -> Counts:
    """How many speak at once: int64 (total_frames,), the mean over windows, rounded to the nearest, halves to even.

    Args:
        active: bool (n_windows, n_frames, n_speakers).
    """
    total, windows = np.zeros(grid.total_frames, np.float32), np.zeros(grid.total_frames, np.float32)
    for window in range(len(active)):
        first = grid.first_frame(window)
        here = slice(first, first + grid.n_frames)
        spoken = active[window].sum(axis=1, dtype=np.float32)
        total[here] += spoken[: len(total) - first]
        windows[here] += 1.0
    return np.rint(total / np.maximum(windows, 1e-12)).astype(np.int64)


def activations(scores: NDArray[np.generic], clusters: Counts, grid: WindowGrid) -> Scores:
    """How much speaks for each cluster: float32 (total_frames, n_clusters), summed over the windows.

    Args:
        scores: (n_windows, n_frames, n_speakers), bool or the probabilities of local speakers.
        clusters: int64 (n_windows, n_speakers); `NOBODY` for a local speaker who says nothing.
    """
    found = np.zeros((grid.total_frames, int(clusters.max(initial=0)) + 1), np.float32)
    for window, own in enumerate(clusters):
        first = grid.first_frame(window)
        for cluster in np.unique(own[own != NOBODY]):
            best = scores[window][:, own == cluster].max(axis=1)
            column = found[first : first + grid.n_frames, cluster]
            column += best[: len(column)]
    return found


def count_windows(grid: WindowGrid) -> NDArray[np.float32]:
    """How many windows hear each frame: float32 (total_frames,)."""
    found = np.zeros(grid.total_frames + grid.n_frames + 1, np.float32)
    first = np.rint(np.arange(grid.n_windows) * grid.step / grid.sample_rate / grid.frame_step).astype(np.int64)
    np.add.at(found, first, 1.0)
    np.add.at(found, first + grid.n_frames, -1.0)
    counts: NDArray[np.float32] = np.cumsum(found, dtype=np.float32)[: grid.total_frames]
    return counts


def mean_activations(summed: Scores, grid: WindowGrid) -> ActivityValues:
    """The mean over the windows that hear a frame: (n_frames, n_clusters) in [0, 1], out to the end of the recording.

    Args:
        summed: as `activations` gives them.
    """
    rest = grid.n_samples / grid.sample_rate - grid.frame_duration / 2
    n_frames = min(len(summed), max(1, int(np.ceil(rest / grid.frame_step - 1e-6))))
    return compact(summed[:n_frames], divisors=np.maximum(count_windows(grid)[:n_frames], 1.0))


def speaker_activity(values: ActivityValues, turns: Sequence[Turn], grid: WindowGrid) -> SpeakerActivity:
    """Posteriors of the speakers 0, 1, … on the frames of the grid, labelled where they have turns.

    A frame stands for the time from its middle to that of the next, as in `find_active_spans`.
    """
    values = pad_columns(values, 1 + max((int(turn.speaker.rpartition("_")[2]) for turn in turns), default=0))
    labels = labels_of_columns(map(speaker_label, range(values.shape[1])), turns)
    return SpeakerActivity(values, labels, grid.frame_step, grid.frame_duration / 2)


def select_speaking(summed: Scores, count: Counts) -> NDArray[np.bool_]:
    """Who speaks: bool (total_frames, n_clusters), in each frame as many as `count` says, most active first.

    Where fewer clusters are active than the count says, others fill the places: so does the pipeline that this
    follows.
    """
    n_clusters = max(summed.shape[1], int(count.max(initial=0)))
    found = np.zeros((len(summed), n_clusters), dtype=bool)
    for first in range(0, len(summed), _BLOCK_FRAMES):
        block = summed[first : first + _BLOCK_FRAMES]
        block = np.pad(block, ((0, 0), (0, n_clusters - block.shape[1])))
        # Which of equals comes first is left to NumPy, as pyannote.audio leaves it: at a change of speakers as many
        # windows may speak for the one as for the other, and both answers are as good.
        order = np.argsort(-block, axis=1)
        chosen = np.arange(n_clusters) < count[first : first + _BLOCK_FRAMES, None]
        np.put_along_axis(found[first : first + _BLOCK_FRAMES], order, chosen, axis=1)
    return found


def find_active_spans(active: NDArray[np.bool_], grid: WindowGrid, *, fill: float = 0.0) -> list[tuple[float, float]]:
    """Where one speaker is active: start and end in seconds, by the middle of the first frame and of the first after.

    Args:
        active: bool (total_frames,).
        fill: pauses up to so many seconds do not count.
    """
    changes = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    # A speaker who talks to the end stops at the last frame.
    times = grid.middle(np.minimum(changes, len(active) - 1))
    found: list[tuple[float, float]] = []
    for start, end in zip(times[::2].tolist(), times[1::2].tolist(), strict=True):
        if end <= start:
            continue
        if found and fill > 0.0 and start - found[-1][1] <= fill:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
