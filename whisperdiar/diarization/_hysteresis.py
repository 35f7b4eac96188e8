"""Probabilities of speakers per frame → when each of them speaks.

The rules are those of NeMo's post-processing (`ts_vad_post_processing`), so that the thresholds that NVIDIA publishes
mean here what they mean there. Times are counted in whole microseconds: NeMo's are floats of 32 bits, which after ten
hours are 4 ms apart, and whose last digit decides about a pause that is exactly as long as its limit. And where the
padding of several turns reaches beyond the beginning, NeMo may lose speech (it sorts them in any order); here not.
Source: Gelly and Gauvain, "Minimum word error training of RNN-based voice activity detection", Interspeech 2015;
Medennikov et al., "Target-speaker voice activity detection", Interspeech 2020.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whisperdiar.options.sortformer import PostProcessing
from whisperdiar.types import Span

_US = 1_000_000
Times = NDArray[np.int64]


def spans(
    probabilities: NDArray[np.float32],
    rules: PostProcessing,
    *,
    frame_duration: float = 0.08,
    units_per_frame: int = 8,
    bridge_first: bool = False,
) -> tuple[Span, ...]:
    """Sorted spans, which do not touch, in which one speaker talks.

    Each frame counts as several units, as in NeMo, which looks at every unit anew. That matters twice: where `offset`
    is above `onset`, probabilities between the two switch back and forth from unit to unit, and padding decides what
    is left of it; and speech that lasts until the end of the recording ends one unit early.

    Args:
        probabilities: (n_frames,), of one speaker, in [0, 1].
        rules: thresholds and durations.
        frame_duration: of one frame, in seconds.
        units_per_frame: into how many units a frame is cut.
        bridge_first: pauses are filled before short turns are dropped, and speech that lasts until the end of the
            recording ends there: what is published for Nemotron 3 is meant so.
    """
    unit = round(frame_duration * _US / units_per_frame)
    speaking = _state(np.repeat(probabilities, units_per_frame), rules)
    edges = np.flatnonzero(np.diff(speaking, prepend=False, append=False))
    starts, ends = edges[::2] * unit, edges[1::2] * unit
    if speaking.size and speaking[-1] and not bridge_first:
        ends[-1] -= unit
    found = np.stack([np.maximum(starts - _us(rules.pad_onset), 0), ends + _us(rules.pad_offset)], axis=1)
    found = _joined(found, 0)
    # A pause shorter than the limit is filled; one that is as long stays.
    bridged = max(0, _us(rules.min_duration_off) - 1)
    found = _long(_joined(found, bridged), rules) if bridge_first else _joined(_long(found, rules), bridged)
    return tuple(Span(start / _US, end / _US) for start, end in found.tolist() if end > start)


def _long(spans_us: Times, rules: PostProcessing) -> Times:
    return spans_us[spans_us[:, 1] - spans_us[:, 0] >= _us(rules.min_duration_on)]


def _us(seconds: float) -> int:
    return round(seconds * _US)


def _state(values: NDArray[np.float32], rules: PostProcessing) -> NDArray[np.bool_]:
    """Whether the speaker talks in each unit: on above `onset`, off below `offset`, else as before.

    A value that is both above `onset` and below `offset` turns the state round. Without a loop: what a unit is, is
    what the last unit that set it without regard to the past made it, turned round as often as happened since.
    """
    above, below = values > rules.onset, values < rules.offset
    turns = np.cumsum(above & below)
    index = np.arange(1, len(values) + 1)
    last = np.maximum.accumulate(np.where(above != below, index, 0))  # 0: never; silence comes before the beginning
    base = np.concatenate([[False], above])[last]
    turned = turns - np.concatenate([[0], turns])[last]
    state: NDArray[np.bool_] = base ^ (turned % 2 == 1)
    return state


def _joined(spans_us: Times, gap_us: int) -> Times:
    """Neighbours up to `gap_us` apart as one; starts and ends both ascend."""
    if len(spans_us) == 0:
        return spans_us
    apart = spans_us[1:, 0] - spans_us[:-1, 1] > gap_us
    starts = spans_us[np.concatenate([[True], apart]), 0]
    ends = spans_us[np.concatenate([apart, [True]]), 1]
    return np.stack([starts, ends], axis=1)
