"""The sound of a stream: its last seconds in memory, all of it in a WAV file."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np

from whisperdiar.errors import OutputError
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.system.files import explain_write_error
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples

_KEPT_S = 60.0
"""In memory: an utterance is recognised, and a speaker's turn is heard, well within."""
_OPEN_SIZE = 0xFFFFFFFF
"""The size that a WAV file states while it grows: readers go on to its end."""
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class Tail:
    """The last seconds of a stream.

    Attributes:
        n_samples: that came in all.
    """

    def __init__(self, seconds: float = _KEPT_S) -> None:
        self._most = round(seconds * SAMPLE_RATE_HZ)
        self._parts: list[Samples] = []
        self._n_kept = 0
        self.n_samples = 0

    @property
    def end(self) -> float:
        """Seconds of the stream that came."""
        return self.n_samples / SAMPLE_RATE_HZ

    def append(self, samples: Samples) -> None:
        self._parts.append(samples)
        self._n_kept += len(samples)
        self.n_samples += len(samples)
        if self._n_kept > 2 * self._most:
            self._join()

    def cut(self, start: float, end: float) -> Audio:
        """The sound between two times of the stream, as far as it is kept."""
        sound = self._join()
        first = self.n_samples - len(sound)
        low, high = (min(max(round(time * SAMPLE_RATE_HZ) - first, 0), len(sound)) for time in (start, end))
        return Audio(sound[None, low:high], SAMPLE_RATE_HZ, start=(first + low) / SAMPLE_RATE_HZ)

    def _join(self) -> Samples:
        if len(self._parts) != 1 or self._n_kept > self._most:
            every = np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)
            self._parts = [every[-self._most :].copy()]
            self._n_kept = len(self._parts[0])
        return self._parts[0]


class Spool:
    """A WAV file that grows: 16 bits, one channel, 16 kHz; readable at any time, also after a kill.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        """Raises OutputError where the file cannot be made; one that is there is not touched."""
        self.path = path
        self._n_bytes = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=0)
            self._file.write(_make_header(_OPEN_SIZE))
        except FileExistsError as error:
            raise OutputError(_("{path}: it exists already; choose another name").format(path=path)) from error
        except OSError as error:
            raise self._explain(error) from error

    def append(self, samples: Samples) -> None:
        """Raises OutputError where the disk is full; what was written before can be read."""
        data = np.clip(np.rint(samples * np.float32(32768.0)), -32768, 32767).astype("<i2").tobytes()
        try:
            written = self._file.write(data) or 0
            while written < len(data):  # a disk may take a part
                written += self._file.write(data[written:]) or 0
        except OSError as error:
            raise self._explain(error) from error
        self._n_bytes += len(data)

    def close(self) -> None:
        """States the true size. May be called again."""
        if self._file.closed:
            return
        try:
            if self._n_bytes + _HEADER.size - 8 < _OPEN_SIZE:
                self._file.seek(0)
                self._file.write(_make_header(self._n_bytes))
        except OSError:  # the size that it states is read to the end as well
            pass
        finally:
            self._file.close()

    def remove(self) -> None:
        """Closes and removes it."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _explain(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: {explain_write_error(error)}")


def _make_header(n_bytes: int) -> bytes:
    whole = _OPEN_SIZE if n_bytes == _OPEN_SIZE else n_bytes + _HEADER.size - 8
    rate = SAMPLE_RATE_HZ
    return _HEADER.pack(b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", n_bytes)
