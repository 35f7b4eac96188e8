"""Speaker activities as ``.npz`` files."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np

from whisperdiar.errors import OutputError
from whisperdiar.system.files import check_writable, write_bytes
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Diarization, SpeakerActivity


def check_target(path: str | None) -> None:
    """Raises OutputError where this cannot become a file; asked before the work."""
    if path is None:
        return
    check_writable(path)


def save(path: str, activity: SpeakerActivity, audio: Audio) -> None:
    """Write an activity whole or not at all; its times count from the start of the recording.

    Arrays: `probabilities` (n_frames, n_columns), by that name whatever `kind` they are of; `labels` (of each column,
    empty for one without turns), `frame_duration` and `start` in seconds, `kind`, `recording_id`.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        probabilities=activity.values,
        frame_duration=np.float64(activity.step),
        labels=np.array(activity.speakers),
        start=np.float64(audio.start + activity.start),
        kind=np.array(activity.kind),
        recording_id=np.array(audio.recording_id),
    )
    write_bytes(path, buffer.getvalue(), sync=True)


def save_or_warn(path: str | None, result: Diarization, audio: Audio) -> Diarization:
    """The same result, its activity in a file where one is named; what fails becomes a warning, not to lose the turns.

    Args:
        path: of the file, or None.
        result: with an activity, or without one where nobody speaks or the diarizer gives none.
        audio: whose start the times are counted from.
    """
    if path is None:
        return result
    if result.activity is None:
        reason = _("the diarizer gave no activity") if result.turns else _("nobody speaks")
        return replace(
            result, warnings=(*result.warnings, _("{path} was not written: {reason}").format(path=path, reason=reason))
        )
    try:
        save(path, result.activity, audio)
    except (OutputError, MemoryError) as error:
        reason = str(error) or _("the memory is full")
        return replace(
            result, warnings=(*result.warnings, _("the activity was not saved: {reason}").format(reason=reason))
        )
    return result
