"""Subtitle muxing: a copy of a video with one more subtitle track; pictures and sound are never encoded again."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, MediaError, OutputError
from whisperdiar.media.declared_size import missing_bytes
from whisperdiar.media.files import open_media
from whisperdiar.media.source import LocalFile
from whisperdiar.system.files import explain_write_error, format_path, stage
from whisperdiar.text.languages import to_iso_639_2
from whisperdiar.text.messages import _

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffix of a video → FFmpeg's name of its container."""

_DEMUXERS = {"srt": "srt", "vtt": "webvtt", "ass": "ass"}
_COPIED = ("video", "audio", "subtitle")
_MILLISECOND = Fraction(1, 1000)
_MICROSECOND = Fraction(1, 1_000_000)
# What FFmpeg's encoder makes the look of a text track from: white letters at the bottom.
_LOOK = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,18,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleTrack:
    """Subtitles as a video file holds them: a text that FFmpeg reads, or plain samples.

    Attributes:
        form: ``srt``, ``vtt`` or ``ass``, the format of `text`; ``mov_text`` (3GPP timed text) for `samples`.
        text: a whole subtitle file.
        samples: start and end in milliseconds and the lines; in order, not overlapping.
        language: ISO 639-1 code, or None where unknown.
        title: what players list.
    """

    format_name: str
    text: str = ""
    samples: tuple[tuple[int, int, str], ...] = ()
    language: str | None = None
    title: str = "whisperdiar"


def container_of(path: str | os.PathLike[str]) -> str:
    """FFmpeg's name of the container that a file name asks for.

    Raises:
        InvalidOption: it is none that takes subtitles here.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise InvalidOption(
            _("{path}: subtitles go into {containers}; choose one of these suffixes").format(
                path=format_path(path), containers=", ".join(CONTAINERS)
            )
        )
    return CONTAINERS[suffix]


def add_track(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    track: SubtitleTrack,
    *,
    replace: bool = True,
    progress: Progress = no_progress,
) -> tuple[str, ...]:
    """Write a copy of the video `source` with the track as `target`, whose suffix chooses the container.

    The copy begins at time 0, as players show the source. All pictures, sound, subtitles, chapters and tags are kept,
    and attachments in Matroska. The copy appears under its name when it is complete and could be read back.

    Args:
        replace: whether a file that is there is replaced.
        progress: called with ``embed`` and the fraction that is copied.

    Returns:
        Sentences for the user about what could not be kept (data tracks, such as timecodes; the end of a video that is
        cut off).

    Raises:
        InvalidOption: no container has this suffix, or it does not take a track of this form.
        MediaError: the source cannot be read.
        OutputError: the copy cannot be written; its one line says why.
    """
    container = container_of(target)
    if (track.format_name == "mov_text") == (container == "matroska"):
        raise InvalidOption(
            _("{path}: {container} does not take subtitles of the form {format_name}").format(
                path=format_path(target), container=container, format_name=track.format_name
            )
        )
    if os.path.realpath(source) == os.path.realpath(target):
        raise InvalidOption(
            _("{path}: this is the video itself; give the copy another name").format(path=format_path(target))
        )
    cut_off = _warn_of_cut_off(source)
    with open_media(source) as (video, file), stage(target, sync=True, replace=replace) as temporary:
        if not (video.streams.video or video.streams.audio):
            raise MediaError(
                _("{path}: has neither pictures nor sound; give the recording").format(path=format_path(source))
            )
        _check_space(target, file)
        try:
            notes = _Copy(video, file, track, container, format_path(target)).write(temporary, progress)
            _check_readable(temporary, container, target)
        except OSError as error:  # FFmpeg's errors that have a number are among them
            raise OutputError(f"{format_path(target)}: {_explain_failure(error, container)}") from error
    progress("embed", 1.0)
    return (*cut_off, *notes)


def _warn_of_cut_off(source: str | os.PathLike[str]) -> tuple[str, ...]:
    """A note where the video is shorter than its own header says: the copy ends where the video does."""
    sizes = missing_bytes(Path(source))
    if sizes is not None:
        there, stated = (size / 1e6 for size in sizes)
        return (
            _(
                "the video is cut off after {there:.1f} of {stated:.1f} MB, and so is the copy; download it again"
            ).format(there=there, stated=stated),
        )
    return ()


def _check_space(target: str | os.PathLike[str], file: LocalFile) -> None:
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(os.path.dirname(os.path.realpath(target))).free
        if free < file.size:
            raise OutputError(
                _(
                    "{path}: a copy of the video needs {size:.0f} MB, and {free:.0f} MB are free; make room or "
                    "choose another folder"
                ).format(path=format_path(target), size=file.size / 1e6, free=free / 1e6)
            )


def _check_readable(path: str, container: str, target: str | os.PathLike[str]) -> None:
    import av

    with open(path, "rb") as raw, av.open(raw, format=container) as copy:
        if not copy.streams.subtitles:
            raise OutputError(
                _("{path}: the subtitles could not be read back; please report this").format(path=format_path(target))
            )


def _explain_failure(error: OSError, container: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
        return explain_write_error(error)
    hint = "" if container == "matroska" else _("; try .mkv, which takes nearly everything")
    return _("the video cannot be copied into {container} ({cause}){hint}").format(
        container=container, cause=error.strerror or error, hint=hint
    )


class _Copy:
    """One run over the packets of a video."""

    def __init__(self, video: InputContainer, file: LocalFile, track: SubtitleTrack, container: str, name: str) -> None:
        self._video = video
        self._file = file
        self._track = track
        self._container = container
        self._name = name
        self._origin = Fraction(video.start_time or 0) * _MICROSECOND
        self._streams: dict[int, Any] = {}
        self._last_dts: dict[int, int] = {}
        self._notes: list[str] = []

    def write(self, path: str, progress: Progress) -> tuple[str, ...]:
        import av

        options = {} if self._container == "matroska" else {"movflags": "+faststart"}
        with av.open(path, "w", format=self._container, options=options) as copy, _open_text(self._track) as text:
            self._add_streams(copy)
            added = self._add_track(copy, text)
            copy.metadata.update(self._video.metadata)
            self._copy_chapters(copy)
            waiting = list(self._packets_of_track(text))
            for packet in self._packets(progress):
                while waiting and waiting[0].pts * waiting[0].time_base <= packet.dts * packet.time_base:
                    self._mux(copy, waiting.pop(0), added)
                self._mux(copy, packet, self._streams[packet.stream.index])
            for packet in waiting:
                self._mux(copy, packet, added)
        return tuple(self._notes)

    def _mux(self, copy: OutputContainer, packet: Any, stream: Any) -> None:
        packet.stream = stream
        copy.mux(packet)

    def _add_streams(self, copy: OutputContainer) -> None:
        for stream in self._video.streams:
            attached = stream.type == "attachment" and self._container == "matroska"
            if stream.type not in _COPIED and not attached:
                if not self._is_made_again(stream):
                    self._notes.append(
                        _("track {index} ({kind}) is no picture or sound and is left out").format(
                            index=stream.index, kind=stream.type
                        )
                    )
                continue
            if stream.codec_context is None and not attached:
                raise OutputError(
                    _("{name}: track {index} of the video is of an unknown kind").format(
                        name=self._name, index=stream.index
                    )
                )
            try:
                added: Any = copy.add_stream_from_template(stream)
            except ValueError as error:
                raise OutputError(f"{self._name}: {self._explain_refusal(stream)}") from error
            if not attached:
                added.metadata.update(stream.metadata)
                added.disposition = stream.disposition.value  # PyAV 16 takes numbers only
            self._streams[stream.index] = added

    def _is_made_again(self, stream: Any) -> bool:
        """In MP4, chapters and timecodes lie in tracks, which FFmpeg makes anew from what it is told of them."""
        if self._container != "matroska" and "timecode" in stream.metadata:
            return True
        return stream.type == "data" and stream.name == "bin_data" and bool(self._video.chapters())

    def _explain_refusal(self, stream: Any) -> str:
        codec = getattr(stream.codec_context, "name", "unknown")
        remedy = _("use .mkv, which takes nearly everything")
        if self._container == "matroska":
            remedy = _("use .mp4") if codec == "mov_text" else _("convert the video first")
        return _("{container} cannot hold the {kind} of the source ({codec}); {remedy}").format(
            container=self._container, kind=stream.type, codec=codec, remedy=remedy
        )

    def _add_track(self, copy: OutputContainer, text: Any) -> Any:
        from av.stream import Disposition

        if text is None:
            added: Any = copy.add_stream("mov_text")
            added.codec_context.subtitle_header = _LOOK
            added.codec_context.time_base = added.time_base = _MILLISECOND
        else:
            added = copy.add_stream_from_template(text.streams.subtitles[0])
        added.metadata.update(language=to_iso_639_2(self._track.language), title=self._track.title)
        if self._container != "matroska":
            added.metadata["handler_name"] = self._track.title
        others = [stream for stream in self._video.streams.subtitles if stream.disposition & Disposition.default]
        added.disposition = (Disposition(0) if others else Disposition.default).value
        return added

    def _packets_of_track(self, text: Any) -> Iterator[Any]:
        import av

        if text is not None:
            yield from (packet for packet in text.demux(subtitles=0) if packet.size and packet.pts is not None)
            return
        for start_ms, end_ms, lines in self._track.samples:
            data = lines.encode("utf-8")
            if len(data) >= 2**16:
                raise OutputError(
                    _("{name}: a subtitle of {size} bytes does not fit into MP4; use .mkv").format(
                        name=self._name, size=len(data)
                    )
                )
            packet = av.Packet(len(data).to_bytes(2, "big") + data)
            packet.pts = packet.dts = start_ms
            packet.duration = end_ms - start_ms
            packet.time_base = _MILLISECOND
            yield packet

    def _copy_chapters(self, copy: OutputContainer) -> None:
        chapters = self._video.chapters()
        for chapter in chapters:
            shift = round(self._origin / (chapter["time_base"] or _MICROSECOND))
            chapter["start"], chapter["end"] = chapter["start"] - shift, chapter["end"] - shift
        if chapters:
            copy.set_chapters(chapters)

    def _packets(self, progress: Progress) -> Iterator[Any]:
        """What is copied, from time 0, with times that never run backwards (some recorders write such files)."""
        import av

        reported = 0.0
        try:
            for packet in self._video.demux():
                if not packet.size or packet.stream.index not in self._streams:
                    continue
                if self._shift_times(packet):
                    yield packet
                fraction = 0.0 if packet.pos is None else min(packet.pos / self._file.size, 1.0)
                if fraction >= reported + 0.01:
                    reported = fraction
                    progress("embed", fraction)
        except av.FFmpegError as error:
            if self._file.error is not None:
                raise MediaError(
                    _("the video cannot be read to its end ({cause})").format(cause=self._file.error.strerror)
                ) from error
            raise
        if self._file.error is not None:
            raise MediaError(_("the video cannot be read to its end ({cause})").format(cause=self._file.error.strerror))

    def _shift_times(self, packet: Any) -> bool:
        dts = packet.pts if packet.dts is None else packet.dts
        if dts is None:
            return False
        shift = round(self._origin / packet.time_base)
        last = self._last_dts.get(packet.stream.index)
        packet.dts = dts - shift if last is None else max(dts - shift, last + 1)
        if packet.pts is not None:
            packet.pts = max(packet.pts - shift, packet.dts)
        self._last_dts[packet.stream.index] = packet.dts
        return True


@contextlib.contextmanager
def _open_text(track: SubtitleTrack) -> Iterator[Any]:
    """The subtitles as FFmpeg's own demuxer reads them; None for samples."""
    if track.format_name == "mov_text":
        yield None
        return
    import av

    with av.open(io.BytesIO(track.text.encode("utf-8")), format=_DEMUXERS[track.format_name]) as text:
        yield text
