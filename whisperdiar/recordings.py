"""Recordings as the library takes them: sources, the part that is read, and what became of each of many."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, MediaError, TruncatedMedia, describe_error
from whisperdiar.media import check_recording, load
from whisperdiar.media.arrays import audio_from_array
from whisperdiar.outcome import is_empty, summarise
from whisperdiar.text.messages import _
from whisperdiar.tracks import Tracks, TrackSource, check_tracks, read_tracks
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, Span


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A recording that is not at hand, and of which a cache may have all that is needed.

    Attributes:
        content: hash of the file's bytes, as in a transcript's provenance.
        name: of the file.
    """

    content: str
    name: str

    def __str__(self) -> str:
        return self.name


Source = str | os.PathLike[str] | BinaryIO | npt.NDArray[Any] | Audio | Tracks | KeptRecording
"""A recording: a file, a binary file object, samples (see `whisperdiar.media.arrays`), decoded sound, tracks,
or one that is known to a cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of a recording is read.

    Attributes:
        track: which audio track of a file that has several, counted from 1; None for the main one.
        channel: one channel of the track, counted from 1, in place of the mean of all.
        start, end: seconds of the recording; an end of None is that of the recording.
    """

    track: int | None = None
    channel: int | None = None
    start: float = 0.0
    end: float | None = None


WHOLE = Part()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingResult:
    """What became of one recording of many: a transcript, an error, or both where a part of the work was lost.

    Attributes:
        source: as it was given.
        transcript: None where there is none.
        errors: what went wrong, in order: a recording that cannot be read, one that ends early (`TruncatedMedia`, with
            the transcript of what there is), speakers that are lost (`DiarizationFailed`, with the words), a file that
            could not be written.
        audio: the sound that was read; None where it could not be.
        elapsed: seconds that the work took.
        written: the files that were written.
    """

    source: Source
    transcript: Transcript | None = None
    errors: tuple[Exception, ...] = ()
    audio: Audio | None = field(default=None, repr=False)
    elapsed: float = 0.0
    written: tuple[Path, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong and the transcript is a result, not an empty one."""
        return not self.errors and self.transcript is not None and not is_empty(self.transcript)

    def summary(self) -> str:
        """One paragraph for a person: length, speakers, words, time, what was left out, or else the errors."""
        told = [] if self.transcript is None else [self._summarise(self.transcript)]
        return "\n".join([*told, *(describe_error(error) for error in self.errors)])

    def _summarise(self, transcript: Transcript) -> str:
        length = None if self.audio is None else self.audio.duration
        return summarise(transcript, elapsed=self.elapsed, length=length, written=self.written)


def read_source(
    source: Source,
    *,
    part: Part = WHOLE,
    sample_rate: int | None = None,
    channels: Literal["all", "mono"] = "mono",
    language: str | None = None,
    truncated: Callable[[TruncatedMedia], None] | None = None,
    progress: Progress = no_progress,
) -> Audio:
    """The sound of a recording.

    Args:
        part: which track, channel and time of a file.
        sample_rate: of samples, in Hz.
        channels: whether channels are kept apart, where there are several.
        language: that is spoken: another track that is tagged so is named in a warning.
        truncated: hears of a recording that ends before its header says, whose sound then carries a warning; None
            where it may raise.

    Raises:
        InvalidOption: a part of samples, samples without a rate, or what is no recording at all.
        MediaError: the file cannot be read.
        TruncatedMedia: it ends before its header says, and `truncated` is None.
    """
    if isinstance(source, (np.ndarray, Audio)):
        if part != WHOLE:
            raise InvalidOption(_("{part}: it is for files; cut the samples before").format(part=part))
        if isinstance(source, Audio):
            return source
        if sample_rate is None:
            raise InvalidOption(_("samples need their sample_rate, in Hz"))
        return audio_from_array(source, sample_rate)
    if isinstance(source, KeptRecording):
        raise MediaError(
            _("{name}: it is not at hand, and the cache has not all that is needed of it; give it with --media").format(
                name=source.name
            )
        )
    if isinstance(source, Tracks):
        return _read_tracks(source, part, language, truncated, progress)
    with _as_file(source) as path:
        return _load(path, part, channels, language, truncated, progress)


def _load(
    path: Path,
    part: Part,
    channels: Literal["all", "mono"],
    language: str | None,
    truncated: Callable[[TruncatedMedia], None] | None,
    progress: Progress,
) -> Audio:
    try:
        return load(
            path,
            channels=channels,
            track=part.track,
            channel=part.channel,
            language=language,
            start=part.start,
            end=part.end,
            progress=progress,
        )
    except TruncatedMedia as error:
        if truncated is None:
            raise
        truncated(error)
        return replace(error.audio, warnings=(*error.audio.warnings, str(error)))


def _read_tracks(
    tracks: Tracks,
    part: Part,
    language: str | None,
    truncated: Callable[[TruncatedMedia], None] | None,
    progress: Progress,
) -> Audio:
    """The tracks as channels; a part of the time is cut out of the whole, which tells where each track lies."""

    def read(source: TrackSource, heard: Progress) -> Audio:
        own = Part(track=source.track or part.track, channel=part.channel)
        return _load(source.path, own, "mono", language, truncated, heard)

    audio = read_tracks(tracks, read=read, progress=progress)
    if not part.start and part.end is None:
        return audio
    end = audio.duration if part.end is None else min(part.end, audio.duration)
    if part.start >= end:
        raise MediaError(
            _("{path}: start {start:g}: the recording lasts only {lasts:.2f} seconds").format(
                path=tracks.recording_id, start=part.start, lasts=audio.duration
            )
        )
    cut = audio.crop(Span(part.start, end))
    return replace(audio, samples=cut.samples, start=part.start)


@contextmanager
def _as_file(source: str | os.PathLike[str] | BinaryIO) -> Iterator[Path]:
    """A path as it is; a file object as a temporary file, since containers are read in jumps."""
    if isinstance(source, (str, os.PathLike)):
        yield Path(source)
        return
    if isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
        raise InvalidOption(
            _(
                "a recording cannot be a {name}: give a path, a file opened with mode 'rb', samples as a "
                "NumPy array, or an Audio"
            ).format(name=type(source).__name__)
        )
    named = getattr(source, "name", None)
    with tempfile.TemporaryDirectory(prefix="whisperdiar-") as folder:
        path = Path(folder) / (Path(named).name if isinstance(named, str) else "recording")
        with path.open("wb") as file:
            shutil.copyfileobj(source, file)
        yield path


def find_unreadable(source: Source, part: Part) -> MediaError | None:
    """Why there is no sound in a file, found without decoding it; None where there is some."""
    if isinstance(source, (str, os.PathLike)):
        try:
            check_recording(source, track=part.track)
        except MediaError as error:
            return error
    if isinstance(source, Tracks):
        try:
            check_tracks(source, track=part.track)
        except MediaError as error:
            return error
    return None
