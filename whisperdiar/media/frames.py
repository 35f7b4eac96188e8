"""Packets of one audio stream → decoded frames with their timestamps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperdiar.contracts import Progress
from whisperdiar.media.damaged_packets import ByteRate, parse_flac_stamp
from whisperdiar.media.source import LocalFile
from whisperdiar.media.structure import find_sync, has_lost_ogg_pages, is_intact, ogg_packet_time, ogg_page_number

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Containers with timestamps. In all others FFmpeg counts the sound itself, and a count adds nothing.
_TIMED_CONTAINERS = frozenset(
    (
        "asf",
        "avi",
        "caf",
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
        "tta",
        "webm",
        "wtv",
    )
)
_WITHOUT_GAPS = frozenset(("avi", "caf", "tta"))  # their timestamps count the sound, and leave none out
_BYTES_DROPPED_BY_READER = frozenset(("aac",))  # FFmpeg's reader of ADTS passes over damaged bytes itself
_MAX_READ_ERRORS = 32
_LEAST_HOLE = 0.1  # seconds
_COMPARED_BYTES = 64
_CHECKED_PACKETS = 8  # one in so many is looked for in the file
_OVERHEAD_BYTES = 32  # headers between two packets, which need no look
RATES_HZ = (1_000, 768_000)
"""Sampling rates of recordings; others come from damaged headers, and resampling multiplies the samples."""


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame and what is known of its place.

    Attributes:
        frame: as the decoder gave it.
        stamp: seconds from the start of the recording; None where the file does not tell.
        lost: seconds of sound before it that could not be decoded, as far as the file tells.
        damaged: whether packets before it could not be decoded.
        unread: first byte and end of what lies between its packet and the one before.
    """

    frame: AudioFrame
    stamp: float | None
    lost: float = 0.0
    damaged: bool = False
    unread: tuple[int, int] | None = None


class FrameReader:
    """Reads one audio stream to its end, over damaged packets.

    Args:
        container, stream: as PyAV opened them.
        source: what PyAV reads from.
        beside: the same bytes, to look at.
        origin: timestamp in seconds at which the recording begins; None for the first one of the file.
        begins: seconds from there at which the first frame begins, where the container does not tell; None otherwise.
        after_damage: whether damage lies before the first frame.

    Attributes:
        n_failed: packets that could not be decoded.
        end: where the last packet ends, in bytes.
        ends_broken: whether the last packet is incomplete or could not be decoded.
        origin: timestamp of the recording's beginning, in seconds.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: AudioStream,
        *,
        source: LocalFile,
        beside: LocalFile,
        origin: float | None = None,
        begins: float | None = None,
        after_damage: bool = False,
    ) -> None:
        self.n_failed = 0
        self.end = 0
        self.ends_broken = False
        self._container = container
        self._stream = stream
        self._source = source
        self._beside = beside
        names = container.format.name.split(",")
        self._timed = not _TIMED_CONTAINERS.isdisjoint(names)
        self._is_ogg = "ogg" in names
        self._position_of_unit = self._is_ogg or "matroska" in names  # of the page, of the block
        self._has_no_gaps = not self._timed or not _WITHOUT_GAPS.isdisjoint(names)
        self._drops_bytes = not _BYTES_DROPPED_BY_READER.isdisjoint(names)
        self._flac_info = (stream.codec_context.extradata or b"") if "flac" in names else None
        # Players count from the first timestamp of the file, whatever that is.
        self._time_base = float(stream.time_base or 0)
        self.origin = (container.start_time or 0) / 1e6 if origin is None else origin
        self._begins = begins
        self._after_damage = after_damage
        self._n_unchecked = 0
        self._n_dropped = 0  # bytes that FFmpeg's count of positions leaves out
        self._page = 0
        self._hole_seen = False  # in Ogg, whose timestamps may tell of it only a page later
        self._page_number: tuple[bytes, int] | None = None
        entries: Any = getattr(stream, "index_entries", None) if "avi" in names else None
        self._index = entries if entries is not None and len(entries) else None
        self._entry = -1
        self._indexed: Any = None if self._index is None else self._index[0]
        self._following: Any = self._indexed
        self._ticks: float | None = None  # of the index, for each of the packets' ones
        self._byte_rate = ByteRate()
        self._reported = 0.0
        self._decoder: AudioCodecContext | None = None  # in place of the stream's own one
        self._n_failed_in_a_row = 0

    @property
    def rest(self) -> float:
        """Seconds after the last frame that could not be decoded, as far as the file tells."""
        return self._byte_rate.rest()

    def is_damaged(self, item: TimedFrame, gap: float) -> bool:
        """Whether the file is damaged before a frame that lies `gap` seconds after the one before."""
        if gap < _LEAST_HOLE:
            return False
        if self._has_no_gaps:
            return True
        if self._is_ogg and self._hole_seen:
            return True
        if item.unread is None:
            return False
        start, end = item.unread
        intact = is_intact(self._beside, self._container.format.name, start, end)
        if intact is not None:
            return not intact
        only_sound = len(self._container.streams) == 1
        return only_sound and end - start >= gap * self._byte_rate.per_second / 2

    def accounts_for(self, item: TimedFrame, gap: float, lasts: float) -> bool:
        """Whether damage explains a long gap, so that it is none of the clock's: enough bytes, or pages of Ogg.

        Args:
            item: the frame after the gap.
            gap: in seconds.
            lasts: seconds of the recording up to the gap.
        """
        if not self.is_damaged(item, gap) or item.unread is None:
            return False
        start, end = item.unread
        return self._is_ogg or (end - start) * max(lasts, 1.0) >= gap * start / 4

    def frames(self, progress: Progress) -> Iterator[tuple[TimedFrame, TimedFrame | None]]:
        """Each frame with the one after it (None after the last one)."""
        previous: TimedFrame | None = None
        for item in self._decode(progress):
            if previous is not None:
                yield previous, item
            previous = item
        if previous is not None:
            yield previous, None

    def _decode(self, progress: Progress) -> Iterator[TimedFrame]:
        from av import FFmpegError

        lost, damaged = 0.0, self._after_damage
        unread: tuple[int, int] | None = None
        first_rate = 0
        for packet in self._packets():
            duration = (packet.duration or 0) * self._time_base
            skipped = self._skip_to(packet)
            if skipped is not None:
                unread = skipped if unread is None else (unread[0], skipped[1])
            try:
                frames = self._frames_of(packet)
            except FFmpegError:
                # One damaged packet must not cost the rest; the ffmpeg program goes on as well.
                self.n_failed += 1
                damaged = self.ends_broken = True
                self._byte_rate.lose(packet.size, duration, start=bytes(packet)[:12])
                continue
            lost += self._byte_rate.learn(packet.size, duration)
            if packet.size:
                self.ends_broken = packet.is_corrupt
            for index, frame in enumerate(frames):
                first_rate = first_rate or frame.sample_rate
                if self._is_ogg and frame.sample_rate != first_rate:
                    self._timed = False  # a chained stream is timed by the rate of the first one: wrongly
                yield TimedFrame(frame, self._stamp(packet, frame, index), lost, damaged or lost > 0, unread)
                lost, damaged, unread = 0.0, False, None
            self._report(packet, progress)

    def _frames_of(self, packet: Any) -> list[AudioFrame]:
        from av import FFmpegError

        try:
            frames = packet.decode() if self._decoder is None else self._decoder.decode(packet)
        except FFmpegError:
            self._n_failed_in_a_row += 1
            if self._n_failed_in_a_row % 8 == 3:
                self._renew_decoder()
            raise
        if frames:
            self._n_failed_in_a_row = 0
        return [frame for frame in frames if frame.samples and RATES_HZ[0] <= frame.sample_rate <= RATES_HZ[1]]

    def _renew_decoder(self) -> None:
        """Begin anew: FFmpeg's AAC decoder keeps a layout that it took from damaged bytes, and then refuses all."""
        from av import CodecContext
        from av.audio.codeccontext import AudioCodecContext

        old = self._stream.codec_context
        if old.name == "aac" and old.extradata:
            fresh = CodecContext.create("aac", "r")
            if isinstance(fresh, AudioCodecContext):
                fresh.extradata = old.extradata
                self._decoder = fresh

    def _skip_to(self, packet: Any) -> tuple[int, int] | None:
        """The bytes between the packet before and this one."""
        if packet.pos is None or not packet.size:
            return None
        before, position = self.end, packet.pos
        if self._drops_bytes:
            self._n_unchecked += 1
            if self._n_failed_in_a_row or self._n_unchecked >= _CHECKED_PACKETS or position != before - self._n_dropped:
                self._n_unchecked = 0
                position = self._true_position(packet)
            else:
                position += self._n_dropped
        self.end = position if self._position_of_unit else position + packet.size
        if not before or position <= before + _OVERHEAD_BYTES:
            return None
        if self._drops_bytes:
            self._beside.seek(before)
            self._byte_rate.skip(position - before, start=self._beside.read(12))
        return before, position

    def _true_position(self, packet: Any) -> int:
        """Where a packet lies in the file: FFmpeg counts only the bytes that its reader of ADTS has let through."""
        content = bytes(packet)[:_COMPARED_BYTES]
        position: int = packet.pos + self._n_dropped
        self._beside.seek(position)
        if self._beside.read(len(content)) != content:
            found = find_sync(self._beside, content, self.end)
            if found is not None:
                self._n_dropped += found - position
                position = found
        return position

    def _ogg_stamp(self, packet: Any) -> float | None:
        """Seconds at which the first packet on a page of Ogg begins, where pages before it are missing.

        FFmpeg gives it the time at which the packet before the hole ended.
        """
        if packet.pos is None or packet.pos == self._page:
            return None
        before, self._page = self._page, packet.pos
        numbered = ogg_page_number(self._beside, packet.pos)
        last, self._page_number = self._page_number, numbered
        if numbered is None or last is None or numbered[0] != last[0] or numbered[1] == last[1] + 1:
            return None
        if not has_lost_ogg_pages(self._beside, before, packet.pos):
            return None
        self._hole_seen = True
        found = ogg_packet_time(self._beside, packet.pos)
        if found is None or not packet.duration:
            return None
        granule, n_packets = found
        extradata = self._stream.codec_context.extradata or b""
        if extradata.startswith(b"OpusHead"):
            granule -= int.from_bytes(extradata[10:12], "little")
        return (granule - n_packets * int(packet.duration)) * self._time_base - self.origin

    def _indexed_stamp(self, packet: Any, stamp: float) -> float:
        """Seconds of a packet of AVI by the index of the file: FFmpeg counts the packets, and not those in a hole."""
        if self._index is None or packet.pos is None:
            return stamp
        if self._following is None and self._entry + 1 < len(self._index):  # FFmpeg adds what it finds
            self._following = self._index[self._entry + 1]
        while self._following is not None and self._following.pos + 8 <= packet.pos:
            self._entry, self._indexed = self._entry + 1, self._following
            self._following = self._index[self._entry + 1] if self._entry + 1 < len(self._index) else None
        entry = self._indexed
        if not entry.pos + 8 <= packet.pos <= entry.pos + 8 + entry.size:
            return stamp
        if self._ticks is None and packet.pts and entry.pos + 8 == packet.pos:
            self._ticks = entry.timestamp / packet.pts
        if self._ticks is None or self._ticks < 1 or self._ticks % 1:
            return stamp
        inside = (packet.pos - entry.pos - 8) / max(self._byte_rate.per_second, 1.0)
        indexed = entry.timestamp / self._ticks * self._time_base + inside - self.origin
        return indexed if indexed > stamp + _LEAST_HOLE else stamp

    @property
    def indexed_end(self) -> float:
        """Where the sound ends by the index of an AVI file, in seconds; 0 for others."""
        if self._index is None or not self._ticks:
            return 0.0
        last: int = self._index[len(self._index) - 1].timestamp
        return last / self._ticks * self._time_base - self.origin

    def _stamp(self, packet: Any, frame: AudioFrame, index: int) -> float | None:
        if self._timed:
            if self._is_ogg and index == 0:
                found = self._ogg_stamp(packet)
                if found is not None:
                    return found
            stamp = None if frame.pts is None else frame.pts * self._time_base - self.origin
            return stamp if stamp is None or self._index is None else self._indexed_stamp(packet, stamp)
        if self._begins is not None:
            begins, self._begins = self._begins, None
            return begins
        if self._flac_info is not None and index == 0:
            return parse_flac_stamp(bytes(packet)[:16], self._flac_info, frame.sample_rate)
        return None

    def _packets(self) -> Iterator[Any]:
        """Packets of the stream, then an empty one, which empties the decoder; read errors are passed over."""
        from av import FFmpegError

        discard_others(self._container, self._stream)
        n_errors, position = 0, 0
        while n_errors < _MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    yield packet
                    n_errors = 0
                return
            except FFmpegError:
                here = self._source.tell()
                n_errors = 0 if here > position else n_errors + 1
                position = max(position, here)
            except IndexError:
                # PyAV's own list does not have the streams that turn up in mid-file, and it empties their decoders
                # at the end; that of this stream came before (PyAV 18, container/input.py).
                return

    def _report(self, packet: Any, progress: Progress) -> None:
        fraction = 0.0 if packet.pos is None else min(packet.pos / max(self._source.size, 1), 1.0)
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
