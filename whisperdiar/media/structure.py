"""Container structure: whether pages, packets, tags, elements and boxes are whole, and where to go on.

A gap in the timestamps may be a pause of the recorder or a hole in the file; only the structure between two
packets tells. Sources: RFC 3533 (Ogg), ISO/IEC 13818-1 (MPEG-TS), RFC 9559 and 8794 (Matroska), Adobe's Flash
Video File Format Specification 10.1, ISO/IEC 14496-12 (fragments).
"""

from __future__ import annotations

from collections.abc import Callable

from whisperdiar.media.source import LocalFile
from whisperdiar.text.messages import _

_BLOCK = 2**20
_MAX_STEPS = 2_000_000
_TS_SIZES = (188, 192, 204)
_OGG_PAGE = 65_307  # the longest one
_MASTERS = frozenset(bytes.fromhex(name) for name in ("18538067", "1f43b675", "a0"))  # looked into
_BLOCKS = (b"\xa3", b"\xa1")
_ELEMENTS = _MASTERS | frozenset(
    bytes.fromhex(name)
    for name in (
        *("1a45dfa3", "114d9b74", "1549a966", "1654ae6b", "1c53bb6b", "1254c367", "1941a469", "1043a770"),
        *("e7", "a3", "ab", "a7", "bf", "ec", "a1", "9b", "fb", "fd", "fa", "a4", "75a2", "75a1", "c8", "8e", "5854"),
    )
)


def is_intact(file: LocalFile, name: str, start: int, end: int) -> bool | None:
    """Whether the bytes from the end of one packet to the next one are whole units of the container.

    Args:
        file: the file or a part of it.
        name: FFmpeg's name of the format.
        start: end of a packet (for Ogg: begin of its page; for Matroska: begin of its block's content).
        end: begin of the next packet, or the end of the file.

    Returns:
        None where the format's structure is not known here.
    """
    step = _choose_step(name)
    if step is None or end <= start:
        return None
    return step(file, start, end)


def _choose_step(name: str) -> Callable[[LocalFile, int, int], bool] | None:
    if name == "ogg":
        return _has_whole_pages
    if name.startswith("matroska"):
        return _has_whole_elements
    if name == "flv":
        return _has_whole_tags
    if name == "mpegts":
        return _has_whole_packets
    return None


def _has_whole_pages(file: LocalFile, start: int, end: int) -> bool:
    """Pages of Ogg without one missing in between, as their numbers tell."""
    numbers: dict[bytes, int] = {}
    position = start
    for _each in range(_MAX_STEPS):
        if position > end:
            return True
        page = _page(file, position)
        if page is None:
            return position >= file.size
        flags, serial, number, following = page
        if not flags & 2 and numbers.get(serial, number - 1) != number - 1:
            return False
        numbers[serial] = number
        position = following
    return True


def _page(file: LocalFile, position: int) -> tuple[int, bytes, int, int] | None:
    """Flags, serial number, page number and end of the Ogg page at a position."""
    file.seek(position)
    header = file.read(27)
    if len(header) < 27 or header[:5] != b"OggS\0":
        return None
    lacing = file.read(header[26])
    return header[5], header[14:18], int.from_bytes(header[18:22], "little"), position + 27 + len(lacing) + sum(lacing)


def ogg_packet_time(file: LocalFile, position: int) -> tuple[int, int] | None:
    """Granule position at the end of the Ogg page there, and how many packets of it end there and begin on it."""
    file.seek(position)
    header = file.read(27)
    if len(header) < 27 or header[:5] != b"OggS\0":
        return None
    granule = int.from_bytes(header[6:14], "little", signed=True)
    n_packets = sum(size < 255 for size in file.read(header[26]))
    return (granule, n_packets - (header[5] & 1)) if granule >= 0 else None


def has_lost_ogg_pages(file: LocalFile, start: int, end: int) -> bool:
    """Whether packets should have come from pages of Ogg between two, whose positions these are."""
    first = _page(file, start)
    if first is None or not _has_whole_pages(file, start, end):
        return True
    position = first[3]
    while position < end:
        page = _page(file, position)
        if page is None:
            return True
        file.seek(position + 6)
        if page[1] == first[1] and file.read(8) != b"\xff" * 8:  # a packet ends there
            return True
        position = page[3]
    return False


def ogg_page_number(file: LocalFile, position: int) -> tuple[bytes, int] | None:
    """Serial number of the stream and page number of the Ogg page there."""
    page = _page(file, position)
    return None if page is None else (page[1], page[2])


def _has_whole_elements(file: LocalFile, start: int, end: int) -> bool:
    """Elements of Matroska up to the block in which the next packet begins."""
    position = _block_end(file, start) if start else 0
    if position is None:
        return False
    body = position
    for _each in range(_MAX_STEPS):
        if position >= end:
            break
        file.seek(position)
        head = file.read(12)
        if not head or not head[0]:
            return False
        length = 9 - head[0].bit_length()
        name, rest = head[:length], head[length:]
        if name not in _ELEMENTS or not rest or not rest[0]:
            return False
        n_bytes = 9 - rest[0].bit_length()
        body = position + length + n_bytes
        size = int.from_bytes(rest[:n_bytes], "big") & ((1 << 7 * n_bytes) - 1)
        position = body if name in _MASTERS else body + size
    return end in (body, position) or end >= file.size


def _block_end(file: LocalFile, body: int) -> int | None:
    """Where the block of Matroska ends whose content begins there: its size and its name stand before it."""
    file.seek(max(0, body - 9))
    before = file.read(min(9, body))
    for n_bytes in range(1, 9):
        size = before[-n_bytes:]
        if before[-n_bytes - 1 : -n_bytes] in _BLOCKS and size[0] and 9 - size[0].bit_length() == n_bytes:
            return body + (int.from_bytes(size, "big") & ((1 << 7 * n_bytes) - 1))
    return None


def _has_whole_tags(file: LocalFile, start: int, end: int) -> bool:
    position = start
    for _each in range(_MAX_STEPS):
        if position >= end:
            return True
        file.seek(position)
        head = file.read(15)
        if len(head) < 15:
            return len(head) == 4 and position + 4 == file.size
        if head[4] & 0x1F not in (8, 9, 18) or head[12:15] != bytes(3):
            return False
        position += 15 + int.from_bytes(head[5:8], "big")
    return True


def _has_whole_packets(file: LocalFile, start: int, end: int) -> bool:
    size = _ts_size(file)
    if size is None:
        return False
    counters: dict[int, int] = {}
    position = _ts_start(file, start, size)
    if position is None:
        return end - start < 4 * size
    while position < end:
        file.seek(position)
        data = file.read(min(_BLOCK // size * size, -(-(end - position) // size) * size))
        for at in range(0, len(data) - 187, size):
            if data[at] != 0x47 or not _is_in_sequence(data[at : at + 12], counters):
                return False
        if len(data) < size:
            return True
        position += len(data) // size * size
    return True


def _is_in_sequence(packet: bytes, counters: dict[int, int]) -> bool:
    stream, counter = int.from_bytes(packet[1:3], "big") & 0x1FFF, packet[3] & 15
    has_payload, has_adaptation = packet[3] & 0x10, packet[3] & 0x20
    if has_adaptation and packet[4] and packet[5] & 0x80:  # a discontinuity that is announced
        counters.pop(stream, None)
    before = counters.get(stream)
    counters[stream] = counter
    return stream == 0x1FFF or before is None or counter == before or (not has_payload) or counter == (before + 1) & 15


def _ts_size(file: LocalFile) -> int | None:
    """Bytes from one transport packet to the next at the beginning of the file."""
    file.seek(0)
    head = file.read(16 * 204)
    for size in _TS_SIZES:
        if any(all(head[at + k * size : at + k * size + 1] == b"\x47" for k in range(8)) for at in range(size)):
            return size
    return None


def _ts_start(file: LocalFile, near: int, size: int) -> int | None:
    """First transport packet at or after a position, as far as two more follow it."""
    file.seek(max(0, near))
    data = file.read(4 * size)
    for at in range(size):
        if all(data[at + k * size : at + k * size + 1] == b"\x47" for k in range(3)):
            return near + at
    return None


def explain_unfinished(file: LocalFile, name: str) -> str | None:
    """Why this file looks cut off although it states no length; None where it ends as it should."""
    if name == "ogg":
        return _explain_unfinished_ogg(file)
    if name == "mpegts":
        return _explain_unfinished_ts(file)
    if name == "flv":
        file.seek(max(0, file.size - 4))
        n_bytes = int.from_bytes(file.read(4), "big")
        file.seek(max(0, file.size - 4 - n_bytes))
        tag = file.read(4)
        whole = n_bytes >= 11 and len(tag) == 4 and int.from_bytes(tag[1:4], "big") == n_bytes - 11
        return None if whole else _("its last tag is incomplete")
    return None


def _explain_unfinished_ogg(file: LocalFile) -> str | None:
    near = max(0, file.size - 2 * _OGG_PAGE)
    file.seek(near)
    tail = file.read(2 * _OGG_PAGE)
    at = tail.rfind(b"OggS\0")
    page = _page(file, near + at) if at >= 0 else None
    if page is None or page[3] > file.size:
        return _("its last page is incomplete")
    return None if page[0] & 4 else _("no page is marked as its last one")


def _explain_unfinished_ts(file: LocalFile) -> str | None:
    size = _ts_size(file)
    if size is None:
        return None
    near = max(0, file.size - 8 * size)
    first = _ts_start(file, near, size)
    offset = 0 if size != 192 else 4  # four bytes of time come before each packet
    if first is None or (file.size - (first - offset)) % size:
        return _("it ends in the middle of a packet")
    return None


def find_sync(file: LocalFile, mark: bytes, after: int, *, limit: int | None = None) -> int | None:
    """Where these bytes stand next at or after a position."""
    position = max(0, after)
    end = file.size if limit is None else min(file.size, position + limit)
    tail = b""
    while position < end:
        file.seek(position)
        data = file.read(min(_BLOCK, end - position))
        if not data:
            return None
        found = (tail + data).find(mark)
        if found >= 0:
            return position - len(tail) + found
        position += len(data)
        tail = (tail + data)[-(len(mark) - 1) :]
    return None
