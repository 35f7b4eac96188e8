"""Concatenated parts of a file, opened one after another, where FFmpeg by itself stops at the first.

Recordings that were joined byte by byte (RIFF, AIFF, Wave64, CAF, MP4, FLV, ASF, WavPack, TTA), sound after the end
that a header states, what follows damage at which the reader gives up, and streams that turn up in mid-file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from whisperdiar.media.chunks import find_sample_chunk, find_second_recording, include_all_samples, unstated_seconds
from whisperdiar.media.declared_size import ASF, ASF_PROPERTIES, read_boxes, stated_bytes
from whisperdiar.media.source import FilePart, LocalFile
from whisperdiar.media.structure import explain_unfinished, find_sync, is_intact
from whisperdiar.text.messages import _

_MAX_PARTS = 10_000
_MAX_FRUITLESS = 32  # parts without sound, one after another: what is left is no sound then
_NEAR = 2**16
_LEAST_REST = 2**15  # bytes of a transport stream that are worth another look
_LONGEST_HEADER = 2**26
_ASF_DATA_HEADER = 50
_ASF_PACKET = b"\x82\0\0"  # error correction of two bytes, as all programs write it
_WAVPACK_RATES = (
    *(6_000, 8_000, 9_600, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200),
    *(96_000, 192_000, 0),
)
_TRANSPORT = ("mpegts", "mpeg")
_FRAMES_ALONE = ("aac", "ac3", "eac3", "dts", "loas", "mp3")
_READ_TO_THE_END = ("gxf", "nut", "wtv", "wv", "tta")  # nothing but sound stands in them, up to the last byte
_MAGIC = {"flv": b"FLV\x01", "tta": b"TTA1"}  # FFmpeg's readers stop where another recording of the kind begins


@dataclass(frozen=True, slots=True)
class End:
    """Where the reading of a part ended.

    Attributes:
        format_name: FFmpeg's name of its format.
        position: end of its last packet, in bytes of the part.
        is_broken: whether that packet is incomplete or could not be decoded.
    """

    format_name: str
    position: int
    is_broken: bool = False


class Parts:
    """Finds the parts of one file.

    Attributes:
        first: the first part; mostly the whole file.
        n_recordings: that were found one after another.
        unstated_seconds: of sound beyond what the headers state.
    """

    def __init__(self, file: LocalFile) -> None:
        self.n_recordings = 1
        self.unstated_seconds = 0.0
        self._file = file
        self._n_parts = 1
        self._n_fruitless = 0
        self.first = self._recording_at(0)

    def following(self, part: FilePart, end: End | None) -> FilePart | None:
        """The part after this one; None at the end of the file.

        Args:
            part: the one before.
            end: where its reading ended; None where it could not be opened.
        """
        self._n_parts += 1
        self._n_fruitless = 0 if end is not None and end.position else self._n_fruitless + 1
        if self._n_parts > _MAX_PARTS or self._n_fruitless > _MAX_FRUITLESS:
            return None
        if part.end is not None and end is not None:
            return self._next_recording(part.end)
        least = max(part.start, part.resumes) + 1
        position = least if end is None else max(least, part.offset(end.position))
        name = "" if end is None else end.format_name
        if name in _MAGIC:
            at = find_sync(self._file, _MAGIC[name], position, limit=_NEAR)
            return None if at is None else self._next_recording(at)
        if name == "wv" or (end is None and self._starts(part.start, b"wvpk")):
            return self._wavpack(position)
        if name.startswith("mov,") or (end is None and part.head and part.continues):
            return self._fragment(position)
        if name == "asf":
            return self._asf_packet(position)
        if name in _TRANSPORT and self._file.size - position > _LEAST_REST:
            return FilePart(start=position, continues=True)
        return None

    def warnings(self, end: End | None, part: FilePart, position: int, *, may_be_cut: bool) -> list[str]:
        """Sentences about sound that no header states, and about an end that looks cut off.

        Args:
            end: where the reading of the last part ended; None where it could not be opened.
            part: the last one.
            position: end of the last packet, in bytes of the file.
            may_be_cut: whether there is sound, and nothing is known yet to be missing.
        """
        found = []
        if self.unstated_seconds:
            found.append(
                _("the file holds {unstated_seconds:.1f} s more than its header says; all of it is read").format(
                    unstated_seconds=self.unstated_seconds
                )
            )
        if end is None and not part.continues:
            found.append(
                _("the last {size:.1f} MB of the file cannot be read (damaged)").format(
                    size=(self._file.size - part.start) / 1e6
                )
            )
        elif end is not None and may_be_cut:
            reason = self._explain_unfinished(end, position)
            if reason is not None:
                found.append(
                    _("the file may be cut off: {reason}; check its length, or copy or download it again").format(
                        reason=reason
                    )
                )
        return found

    def _explain_unfinished(self, end: End, position: int) -> str | None:
        file, name = self._file, end.format_name
        found = explain_unfinished(file, name)
        if found is not None:
            return found
        if end.is_broken and (name in _FRAMES_ALONE or name in _TRANSPORT):
            return _("its last frame is incomplete")
        rest = file.size - position
        if rest > max(_LEAST_REST, file.size // 20) and (
            name in _READ_TO_THE_END or self._is_fragmented(name) or is_intact(file, name, position, file.size) is False
        ):
            return _("{rest:.1f} MB at its end cannot be read (damaged)").format(rest=rest / 1e6)
        stated = stated_bytes(file)
        return _("its last part is incomplete") if stated is not None and stated > file.size else None

    def notes(self) -> list[str]:
        """A sentence about recordings that were joined."""
        if self.n_recordings == 1:
            return []
        return [
            _("the file holds {n_recordings} recordings one after another; all of them are read").format(
                n_recordings=self.n_recordings
            )
        ]

    def _next_recording(self, at: int) -> FilePart | None:
        if at >= self._file.size:
            return None
        self.n_recordings += 1
        return self._recording_at(at)

    def _recording_at(self, at: int) -> FilePart:
        """The recording that begins there, up to the next one, with a header that states all of it."""
        file = self._file.from_(at)
        part = FilePart()
        chunk = find_sample_chunk(file)
        if chunk is not None:
            end = find_second_recording(file, chunk)
            seconds = unstated_seconds(file, chunk)
            if end is not None:
                part = FilePart(end=end)
            elif seconds:
                self.unstated_seconds += seconds
                part = include_all_samples(file, chunk)
        else:
            end = _find_end_of_first(file)
            if end is not None:
                part = FilePart(end=end)
        return replace(part, start=part.start + at, end=None if part.end is None else part.end + at)

    def _wavpack(self, position: int) -> FilePart | None:
        at = find_sync(self._file, b"wvpk", position)
        if at is None:
            return None
        self._file.seek(at + 16)
        header = self._file.read(12)
        if len(header) < 12 or header[:4] == bytes(4):  # the number of its first sample
            return self._next_recording(at)
        rate = _WAVPACK_RATES[int.from_bytes(header[8:12], "little") >> 23 & 15]
        begins = int.from_bytes(header[:4], "little") / rate if rate else None
        return FilePart(start=at, continues=True, begins=begins)

    def _fragment(self, position: int) -> FilePart | None:
        """What follows damage in a fragmented MP4 file, behind the header of the file."""
        moof = find_sync(self._file, b"moof", 0, limit=_LONGEST_HEADER)
        if moof is None or not self._is_fragmented("mov,"):
            return None
        at = find_sync(self._file, b"moof", max(position, moof + 4))
        if at is None:
            return None
        first, at = moof - 4, at - 4
        self._file.seek(0)
        # A box that is passed over, so that the offsets in the fragments stay right.
        head = self._file.read(first) + struct.pack(">I4sQ", 1, b"free", at - first)
        return FilePart(start=len(head), head=head, continues=True, resumes=at + 4)

    def _asf_packet(self, position: int) -> FilePart | None:
        """What follows damage in an ASF file: packets of one size, behind the header of the file."""
        self._file.seek(0)
        header = self._file.read(_NEAR)
        data = int.from_bytes(header[16:24], "little")
        at = header.find(ASF_PROPERTIES)
        size = int.from_bytes(header[at + 92 : at + 96], "little") if at >= 0 else 0
        if not size or data + _ASF_DATA_HEADER > len(header):
            return None
        end = min(self._file.size, data + int.from_bytes(header[data + 16 : data + 24], "little"))
        first = data + _ASF_DATA_HEADER
        for start in range(first + -(-max(0, position - first) // size) * size, end, size):
            if self._starts(start, _ASF_PACKET):
                return FilePart(start=start, head=header[:first], continues=True, resumes=start)
        return None

    def _is_fragmented(self, name: str) -> bool:
        return name.startswith("mov,") and b"moof" in read_boxes(self._file)[1]

    def _starts(self, position: int, magic: bytes) -> bool:
        self._file.seek(position)
        return self._file.read(len(magic)) == magic


def _find_end_of_first(file: LocalFile) -> int | None:
    """Where a second MP4 or ASF recording begins; None where there is none."""
    file.seek(0)
    head = file.read(16)
    if head == ASF:
        end = stated_bytes(file)
    elif head[4:8] == b"ftyp":
        end = read_boxes(file)[0]
    else:
        return None
    if end is None or not 0 < end < file.size:
        return None
    file.seek(end)
    start = file.read(16)
    return end if start == head or start[4:8] == head[4:8] == b"ftyp" else None
