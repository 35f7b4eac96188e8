"""How much a file says it holds: the only way to tell a broken download from a short recording.

Only what a header states is believed. A duration that FFmpeg works out from the bit rate or from what it
found in the file promises nothing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

PLACEHOLDER_BYTES = 0x7FFF_0000
"""Programs that write to a pipe put sizes from here on (2 GiB and up) into 32-bit fields that they cannot fill in."""

_TOLERANCE = 0.5  # seconds; durations in headers are rounded, and end padding counts or not
_DURATION_IN_HEADER = frozenset(("flac", "tta", "wv", "ape"))
_DURATION_IN_SIZES = frozenset(("mov", "matroska", "webm", "au", "aiff"))  # stated beside the length in bytes

_BOXES = frozenset(
    (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"sidx", b"styp", b"uuid", b"meta", b"mfra")
)
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_MAX_BOXES = 1_000_000


def promised_duration(path: Path, container: InputContainer, stream: AudioStream, decoded: float) -> float | None:
    """Seconds of sound that the file states, where that is more than the `decoded` ones; None for a whole file.

    Containers that state neither their length in bytes nor a duration never count as cut off: MPEG-TS, Ogg,
    ADTS, MP3 without a Xing frame, live recordings.
    """
    stated, size, name = stated_bytes(path), path.stat().st_size, container.format.name
    if stated is None:
        if name not in _DURATION_IN_HEADER and not (name == "mp3" and has_frame_count(path)):
            return None
        duration = _duration(container, stream)
    elif stated <= size:
        return None
    else:
        # FFmpeg shortens the duration of PCM and AVI to what the file holds.
        capped = _DURATION_IN_SIZES.isdisjoint(name.split(","))
        duration = decoded * stated / size if capped else _duration(container, stream)
    return duration if duration > decoded + _TOLERANCE else None


def _duration(container: InputContainer, stream: AudioStream) -> float:
    tag = re.match(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:  # Matroska muxers write it for each track
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def stated_bytes(path: Path) -> int | None:
    """Length in bytes that the container's own sizes add up to; None where they say nothing.

    Reads RIFF and AIFF (first form), RF64, Wave64, Sun/NeXT audio, ISO base media (MP4, MOV, M4A, 3GP: ISO/IEC
    14496-12) and Matroska/WebM (RFC 9559).
    """
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] in (b"RIFF", b"FORM", b"RIFX"):
            size = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
            return size + 8 if 0 < size < PLACEHOLDER_BYTES else None
        if head[:4] == b"RF64" and head[12:16] == b"ds64":
            return int.from_bytes(head[20:28], "little") + 8
        if head[:16] == _W64_RIFF:
            return int.from_bytes(head[16:24], "little")
        if head[:4] == b".snd":
            size = int.from_bytes(head[8:12], "big")
            return int.from_bytes(head[4:8], "big") + size if size < PLACEHOLDER_BYTES else None
        if head[:4] == _EBML:
            return _matroska_bytes(file)
        if head[4:8] in _BOXES:
            return _boxes(file)[0]
    return None


def missing_bytes(path: Path) -> tuple[int, int] | None:
    """Bytes that are there and that the container's own sizes add up to, where the latter are more; otherwise None."""
    try:
        size, stated = path.stat().st_size, stated_bytes(path) if path.is_file() else None
    except OSError:  # said when it is opened
        return None
    return (size, stated) if stated is not None and stated > size else None


def lacks_index(path: Path) -> bool:
    """Whether this is an MP4 or MOV file without its ``moov`` box, as a cut recording leaves it."""
    with path.open("rb") as file:
        if file.read(8)[4:] not in _BOXES:
            return False
        return b"moov" not in _boxes(file)[1]


def _boxes(file: BinaryIO) -> tuple[int, set[bytes]]:
    """Where the top-level boxes end, and their types; what follows an unknown type is not looked at."""
    position = 0
    kinds: set[bytes] = set()
    file_size = os.fstat(file.fileno()).st_size
    for _ in range(_MAX_BOXES):
        if position >= file_size:
            break
        file.seek(position)
        header = file.read(16)
        size, kind, least = int.from_bytes(header[:4], "big"), header[4:8], 8
        if kind not in _BOXES:
            break
        if size == 1:
            size, least = int.from_bytes(header[8:16], "big"), 16
        kinds.add(kind)
        if size < least:  # 0: up to the end of the file, wherever that is
            return file_size, kinds
        position += size
    return position, kinds


def _matroska_bytes(file: BinaryIO) -> int | None:
    """End of the first Segment; None for one of unknown size, as live recordings have."""
    position = 4
    size, position = _variable_size(file, position)
    if size is None:
        return None
    position += size
    file.seek(position)
    if file.read(4) != _SEGMENT:
        return None
    size, position = _variable_size(file, position + 4)
    return None if size is None else position + size


def _variable_size(file: BinaryIO, position: int) -> tuple[int | None, int]:
    """An EBML size (RFC 8794, section 4) and where it ends; None for "unknown"."""
    file.seek(position)
    data = file.read(8)
    if not data or not data[0]:
        return None, position
    length = 9 - data[0].bit_length()
    value = int.from_bytes(data[:length], "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), position + length


def has_frame_count(path: Path) -> bool:
    """Whether an MP3 file begins with a Xing, Info or VBRI frame, which states its length."""
    with path.open("rb") as file:
        head = file.read(10)
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
