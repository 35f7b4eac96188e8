"""Local speaker embeddings: one for each local speaker of each window, exactly as pyannote.audio computes it.

Windows overlap, and each is embedded for itself, but only once for all its speakers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import current_parts, remember_array
from whisperdiar.diarization._shared.onnx_embedding import (
    HOP_SAMPLES,
    WINDOW_SAMPLES,
    FrameEncoder,
    filterbank,
    n_fbank_frames,
    subtract_mean,
)
from whisperdiar.diarization._shared.windows import WindowGrid, read_mono
from whisperdiar.frameworks.onnxruntime import map_on_threads
from whisperdiar.types import Audio

Array = NDArray[np.float32]
Active = NDArray[np.bool_]
Windows = NDArray[np.int64]


def embed(
    audio: Audio,
    active: Active,
    encoder: FrameEncoder,
    grid: WindowGrid,
    *,
    exclude_overlap: bool,
    batch: int,
    report: Callable[[float], None],
) -> Array:
    """float32 (n_windows, n_speakers, dimension); zeros for those who say nothing.

    Windows in which nobody talks cost nothing.

    Args:
        active: bool (n_windows, n_frames, n_speakers).
        exclude_overlap: leave out frames in which others talk too, unless hardly any is left.
        batch: windows that the network takes at once.
        report: hears the fraction that is done.
    """
    found = np.zeros((active.shape[0], active.shape[2], encoder.dimension), np.float32)
    heard = np.array([window for window, own in enumerate(active) if own.any()], dtype=np.int64)

    parts = current_parts()

    def run(windows: Windows) -> tuple[Windows, list[tuple[Windows, Array]]]:
        told = hashlib.blake2b(np.packbits(active[windows]).tobytes(), digest_size=16).hexdigest()
        key = f"local {windows.tolist()} {told} {grid.length} {grid.step} {exclude_overlap} {encoder.name}"
        rows, answers, first = remember_array(parts, key, lambda: listen(windows)), [], 0
        for own in active[windows]:
            who = np.flatnonzero(own.any(axis=0))
            answers.append((who, rows[first : first + len(who)]))
            first += len(who)
        return windows, answers

    def listen(windows: Windows) -> Array:
        frames = encoder.frames(_filterbanks(audio, windows, grid, encoder.n_mels))
        found = []
        for number, window in enumerate(windows):
            masks, _who = select_own_frames(active[window], grid, exclude_overlap=exclude_overlap)
            found.append(encoder.embed(frames[number], resample_masks(masks, frames.shape[2])))
        return np.concatenate(found)

    done = 0
    batches = (heard[first : first + batch] for first in range(0, len(heard), batch))
    for windows, answers in map_on_threads(run, batches, threads=encoder.parallel):
        for window, (who, embeddings) in zip(windows, answers, strict=True):
            found[window, who] = embeddings
        done += len(windows)
        report(done / len(heard))
    return found


def _filterbanks(audio: Audio, windows: Windows, grid: WindowGrid, n_mels: int) -> Array:
    """float32 (n_windows, n_frames, n_mels), centred in each; frames that windows share are computed once."""
    n_frames, starts = n_fbank_frames(grid.length), windows * grid.step
    first, last = int(starts[0]), int(starts[-1])
    if grid.step % HOP_SAMPLES or last - first > 2 * len(windows) * grid.step:
        each = [filterbank(read_mono(audio, start, start + grid.length), n_mels) for start in starts.tolist()]
        return np.stack([subtract_mean(item) for item in each])
    whole = filterbank(read_mono(audio, first, last + grid.length), n_mels)
    return np.stack(
        [subtract_mean(whole[offset : offset + n_frames]) for offset in ((starts - first) // HOP_SAMPLES).tolist()]
    )


def resample_masks(masks: Array, n_frames: int) -> Array:
    """Masks at another number of frames, by the nearest earlier one, as PyTorch's ``interpolate(mode="nearest")``."""
    n_given = masks.shape[1]
    if n_given == n_frames:
        return masks
    scale = np.float32(n_given) / np.float32(n_frames)
    places = np.minimum(np.floor(np.arange(n_frames, dtype=np.float32) * scale).astype(np.int64), n_given - 1)
    found: Array = masks[:, places]
    return found


def select_own_frames(active: Active, grid: WindowGrid, *, exclude_overlap: bool) -> tuple[Array, Windows]:
    """The frames that tell a speaker's voice, float32 (n, n_frames), and which speakers those are, int64 (n,).

    Args:
        active: bool (n_frames, n_speakers), of one window.
        exclude_overlap: leave out frames in which others talk too, unless hardly any is left.
    """
    who = np.flatnonzero(active.any(axis=0))
    chosen = active[:, who].T
    if exclude_overlap:
        alone = chosen & (active.sum(axis=1) < 2)
        least = np.ceil(len(active) * WINDOW_SAMPLES / grid.length)
        chosen = np.where(alone.sum(axis=1, keepdims=True) > least, alone, chosen)
    return chosen.astype(np.float32), who
