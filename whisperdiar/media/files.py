"""Opens a local media file and nothing else, or says in one line why it cannot be read."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from whisperdiar.errors import MediaError
from whisperdiar.media.declared_size import find_missing_index, missing_bytes
from whisperdiar.media.source import WHOLE_FILE, FilePart, LocalFile
from whisperdiar.system.files import format_path
from whisperdiar.text.counts import count_channels
from whisperdiar.text.messages import _
from whisperdiar.video import read_frame_rate

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: a Windows drive has one

# These read further files or the network, or make pictures and sound out of text.
_REFUSED_DEMUXERS = frozenset(
    ("concat", "dash", "hls", "image2", "imf", "lavfi", "rtp", "rtsp", "sap", "sbg", "sdp", "tty", "vobsub")
)
_PLAYLIST_SUFFIXES = frozenset((".m3u", ".m3u8", ".pls", ".asx", ".wpl", ".xspf", ".cue", ".mpd", ".sdp", ".ffconcat"))
_PLAYLIST_STARTS = ("#EXTM3U", "ffconcat", "[playlist]", "[Reference]", "<asx", "<ASX", "<smil", "v=0\n", "v=0\r")
_TEXT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio stream of a file.

    Attributes:
        number: counts the audio streams of the file from 1.
        codec: FFmpeg's name of its codec.
        sample_rate: in Hz; 0 where unknown.
        channels: how many; 0 where unknown.
        language: as the file states it (mostly ISO 639-2), or None.
        title: as the file states it, or None.
        default: whether it is the one that is read when nobody chooses.
    """

    number: int
    codec: str
    sample_rate: int
    channels: int
    language: str | None = None
    title: str | None = None
    default: bool = False

    def __str__(self) -> str:
        parts = [self.language, f'"{self.title}"' if self.title else None, self.codec]
        parts.append(count_channels(self.channels))
        return f"{self.number}: " + " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file holds, without decoding it.

    Attributes:
        duration: in seconds, as the file states it or FFmpeg estimates it; None where unknown.
        tracks: the audio streams.
        has_video: whether there is a moving picture (cover art is none).
        frame_rate: frames a second of the moving picture, a fraction such as 24000/1001; None where there is none.
        container: FFmpeg's name of the format.
    """

    duration: float | None
    tracks: tuple[AudioTrack, ...]
    has_video: bool
    container: str
    frame_rate: Fraction | None = None


def recording_id(path: str | os.PathLike[str]) -> str:
    """Name of a recording: the file's stem with ``_`` for each run of white space (RTTM fields have none)."""
    stem = Path(path).stem.encode("utf-8", "replace").decode("utf-8")  # file names need not be valid Unicode
    return re.sub(r"\s+", "_", stem)


def probe(path: str | os.PathLike[str]) -> MediaInfo:
    """What a media file holds.

    Raises:
        MediaError: the file cannot be read; a file without sound is no error here.
    """
    with open_media(path) as (container, _):
        return MediaInfo(
            duration=None if container.duration is None else container.duration / 1e6,
            tracks=audio_tracks(container),
            has_video=moving_picture(container) is not None,
            container=container.format.name,
            frame_rate=picture_rate(container),
        )


def moving_picture(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; cover art is none."""
    from av.stream import Disposition

    streams = container.streams.video
    return next((item for item in streams if not item.disposition & Disposition.attached_pic), None)


def picture_rate(container: InputContainer) -> Fraction | None:
    """Frames a second of the moving picture, as FFmpeg guesses them from the header and the first frames."""
    stream = moving_picture(container)
    rates = () if stream is None else (stream.guessed_rate, stream.average_rate, stream.base_rate)
    return next((rate for rate in map(read_frame_rate, rates) if rate is not None), None)


def _read_track(number: int, stream: AudioStream, *, default: bool) -> AudioTrack:
    context: Any = stream.codec_context  # None where FFmpeg has no decoder, which its annotations do not tell
    language = _read_tag(stream, "language")
    return AudioTrack(
        number=number,
        codec=context.name if context else "unknown codec",
        sample_rate=context.sample_rate if context else 0,
        channels=context.layout.nb_channels if context else 0,
        language=None if language == "und" else language,
        title=_read_tag(stream, "title"),
        default=default,
    )


def _read_tag(stream: AudioStream, name: str) -> str | None:
    """Text of a file's tag, fit for one line on a terminal."""
    text = " ".join(stream.metadata.get(name, "").split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text) or None


def audio_tracks(container: InputContainer) -> tuple[AudioTrack, ...]:
    """The audio streams of an open file, in its order."""
    best = container.streams.best("audio")
    return tuple(
        _read_track(number, stream, default=stream is best)
        for number, stream in enumerate(container.streams.audio, start=1)
    )


def has_decoder(stream: AudioStream) -> bool:
    """Whether FFmpeg knows the codec and found out its sampling rate."""
    context: Any = stream.codec_context
    return context is not None and bool(context.sample_rate)


@contextlib.contextmanager
def open_media(path: str | os.PathLike[str], part: FilePart = WHOLE_FILE) -> Iterator[tuple[InputContainer, LocalFile]]:
    """The container behind a local file or a part of one, closed at the end.

    FFmpeg is handed an open file, never a name: neither a URL nor a name inside a playlist makes it read
    anything else.

    Raises:
        MediaError: one line that names the file and the cause.
    """
    with _open_file(path) as raw:
        source = LocalFile(raw, name=f"recording{Path(path).suffix}", part=part)
        with _open_container(path, source) as container:
            yield container, source


@contextlib.contextmanager
def open_bytes(path: str | os.PathLike[str], part: FilePart = WHOLE_FILE) -> Iterator[LocalFile]:
    """The bytes of a local file or a part of one, closed at the end; to look at beside FFmpeg.

    Raises:
        MediaError: one line that names the file and the cause.
    """
    with _open_file(path) as raw:
        yield LocalFile(raw, part=part)


def _open_file(path: str | os.PathLike[str]) -> BinaryIO:
    text = os.fspath(path)
    name = format_path(path)
    if text == "-":
        raise MediaError(_("-: reading from standard input is not possible; save the recording to a file first"))
    try:
        status = os.stat(text)
        if stat.S_ISDIR(status.st_mode):
            raise MediaError(_("{name}: is a directory; name the recordings in it").format(name=name))
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(
                _("{name}: is a device or a pipe, not a file; save the recording to a file first").format(name=name)
            )
        if status.st_size == 0:
            raise MediaError(_("{name}: is empty (0 bytes); copy or download it again").format(name=name))
        return open(text, "rb")
    except PermissionError as error:
        raise MediaError(
            _("{name}: no permission to read it; change that (chmod +r) or use a copy").format(name=name)
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        if _SCHEME.match(text):
            raise MediaError(
                _(
                    "{name}: only local files are read, no URLs or FFmpeg protocols; download it, for example with "
                    "yt-dlp, and give its plain path"
                ).format(name=name)
            ) from error
        raise MediaError(_("{name}: no such file; check the spelling and the folder").format(name=name)) from error
    except (OSError, ValueError) as error:  # a name that is too long, a loop of links, a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            _("{name}: cannot be opened ({reason}); check the name").format(name=name, reason=reason)
        ) from error


def _open_container(path: str | os.PathLike[str], source: LocalFile) -> InputContainer:
    import av

    allowed = {name for names in av.formats_available for name in names.split(",")} - _REFUSED_DEMUXERS
    # Tags need not be UTF-8. PyAV 19 takes them as they are and no longer has a word for it.
    tolerance: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    try:
        container: InputContainer = av.open(
            source,
            mode="r",
            container_options={"format_whitelist": ",".join(sorted(allowed)), "protocol_whitelist": "none"},
            io_open=_refuse_other_file,
            **tolerance,
        )
        return container
    except (av.FFmpegError, OSError, ValueError) as error:
        if source.error is not None:
            raise MediaError(
                _("{path}: cannot be read ({cause}); check the disk or the connection to it").format(
                    path=format_path(path), cause=source.error.strerror
                )
            ) from source.error
        raise MediaError(f"{format_path(path)}: {_explain_unreadable(Path(path))}") from error


def _refuse_other_file(url: str, flags: int, options: dict[str, str]) -> Any:  # noqa: ARG001 (PyAV's signature)
    raise ValueError(_("the file refers to another file"))


def _explain_unreadable(path: Path) -> str:
    if is_playlist(path):
        return explain_playlist()
    if _read_text_start(path) is not None:
        return _("is a text file, not a recording; give an audio or video file")
    index = find_missing_index(path)
    if index is not None:
        return _("is incomplete: its index ({index}) is missing; download or copy it again, or repair it").format(
            index=index
        )
    missing = missing_bytes(path)
    if missing is not None:
        return _("is cut off: only {found} of {stated} bytes are there; copy or download it again").format(
            found=missing[0], stated=missing[1]
        )
    return _("is no audio or video file that FFmpeg knows, or it is damaged; check that it plays, or convert it to WAV")


def explain_playlist() -> str:
    """Why a playlist is refused."""
    return _("is a playlist, which only names other files; give the recordings themselves")


def is_playlist(path: Path) -> bool:
    """Whether this is a text that only names other files."""
    text = _read_text_start(path)
    if text is None:
        return False
    marked = text.startswith(_PLAYLIST_STARTS) or "<MPD" in text or "<playlist" in text
    return marked or path.suffix.lower() in _PLAYLIST_SUFFIXES


def _read_text_start(path: Path) -> str | None:
    """The beginning of a text file; None for anything binary."""
    with path.open("rb") as file:
        head = file.read(_TEXT_BYTES)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)  # its last character may be cut
    except UnicodeDecodeError:
        return None
    return text.lstrip() if all(letter.isprintable() or letter.isspace() for letter in text) else None
