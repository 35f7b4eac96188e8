"""Byte source for FFmpeg: a local file, or a part of one that is opened as a file of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class FilePart:
    """Bytes of a file that are opened as a file of their own.

    Attributes:
        start: where they begin in the file.
        end: where they end; None for the end of the file.
        head: bytes that are read before them, such as a header that was mended or the header of the whole file.
        continues: whether the timestamps go on from those of the part before; otherwise a new recording begins.
        resumes: where in the file reading goes on after damage.
        begins: time in seconds of its first sound, where the container does not pass it on; None otherwise.
    """

    start: int = 0
    end: int | None = None
    head: bytes = b""
    continues: bool = False
    resumes: int = 0
    begins: float | None = None

    def offset(self, position: int) -> int:
        """Where a position in this part lies in the file."""
        return self.start + max(position - len(self.head), 0)


WHOLE_FILE = FilePart()


class LocalFile:
    """What PyAV reads from: a file whose read errors are kept, since FFmpeg takes them for the end.

    Attributes:
        name: for FFmpeg, which looks at its suffix.
        size: of the part, in bytes.
        error: what went wrong while reading, or None.
    """

    def __init__(self, raw: BinaryIO, *, name: str = "", part: FilePart = WHOLE_FILE) -> None:
        self._raw = raw
        self._part = part
        self._position = 0
        whole = os.fstat(raw.fileno()).st_size
        end = whole if part.end is None else min(part.end, whole)
        self.name = name
        self.size = len(part.head) + max(0, end - part.start)
        self.error: OSError | None = None
        if part.start:
            raw.seek(part.start)

    def read(self, size: int) -> bytes:
        head = self._part.head
        if self._position < len(head):
            data = head[self._position : self._position + size]
        else:
            try:
                data = self._raw.read(max(0, min(size, self.size - self._position)))
            except OSError as error:
                self.error = error
                return b""
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position; damaged headers lead anywhere: after the end there is nothing, and -1 says no to FFmpeg."""
        position = offset + (0, self._position, self.size)[whence]
        if position < 0:
            return -1
        self._raw.seek(self._part.offset(min(position, self.size)))
        self._position = position
        return position

    def tell(self) -> int:
        return self._position

    def from_(self, start: int) -> LocalFile:
        """The same bytes from a position on; the two may not be read by turns without a seek."""
        return LocalFile(self._raw, part=FilePart(start=self._part.start + start))
