"""Chunk headers of WAV, RF64, Wave64, AIFF and CAF: where the samples lie, and what stands after them.

A header that states less than the file holds is no reason to stop: recorders that update it now and then, and
sizes of 32 bits that wrapped around beyond 4 GiB, leave sound after the stated end. Other files are several
complete recordings one after another, as streaming speech synthesis and some recorders write them.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal

from whisperdiar.media.source import FilePart, LocalFile

PLACEHOLDER_BYTES = 0x7FFF_0000
"""Programs that write to a pipe put sizes from here on (2 GiB and up) into 32-bit fields that they cannot fill in."""

_MAX_CHUNKS = 10_000
_LONGEST_HEADER = 2**26
_SHORTEST_REST = 0.05  # seconds: below that it is padding
_W64_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of "fmt " and "data", after those four letters
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the chunks of one format are written.

    Attributes:
        magic: first bytes of a file.
        id_bytes, size_bytes, order: of a chunk's header.
        counts_header: whether its size includes that header.
        align: chunks begin at multiples of this many bytes.
        first: where the first chunk begins.
        data: id of the chunk with the samples; `skip` bytes in it come before them.
        outer: (offset, bytes, what the field leaves out) of the size of the whole file; None where there is none.
    """

    magic: bytes
    id_bytes: int
    size_bytes: int
    order: Literal["little", "big"]
    counts_header: bool
    align: int
    first: int
    data: bytes
    skip: int
    outer: tuple[int, int, int] | None


_KINDS = (
    _Kind(b"RIFF", 4, 4, "little", False, 2, 12, b"data", 0, (4, 4, 8)),
    _Kind(b"RIFX", 4, 4, "big", False, 2, 12, b"data", 0, (4, 4, 8)),
    _Kind(b"RF64", 4, 4, "little", False, 2, 12, b"data", 0, (4, 4, 8)),
    _Kind(_W64_RIFF, 16, 8, "little", True, 8, 40, b"data" + _W64_GUID, 0, (16, 8, 0)),
    _Kind(b"FORM", 4, 4, "big", False, 2, 12, b"SSND", 8, (4, 4, 8)),
    _Kind(b"caff", 4, 8, "big", False, 1, 8, b"data", 4, None),
)


@dataclass(frozen=True, slots=True)
class SampleChunk:
    """The chunk that holds the samples.

    Attributes:
        start: of the first sample in the file, in bytes.
        size: of the samples as the header states it, in bytes; None where it leaves that open.
        byte_rate: bytes per second; 0 where the header does not tell.
    """

    start: int
    size: int | None
    byte_rate: float
    kind: _Kind
    size_field: int

    @property
    def end(self) -> int | None:
        """Where the samples end as the header states it."""
        return None if self.size is None else self.start + self.size


def find_sample_chunk(file: LocalFile) -> SampleChunk | None:
    """The chunk that holds the samples; None for another format or a damaged header."""
    file.seek(0)
    head = file.read(16)
    kind = next((item for item in _KINDS if head.startswith(item.magic)), None)
    if kind is None or (kind.magic == b"RIFF" and _detect_kind(file) != b"WAVE"):
        return None
    position, byte_rate, long_size = kind.first, 0.0, None
    for _ in range(_MAX_CHUNKS):
        header = _read_header(file, kind, position)
        if header is None or position > _LONGEST_HEADER:
            return None
        name, size, body = header
        if name == kind.data:
            stated = _stated_size(kind, size, long_size)
            return SampleChunk(body + kind.skip, stated, byte_rate, kind, body - kind.size_bytes)
        content = file.read(40) if name[:4] in (b"fmt ", b"ds64", b"COMM", b"desc") else b""
        if name[:4] == b"fmt " and len(content) >= 16:
            byte_rate = float(int.from_bytes(content[8:12], kind.order))
        elif name == b"ds64" and len(content) >= 16:
            long_size = int.from_bytes(content[8:16], "little")
        elif name == b"COMM" and len(content) >= 18:
            n_channels, bits = int.from_bytes(content[:2], "big"), int.from_bytes(content[6:8], "big")
            byte_rate = n_channels * -(-bits // 8) * _parse_extended(content[8:18])
        elif name == b"desc" and len(content) >= 24:
            rate, n_bytes, n_frames = struct.unpack(">d8xII", content[:24])
            byte_rate = rate * n_bytes / n_frames if n_frames and rate == rate else 0.0
        position = _next_position(kind, body, size)
    return None


def find_second_recording(file: LocalFile, chunk: SampleChunk) -> int | None:
    """Where a second recording of the same format begins; None where there is none."""
    found = _find_after_samples(file, chunk)
    return found[1] if found is not None and found[0] == "joined" else None


def unstated_seconds(file: LocalFile, chunk: SampleChunk) -> float:
    """Seconds of sound after the end that the header states; 0 where other chunks or nothing follow."""
    found = _find_after_samples(file, chunk)
    if found is None or found[0] != "samples" or not chunk.byte_rate:
        return 0.0
    seconds = (file.size - found[1]) / chunk.byte_rate
    return seconds if seconds >= _SHORTEST_REST else 0.0


def include_all_samples(file: LocalFile, chunk: SampleChunk) -> FilePart:
    """The file as a part whose header states everything that follows."""
    file.seek(0)
    head = bytearray(file.read(chunk.start))
    kind, body = chunk.kind, chunk.size_field + chunk.kind.size_bytes
    size = file.size - (chunk.size_field - kind.id_bytes if kind.counts_header else body)
    fields = [(chunk.size_field, kind.size_bytes, size)]
    if kind.outer is not None:
        offset, n_bytes, left_out = kind.outer
        fields.append((offset, n_bytes, file.size - left_out))
    if kind.magic == b"RF64":  # its sizes stand in the chunk ds64, and 32 bits are all ones
        fields = [(20, 8, file.size - 8), (28, 8, size)]
    for offset, n_bytes, value in fields:
        head[offset : offset + n_bytes] = min(value, (1 << 8 * n_bytes) - 1).to_bytes(n_bytes, kind.order)
    return FilePart(start=chunk.start, head=bytes(head))


def _read_header(file: LocalFile, kind: _Kind, position: int) -> tuple[bytes, int, int] | None:
    """Id, size without the header, and first byte of the content of the chunk at a position."""
    length = kind.id_bytes + kind.size_bytes
    file.seek(position)
    data = file.read(length)
    if len(data) < length:
        return None
    size = int.from_bytes(data[kind.id_bytes :], kind.order)
    return data[: kind.id_bytes], size - length if kind.counts_header else size, position + length


def _next_position(kind: _Kind, body: int, size: int) -> int:
    return body + -(-max(size, 0) // kind.align) * kind.align


def _stated_size(kind: _Kind, size: int, long_size: int | None) -> int | None:
    """Bytes of samples; None for the values that programs put where they cannot know it."""
    if kind.magic == b"RF64":
        return long_size or None
    if kind.size_bytes == 4 and not 0 < size < PLACEHOLDER_BYTES:
        return None
    if size >= 1 << 62 or size <= kind.skip:  # CAF: -1 means up to the end of the file
        return None
    return size - kind.skip


def _find_after_samples(file: LocalFile, chunk: SampleChunk) -> tuple[Literal["joined", "samples"], int] | None:
    """What follows the stated end of the samples and is neither padding nor a chunk, and where it begins."""
    if chunk.end is None:
        return None
    kind, first = chunk.kind, True
    content = chunk.start - kind.skip
    position = _next_position(kind, content, chunk.end - content)
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        start = file.read(len(kind.magic) + 4)
        if len(start) < len(kind.magic) + 4:
            return None
        if start.startswith(kind.magic):
            return "joined", position
        header = _read_header(file, kind, position)
        if start.startswith(_TAGS) or header is None:
            return None
        name, size, body = header
        if not all(0x20 <= byte < 0x7F for byte in name[:4]) or not 0 <= size <= file.size - body:
            return ("samples", chunk.end) if first else None
        position, first = _next_position(kind, body, size), False
    return None


def _detect_kind(file: LocalFile) -> bytes:
    file.seek(8)
    return file.read(4)


def _parse_extended(data: bytes) -> float:
    """A number of 80 bits (IEEE 754 extended), as AIFF writes the sampling rate."""
    exponent, mantissa = struct.unpack(">HQ", data)
    try:
        return float(math.ldexp(mantissa, (exponent & 0x7FFF) - 16383 - 63))
    except OverflowError:
        return 0.0
