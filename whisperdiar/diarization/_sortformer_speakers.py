"""Probabilities of up to four speakers → turns, as many speakers as asked for, and notes about them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._hysteresis import spans
from whisperdiar.errors import UnsupportedRequest
from whisperdiar.options.sortformer import PostProcessing
from whisperdiar.types import Diarization, Span, SpeakerCount, Turn, merge_spans, speaker_label, total_duration

Probabilities = NDArray[np.float32]
_SHARE = 0.05
"""Of all that is said: from which on a speaker counts where one asks whether the model has no speaker left."""


def refuse_too_many(speakers: SpeakerCount, most: int) -> None:
    """Raises UnsupportedRequest where at least so many speakers are asked for as the model cannot tell apart."""
    if speakers.minimum is not None and speakers.minimum > most:
        raise UnsupportedRequest(
            f"{speakers} speakers: sortformer tells at most {most} apart; use another diarizer, such as pyannote"
        )


def to_turns(
    recording_id: str,
    probabilities: Probabilities,
    rules: PostProcessing,
    speakers: SpeakerCount,
    *,
    frame_duration: float,
    units_per_frame: int,
    duration: float,
) -> tuple[Diarization, tuple[str, ...]]:
    """Turns inside the recording, with the mean probability as confidence.

    Where fewer speakers are asked for than were heard, those stay who speak most. Each turn of another one goes to
    whoever of them has the highest mean probability in it: what is said there is said by one of those present.

    Args:
        probabilities: (n_frames, n_speakers).

    Returns:
        The diarization, and the label of each column of `probabilities`, empty for one without turns.
    """
    merged = probabilities.copy()
    heard = {
        column: clipped
        for column in range(merged.shape[1])
        if (clipped := _clipped(merged[:, column], rules, frame_duration, units_per_frame, duration))
    }
    notes = _notes(heard, merged.shape[1], speakers)
    by_time = sorted(heard, key=lambda column: (-total_duration(heard[column]), column))
    kept = by_time[: speakers.maximum]
    for column in by_time[len(kept) :]:
        for span in heard.pop(column):
            frames = _frames(span, frame_duration)
            heir = kept[int(np.argmax(merged[frames, kept].mean(axis=0)))]
            merged[frames, heir] = np.maximum(merged[frames, heir], merged[frames, column])
            heard[heir] = merge_spans([*heard[heir], span])
    turns = tuple(
        Turn(span, str(column), confidence=round(float(merged[_frames(span, frame_duration), column].mean()), 3))
        for column, found in heard.items()
        for span in found
    )
    found = Diarization(recording_id, turns, notes)
    names = {column: speaker_label(i) for i, column in enumerate(found.speakers)}
    return found.relabelled(), tuple(names.get(str(column), "") for column in range(merged.shape[1]))


def _clipped(
    column: Probabilities, rules: PostProcessing, frame_duration: float, units_per_frame: int, duration: float
) -> tuple[Span, ...]:
    found = spans(column, rules, frame_duration=frame_duration, units_per_frame=units_per_frame)
    return tuple(part for span in found if (part := span.clipped(0.0, duration)) is not None)


def _frames(span: Span, frame_duration: float) -> slice:
    """The frames of a span, at least one; times that lie on a frame's bound count as there in spite of rounding."""
    first = math.floor(span.start / frame_duration + 1e-6)
    return slice(first, max(first + 1, math.ceil(span.end / frame_duration - 1e-6)))


def _notes(heard: dict[int, tuple[Span, ...]], n_columns: int, speakers: SpeakerCount) -> tuple[str, ...]:
    if heard and speakers.minimum is not None and len(heard) < speakers.minimum:
        return (f"{speakers} speakers were asked for, sortformer found {len(heard)}",)
    if speakers.maximum is not None and len(heard) > speakers.maximum:
        return (
            f"{speakers} speakers were asked for, sortformer heard {len(heard)}: "
            "the turns of those who speak least went to the others",
        )
    seconds = [total_duration(found) for found in heard.values()]
    full = len(heard) == n_columns and min(seconds) >= _SHARE * sum(seconds)
    if full and (speakers.maximum is None or speakers.maximum > n_columns):
        return (
            f"sortformer heard {n_columns} speakers, which is all that it can tell apart: "
            "if there are more, some of them share a label; another diarizer has no such limit",
        )
    return ()
