"""Packets of one audio stream → decoded frames with their timestamps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperdiar.contracts import Progress
from whisperdiar.media.losses import ByteRate, flac_stamp

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Containers with timestamps. In all others FFmpeg counts the sound itself, and a count adds nothing.
_TIMED_CONTAINERS = frozenset(
    (
        "asf",
        "avi",
        "flv",
        "gxf",
        "live_flv",
        "matroska",
        "mov",
        "mpeg",
        "mpegts",
        "mxf",
        "nut",
        "ogg",
        "rm",
        "webm",
        "wtv",
    )
)
_MAX_READ_ERRORS = 32


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame and what is known of its place.

    Attributes:
        frame: as the decoder gave it.
        stamp: seconds from the start of the recording; None where the file does not tell.
        lost: seconds of sound before it that could not be decoded, as far as the file tells.
    """

    frame: AudioFrame
    stamp: float | None
    lost: float = 0.0


class FrameReader:
    """Reads one audio stream to its end, over damaged packets.

    Attributes:
        n_failed: packets that could not be decoded.
    """

    def __init__(self, container: InputContainer, stream: AudioStream, *, file_size: int) -> None:
        self.n_failed = 0
        self._container = container
        self._stream = stream
        self._file_size = file_size
        names = container.format.name.split(",")
        self._timed = not _TIMED_CONTAINERS.isdisjoint(names)
        self._is_ogg = "ogg" in names
        self._flac_info = (stream.codec_context.extradata or b"") if "flac" in names else None
        # Players count from the first timestamp of the file, whatever that is.
        self._time_base = float(stream.time_base or 0)
        self._origin = (container.start_time or 0) / 1e6
        self._byte_rate = ByteRate()
        self._reported = 0.0

    def frames(self, progress: Progress) -> Iterator[tuple[TimedFrame, TimedFrame | None]]:
        """Each frame with the one after it (None after the last one)."""
        previous: TimedFrame | None = None
        for item in self._decoded(progress):
            if previous is not None:
                yield previous, item
            previous = item
        if previous is not None:
            yield previous, None

    def _decoded(self, progress: Progress) -> Iterator[TimedFrame]:
        from av import FFmpegError

        lost = 0.0
        first_rate = 0
        for packet in self._packets():
            duration = (packet.duration or 0) * self._time_base
            try:
                frames: list[AudioFrame] = [frame for frame in packet.decode() if frame.samples and frame.sample_rate]
            except FFmpegError:
                # One damaged packet must not cost the rest; the ffmpeg program goes on as well.
                self.n_failed += 1
                self._byte_rate.lose(packet.size, duration)
                continue
            lost += self._byte_rate.learn(packet.size, duration)
            for index, frame in enumerate(frames):
                first_rate = first_rate or frame.sample_rate
                if self._is_ogg and frame.sample_rate != first_rate:
                    self._timed = False  # a chained stream is timed by the rate of the first one: wrongly
                yield TimedFrame(frame, self._stamp(packet, frame, index), lost)
                lost = 0.0
            self._report(packet, progress)

    def _stamp(self, packet: Any, frame: AudioFrame, index: int) -> float | None:
        if self._timed:
            return None if frame.pts is None else frame.pts * self._time_base - self._origin
        if self._flac_info is not None and index == 0:
            return flac_stamp(bytes(packet)[:16], self._flac_info, frame.sample_rate)
        return None

    def _packets(self) -> Iterator[Any]:
        """Packets of the stream, then an empty one, which empties the decoder; read errors are passed over."""
        from av import FFmpegError

        discard_others(self._container, self._stream)
        n_errors = 0
        while n_errors < _MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    yield packet
                    n_errors = 0
                return
            except FFmpegError:
                n_errors += 1

    def _report(self, packet: Any, progress: Progress) -> None:
        fraction = 0.0 if packet.pos is None else min(packet.pos / self._file_size, 1.0)
        if fraction >= self._reported + 0.01:
            self._reported = fraction
            progress("decode", fraction)


def discard_others(container: InputContainer, stream: AudioStream) -> None:
    """Let the container pass over pictures and other tracks instead of reading them (PyAV 18 and later can)."""
    from av import stream as stream_module

    discard: Any = getattr(stream_module, "Discard", None)
    if discard is not None:
        for other in container.streams:
            if other.index != stream.index:
                other.discard = discard.all
