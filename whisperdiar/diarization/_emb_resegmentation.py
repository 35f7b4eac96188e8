"""Who speaks in each tenth of a second, given the voices: the boundaries of turns, finer than windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._frames import SpeechFrames
from whisperdiar.diarization._speaker_clustering import means_of, numbered
from whisperdiar.diarization._viterbi import certain, decode, longest_run
from whisperdiar.diarization._voices import Voices
from whisperdiar.types import Audio, Span

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]

HOP = 0.1
"""Seconds from frame to frame."""
_BLOCK = 10_000  # frames whose scores are held at once


def frames_of(speech: Sequence[Span], audio: Audio) -> SpeechFrames:
    """The frames of `speech`, its regions sorted, joined and cut to the audio."""
    return SpeechFrames.of(speech, audio, hop=HOP, n_frames=max(1, math.ceil(audio.duration / HOP)))


def share_out(
    frames: SpeechFrames, voices: Voices, labels: Labels, *, spread: float, penalty: float, at_least: int
) -> Labels:
    """The speaker of each frame, int64 (n_places,), from 0.

    The likeness of each window to each voice, interpolated between the middles of windows of the same region, is what
    a voice bids for a frame; Viterbi decoding keeps a speaker unless another bids more for long enough.

    Args:
        frames: of the regions in which the windows lie.
        voices: the windows.
        labels: int64 (n_heard,), the cluster of each window with sound, numbered from 0.
        spread: by how much two windows of one voice differ.
        penalty: seconds for which another voice must be nearer by one spread, before the speaker changes.
        at_least: speakers that are left; a voice that wins no frame keeps its longest run of windows where it must.
    """
    heard = voices.heard
    means = means_of(voices.embeddings[heard], labels)[0]
    centroids = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    likeness = (voices.embeddings @ centroids.T) / spread
    before, after, share = _neighbours(frames, voices)
    nearest = np.full(len(voices.centres), -1)
    nearest[heard] = labels
    of_frame = nearest[np.where(share < 0.5, before, after)]
    kept = np.full(len(frames), -1)
    costs = np.full(len(frames), penalty / HOP)
    while True:
        bids = certain(_bids(likeness, before, after, share), kept)
        path = decode(bids, costs, n_states=len(means))
        lost = np.setdiff1d(np.arange(len(means)), path)
        pinned = 0
        if len(means) - len(lost) < at_least:
            for voice in lost:
                first, last = longest_run((of_frame == voice) & (kept < 0))
                kept[first:last] = voice
                pinned += last - first
        if not pinned:
            return numbered(path)


def _neighbours(frames: SpeechFrames, voices: Voices) -> tuple[Labels, Labels, Scores]:
    """The window before and the one after the middle of each frame, of its own region, and how far it is past the
    first one, 0 to 1."""
    regions = np.repeat(np.arange(len(frames.regions)), np.diff(frames.edges))
    first = np.searchsorted(voices.regions, regions, side="left")
    last = np.searchsorted(voices.regions, regions, side="right") - 1
    times = (frames.numbers + 0.5) * frames.hop
    before = np.clip(np.searchsorted(voices.centres, times, side="right") - 1, first, last)
    after = np.minimum(before + 1, last)
    gap = voices.centres[after] - voices.centres[before]
    share = np.clip((times - voices.centres[before]) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
    return before, after, np.where(gap > 0, share, 0.0)


def _bids(likeness: NDArray[np.float32], before: Labels, after: Labels, share: Scores) -> Iterator[Scores]:
    """Blocks of float64 (n_frames, n_voices)."""
    for first in range(0, len(before), _BLOCK):
        block = slice(first, first + _BLOCK)
        part = share[block, None]
        yield likeness[before[block]] * (1.0 - part) + likeness[after[block]] * part
