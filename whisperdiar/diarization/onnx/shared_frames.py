"""Shared-frame embeddings: frames are computed once for all the windows in which they lie.

Windows overlap by nine tenths, and what a network makes of a frame hardly depends on the window in which it lies. So
the recording goes through the network once, block by block, and each window pools the frames that lie in it. Two things
differ from embedding every window for itself: the filterbank is centred over a block in place of a window, and frames
at the edge of a window hear what lies beyond it.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import current_parts, keep_array, recall_array
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

    Only a few blocks are held at a time. The embeddings of the windows that end in a block are kept as one part: frames
    would be a hundred times as much. So a run that goes on computes the block anew in which its first windows begin.

    Args:
        active: bool (n_windows, n_frames, n_speakers).
        exclude_overlap: leave out frames in which others talk too, unless hardly any is left.
        encoder: one that `shares` its frames.
        report: hears the fraction that is done.
    """
    found = np.zeros((active.shape[0], active.shape[2], encoder.dimension), np.float32)
    blocks, parts = _Blocks(audio, encoder, _find_speech(active, grid)), current_parts()
    todo: list[_Group] = []
    for group in blocks.group_windows(active, grid):
        rows = recall_array(parts, group.key(active, grid, exclude_overlap))
        if rows is None:
            todo.append(group)
        else:
            _place(rows, found, active, group.windows)
    held = _Held(blocks, sorted({number for group in todo for number in group.blocks}))
    for group in todo:
        frames, first = held.take(group.blocks)
        rows = _embed_windows(frames, first, active, group.windows, blocks, grid, exclude_overlap=exclude_overlap)
        keep_array(parts, group.key(active, grid, exclude_overlap), rows)
        _place(rows, found, active, group.windows)
        report((group.blocks[-1] + 1) / blocks.n)
    return found


def _place(rows: Array, found: Array, active: Active, windows: range) -> None:
    """The embeddings of those who talk in each window, float32 (n, dimension), in their places."""
    first = 0
    for window in windows:
        who = np.flatnonzero(active[window].any(axis=0))
        found[window, who] = rows[first : first + len(who)]
        first += len(who)


def _embed_windows(
    frames: Array,
    first: int,
    active: Active,
    windows: range,
    blocks: _Blocks,
    grid: WindowGrid,
    *,
    exclude_overlap: bool,
) -> Array:
    """Of those who talk in each of the windows, one after another: float32 (n, dimension).

    Args:
        frames: float32 (n_features, n_frames), in which all of the windows lie.
        first: number of the first of them.
    """
    rows = []
    for window in windows:
        begin = window * grid.step
        places = np.arange(blocks.frame_at(begin), min(blocks.frame_at(begin + grid.length), blocks.end))
        masks, who = select_own_frames(active[window], grid, exclude_overlap=exclude_overlap)
        if len(who) and len(places):
            weights = masks[:, _mask_places(blocks.times(places) - begin, grid)]
            rows.append(blocks.encoder.embed(frames[:, places - first], weights))
        else:
            rows.append(np.zeros((len(who), blocks.encoder.dimension), np.float32))
    return np.concatenate(rows)


@dataclass(frozen=True, slots=True)
class _Group:
    """The windows whose last frame lies in the same block.

    Attributes:
        windows: numbers.
        blocks: numbers of the blocks in which they lie.
        frames: that these blocks begin and end with, and whether anybody talks in each.
        encoder: name of the network.
    """

    windows: range
    blocks: range
    frames: tuple[tuple[int, int, bool], ...]
    encoder: str

    def key(self, active: Active, grid: WindowGrid, exclude_overlap: bool) -> str:
        own = active[self.windows.start : self.windows.stop]
        told = hashlib.blake2b(np.packbits(own).tobytes(), digest_size=16).hexdigest()
        place = f"{self.windows.start} {self.windows.stop} {self.frames} {grid.length} {grid.step} {grid.n_frames}"
        return f"shared {place} {told} {exclude_overlap} {self.encoder}"


class _Held:
    """Blocks that are computed, each once, and held as long as windows lie in them."""

    def __init__(self, blocks: _Blocks, wanted: Sequence[int]) -> None:
        self._held: dict[int, Array] = {}
        self._coming = zip(wanted, map_on_threads(blocks.compute, wanted, threads=blocks.encoder.parallel), strict=True)
        self._blocks = blocks

    def take(self, numbers: range) -> tuple[Array, int]:
        """The frames of blocks, float32 (n_features, n_frames), and the number of the first; `numbers` only rise."""
        self._held = {number: frames for number, frames in self._held.items() if number >= numbers.start}
        while numbers[-1] not in self._held:
            number, frames = next(self._coming)
            self._held[number] = frames
        return np.concatenate([self._held[number] for number in numbers], axis=1), self._blocks.edges[numbers.start]


class _Blocks:
    """The blocks of a recording; numbers of frames are those that the network puts out.

    Args:
        spoken: bool, whether anybody talks in each second; blocks of silence are zeros that cost nothing.

    Attributes:
        edges: number of the first frame of each block, and of the frame after the last.
    """

    def __init__(self, audio: Audio, encoder: FrameEncoder, spoken: NDArray[np.bool_]) -> None:
        self.audio, self.encoder, self._spoken = audio, encoder, spoken
        self.n_fbank = max(1, n_fbank_frames(audio.samples.shape[1]))
        self.end = -(-self.n_fbank // encoder.stride)
        """Number of the frame after the last."""
        self.n = max(1, round(self.n_fbank / _BLOCK))
        self.edges: list[int] = np.round(np.linspace(0, self.end, self.n + 1)).astype(np.int64).tolist()

    def frame_at(self, sample: int) -> int:
        """The first frame that begins at a sample or after it."""
        return -(-sample // (self.encoder.stride * HOP_SAMPLES))

    def times(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """The samples at which frames begin."""
        return frames * (self.encoder.stride * HOP_SAMPLES)

    def is_spoken(self, number: int) -> bool:
        """Whether anybody talks in a block."""
        low, high = (int(self.times(np.int64(edge))) // SAMPLE_RATE_HZ for edge in self.edges[number : number + 2])
        return bool(self._spoken[low : high + 1].any())

    def group_windows(self, active: Active, grid: WindowGrid) -> Iterator[_Group]:
        """The windows in which somebody talks, by the block in which they end."""
        first = 0
        for number in range(self.n):
            last = first
            while last < len(active):
                after = min(self.frame_at(last * grid.step + grid.length), self.end)
                if self.edges[number + 1] < after:
                    break
                last += 1
            if active[first:last].any():
                begin = bisect_right(self.edges, self.frame_at(first * grid.step)) - 1
                numbers = range(min(begin, number), number + 1)
                frames = tuple((self.edges[k], self.edges[k + 1], self.is_spoken(k)) for k in numbers)
                yield _Group(range(first, last), numbers, frames, self.encoder.name)
            first = last

    def compute(self, number: int) -> Array:
        """The frames of a block: float32 (n_features, n)."""
        first, last = self.edges[number : number + 2]
        if not self.is_spoken(number):
            return np.zeros((self.encoder.n_features, last - first), np.float32)
        return self._frames(first, last)

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
