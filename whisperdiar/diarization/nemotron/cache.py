"""Arrival-order speaker cache: what a streaming diarizer keeps of a recording, in bounded memory.

    [ speaker cache | FIFO | chunk | right context ]   what the network hears at once, in encoder frames of 0.08 s

A chunk that was heard goes into the FIFO as it is. Where that overflows, its oldest frames move on into the speaker
cache; where that overflows, it is compressed: of every speaker those frames stay in which nobody else talks and the
network was surest, in the order of the speakers, so that the network finds everybody at their place again.

Source: Medennikov et al., "Streaming Sortformer: speaker cache-based online speaker diarization with arrival-time
ordering", Interspeech 2025, arXiv:2507.18446; the scores and their order are those of the class
`Nemotron3DiarizationSpeakerCache` of Hugging Face Transformers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """Which frames are worth keeping; the defaults are those that NVIDIA publishes with the model.

    Attributes:
        silence_frames: places of each speaker that are filled with the learned embedding of silence.
        least_probability: probabilities (and their complements) below it count as this in the scores.
        latest_boost: what the score of frames gains that have just left the FIFO.
        strong_rate, weak_rate: share of each speaker's places whose best frames gain 2 and 1 times log 2.
        positive_rate: share of these places; whoever has as many frames with a positive score keeps no other ones.
    """

    silence_frames: int = 1
    least_probability: float = 0.25
    latest_boost: float = 0.05
    strong_rate: float = 0.75
    weak_rate: float = 1.5
    positive_rate: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSizes:
    """Frames: of the FIFO, of the speaker cache, and how many move from the one to the other at least."""

    fifo: int
    cache: int
    update_period: int


class SpeakerCache:
    """What is remembered after each chunk.

    Attributes:
        embeddings: float32 (n_cached, width), of the speaker cache.
        fifo: float32 (n_queued, width), the latest frames.
    """

    def __init__(self, sizes: CacheSizes, policy: CachePolicy, *, n_speakers: int, width: int) -> None:
        self._sizes, self._policy = sizes, policy
        self.embeddings: Matrix = np.zeros((0, width), np.float32)
        self.fifo: Matrix = np.zeros((0, width), np.float32)
        self.probabilities: Matrix = np.zeros((0, n_speakers), np.float32)
        self._compressed = False

    def __len__(self) -> int:
        """Frames that stand before the next chunk."""
        return len(self.embeddings) + len(self.fifo)

    def update(self, chunk: Matrix, probabilities: Matrix, silence: Matrix) -> None:
        """Take up a chunk that was heard, without its right context.

        Args:
            chunk: float32 (n_frames, width), embeddings that went into the network.
            probabilities: float32 (len(self) + n_frames, n_speakers), what the network said of all that is remembered
                and of the chunk; the mean of each encoder frame.
            silence: float32 (width,), the learned embedding of silence.
        """
        n_cached = len(self.embeddings)
        queue = np.concatenate([self.fifo, chunk])
        n_popped = self._count_popped(len(queue))
        if n_popped:
            # Frames that were never compressed are a piece of the recording, of which the network knows more by now.
            known = self.probabilities if self._compressed else probabilities[:n_cached]
            embeddings = np.concatenate([self.embeddings, queue[:n_popped]])
            known = np.concatenate([known, probabilities[n_cached : n_cached + n_popped]])
            if len(embeddings) > self._sizes.cache:
                embeddings, known = self._compress(embeddings, known, silence)
                self._compressed = True
            self.embeddings, self.probabilities = embeddings, known
        self.fifo = queue[n_popped:].copy()  # a view would keep all that was ever queued

    def _count_popped(self, n_queued: int) -> int:
        """How many frames leave the FIFO: none until it overflows, then a whole period, or what is too much."""
        if n_queued <= self._sizes.fifo:
            return 0
        return min(max(self._sizes.update_period, n_queued - self._sizes.fifo), n_queued)

    def _compress(self, embeddings: Matrix, probabilities: Matrix, silence: Matrix) -> tuple[Matrix, Matrix]:
        """As many frames as the cache holds, grouped by speaker, each group in the order of time."""
        n_frames, n_speakers = probabilities.shape
        policy, size = self._policy, self._sizes.cache
        places = size // n_speakers - policy.silence_frames
        scores = frame_scores(
            probabilities, policy.least_probability, n_positive=math.floor(places * policy.positive_rate)
        )
        scores[size:] += np.float32(policy.latest_boost)
        for rate, factor in ((policy.strong_rate, 2.0), (policy.weak_rate, 1.0)):
            _boost(scores, math.floor(places * rate), np.float32(factor * math.log(2.0)))
        # Silence follows the frames of every speaker and is always chosen.
        padded = np.concatenate([scores, np.full((policy.silence_frames, n_speakers), np.inf, np.float32)])
        by_speaker = padded.T.reshape(-1)
        chosen = np.argsort(-by_speaker, kind="stable")[:size]
        chosen = np.sort(chosen[by_speaker[chosen] > -np.inf])
        frames = np.minimum(chosen % len(padded), n_frames)
        # Places for which there is no frame hold silence, behind everybody.
        frames = np.concatenate([frames, np.full(size - len(frames), n_frames)])
        embeddings = np.concatenate([embeddings, silence[None]])
        probabilities = np.concatenate([probabilities, np.zeros((1, n_speakers), np.float32)])
        return embeddings[frames], probabilities[frames]


def frame_scores(probabilities: Matrix, least: float, *, n_positive: int) -> Matrix:
    """How well each frame stands for each speaker: float32 (n_frames, n_speakers), -inf where the speaker is silent.

    The logarithm of the odds, plus that of nobody else talking, plus log 2. Whoever has at least `n_positive` frames
    above 0 has -inf in all others, in which somebody else talks as well.
    """
    least_32 = np.float32(least)
    talks = np.log(np.maximum(probabilities, least_32))
    silent = np.log(np.maximum(np.float32(1.0) - probabilities, least_32))
    scores = talks - silent + silent.sum(axis=1, keepdims=True) + np.float32(math.log(2.0))
    speech = probabilities > 0.5
    scores[~speech] = -np.inf
    positive = scores > 0
    enough = np.count_nonzero(positive, axis=0) >= n_positive
    scores[~positive & speech & enough] = -np.inf
    found: Matrix = scores.astype(np.float32, copy=False)
    return found


def _boost(scores: Matrix, n_best: int, gain: np.float32) -> None:
    """Add `gain` to the best frames of each speaker, in place."""
    best = np.argsort(-scores, axis=0, kind="stable")[:n_best]
    np.put_along_axis(scores, best, np.take_along_axis(scores, best, axis=0) + gain, axis=0)
