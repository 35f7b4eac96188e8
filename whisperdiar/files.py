"""Writing files whole or not at all.

The bytes go to a temporary name in the same folder, which then takes the place of the file: a reader never sees
half of it, and an error, a full disk or Ctrl-C leaves what was there before. Pipes, terminals and the like cannot
be replaced and are written to as they are.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from whisperdiar.errors import FormatError, OutputError

_CAUSES = {
    errno.ENOSPC: "no space is left on the device; make room or choose another folder",
    errno.EDQUOT: "the disk quota is used up; make room or choose another folder",
    errno.EACCES: "no permission to write there; choose another folder, or change its permissions",
    errno.EPERM: "no permission to write there; choose another folder, or change its permissions",
    errno.EFBIG: "the file would be larger than a limit allows; raise it or choose another disk",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EISDIR: "this is a folder; give the name of a file in it",
    errno.ENOENT: "its folder does not exist; make it first",
    errno.ENOTDIR: "a part of the path is no folder; check it",
    errno.ENAMETOOLONG: "the name is too long for the file system; choose a shorter one",
    errno.ELOOP: "the symbolic links lead in a circle; remove them or choose another name",
    errno.EPIPE: "nobody reads the other end; start the reader first",
    errno.ENXIO: "nobody reads the other end; start the reader first",
}
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(self|thread-self|[0-9]+)(/task/[0-9]+)?/fd")
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_LONGEST_CHAIN = 40
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def read_text(path: str | os.PathLike[str]) -> str:
    """A text file as UTF-8, with or without a byte order mark, or as UTF-16 with one (as Praat and Excel write it).

    Raises:
        FormatError: the file is missing, cannot be read, or is no UTF-8 text.
    """
    encoding = "utf-8-sig"
    try:
        data = read_bytes(path)
        encoding = "utf-16" if data.startswith(_UTF16) else encoding
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        known = encoding.removesuffix("-sig").upper()
        cause = f"this is no {known} text (byte {error.start}); is it the right file?"
        raise FormatError(f"{_shown(path)}: {cause}") from error


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All of a file.

    Raises:
        FormatError: the file is missing or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FormatError(f"{_shown(path)}: there is no such file; check the name") from error
    except IsADirectoryError as error:
        raise FormatError(f"{_shown(path)}: this is a folder; give the name of a file in it") from error
    except OSError as error:
        raise FormatError(f"{_shown(path)}: it cannot be read ({error.strerror})") from error
    except ValueError as error:  # a NUL in the name
        raise FormatError(f"{_shown(path)}: no file can have this name ({error})") from error


def write_text(path: str | os.PathLike[str], text: str, *, sync: bool = False) -> None:
    """Write text as UTF-8, line ends as they are; see `write_bytes`.

    Raises:
        OutputError: the file cannot be written, or the text has no UTF-8 form.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise OutputError(f"{_shown(path)}: the text holds half a character ({error.reason})") from error
    write_bytes(path, data, sync=sync)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, sync: bool = False) -> None:
    """Write a file whole or not at all.

    A new file gets the permissions that any new file gets here (umask), one that is replaced keeps its own. A
    symbolic link stays and its target is replaced. Pipes, devices and descriptors such as ``/dev/stdout`` are
    written to directly.

    Args:
        sync: wait until the bytes have reached the disk, so that they outlast a power cut.

    Raises:
        OutputError: the file cannot be written; one line with the cause and the next step.
    """
    try:
        _write(os.fspath(path), data, sync)
    except OSError as error:
        raise OutputError(f"{_shown(path)}: {cause_of(error)}") from error
    except ValueError as error:  # a NUL in the name
        raise OutputError(f"{_shown(path)}: no file can have this name ({error})") from error


@contextlib.contextmanager
def staged(path: str | os.PathLike[str]) -> Iterator[str]:
    """A temporary name beside a file, for a library that writes by name; it takes the file's place at the end.

    An error, a full disk or Ctrl-C leaves what was there before, as `write_bytes` does.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        target = os.path.realpath(os.fspath(path))
        before = _status(target)
        if before is not None and not stat.S_ISREG(before.st_mode):
            raise OutputError(f"{_shown(path)}: this is no file, and only a file can be written here")
        _check_allowed(target, before)
        temporary = _beside(target)
        try:
            os.close(os.open(temporary, _CREATE, 0o666))
            yield temporary
            if before is not None:
                _keep_status(temporary, before)
            os.replace(temporary, target)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    except OSError as error:
        raise OutputError(f"{_shown(path)}: {cause_of(error)}") from error


def cause_of(error: OSError) -> str:
    """Why a file cannot be written, and what to do."""
    return _CAUSES.get(error.errno or 0) or f"it cannot be written: {error.strerror or error}"


def _write(path: str, data: bytes, sync: bool) -> None:
    descriptor = _descriptor(path)
    if descriptor is not None:
        # A duplicate shares the position in a redirected file; opening it anew would overwrite from its start.
        _pour(os.dup(descriptor), data, sync=False)
        return
    before = _status(path)
    if before is not None and stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if before is not None and not stat.S_ISREG(before.st_mode):
        _pour(os.open(path, os.O_WRONLY), data, sync=False)
        return
    _check_allowed(path, before)
    _replace(os.path.realpath(path), data, before, sync)


def _check_allowed(path: str, before: os.stat_result | None) -> None:
    """Renaming would ask the folder only and so get round a write-protected file."""
    if before is not None and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _beside(target: str) -> str:
    """A temporary name in the same folder; not made of the target's, which may already be as long as one can be."""
    return os.path.join(os.path.dirname(target), f".whisperdiar-{secrets.token_hex(8)}.tmp")


def _replace(target: str, data: bytes, before: os.stat_result | None, sync: bool) -> None:
    temporary = _beside(target)
    try:
        _pour(os.open(temporary, _CREATE, 0o666), data, sync=sync)
        if before is not None:
            _keep_status(temporary, before)
        os.replace(temporary, target)
    except BaseException:  # KeyboardInterrupt above all
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if sync:
        _sync_folder(os.path.dirname(target))


def _keep_status(temporary: str, before: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):  # only root can give files away
            os.chown(temporary, before.st_uid, before.st_gid)
    os.chmod(temporary, stat.S_IMODE(before.st_mode))


def _pour(descriptor: int, data: bytes, *, sync: bool) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        if sync:
            os.fsync(stream.fileno())


def _sync_folder(folder: str) -> None:
    """The new name is in the folder; some systems cannot open or sync one, and lose nothing but the promise."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        if path.endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        return None


def _descriptor(path: str) -> int | None:
    """The open descriptor of this process that a path such as ``/dev/stdout`` stands for, also through links."""
    for _ in range(_LONGEST_CHAIN):
        absolute = os.path.abspath(path)
        if absolute in _STANDARD:
            return _STANDARD[absolute]
        folder, name = os.path.split(absolute)
        real = os.path.realpath(folder)
        if _DESCRIPTORS.fullmatch(real) and name.isascii() and name.isdigit():
            return int(name) if real == "/dev/fd" or f"/{os.getpid()}/" in real + "/" else None
        if not os.path.islink(absolute):
            return None
        path = os.path.join(folder, os.readlink(absolute))
    return None


def _shown(path: str | os.PathLike[str]) -> str:
    text = str(Path(path))
    return text if text.isprintable() else ascii(text)
