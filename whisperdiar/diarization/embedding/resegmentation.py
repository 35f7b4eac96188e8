"""Resegmentation: who speaks in each tenth of a second, given the speakers; turns finer than windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.activity import empty_values
from whisperdiar.diarization._shared.speech_frames import SpeechFrames
from whisperdiar.diarization._shared.viterbi import decode, longest_run, pin_states
from whisperdiar.diarization.embedding.clustering import means_of
from whisperdiar.diarization.embedding.windows import WindowEmbeddings
from whisperdiar.types import ActivityValues, Audio, Span

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]

HOP = 0.1
"""Seconds from frame to frame."""
_BLOCK = 10_000  # frames whose scores are held at once


def count_frames(audio: Audio) -> int:
    """Frames of a recording."""
    return max(1, math.ceil(audio.duration / HOP))


def frames_of(speech: Sequence[Span], audio: Audio) -> SpeechFrames:
    """The frames of `speech`, its regions sorted, joined and cut to the audio."""
    return SpeechFrames.of(speech, audio, hop=HOP, n_frames=count_frames(audio))


@dataclass(frozen=True, slots=True, eq=False)
class VoiceSimilarity:
    """Cosine similarity of speech and voices: of windows, and between the middles of windows of a region interpolated.

    Attributes:
        frames: of the regions in which the windows lie.
        windows: float32 (n_windows, n_voices), 0 for windows without sound.
        clusters: int64 (n_windows,), the voice of each window, -1 without sound.
        before, after: int64 (n_places,), the windows on either side of the middle of each frame, of its own region.
        share: float64 (n_places,), how far that is past the first one, 0 to 1.
    """

    frames: SpeechFrames
    windows: NDArray[np.float32]
    clusters: Labels
    before: Labels
    after: Labels
    share: Scores

    @classmethod
    def of(cls, frames: SpeechFrames, voices: WindowEmbeddings, labels: Labels) -> VoiceSimilarity:
        """From the cluster of each window with sound, int64 (n_heard,), numbered from 0."""
        heard = voices.heard
        means = means_of(voices.embeddings[heard], labels)[0]
        centroids = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        clusters = np.full(len(voices.centres), -1)
        clusters[heard] = labels
        return cls(frames, voices.embeddings @ centroids.T, clusters, *_neighbours(frames, voices))

    @property
    def n_voices(self) -> int:
        return int(self.windows.shape[1])

    def blocks(self) -> Iterator[Scores]:
        """Blocks of float64 (n_frames, n_voices), place after place."""
        for first in range(0, len(self.before), _BLOCK):
            block = slice(first, first + _BLOCK)
            part = self.share[block, None]
            yield self.windows[self.before[block]] * (1.0 - part) + self.windows[self.after[block]] * part

    def of_recording(self, n_frames: int) -> ActivityValues:
        """Of every frame of a recording: (n_frames, n_voices), 0 where no speech is."""
        values, first = empty_values(n_frames, self.n_voices), 0
        for block in self.blocks():
            values[self.frames.numbers[first : first + len(block)]] = block
            first += len(block)
        return values


def assign_frames(likeness: VoiceSimilarity, *, spread: float, penalty: float, at_least: int) -> Labels:
    """The voice of each frame, int64 (n_places,): the number of a column.

    Likeness is what a voice bids for a frame; Viterbi decoding keeps a speaker unless another bids more for long
    enough.

    Args:
        spread: by how much two windows of one voice differ.
        penalty: seconds for which another voice must be nearer by one spread, before the speaker changes.
        at_least: speakers that are left; a voice that wins no frame keeps its longest run of windows where it must.
    """
    n_places, n_voices = len(likeness.before), likeness.n_voices
    of_frame = likeness.clusters[np.where(likeness.share < 0.5, likeness.before, likeness.after)]
    kept = np.full(n_places, -1)
    costs = np.full(n_places, penalty / HOP)
    while True:
        bids = pin_states((block / spread for block in likeness.blocks()), kept)
        path = decode(bids, costs, n_states=n_voices)
        lost = np.setdiff1d(np.arange(n_voices), path)
        pinned = 0
        if n_voices - len(lost) < at_least:
            for voice in lost:
                first, last = longest_run((of_frame == voice) & (kept < 0))
                kept[first:last] = voice
                pinned += last - first
        if not pinned:
            return path


def _neighbours(frames: SpeechFrames, voices: WindowEmbeddings) -> tuple[Labels, Labels, Scores]:
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
