"""The parts of a file that are opened one after another, where FFmpeg by itself stops at the first.

Recordings that were joined byte by byte (RIFF, AIFF, Wave64, CAF, MP4, FLV, ASF, WavPack, TTA), sound after the end
that a header states, what follows damage at which the reader gives up, and streams that turn up in mid-file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from whisperdiar.media.chunks import joined_at, sample_chunk, unstated_seconds, with_all_samples
from whisperdiar.media.promise import ASF, boxes, stated_bytes
from whisperdiar.media.source import LocalFile, Part
from whisperdiar.media.structure import next_sync, unfinished

_MAX_PARTS = 10_000
_NEAR = 2**16
_LEAST_REST = 2**15  # bytes of a transport stream that are worth another look
_LONGEST_HEADER = 2**26
_MAGIC = {"flv": b"FLV\x01", "tta": b"TTA1"}  # FFmpeg's readers stop where another recording of the kind begins


@dataclass(frozen=True, slots=True)
class End:
    """Where the reading of a part ended.

    Attributes:
        format_name: FFmpeg's name of its format.
        position: end of its last packet, in bytes of the part.
    """

    format_name: str
    position: int


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
        self.first = self._recording_at(0)

    def following(self, part: Part, end: End | None) -> Part | None:
        """The part after this one; None at the end of the file.

        Args:
            part: the one before.
            end: where its reading ended; None where it could not be opened.
        """
        self._n_parts += 1
        if self._n_parts > _MAX_PARTS:
            return None
        if part.end is not None and end is not None:
            return self._next_recording(part.end)
        position = part.start + 1 if end is None else max(part.start + 1, part.offset(end.position))
        name = "" if end is None else end.format_name
        if name in _MAGIC:
            at = next_sync(self._file, _MAGIC[name], position, limit=_NEAR)
            return None if at is None else self._next_recording(at)
        if name == "wv" or (end is None and self._starts(part.start, b"wvpk")):
            return self._wavpack(position)
        if name.startswith("mov,") or (end is None and part.head and part.continues):
            return self._fragment(position, part.start)
        if name in ("mpegts", "mpeg") and self._file.size - position > _LEAST_REST:
            return Part(start=position, continues=True)
        return None

    def warnings(self, end: End | None, *, has_sound: bool) -> list[str]:
        """Sentences about sound that no header states, and about an end that looks cut off.

        Args:
            end: where the reading of the last part ended; None where it could not be opened.
            has_sound: whether any sound was decoded.
        """
        found = []
        if self.unstated_seconds:
            found.append(f"the file holds {self.unstated_seconds:.1f} s more than its header says; all of it is read")
        if end is None:
            found.append("a part of the file that follows its first recording cannot be read (damaged)")
        elif has_sound:
            reason = unfinished(self._file, end.format_name)
            if reason is not None:
                found.append(f"the file may be cut off: {reason}; check its length, or copy or download it again")
        return found

    def notes(self) -> list[str]:
        """A sentence about recordings that were joined."""
        if self.n_recordings == 1:
            return []
        return [f"the file holds {self.n_recordings} recordings one after another; all of them are read"]

    def _next_recording(self, at: int) -> Part | None:
        if at >= self._file.size:
            return None
        self.n_recordings += 1
        return self._recording_at(at)

    def _recording_at(self, at: int) -> Part:
        """The recording that begins there, up to the next one, with a header that states all of it."""
        file = self._file.from_(at)
        part = Part()
        chunk = sample_chunk(file)
        if chunk is not None:
            end = joined_at(file, chunk)
            seconds = unstated_seconds(file, chunk)
            if end is not None:
                part = Part(end=end)
            elif seconds:
                self.unstated_seconds += seconds
                part = with_all_samples(file, chunk)
        else:
            end = _end_of_first(file)
            if end is not None:
                part = Part(end=end)
        return replace(part, start=part.start + at, end=None if part.end is None else part.end + at)

    def _wavpack(self, position: int) -> Part | None:
        at = next_sync(self._file, b"wvpk", position)
        if at is None:
            return None
        self._file.seek(at + 16)
        if self._file.read(4) == bytes(4):  # the number of its first sample
            return self._next_recording(at)
        return Part(start=at, continues=True)

    def _fragment(self, position: int, part_start: int) -> Part | None:
        """What follows damage in a fragmented MP4 file, behind the header of the file."""
        first = next_sync(self._file, b"moof", 0, limit=_LONGEST_HEADER)
        if first is None or b"moof" not in boxes(self._file)[1]:
            return None
        at = next_sync(self._file, b"moof", max(position, part_start + 5, first + 4))
        if at is None:
            return None
        self._file.seek(0)
        return Part(start=at - 4, head=self._file.read(first - 4), continues=True)

    def _starts(self, position: int, magic: bytes) -> bool:
        self._file.seek(position)
        return self._file.read(len(magic)) == magic


def _end_of_first(file: LocalFile) -> int | None:
    """Where a second MP4 or ASF recording begins; None where there is none."""
    file.seek(0)
    head = file.read(16)
    if head == ASF:
        end = stated_bytes(file)
    elif head[4:8] == b"ftyp":
        end = boxes(file)[0]
    else:
        return None
    if end is None or not 0 < end < file.size:
        return None
    file.seek(end)
    start = file.read(16)
    return end if start == head or start[4:8] == head[4:8] == b"ftyp" else None
