"""Video facts of a transcript: the frame rate of its pictures and their shot changes, kept in the provenance. Pure.

Subtitles of a profile that counts in frames are put on the frames of the video, and keep clear of its shot changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from numbers import Rational
from typing import Any

from whisperdiar.transcript import Transcript

SLOWEST_FPS, FASTEST_FPS = 5, 300
"""Frame rates beyond these are no rates of pictures but mistakes of a header."""


@dataclass(frozen=True, slots=True)
class Video:
    """What subtitles have to know of the pictures.

    Attributes:
        frame_rate: frames a second; None where there is no video or it is unknown.
        shot_changes: times of the first frame of every shot but the first, in seconds, ascending.
    """

    frame_rate: Fraction | None = None
    shot_changes: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        rate = {} if self.frame_rate is None else {"frame_rate": str(self.frame_rate)}
        shots = {"shot_changes": [round(time, 4) for time in self.shot_changes]} if self.shot_changes else {}
        return {**rate, **shots}


def video_of(transcript: Transcript) -> Video:
    """The facts that a transcript carries; what is not of the expected kind is passed over: it may come from a file."""
    found = transcript.provenance.get("video")
    if not isinstance(found, Mapping):
        return Video()
    shots = found.get("shot_changes")
    times = shots if isinstance(shots, (list, tuple)) else ()
    kept = {float(item) for item in times if isinstance(item, (int, float)) and not isinstance(item, bool)}
    return Video(
        read_frame_rate(found.get("frame_rate")),
        tuple(sorted(time for time in kept if math.isfinite(time) and time > 0)),
    )


def with_video(transcript: Transcript, video: Video) -> Transcript:
    """The transcript with these facts in place of those that it carries; what is unknown stays as it was."""
    known = video_of(transcript)
    merged = Video(video.frame_rate or known.frame_rate, video.shot_changes or known.shot_changes)
    if merged == known:
        return transcript
    return replace(transcript, provenance={**transcript.provenance, "video": merged.to_dict()})


def read_frame_rate(value: object) -> Fraction | None:
    """A frame rate such as ``25``, ``24000/1001`` or any rational number; None where it can be none."""
    try:
        rate = Fraction(value) if isinstance(value, (str, Rational)) else None
    except (ValueError, ZeroDivisionError):
        return None
    return rate if rate is not None and SLOWEST_FPS <= rate <= FASTEST_FPS else None
