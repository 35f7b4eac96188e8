"""Sample storage: collects samples whose number is not known in advance, in bounded memory."""

from __future__ import annotations

import contextlib
import errno
import io
import tempfile
from typing import IO

import numpy as np

from whisperdiar.errors import OutputError
from whisperdiar.system.arrays import IN_MEMORY_BYTES
from whisperdiar.text.messages import _
from whisperdiar.types import Samples

_WRITE_BUFFER_BYTES = 2**20


class SampleStore:
    """Blocks of samples in order, given back as one array.

    Up to `limit_bytes` lie in memory, more in a nameless temporary file, which the system removes when the
    array is no longer used. The file goes where `tempfile` puts it: the TMPDIR variable chooses the folder.
    """

    def __init__(self, n_channels: int, *, limit_bytes: int = IN_MEMORY_BYTES) -> None:
        self._n_channels = n_channels
        self._limit_bytes = limit_bytes
        self._n_bytes = 0
        self._memory = io.BytesIO()  # rows of (n_samples, n_channels): so it can grow without being rearranged
        self._file: IO[bytes] | None = None

    def append(self, block: Samples) -> None:
        """Add float32 (n_channels, n) at the end.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        rows = np.ascontiguousarray(block.T)
        self._n_bytes += rows.nbytes
        try:
            if self._file is None and self._n_bytes > self._limit_bytes:
                self._file = tempfile.TemporaryFile(buffering=_WRITE_BUFFER_BYTES)  # noqa: SIM115 (see `finish`)
                self._file.write(self._memory.getbuffer())
                self._memory = io.BytesIO()
            (self._file or self._memory).write(rows.data)
        except OSError as error:
            raise _make_error(error, self._n_bytes) from error

    def finish(self) -> Samples:
        """float32 (n_channels, n_samples); from a temporary file it is a memory map.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        shape = (self._n_bytes // (4 * self._n_channels), self._n_channels)
        if self._file is None:
            rows = np.frombuffer(self._memory.getbuffer(), dtype=np.float32).reshape(shape)
            return np.ascontiguousarray(rows.T)
        try:
            with self._file as file:  # the map outlives the file object
                file.flush()
                samples: Samples = np.memmap(file, dtype=np.float32, mode="r+", shape=shape).T
        except OSError as error:
            raise _make_error(error, self._n_bytes) from error
        return samples

    def close(self) -> None:
        """Drop everything; the array that `finish` gave stays valid."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what its buffer still held is not wanted any more
                self._file.close()


class ChannelStore:
    """Samples of channels that are written one after another, given back as one array; what is not written is 0.

    As in `SampleStore`, much of it lies in a temporary file, but with each channel in one piece; silence takes no room
    there where the file system has sparse files.

    Raises:
        OutputError: the temporary file cannot be made.
    """

    def __init__(self, n_channels: int, n_samples: int, *, limit_bytes: int = IN_MEMORY_BYTES) -> None:
        self._shape = (n_channels, n_samples)
        self._n_bytes = 0
        self._memory: Samples | None = None
        self._file: IO[bytes] | None = None
        if 4 * n_channels * n_samples <= limit_bytes:
            self._memory = np.zeros(self._shape, np.float32)
            return
        try:
            self._file = tempfile.TemporaryFile(buffering=_WRITE_BUFFER_BYTES)  # noqa: SIM115 (see `finish`)
            self._file.truncate(4 * n_channels * n_samples)
        except OSError as error:
            raise _make_error(error, 0) from error

    def write(self, channel: int, first: int, block: Samples) -> None:
        """Put float32 (n,) into a channel (from 0), from a sample on.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        if not block.any():
            return
        if self._memory is not None:
            self._memory[channel, first : first + len(block)] = block
        elif self._file is not None:
            self._n_bytes += block.nbytes
            try:
                self._file.seek(4 * (channel * self._shape[1] + first))
                self._file.write(np.ascontiguousarray(block).data)
            except OSError as error:
                raise _make_error(error, self._n_bytes) from error

    def finish(self) -> Samples:
        """float32 (n_channels, n_samples); from a temporary file it is a memory map.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        if self._file is None:
            return np.zeros(self._shape, np.float32) if self._memory is None else self._memory
        try:
            with self._file as file:  # the map outlives the file object
                file.flush()
                samples: Samples = np.memmap(file, dtype=np.float32, mode="r+", shape=self._shape)
        except OSError as error:
            raise _make_error(error, self._n_bytes) from error
        return samples

    def close(self) -> None:
        """Drop everything; the array that `finish` gave stays valid."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def _make_error(error: OSError, n_bytes: int) -> OutputError | MemoryError:
    if error.errno == errno.ENOMEM:  # a map takes room among the addresses, not on the disk
        return MemoryError()
    try:
        folder = tempfile.gettempdir()
    except OSError:
        folder = _("the temporary folder")
    megabytes = n_bytes / 1e6
    reason = (error.strerror or str(error)).lower()
    return OutputError(
        _(
            "{folder}: cannot hold the decoded sound ({megabytes:.0f} MB so far): {reason}; free some "
            "space or set TMPDIR to a folder that has more"
        ).format(folder=folder, megabytes=megabytes, reason=reason)
    )
