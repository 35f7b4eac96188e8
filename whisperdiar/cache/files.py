"""Cache folder: entries that are whole or not there, logs of parts, and a limit of their size.

Plain files, each with a checksum: any number of processes may use one folder, nothing that is read is ever run, and an
entry that is damaged is an entry that is missing. (diskcache was looked at: it pickles by default, CVE-2025-69872, and
has had no release since 2023.)

    results/KEY      what a stage gave, or a fact about a recording: a header, and bytes packed by zlib
    parts/KEY        finished parts of a stage's work: records, one after another, each with its checksum
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from whisperdiar.errors import OutputError
from whisperdiar.system.files import explain_write_error, format_path, sweep, write_bytes
from whisperdiar.system.locks import lock_file
from whisperdiar.text.messages import _

_MAGIC = b"whisperdiar1"
_CHECK_BYTES = 16
_RECORD = struct.Struct("<4s16sII")
"""Of a part: mark, digest of its key, length of what follows, CRC-32 of all that."""
_MARK = b"\xffWP1"
_FAST = 1
"""How hard zlib packs: what is kept are texts and numbers, and the work must not wait."""
_SYNC_S = 10.0

Notify = Callable[[str], None]


def digest(data: bytes) -> bytes:
    """16 bytes that stand for any number of bytes."""
    return hashlib.blake2b(data, digest_size=_CHECK_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a cache holds.

    Attributes:
        n_files: results and logs.
        n_bytes: of them all.
    """

    n_files: int
    n_bytes: int


class CacheFolder:
    """A folder of entries.

    What cannot be read or written never stops the work that is to be cached: it is told once, and done without.

    Args:
        folder: made at the first entry, for its owner alone.
        limit_bytes: what its files may take; those that nobody used for the longest time go first.
        notify: told, once, of a damaged entry, and of a folder that cannot be written.
    """

    def __init__(self, folder: Path, *, limit_bytes: int, notify: Notify) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._notify = notify
        self._told: set[str] = set()

    def read(self, key: str) -> bytes | None:
        """What was written under a key; None where nothing was, or what is there is damaged."""
        path = self.folder / "results" / key
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = _unpack(data)
        if found is None:
            self.tell_damage()
            _remove(path)
            return None
        _touch(path)
        return found

    def write(self, key: str, data: bytes) -> None:
        """Keep data under a key, whole and on the disk."""
        packed = zlib.compress(data, _FAST)
        with self._told_failures():
            folder = self._make("results")
            write_bytes(folder / key, _MAGIC + digest(packed) + packed, sync=True, private=True)

    def remove(self, key: str) -> None:
        """Drop an entry that turned out to be of no use."""
        _remove(self.folder / "results" / key)

    @contextlib.contextmanager
    def open_parts(self, key: str) -> Iterator[PartsLog]:
        """The log of this key; where another process has it, or it cannot be written, nothing is added to it."""
        log = PartsLog(None)
        with self._told_failures():
            log = PartsLog(self._make("parts") / key)
        if log.n_damaged:
            self.tell_damage()
        try:
            yield log
        finally:
            log.close()
            if log.error is not None:
                self._tell_once(log.error)

    def trim(self) -> None:
        """Remove what was not used for the longest time, until the rest keeps to the limit."""
        found = sorted(self._list(), key=lambda item: item[1].st_mtime_ns)
        excess = sum(status.st_size for _path, status in found) - self._limit_bytes
        for path, status in found:
            if excess <= 0:
                return
            if path.parent.name == "parts" and _is_locked(path):
                continue
            _remove(path)
            excess -= status.st_size

    def usage(self) -> Usage:
        sizes = [status.st_size for _path, status in self._list()]
        return Usage(len(sizes), sum(sizes))

    def clear(self) -> Usage:
        """Remove everything; returns what that was.

        Raises:
            OutputError: a file cannot be removed.
        """
        before = self.usage()
        for name in ("results", "parts"):
            folder = self.folder / name
            with contextlib.suppress(FileNotFoundError):
                for item in list(os.scandir(folder)):
                    try:
                        os.unlink(item.path)
                    except FileNotFoundError:  # another process was faster
                        continue
                    except OSError as error:
                        raise OutputError(f"{format_path(item.path)}: {explain_write_error(error)}") from error
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):  # others may keep files of theirs in it
            self.folder.rmdir()
        return before

    def tell_damage(self) -> None:
        """Say that something is computed anew because its entry is damaged."""
        self._tell_once(_("a damaged entry of the cache is not used; what it held is computed anew"))

    def _list(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for name in ("results", "parts"):
            with contextlib.suppress(OSError):
                for item in os.scandir(self.folder / name):
                    with contextlib.suppress(OSError):
                        found.append((Path(item.path), item.stat()))
        return found

    def _make(self, name: str) -> Path:
        place = self.folder / name
        if not place.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.mkdir(exist_ok=True, mode=0o700)
            sweep(place)
        return place

    @contextlib.contextmanager
    def _told_failures(self) -> Iterator[None]:
        try:
            yield
        except (OSError, OutputError) as error:
            cause = explain_write_error(error) if isinstance(error, OSError) else str(error).partition(": ")[2]
            self._tell_once(_("the cache is not written: {cause}").format(cause=cause))

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._notify(message)


class PartsLog:
    """A `whisperdiar.contracts.Parts` in a file that only grows.

    A record that a killed process left half-written is cut off when the log is opened again.

    Attributes:
        n_found: how often something that an earlier run had kept was found.
        n_kept: how often something was to be kept that was not there.
        n_damaged: how many stretches of the file hold no record.
        error: why the last record could not be written, or None.
    """

    def __init__(self, path: Path | None) -> None:
        """Opens and locks it; None for a log that keeps nothing."""
        self.n_found = self.n_kept = self.n_damaged = 0
        self.error: str | None = None
        self._places: dict[bytes, tuple[int, int]] = {}
        self._using = threading.Lock()
        self._file: IO[bytes] | None = None
        self._may_write = False
        self._synced = time.monotonic()
        self._path = path
        if path is None:
            return
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600), "r+b")
        self._may_write = lock_file(self._file.fileno())
        self._read_places()
        _touch(path)

    def find(self, key: str) -> bytes | None:
        with self._using:
            place = self._places.get(digest(key.encode()))
            if place is None or self._file is None:
                return None
            try:
                self._file.seek(place[0])
                found = zlib.decompress(self._file.read(place[1]))
            except (OSError, zlib.error):
                return None
            self.n_found += 1
            return found

    def keep(self, key: str, data: bytes) -> None:
        name, packed = digest(key.encode()), zlib.compress(data, _FAST)
        with self._using:
            self.n_kept += 1
            if self._file is None or not self._may_write:
                return
            record = _RECORD.pack(_MARK, name, len(packed), zlib.crc32(packed, zlib.crc32(name))) + packed
            try:
                at = self._file.seek(0, os.SEEK_END)
                self._file.write(record)
                self._file.flush()  # a killed process loses nothing now; a power cut, what was kept since the last sync
                if time.monotonic() - self._synced > _SYNC_S:
                    os.fsync(self._file.fileno())
                    self._synced = time.monotonic()
            except OSError as error:
                self.error = _("the cache is not written: {cause}").format(cause=explain_write_error(error))
                self._may_write = False
                return
            self._places[name] = (at + _RECORD.size, len(packed))

    def close(self) -> None:
        with self._using:
            if self._file is not None:
                if self._path is not None and self._may_write and not self._places:  # work without parts
                    _remove(self._path)
                with contextlib.suppress(OSError):
                    self._file.close()
                self._file = None

    def _read_places(self) -> None:
        file = self._file
        data = b"" if file is None else file.read()
        at = 0
        while at < len(data):
            end = _end_of_record(data, at)
            if end is not None:
                name = data[at + len(_MARK) : at + len(_MARK) + _CHECK_BYTES]
                self._places[name] = (at + _RECORD.size, end - at - _RECORD.size)
                at = end
                continue
            after = data.find(_MARK, at + 1)
            while after >= 0 and _end_of_record(data, after) is None:
                after = data.find(_MARK, after + 1)
            if after < 0:  # what a killed process was writing
                if file is not None and self._may_write:
                    file.truncate(at)
                return
            self.n_damaged += 1
            at = after


def _end_of_record(data: bytes, at: int) -> int | None:
    """Where the record that begins here ends; None where none does."""
    if len(data) - at < _RECORD.size:
        return None
    mark, name, length, check = _RECORD.unpack_from(data, at)
    end = at + _RECORD.size + int(length)
    if mark != _MARK or end > len(data):
        return None
    return end if zlib.crc32(data[at + _RECORD.size : end], zlib.crc32(name)) == check else None


def _unpack(data: bytes) -> bytes | None:
    """The bytes in a file of ours; None where it is damaged."""
    head = len(_MAGIC)
    packed = data[head + _CHECK_BYTES :]
    if data[:head] != _MAGIC or digest(packed) != data[head : head + _CHECK_BYTES]:
        return None
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return None


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            return not lock_file(file.fileno())
    except OSError:
        return False


def _touch(path: Path) -> None:
    """Note that an entry is used."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
