"""Binarisation: speaker probabilities per frame → turns, as many speakers as asked for, and warnings.

Probabilities of speakers per frame → when each of them speaks.

The rules are those of NeMo's post-processing (`ts_vad_post_processing`), so that the thresholds that NVIDIA publishes
mean here what they mean there. Times are counted in whole microseconds: NeMo's are floats of 32 bits, which after ten
hours are 4 ms apart, and whose last digit decides about a pause that is exactly as long as its limit. And where the
padding of several turns reaches beyond the beginning, NeMo may lose speech (it sorts them in any order); here not.
Source: Gelly and Gauvain, "Minimum word error training of RNN-based voice activity detection", Interspeech 2015;
Medennikov et al., "Target-speaker voice activity detection", Interspeech 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whisperdiar.errors import UnsupportedRequest
from whisperdiar.options.speaker_activity import PostProcessing
from whisperdiar.text.messages import _
from whisperdiar.types import (
    ActivityValues,
    Diarization,
    Span,
    SpeakerActivity,
    SpeakerCount,
    Turn,
    merge_spans,
    total_duration,
)

_US = 1_000_000
Times = NDArray[np.int64]


def find_spans(
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
    speaking = _apply_hysteresis(np.repeat(probabilities, units_per_frame), rules)
    edges = np.flatnonzero(np.diff(speaking, prepend=False, append=False))
    starts, ends = edges[::2] * unit, edges[1::2] * unit
    if speaking.size and speaking[-1] and not bridge_first:
        ends[-1] -= unit
    found = np.stack(
        [np.maximum(starts - _to_microseconds(rules.pad_onset), 0), ends + _to_microseconds(rules.pad_offset)], axis=1
    )
    found = _merge_close(found, 0)
    # A pause shorter than the limit is filled; one that is as long stays.
    bridged = max(0, _to_microseconds(rules.min_duration_off) - 1)
    found = (
        _keep_long(_merge_close(found, bridged), rules)
        if bridge_first
        else _merge_close(_keep_long(found, rules), bridged)
    )
    return tuple(Span(start / _US, end / _US) for start, end in found.tolist() if end > start)


def _keep_long(spans_us: Times, rules: PostProcessing) -> Times:
    return spans_us[spans_us[:, 1] - spans_us[:, 0] >= _to_microseconds(rules.min_duration_on)]


def _to_microseconds(seconds: float) -> int:
    return round(seconds * _US)


def _apply_hysteresis(values: NDArray[np.float32], rules: PostProcessing) -> NDArray[np.bool_]:
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


def _merge_close(spans_us: Times, gap_us: int) -> Times:
    """Neighbours up to `gap_us` apart as one; starts and ends both ascend."""
    if len(spans_us) == 0:
        return spans_us
    apart = spans_us[1:, 0] - spans_us[:-1, 1] > gap_us
    starts = spans_us[np.concatenate([[True], apart]), 0]
    ends = spans_us[np.concatenate([apart, [True]]), 1]
    return np.stack([starts, ends], axis=1)


_SHARE = 0.05
"""Of all that is said: from which on a speaker counts where one asks whether the model has no speaker left."""
_LEAST_PEAK = 0.1
"""The highest probability of somebody who is never above the threshold, and is taken all the same because the number
of speakers was told; below it there is nothing but the network's noise."""
_PEAK_S = 0.3
"""How long somebody must be that probable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What the columns of a network are, and how they become turns.

    Attributes:
        name: of the diarizer, for messages.
        duration: seconds of one frame.
        units: into how many units a frame is cut, see `find_spans`.
        bridge_first: see `find_spans`.
        reaches: whether a number of speakers that was told lowers the threshold of those who never cross it.
    """

    name: str
    duration: float
    units: int = 1
    bridge_first: bool = False
    reaches: bool = False


def refuse_too_many(speakers: SpeakerCount, most: int, *, name: str) -> None:
    """Raises UnsupportedRequest where at least so many speakers are asked for as the model cannot tell apart."""
    if speakers.minimum is not None and speakers.minimum > most:
        raise UnsupportedRequest(
            _("{speakers} speakers: {name} tells at most {most} apart; use another diarizer, such as pyannote").format(
                speakers=speakers, name=name, most=most
            )
        )


def to_turns(
    recording_id: str,
    probabilities: ActivityValues,
    rules: PostProcessing,
    speakers: SpeakerCount,
    *,
    frames: Frames,
    duration: float,
) -> Diarization:
    """Turns inside the recording, with the mean probability as confidence, and the probabilities as `activity`.

    Where fewer speakers are asked for than were heard, those stay who speak most. Each turn of another one goes to
    whoever of them has the highest mean probability in it: what is said there is said by one of those present. Where
    more are asked for, those come in (if `frames.reaches`) who are likeliest among those never above the threshold.

    Args:
        recording_id: of the result.
        probabilities: float32 or float16 (n_frames, n_speakers), which stay as they are.
        rules: thresholds and durations.
        speakers: how many there are.
        frames: what the columns are.
        duration: seconds of the recording.
    """
    n_columns = probabilities.shape[1]
    columns = {column: _cut(probabilities, column, rules, frames, duration) for column in range(n_columns)}
    heard = {column: found for column, found in columns.items() if found}
    weak: dict[int, tuple[Span, ...]] = {}
    if heard and frames.reaches and speakers.minimum is not None:
        weak = _find_weak_speakers(probabilities, heard, rules, speakers.minimum, frames, duration)
    warnings = _warnings(heard, weak, n_columns, speakers, frames.name)
    heard |= weak
    activity = SpeakerActivity(probabilities, tuple(map(str, range(n_columns))), frames.duration)
    if speakers.maximum is not None and len(heard) > speakers.maximum:
        heard, activity = _merge_speakers(heard, activity, speakers.maximum)
    turns = tuple(
        Turn(span, str(column), confidence=round(float(activity.within(span)[:, column].mean()), 3))
        for column, found in heard.items()
        for span in found
    )
    silent = {str(column): "" for column in range(n_columns) if column not in heard}
    return Diarization(recording_id, turns, warnings, activity=activity.rename(silent)).relabel()


def _cut(
    probabilities: ActivityValues, column: int, rules: PostProcessing, frames: Frames, duration: float
) -> tuple[Span, ...]:
    found = find_spans(
        np.asarray(probabilities[:, column], dtype=np.float32),
        rules,
        frame_duration=frames.duration,
        units_per_frame=frames.units,
        bridge_first=frames.bridge_first,
    )
    return tuple(part for span in found if (part := span.clip(0.0, duration)) is not None)


def _find_weak_speakers(
    probabilities: ActivityValues,
    heard: dict[int, tuple[Span, ...]],
    rules: PostProcessing,
    wanted: int,
    frames: Frames,
    duration: float,
) -> dict[int, tuple[Span, ...]]:
    """The likeliest of those who are never above the threshold, until there are as many speakers as wanted."""
    length = max(1, round(_PEAK_S / frames.duration))
    found: dict[int, tuple[Span, ...]] = {}
    peaks = {
        column: _peak(probabilities[:, column], length)
        for column in range(probabilities.shape[1])
        if column not in heard
    }
    for column in sorted(peaks, key=lambda column: (-peaks[column], column)):
        if peaks[column] < _LEAST_PEAK or len(heard) + len(found) >= wanted:
            break
        # At half of the peak, as 0.5 is half of what a voice reaches that is heard well.
        low = min(rules.onset, rules.offset, peaks[column] / 2)
        parts = _cut(probabilities, column, replace(rules, onset=low, offset=low), frames, duration)
        if parts:
            found[column] = parts
    return found


def _peak(column: ActivityValues, length: int) -> float:
    """The highest mean of so many frames."""
    sums = np.concatenate([[0.0], np.cumsum(column, dtype=np.float64)])
    return float(np.max(sums[length:] - sums[:-length]) / length) if len(column) >= length else 0.0


def _merge_speakers(
    heard: dict[int, tuple[Span, ...]], activity: SpeakerActivity, most: int
) -> tuple[dict[int, tuple[Span, ...]], SpeakerActivity]:
    """Give the turns of those who speak least, and their probabilities in them, to the likeliest of the others."""
    by_time = sorted(heard, key=lambda column: (-total_duration(heard[column]), column))
    kept = by_time[:most]
    merged = {column: heard[column] for column in kept}
    values = activity.values.copy()
    activity = replace(activity, values=values)
    for column in by_time[most:]:
        for span in heard[column]:
            rows = activity.rows(span)
            heir = kept[int(np.argmax(values[rows, kept].mean(axis=0, dtype=np.float64)))]
            values[rows, heir] = np.maximum(values[rows, heir], values[rows, column])
            merged[heir] = merge_spans([*merged[heir], span])
    return merged, activity


def _warnings(
    heard: dict[int, tuple[Span, ...]],
    weak: dict[int, tuple[Span, ...]],
    n_columns: int,
    speakers: SpeakerCount,
    name: str,
) -> tuple[str, ...]:
    if heard and speakers.minimum is not None and len(heard) + len(weak) < speakers.minimum:
        return (
            _("{request}, {name} found {found}").format(
                request=speakers.describe(), name=name, found=len(heard) + len(weak)
            ),
        )
    if weak:
        return (
            _("{request}, {name} heard {n_heard} clearly and {n_weak} more faintly; check these").format(
                request=speakers.describe(), name=name, n_heard=len(heard), n_weak=len(weak)
            ),
        )
    if speakers.maximum is not None and len(heard) > speakers.maximum:
        return (
            _("{request}, {name} heard {n_heard}; those who speak least went to others").format(
                request=speakers.describe(), name=name, n_heard=len(heard)
            ),
        )
    seconds = [total_duration(found) for found in heard.values()]
    full = len(heard) == n_columns and min(seconds) >= _SHARE * sum(seconds)
    if full and (speakers.maximum is None or speakers.maximum > n_columns):
        return (
            _(
                "{name} heard {n_columns} speakers and can tell no more apart; if there are more, try another diarizer"
            ).format(name=name, n_columns=n_columns),
        )
    return ()
