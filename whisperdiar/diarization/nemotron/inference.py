"""Runs Nemotron 3 Diarization over a recording of any length: one loop for all modes.

    [ speaker cache | FIFO | chunk | right context ] → network → the chunk's frames; the chunk goes into the FIFO

Hearing a recording at once is the same loop with one chunk that holds all of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization.nemotron import features
from whisperdiar.diarization.nemotron.cache import CacheSizes, SpeakerCache
from whisperdiar.diarization.nemotron.networks import STACKED, Network
from whisperdiar.errors import BackendError
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.options.speaker_activity import Streaming
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples

Heard = Callable[[float], None]
"""Called with the fraction that is done, 0 to 1."""
_MARGIN_FRAMES = 4
"""Of sound before a frame that is kept: what its transform reaches back."""
_FULL_PRECISION_FRAMES = 360_000
"""One hour; longer recordings are kept in 16 bits: rounding by less than 0.0003 is nothing beside the network's doubt,
and ten hours of eight speakers are 58 MB."""


def encoder_frames(n_samples: int) -> int:
    """Frames of 0.08 s; the last one may stand for less."""
    return -(-features.frame_count(n_samples) // STACKED)


def probabilities(
    network: Network, audio: Audio, streaming: Streaming, *, heard: Heard
) -> NDArray[np.float32] | NDArray[np.float16]:
    """How probably each speaker talks in each frame of 0.01 s: (n_frames, n_speakers) in [0, 1].

    float32 up to one hour, else float16.

    Args:
        network: its columns are the speakers, in the order of first arrival.
        audio: at 16 kHz.
        streaming: sizes in frames of 0.08 s; `chunk_left_context` is not used.
        heard: hears of the progress.

    Raises:
        BackendError: the network gave what is no number.
    """
    total = features.frame_count(audio.samples.shape[1])
    dtype = np.float32 if total <= _FULL_PRECISION_FRAMES else np.float16
    found = np.empty((total, network.n_speakers), dtype)
    chunks = Chunks(network, streaming)
    while chunks.done < total:
        start = chunks.done
        answer = chunks.hear(audio, total)
        found[start : chunks.done] = answer
        heard(chunks.done / total)
    return found


class Chunks:
    """The loop over chunks, with what the network remembers of those before.

    Attributes:
        done: frames of 0.01 s that are decided.
    """

    def __init__(self, network: Network, streaming: Streaming) -> None:
        """Args:
        network: its columns are the speakers.
        streaming: sizes in frames of 0.08 s.
        """
        self._network, self._streaming = network, streaming
        sizes = CacheSizes(
            fifo=streaming.fifo_len, cache=streaming.spkcache_len, update_period=streaming.spkcache_update_period
        )
        self._cache = SpeakerCache(sizes, network.policy, n_speakers=network.n_speakers, width=network.width)
        self.done = 0

    @property
    def needed(self) -> int:
        """Frames that must be there for a whole chunk with its right context."""
        return self.done + (self._streaming.chunk_len + self._streaming.chunk_right_context) * STACKED

    def hear(self, audio: Audio, total: int, *, first: int = 0) -> NDArray[np.float32]:
        """The probabilities of the next chunk, float32 (n_frames, n_speakers).

        Args:
            audio: the sound from frame `first` on, or a little before what is needed of it.
            total: frames that there are; with fewer than `needed` the chunk is the last but few.

        Raises:
            BackendError: the network gave what is no number.
        """
        network, cache, start = self._network, self._cache, self.done
        end = min(start + self._streaming.chunk_len * STACKED, total)
        right = min(end + self._streaming.chunk_right_context * STACKED, total)
        sound = features.log_mel(audio, start - first, right - first)
        answer, embeddings = network(cache.embeddings, cache.fifo, sound)
        if not np.isfinite(answer).all():
            raise BackendError(
                _("nemotron gave no numbers for {recording_id}; use --device cpu, or precision=fp32").format(
                    recording_id=audio.recording_id
                )
            )
        offset, n_embeddings = len(cache) * STACKED, -(-(end - start) // STACKED)
        found: NDArray[np.float32] = answer[offset : offset + end - start]
        said = answer[: offset + n_embeddings * STACKED].reshape(-1, STACKED, network.n_speakers).mean(axis=1)
        cache.update(embeddings[:n_embeddings], said, network.silence)
        self.done = end
        return found


class StreamListener:
    """A `whisperdiar.diarization._shared.activity_stream.ChunkListener`: a stream, the same chunks as of a recording.

    Attributes:
        n_speakers: columns of the probabilities.
    """

    def __init__(self, network: Network, streaming: Streaming) -> None:
        self.n_speakers = network.n_speakers
        self._chunks = Chunks(network, streaming)
        self._sound = np.zeros(0, np.float32)
        self._first = 0  # frame with which the sound that is held begins

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        self._sound = np.concatenate([self._sound, samples])
        total = self._first + features.complete_frames(len(self._sound))
        found = [np.zeros((0, self.n_speakers), np.float32)]
        while self._chunks.needed <= total:
            found.append(self._hear(total))
        dropped = max(0, self._chunks.done - _MARGIN_FRAMES - self._first)
        self._sound, self._first = self._sound[dropped * features.HOP_SAMPLES :], self._first + dropped
        return np.concatenate(found)

    def finish(self) -> NDArray[np.float32]:
        total = self._first + features.frame_count(len(self._sound))
        found = [np.zeros((0, self.n_speakers), np.float32)]
        while self._chunks.done < total:
            found.append(self._hear(total))
        return np.concatenate(found)

    def _hear(self, total: int) -> NDArray[np.float32]:
        audio = Audio(self._sound[None], SAMPLE_RATE_HZ, "live")
        return self._chunks.hear(audio, total, first=self._first)
