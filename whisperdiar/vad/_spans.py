"""Hysteresis: frame scores → spans of speech, for all detectors of this package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whisperdiar.types import Span, merge_spans


def spans_from_scores(
    scores: NDArray[np.float32],
    *,
    step: float,
    onset: float,
    offset: float,
    min_speech: float,
    min_silence: float,
    padding: float,
    duration: float,
) -> tuple[Span, ...]:
    """Sorted spans of speech that do not touch.

    Speech starts at a score of at least `onset` and goes on while scores stay at `offset` or above; pauses shorter
    than `min_silence` are filled, then speech shorter than `min_speech` is dropped, then both ends move out by
    `padding`.

    Args:
        scores: float32 (n_frames,); frame i covers [i * step, (i + 1) * step).
        step, min_speech, min_silence, padding, duration: seconds.
    """
    strong, weak = scores >= onset, scores >= offset
    edges = np.flatnonzero(np.diff(np.concatenate([[False], weak, [False]]).astype(np.int8)))
    runs = edges.reshape(-1, 2)
    # A weak run counts from its first strong frame on: what comes before is the breath, not the word.
    strong_frames = np.flatnonzero(strong)
    first = np.searchsorted(strong_frames, runs[:, 0])
    heard = [
        Span(float(strong_frames[i] * step), min(float(end * step), duration))
        for i, (_, end) in zip(first.tolist(), runs.tolist(), strict=True)
        if i < len(strong_frames) and strong_frames[i] < end and strong_frames[i] * step < duration
    ]
    spoken = [span for span in merge_spans(heard, gap=min_silence) if span.duration >= min_speech]
    padded = (Span(max(0.0, span.start - padding), min(duration, span.end + padding)) for span in spoken)
    return merge_spans(padded)
