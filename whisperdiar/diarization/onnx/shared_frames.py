"""Shared-frame embeddings: frames are computed once for all the windows in which they lie.

Windows overlap by nine tenths, and what a network makes of a frame hardly depends on the window in which it lies. So
the recording goes through the network once, block by block, and each window pools the frames that lie in it. Two things
differ from embedding every window for itself: the filterbank is centred over a block in place of a window, and frames
at the edge of a window hear what lies beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.onnx_embedding import (
    HOP_SAMPLES,
    WINDOW_SAMPLES,
    FrameEncoder,
    filterbank,
    n_fbank_frames,
    subtract_mean,
)
from whisperdiar.diarization._shared.windows import WindowGrid, read_mono
from whisperdiar.diarization.onnx.local_embeddings import select_own_frames
from whisperdiar.frameworks.onnxruntime import map_on_threads
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import Audio

Array = NDArray[np.float32]
Active = NDArray[np.bool_]

_BLOCK = 2000
_CONTEXT = 96
"""Frames of the filterbank in a block, and on either side of it: its edges must not be heard in it."""


def embed(
    audio: Audio,
    active: Active,
    encoder: FrameEncoder,
    grid: WindowGrid,
    *,
    exclude_overlap: bool,
    report: Callable[[float], None],
) -> Array:
    """float32 (n_windows, n_speakers, dimension); zeros for those who say nothing.

    Only a few blocks are held at a time.

    Args:
        active: bool (n_windows, n_frames, n_speakers).
        exclude_overlap: leave out frames in which others talk too, unless hardly any is left.
        encoder: one that `shares` its frames.
        report: hears the fraction that is done.
    """
    found = np.zeros((active.shape[0], active.shape[2], encoder.dimension), np.float32)
    blocks = _Blocks(audio, encoder)
    window, held, first = 0, np.zeros((encoder.n_features, 0), np.float32), 0
    for edge, frames in blocks.compute(_find_speech(active, grid)):
        held = np.concatenate([held, frames], axis=1)
        while window < len(active):
            begin = window * grid.step
            after = blocks.frame_at(begin + grid.length)
            if edge < min(after, blocks.end):
                break
            places = np.arange(blocks.frame_at(begin), min(after, blocks.end))
            masks, who = select_own_frames(active[window], grid, exclude_overlap=exclude_overlap)
            if len(who) and len(places):
                weights = masks[:, _mask_places(blocks.times(places) - begin, grid)]
                found[window, who] = encoder.embed(held[:, places - first], weights)
            window += 1
        gone = min(held.shape[1], max(0, blocks.frame_at(window * grid.step) - first))
        held, first = held[:, gone:], first + gone
        report(edge / blocks.end)
    return found


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The blocks of a recording; numbers of frames are those that the network puts out."""

    audio: Audio
    encoder: FrameEncoder

    @property
    def n_fbank(self) -> int:
        return max(1, n_fbank_frames(self.audio.samples.shape[1]))

    @property
    def end(self) -> int:
        """Number of the frame after the last."""
        return -(-self.n_fbank // self.encoder.stride)

    def frame_at(self, sample: int) -> int:
        """The first frame that begins at a sample or after it."""
        return -(-sample // (self.encoder.stride * HOP_SAMPLES))

    def times(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """The samples at which frames begin."""
        return frames * (self.encoder.stride * HOP_SAMPLES)

    def compute(self, spoken: NDArray[np.bool_]) -> Iterator[tuple[int, Array]]:
        """The number after the last frame of each block, and its frames: float32 (n_features, n).

        Args:
            spoken: bool, whether anybody talks in each second; blocks of silence are zeros that cost nothing.
        """
        count = max(1, round(self.n_fbank / _BLOCK))
        edges = np.round(np.linspace(0, self.end, count + 1)).astype(np.int64).tolist()
        parts = list(pairwise(edges))

        def run(part: tuple[int, int]) -> Array:
            low, high = (int(self.times(np.int64(edge))) // SAMPLE_RATE_HZ for edge in part)
            if not spoken[low : high + 1].any():
                return np.zeros((self.encoder.n_features, part[1] - part[0]), np.float32)
            return self._frames(*part)

        for part, frames in zip(parts, map_on_threads(run, parts, threads=self.encoder.parallel), strict=True):
            yield part[1], frames

    def _frames(self, first: int, last: int) -> Array:
        stride, context = self.encoder.stride, _CONTEXT // self.encoder.stride
        low, high = max(0, first - context), min(self.end, last + context)
        begin, end = low * stride, min(self.n_fbank, high * stride)
        sound = read_mono(self.audio, begin * HOP_SAMPLES, (end - 1) * HOP_SAMPLES + WINDOW_SAMPLES)
        fbank = subtract_mean(filterbank(sound, self.encoder.n_mels))
        frames: Array = self.encoder.frames(fbank[None])[0]
        return frames[:, first - low : last - low]


def _mask_places(samples: NDArray[np.int64], grid: WindowGrid) -> NDArray[np.int64]:
    """The frame of the segmentation in which a sample of a window lies."""
    places: NDArray[np.int64] = np.clip(samples * grid.n_frames // grid.length, 0, grid.n_frames - 1)
    return places


def _find_speech(active: Active, grid: WindowGrid) -> NDArray[np.bool_]:
    """Whether anybody talks in each second, out to the end of the last window: bool (n_seconds,)."""
    last = (len(active) - 1) * grid.step + grid.length
    found = np.zeros(last // SAMPLE_RATE_HZ + 2, dtype=bool)
    for window, own in enumerate(active):
        frames = np.flatnonzero(own.any(axis=1))
        found[(window * grid.step + frames * grid.length // grid.n_frames) // SAMPLE_RATE_HZ] = True
    return found
