"""Declared size: how much a file says it holds, which tells a broken download from a short recording.

Only what a header states is believed. A duration that FFmpeg works out from the bit rate or from what it
found in the file promises nothing.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whisperdiar.media.chunks import PLACEHOLDER_BYTES, find_sample_chunk
from whisperdiar.media.source import LocalFile

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

TOLERANCE = 0.5
"""Seconds by which a stated duration may differ: headers round, and padding at the end counts or not."""

_DURATION_IN_HEADER = frozenset(("flac", "tta", "wv", "ape"))
_DURATION_IN_SIZES = frozenset(("mov", "matroska", "webm", "au", "aiff"))  # stated beside the length in bytes

_BOXES = frozenset(
    (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"sidx", b"styp", b"uuid", b"meta", b"mfra")
)
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
"""First bytes of an ASF (WMA, WMV) file."""

ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
"""First bytes of the object of its header that states sizes and times."""

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_MAX_BOXES = 1_000_000


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a file states and does not hold.

    Attributes:
        missing: seconds of sound that it states beyond what was decoded.
        is_cut: whether bytes are missing at its end; otherwise it is damaged.
    """

    missing: float
    is_cut: bool


def find_shortfall(
    file: LocalFile, container: InputContainer, stream: AudioStream, decoded: float, *, indexed: float = 0.0
) -> Shortfall | None:
    """What is missing where a file states more seconds of sound than the `decoded` ones; None for a whole file.

    Containers that state neither their length in bytes nor a duration never fall short: MPEG-TS, Ogg,
    ADTS, MP3 without a Xing frame, live recordings; see `structure.explain_unfinished`.

    Args:
        file: the bytes.
        container, stream: as they were opened.
        decoded: seconds of sound that were found.
        indexed: where the sound ends by an index that the reader knows, in seconds.
    """
    stated, size = stated_bytes(file), file.size
    if stated is not None and stated > size:
        # FFmpeg shortens the duration of PCM, AVI and ASF to what the file holds.
        capped = _DURATION_IN_SIZES.isdisjoint(container.format.name.split(","))
        duration = decoded * stated / size if capped else _duration(container, stream)
        if container.format.name == "asf":
            duration = read_asf_duration(file)
        return Shortfall(duration - decoded, is_cut=True) if duration > decoded + TOLERANCE else None
    seconds = max(indexed, _stated_seconds(file, container, stream))
    return Shortfall(seconds - decoded, is_cut=stated is None) if seconds > decoded + TOLERANCE else None


def _stated_seconds(file: LocalFile, container: InputContainer, stream: AudioStream) -> float:
    """Seconds of this sound that the header states; 0 where it states none, or only those of the picture."""
    name = container.format.name
    only_sound = len(container.streams) == 1
    if name in _DURATION_IN_HEADER or (name == "mp3" and has_frame_count(file)):
        return _duration(container, stream)
    if name.startswith("mov,"):  # each track states its own length
        return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    if name.startswith("matroska"):  # the end of the sound by a clock that need not begin at 0
        end = _tagged_duration(stream) or (read_matroska_duration(file) if only_sound else 0.0)
        return end - (container.start_time or 0) / 1e6
    if name == "asf" and only_sound:
        return read_asf_duration(file)
    if name == "flv" and only_sound and b"duration" in _read_head(file, 2**12):
        return ((container.duration or 0) - (container.start_time or 0)) / 1e6
    return 0.0


def _tagged_duration(stream: AudioStream) -> float:
    tag = re.match(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) if tag else 0.0


def _read_head(file: LocalFile, n_bytes: int) -> bytes:
    file.seek(0)
    return file.read(n_bytes)


def _duration(container: InputContainer, stream: AudioStream) -> float:
    tagged = _tagged_duration(stream)  # Matroska muxers write it for each track
    if tagged:
        return tagged
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def stated_bytes(file: LocalFile) -> int | None:
    """Length in bytes that the container's own sizes add up to; None where they say nothing.

    Reads RIFF and AIFF (first form), RF64, Wave64, CAF, ASF, Sun/NeXT audio, ISO base media (MP4, MOV, M4A, 3GP:
    ISO/IEC 14496-12) and Matroska/WebM (RFC 9559).
    """
    head = _read_head(file, 64)
    if head[:4] in (b"RIFF", b"FORM", b"RIFX"):
        size = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
        return size + 8 if 0 < size < PLACEHOLDER_BYTES else None
    if head[:4] == b"RF64" and head[12:16] == b"ds64":
        return int.from_bytes(head[20:28], "little") + 8
    if head[:16] == _W64_RIFF:
        return int.from_bytes(head[16:24], "little")
    if head[:16] == ASF:
        header = _read_head(file, 2**16)
        at = header.find(ASF_PROPERTIES)
        is_live = at < 0 or header[at + 88 : at + 89] in (b"", b"\1", b"\3")  # the flag "broadcast"
        return None if is_live else int.from_bytes(header[at + 40 : at + 48], "little") or None
    if head[:4] == b"caff":
        chunk = find_sample_chunk(file)
        return None if chunk is None else chunk.end
    if head[:4] == b".snd":
        size = int.from_bytes(head[8:12], "big")
        return int.from_bytes(head[4:8], "big") + size if size < PLACEHOLDER_BYTES else None
    if head[:4] == _EBML:
        return _matroska_bytes(file)
    if head[4:8] in _BOXES:
        return read_boxes(file)[0]
    return None


def missing_bytes(path: Path) -> tuple[int, int] | None:
    """Bytes that are there and that the container's own sizes add up to, where the latter are more; otherwise None."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as raw:
            file = LocalFile(raw)
            size, stated = file.size, stated_bytes(file)
    except OSError:  # said when it is opened
        return None
    return (size, stated) if stated is not None and stated > size else None


def find_missing_index(path: Path) -> str | None:
    """Name of the index that this MP4, MOV or CAF file lacks, as a cut recording leaves it."""
    with path.open("rb") as raw:
        file = LocalFile(raw)
        head = _read_head(file, 8)
        if head[:4] == b"caff":
            chunk = find_sample_chunk(file)
            cut = chunk is not None and chunk.end is not None and chunk.end >= file.size
            return "pakt" if cut else None
        if head[4:] in _BOXES and b"moov" not in read_boxes(file)[1]:
            return "moov"
        return None


def read_boxes(file: LocalFile) -> tuple[int, set[bytes]]:
    """Where the top-level boxes of the first recording end, and their types.

    What follows an unknown type is not looked at; a second ``ftyp`` after an index begins another recording.
    """
    position = 0
    kinds: set[bytes] = set()
    for _ in range(_MAX_BOXES):
        if position >= file.size:
            break
        file.seek(position)
        header = file.read(16)
        if len(header) < 8 and any(header):  # the header of a box is cut off
            return file.size + 1, kinds
        size, kind, least = int.from_bytes(header[:4], "big"), header[4:8], 8
        if kind not in _BOXES or (kind == b"ftyp" and b"moov" in kinds):
            break
        if size == 1:
            size, least = int.from_bytes(header[8:16], "big"), 16
        kinds.add(kind)
        if size < least:  # 0: up to the end of the file, wherever that is
            return file.size, kinds
        position += size
    return position, kinds


def read_asf_duration(file: LocalFile) -> float:
    """Seconds that the header of an ASF file states; 0 for a live recording."""
    header = _read_head(file, 2**16)
    at = header.find(ASF_PROPERTIES)
    if stated_bytes(file) is None or len(header) < at + 88:
        return 0.0
    play, preroll = (int.from_bytes(header[at + first : at + first + 8], "little") for first in (64, 80))
    return max(0.0, play / 1e7 - preroll / 1e3)


def read_matroska_duration(file: LocalFile) -> float:
    """Seconds that the header of a Matroska file states; 0 where it states none (a live recording)."""
    head = _read_head(file, 2**16)
    info = head.find(b"\x15\x49\xa9\x66")
    if info < 0:
        return 0.0
    scale_at, duration_at = head.find(b"\x2a\xd7\xb1", info, info + 512), head.find(b"\x44\x89", info, info + 512)
    scale = 1_000_000
    if scale_at >= 0 and head[scale_at + 3] & 0xF0 == 0x80:
        n_bytes = head[scale_at + 3] & 0x0F
        scale = int.from_bytes(head[scale_at + 4 : scale_at + 4 + n_bytes], "big")
    form = {0x84: ">f", 0x88: ">d"}.get(head[duration_at + 2]) if duration_at >= 0 else None
    if form is None or len(head) < duration_at + 11:
        return 0.0
    (ticks,) = struct.unpack_from(form, head, duration_at + 3)
    return float(ticks) * scale / 1e9


def _matroska_bytes(file: LocalFile) -> int | None:
    """End of the first Segment; None for one of unknown size, as live recordings have."""
    position = 4
    size, position = _read_variable_size(file, position)
    if size is None:
        return None
    position += size
    file.seek(position)
    if file.read(4) != _SEGMENT:
        return None
    size, position = _read_variable_size(file, position + 4)
    return None if size is None else position + size


def _read_variable_size(file: LocalFile, position: int) -> tuple[int | None, int]:
    """An EBML size (RFC 8794, section 4) and where it ends; None for "unknown"."""
    file.seek(position)
    data = file.read(8)
    if not data or not data[0]:
        return None, position
    length = 9 - data[0].bit_length()
    value = int.from_bytes(data[:length], "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), position + length


def has_frame_count(file: LocalFile) -> bool:
    """Whether an MP3 file begins with a Xing, Info or VBRI frame, which states its length."""
    head = _read_head(file, 10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        size = 0
        for byte in head[6:10]:  # 7 bits each (ID3v2.4, section 6.2)
            size = size << 7 | byte & 0x7F
        start = 10 + size
    file.seek(start)
    frame = file.read(64)
    # After the 4 bytes of the frame header comes the side information, whose length depends on MPEG version
    # and channels: 9, 17 or 32 bytes.
    return any(frame[at : at + 4] in (b"Xing", b"Info", b"VBRI") for at in (13, 21, 36))
