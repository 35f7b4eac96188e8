"""Large arrays that lie in a temporary file, so that the system takes their memory back where it is wanted."""

from __future__ import annotations

import math
import os
import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

IN_MEMORY_BYTES = 64 * 2**20
"""More than this goes to a file, as decoded sound does: 17 minutes of one channel at 16 kHz."""
_BLOCK_BYTES = 2**20


def allocate(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array whose values are to be written; a large one is a map of a nameless temporary file.

    All of its room is taken at once, as a write to a map on a full disk would end the process. Where there is no such
    room, the array lies in memory. The file goes where `tempfile` puts it, and away with the array.
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if n_bytes > IN_MEMORY_BYTES:
        try:
            with tempfile.TemporaryFile() as file:  # the map outlives the file object
                _reserve(file, n_bytes)
                return np.asarray(np.memmap(file, dtype=dtype, mode="r+", shape=shape))
        except OSError:
            pass
    return np.empty(shape, dtype)


def _reserve(file: IO[bytes], n_bytes: int) -> None:
    """Raises OSError where the disk has less room."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, n_bytes)
        return
    for first in range(0, n_bytes, _BLOCK_BYTES):
        file.write(bytes(min(_BLOCK_BYTES, n_bytes - first)))
    file.flush()
