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
from whisperdiar.options.speaker_activity import Streaming
from whisperdiar.text.messages import _
from whisperdiar.types import Audio

Heard = Callable[[float], None]
"""Called with the fraction that is done, 0 to 1."""
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
    sizes = CacheSizes(
        fifo=streaming.fifo_len, cache=streaming.spkcache_len, update_period=streaming.spkcache_update_period
    )
    cache = SpeakerCache(sizes, network.policy, n_speakers=network.n_speakers, width=network.width)
    for start in range(0, total, streaming.chunk_len * STACKED):
        end = min(start + streaming.chunk_len * STACKED, total)
        right = min(end + streaming.chunk_right_context * STACKED, total)
        answer, embeddings = network(cache.embeddings, cache.fifo, features.log_mel(audio, start, right))
        if not np.isfinite(answer).all():
            raise BackendError(
                _("nemotron gave no numbers for {recording_id}; use --device cpu, or precision=fp32").format(
                    recording_id=audio.recording_id
                )
            )
        first, n_embeddings = len(cache) * STACKED, -(-(end - start) // STACKED)
        found[start:end] = answer[first : first + end - start]
        said = answer[: first + n_embeddings * STACKED].reshape(-1, STACKED, network.n_speakers).mean(axis=1)
        cache.update(embeddings[:n_embeddings], said, network.silence)
        heard(end / total)
    return found
