"""Shot changes of a video: found by PySceneDetect (extra ``video``), or read from a list."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import BackendMissing, FormatError, MediaError, describe_error
from whisperdiar.media.files import moving_picture, open_media, picture_rate
from whisperdiar.system.files import format_path, read_text
from whisperdiar.text.messages import _

_SECONDS = re.compile(r"\d{1,9}(?:[.,]\d{1,9})?")
_CLOCK = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)")
_FRAMES = re.compile(r"(\d{1,6}):(\d{2}):(\d{2})[:;](\d{2})")
_COLUMN = "Start Time (seconds)"
"""Of the list of scenes that ``scenedetect list-scenes`` writes."""


def check_detector() -> None:
    """Raises BackendMissing where PySceneDetect is not installed; it is not loaded yet."""
    if find_spec("scenedetect") is None:
        install = 'pip install "whisperdiar[video]"'
        raise BackendMissing(
            _("shot changes are found by PySceneDetect: {install}, or give a list of them").format(install=install),
            remedy=install,
        )


def find_shots(path: str | os.PathLike[str], *, progress: Progress = no_progress) -> tuple[float, ...]:
    """When the shots of a video begin, but for the first, in seconds, as a player counts them.

    The detector is PySceneDetect's adaptive one, which does not take a moving camera for a cut: a frame that differs
    from the one before by far more than its neighbours do (Castellano, PySceneDetect, `AdaptiveDetector`).

    Args:
        progress: called with ``shots`` and the fraction that is looked at.

    Raises:
        BackendMissing: PySceneDetect is not installed.
        MediaError: the file cannot be read, or has no moving pictures.
    """
    check_detector()
    from scenedetect import AdaptiveDetector, SceneManager
    from scenedetect.backends.pyav import VideoStreamAv

    with open_media(path) as (container, _file):
        stream = moving_picture(container)
        if stream is None or picture_rate(container) is None:
            raise MediaError(
                _("{path}: has no moving pictures, so there are no shot changes").format(path=format_path(path))
            )
        rate, duration = picture_rate(container), (container.duration or 0) / 1e6
        first = 0.0 if stream.start_time is None else float(stream.start_time * (stream.time_base or 0))
        offset = first - (container.start_time or 0) / 1e6

    class Reporting(VideoStreamAv):  # type: ignore[misc, unused-ignore]
        """Tells how far it has read."""

        def read(self, decode: bool = True) -> Any:
            progress("shots", min(1.0, self.position_ms / 1000 / duration) if duration else 0.0)
            return super().read(decode)

    manager = SceneManager()
    manager.add_detector(AdaptiveDetector())
    try:
        # Without `suppress_output` it changes what FFmpeg logs, for the whole process.
        video = Reporting(os.fspath(path), frame_rate=rate, suppress_output=True)
        manager.detect_scenes(video)
        scenes = manager.get_scene_list()
    except OSError as error:
        raise MediaError(
            _("{path}: the pictures cannot be read ({error})").format(
                path=format_path(path), error=describe_error(error)
            )
        ) from error
    progress("shots", 1.0)
    return tuple(round(start.seconds + offset, 4) for start, _end in scenes[1:])


def read_shots(path: str | os.PathLike[str], *, frame_rate: Fraction | None = None) -> tuple[float, ...]:
    """The shot changes of a list: a line each, as seconds (``12.48``), ``HH:MM:SS.mmm`` or ``HH:MM:SS:FF``.

    The list of scenes of the program ``scenedetect`` (CSV) is read as well; blank lines and those that begin with ``#``
    are passed over.

    Args:
        frame_rate: of the video, for times with frames.

    Raises:
        FormatError: a line is no time, with its number; or it counts frames and their rate is unknown.
        InputError: the file cannot be read.
    """
    name, text = os.fspath(path), read_text(Path(path))
    times = _read_scenes(name, text) if _COLUMN in text[:4096] else list(_read_times(name, text, frame_rate))
    return tuple(sorted({time for time in times if time > 0}))


def _read_scenes(name: str, text: str) -> list[float]:
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if _COLUMN in line)
    rows = csv.DictReader(io.StringIO("\n".join(lines[first:])))
    times: list[float] | None = None
    try:
        if _COLUMN in (rows.fieldnames or ()):
            times = [_read_number(row[_COLUMN]) for row in rows]
    except (TypeError, ValueError, csv.Error) as error:
        raise FormatError(
            _("{name}: the column {column!r} holds what is no number ({error})").format(
                name=name, column=_COLUMN, error=error
            )
        ) from error
    if times is None:
        raise FormatError(
            _(
                "{name}: line {number}: there is no column {column!r}; give the list of `scenedetect list-scenes`"
            ).format(name=name, number=first + 1, column=_COLUMN)
        )
    return times


def _read_number(text: str) -> float:
    """Raises ValueError for what is no number, or none on a clock; TypeError for a row that is too short."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _read_times(name: str, text: str, rate: Fraction | None) -> Iterator[float]:
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        frames, clock = _FRAMES.fullmatch(said), _CLOCK.fullmatch(said)
        if frames is not None:
            if rate is None:
                raise FormatError(
                    _("{name}: line {number}: {written!r} counts frames; name the video, or give seconds").format(
                        name=name, number=number, written=said
                    )
                )
            hours, minutes, seconds, frame = map(int, frames.groups())
            # Timecode counts whole frames of a nominal second: 24 of them at 24000/1001 a second.
            yield float(((hours * 60 + minutes) * 60 + seconds) * round(rate) + frame) / float(rate)
        elif clock is not None:
            hours_text, minutes_text, seconds_text = clock.groups()
            yield int(hours_text) * 3600 + int(minutes_text) * 60 + float(seconds_text.replace(",", "."))
        elif _SECONDS.fullmatch(said):
            yield float(said.replace(",", "."))
        else:
            raise FormatError(
                _("{name}: line {number}: {written!r} is no time; write 12.48, 00:00:12.480 or 00:00:12:12").format(
                    name=name, number=number, written=said
                )
            )
