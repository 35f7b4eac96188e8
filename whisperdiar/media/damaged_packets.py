"""Timekeeping over damaged packets in files of bare frames without timestamps (MP3, ADTS, AC-3, FLAC)."""

from __future__ import annotations

_LONGEST_LOSS = 3600.0  # the bytes are there; but a file may hold other things than sound
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")  # stand between two recordings that were joined


class ByteRate:
    """How long damaged packets lasted, judged by their length in bytes: what lies between two readable frames
    comes as one packet, however many frames it was, or as none, where FFmpeg's reader drops it itself."""

    def __init__(self) -> None:
        self._n_bytes = 0
        self._seconds = 0.0
        self._damaged: list[tuple[int, float]] = []
        self._skipped = 0

    def lose(self, n_bytes: int, seconds: float, *, start: bytes = b"") -> None:
        """Take note of a packet that could not be decoded, of the length that the file gives for it, and its start."""
        if not start.startswith(_TAGS):
            self._damaged.append((n_bytes, seconds))

    def skip(self, n_bytes: int, *, start: bytes = b"") -> None:
        """Take note of bytes that no packet carries, and of the first of them."""
        if not start.startswith(_TAGS):
            self._skipped += n_bytes

    @property
    def per_second(self) -> float:
        """Bytes of a second of the packets that could be decoded; 0 where there are none."""
        return self._n_bytes / self._seconds if self._seconds else 0.0

    def rest(self) -> float:
        """Seconds that were lost since the last packet that could be decoded, at the end of the file."""
        return self.learn(0, 0.0)

    def learn(self, n_bytes: int, seconds: float) -> float:
        """Take note of a packet that could be decoded; returns the seconds that were lost since the last one."""
        lost = 0.0
        for size, stated in self._damaged:
            by_length = size * self._seconds / self._n_bytes if self._n_bytes else 0.0
            # What is no longer than the next frame, or a little longer than most, may be one frame.
            single = size < 2 * n_bytes or by_length < 2 * stated
            lost += min(stated if single else by_length, _LONGEST_LOSS)
        self._damaged.clear()
        self._n_bytes += n_bytes
        self._seconds += seconds
        if self._n_bytes:
            lost += min(self._skipped * self._seconds / self._n_bytes, _LONGEST_LOSS)
        self._skipped = 0
        return lost


def parse_flac_stamp(packet: bytes, stream_info: bytes, sample_rate: int) -> float | None:
    """Time of a FLAC frame in seconds, from its header (RFC 9639, section 9.1); None for something else.

    Args:
        packet: the frame, or at least its first 11 bytes.
        stream_info: the STREAMINFO block of the file.
        sample_rate: in Hz.
    """
    if len(packet) < 11 or len(stream_info) < 4 or packet[0] != 0xFF or packet[1] & 0xFE != 0xF8:
        return None
    number = _parse_coded_number(packet[4:11])
    if number is None:
        return None
    block_size = int.from_bytes(stream_info[2:4], "big")
    variable = packet[1] & 1  # then the number counts samples instead of frames
    return number / sample_rate if variable else number * block_size / sample_rate


def _parse_coded_number(data: bytes) -> int | None:
    """A number coded as UTF-8 codes characters, up to 36 bits."""
    ones = 8 - (data[0] ^ 0xFF).bit_length()
    if ones == 0:
        return data[0]
    if ones == 1 or ones == 8 or any(byte & 0xC0 != 0x80 for byte in data[1:ones]):
        return None
    value = data[0] & (0x7F >> ones)
    for byte in data[1:ones]:
        value = value << 6 | byte & 0x3F
    return value
