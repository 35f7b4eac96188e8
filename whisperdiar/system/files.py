"""Atomic file writing: whole or not at all.

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
import time
from collections.abc import Iterator
from pathlib import Path

from whisperdiar.errors import FormatError, OutputError
from whisperdiar.text.messages import _, mark

_CAUSES = {
    errno.ENOSPC: mark("no space is left on the device; make room or choose another folder"),
    errno.EDQUOT: mark("the disk quota is used up; make room or choose another folder"),
    errno.EACCES: mark("no permission to write there; choose another folder, or change its permissions"),
    errno.EPERM: mark("no permission to write there; choose another folder, or change its permissions"),
    errno.EFBIG: mark("the file would be larger than a limit allows; raise it or choose another disk"),
    errno.EROFS: mark("the file system is read-only; choose another folder"),
    errno.EISDIR: mark("this is a folder; give the name of a file in it"),
    errno.ENOENT: mark("its folder does not exist; make it first"),
    errno.ENOTDIR: mark("a part of the path is no folder; check it"),
    errno.ENAMETOOLONG: mark("the name is too long for the file system; choose a shorter one"),
    errno.ELOOP: mark("the symbolic links lead in a circle; remove them or choose another name"),
    errno.EPIPE: mark("nobody reads the other end; start the reader first"),
    errno.ENXIO: mark("nobody reads the other end; start the reader first"),
    errno.EEXIST: mark("it came into being while this was made, and is not replaced; choose another name"),
}
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(self|thread-self|[0-9]+)(/task/[0-9]+)?/fd")
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_LONGEST_CHAIN = 40
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_TEMPORARY = re.compile(r"\.whisperdiar-(?:([0-9]+)-)?[0-9a-f]{16}\.tmp")
_STALE_S = 3600.0
"""A temporary file that nobody has written to for so long is left over, unless its process still runs."""
_ABANDONED_S = 7 * 86400.0
"""… and after so long also then: another process has its number, as in a container, where all have the same."""


def read_text(path: str | os.PathLike[str]) -> str:
    """A text file as UTF-8 or UTF-16, with or without a byte order mark (Praat and Excel write both).

    Raises:
        FormatError: the file is missing, cannot be read, or is no UTF-8 text.
    """
    encoding = "utf-8-sig"
    try:
        data = read_bytes(path)
        encoding = "utf-16" if data.startswith(_UTF16) else _find_utf16(data) or encoding
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        known = encoding.removesuffix("-sig").upper()
        cause = _("this is no {known} text (byte {start}); is it the right file?").format(
            known=known, start=error.start
        )
        raise FormatError(f"{format_path(path)}: {cause}") from error


def _find_utf16(data: bytes) -> str | None:
    """UTF-16 without a byte order mark, whose ASCII characters have a NUL on one side; all formats begin with some."""
    start = data[:64]
    for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[0::2])):
        if 2 * zeros.count(0) > len(zeros) and 2 * start.count(0) <= len(start):
            return name
    return None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All of a file.

    Raises:
        FormatError: the file is missing or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FormatError(_("{path}: there is no such file; check the name").format(path=format_path(path))) from error
    except IsADirectoryError as error:
        raise FormatError(
            _("{path}: this is a folder; give the name of a file in it").format(path=format_path(path))
        ) from error
    except OSError as error:
        raise FormatError(
            _("{path}: it cannot be read ({cause})").format(path=format_path(path), cause=error.strerror)
        ) from error
    except ValueError as error:  # a NUL in the name
        raise FormatError(
            _("{path}: no file can have this name ({error})").format(path=format_path(path), error=error)
        ) from error


def write_text(
    path: str | os.PathLike[str], text: str, *, sync: bool = False, replace: bool = True, private: bool = False
) -> None:
    """Write text as UTF-8, line ends as they are; see `write_bytes`.

    Raises:
        OutputError: the file cannot be written, or the text has no UTF-8 form.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise OutputError(
            _("{path}: the text holds half a character ({reason})").format(path=format_path(path), reason=error.reason)
        ) from error
    write_bytes(path, data, sync=sync, replace=replace, private=private)


def write_bytes(
    path: str | os.PathLike[str], data: bytes, *, sync: bool = False, replace: bool = True, private: bool = False
) -> None:
    """Write a file whole or not at all.

    A new file gets the permissions that any new file gets here (umask), one that is replaced keeps its own. A
    symbolic link stays and its target is replaced. Pipes, devices and descriptors such as ``/dev/stdout`` are
    written to directly.

    Args:
        sync: wait until the bytes have reached the disk, so that they outlast a power cut.
        replace: whether a file that is there is replaced; it is never, also where it came into being just now, if not.
        private: a new file is one that its owner alone reads, at no time anybody else.

    Raises:
        OutputError: the file cannot be written; one line with the cause and the next step.
    """
    try:
        _write(os.fspath(path), data, sync, replace, private)
    except OSError as error:
        raise OutputError(f"{format_path(path)}: {explain_write_error(error)}") from error
    except ValueError as error:  # a NUL in the name
        raise OutputError(
            _("{path}: no file can have this name ({error})").format(path=format_path(path), error=error)
        ) from error


@contextlib.contextmanager
def stage(path: str | os.PathLike[str], *, sync: bool = False, replace: bool = True) -> Iterator[str]:
    """A temporary name beside a file, for a library that writes by name; it takes the file's place at the end.

    An error, a full disk or Ctrl-C leaves what was there before, as `write_bytes` does; so do `sync` and `replace`.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        target = os.path.realpath(os.fspath(path))
        before = _status(target)
        _refuse_folder(before)
        if before is not None and not stat.S_ISREG(before.st_mode):
            raise OutputError(
                _("{path}: this is no file, and only a file can be written here").format(path=format_path(path))
            )
        _check_allowed(target, before)
        with _replace(target, before, sync=sync, replace=replace) as temporary:
            os.close(os.open(temporary, _CREATE, 0o666))
            yield temporary
            if sync:
                _sync(temporary)
    except OSError as error:
        raise OutputError(f"{format_path(path)}: {explain_write_error(error)}") from error


def check_writable(path: str | os.PathLike[str], *, tried: set[str] | None = None) -> None:
    """Find out before hours of work whether `write_bytes` could write here; a file is made in the folder and removed.

    Temporary files that an earlier run left in the folder are removed, too (`sweep`).

    Args:
        tried: folders in which a file could be made, for many files one after another; grows by this one's.

    Raises:
        OutputError: it could not; the same line as `write_bytes` gives.
    """
    try:
        text = os.fspath(path)
        descriptor = _descriptor(text)
        if descriptor is not None:
            os.fstat(descriptor)
            return
        before = _status(text)
        _refuse_folder(before)
        _check_allowed(text, before)
        folder = os.path.dirname(os.path.realpath(text))
        if (before is None or stat.S_ISREG(before.st_mode)) and folder not in (tried or ()):
            _try_folder(folder)
            if tried is not None:
                tried.add(folder)
    except OSError as error:
        raise OutputError(f"{format_path(path)}: {explain_write_error(error)}") from error
    except ValueError as error:  # a NUL in the name
        raise OutputError(
            _("{path}: no file can have this name ({error})").format(path=format_path(path), error=error)
        ) from error


def check_folder(path: str | os.PathLike[str]) -> None:
    """The same for a folder that files are to be written into, and that is there.

    Raises:
        OutputError: no file can be made in it.
    """
    try:
        _try_folder(os.path.realpath(os.fspath(path)))
    except OSError as error:
        raise OutputError(f"{format_path(path)}: {explain_write_error(error)}") from error


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether writing would replace a file; a pipe, a device or a descriptor such as ``/dev/stdout`` is none."""
    try:
        text = os.fspath(path)
        return _descriptor(text) is None and stat.S_ISREG(os.stat(text).st_mode)
    except (OSError, ValueError):
        return False


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files that runs left here which were killed.

    Only ours, by their name; only those that nobody has written to for an hour and whose process has ended, or that
    nobody has written to for a week.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for item in found:
            name = _TEMPORARY.fullmatch(item.name)
            with contextlib.suppress(OSError):
                if name is None or not item.is_file(follow_symlinks=False):
                    continue
                age = time.time() - item.stat(follow_symlinks=False).st_mtime
                if age > _ABANDONED_S or (age > _STALE_S and not (name[1] and _is_running(int(name[1])))):
                    os.unlink(item.path)


def temporary_beside(target: str | os.PathLike[str]) -> str:
    """A temporary name in the same folder, by which `sweep` knows it.

    It is not made of the target's, which may already be as long as one can be.
    """
    folder = os.path.dirname(os.fspath(target))
    return os.path.join(folder, f".whisperdiar-{os.getpid()}-{secrets.token_hex(8)}.tmp")


def format_path(path: str | os.PathLike[str]) -> str:
    """A path as it stands in a message: on one line, whatever it holds; an address with the slash that paths lose."""
    text = re.sub(r"^(https?|ftp|rtsp|rtmp):/(?!/)", r"\1://", os.fspath(path))
    return text if text.isprintable() else repr(text)


def explain_write_error(error: OSError) -> str:
    """Why a file cannot be written, and what to do."""
    return _(_CAUSES.get(error.errno or 0, "")) or _("it cannot be written: {cause}").format(
        cause=error.strerror or error
    )


def _write(path: str, data: bytes, sync: bool, replace: bool, private: bool) -> None:
    descriptor = _descriptor(path)
    if descriptor is not None:
        # A duplicate shares the position in a redirected file; opening it anew would overwrite from its start.
        _write_all(os.dup(descriptor), data, sync=False)
        return
    before = _status(path)
    _refuse_folder(before)
    if before is not None and not stat.S_ISREG(before.st_mode):
        _write_all(os.open(path, os.O_WRONLY), data, sync=False)
        return
    _check_allowed(path, before)
    with _replace(os.path.realpath(path), before, sync=sync, replace=replace) as temporary:
        _write_all(os.open(temporary, _CREATE, 0o600 if private else 0o666), data, sync=sync)


def _refuse_folder(before: os.stat_result | None) -> None:
    if before is not None and stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def _check_allowed(path: str, before: os.stat_result | None) -> None:
    """Renaming would ask the folder only and so get round a write-protected file."""
    if before is not None and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _try_folder(folder: str) -> None:
    """Only making a file tells whether one can be made: permissions do not tell of a read-only disk or a quota."""
    sweep(folder)
    temporary = temporary_beside(os.path.join(folder, "x"))
    try:
        os.close(os.open(temporary, _CREATE, 0o666))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _is_running(process: int) -> bool:
    import psutil  # here, because most runs find nothing to sweep

    try:
        return bool(psutil.pid_exists(process))
    except OverflowError:  # no system has such a number
        return False


def _move(temporary: str, target: str, replace: bool) -> None:
    """Give a finished file its name."""
    if replace:
        os.replace(temporary, target)
        return
    try:
        os.link(temporary, target)  # fails where the name is taken, in one step
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


@contextlib.contextmanager
def _replace(target: str, before: os.stat_result | None, *, sync: bool, replace: bool) -> Iterator[str]:
    """A temporary name beside the target, which gets the target's in the end, or is removed."""
    temporary = temporary_beside(target)
    try:
        yield temporary
        if before is not None:
            _keep_status(temporary, before)
        _move(temporary, target, replace)
        if sync:
            _sync(os.path.dirname(target))
    finally:  # KeyboardInterrupt as well leaves nothing half-written
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _keep_status(temporary: str, before: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):  # only root can give files away
            os.chown(temporary, before.st_uid, before.st_gid)
    os.chmod(temporary, stat.S_IMODE(before.st_mode))


def _write_all(descriptor: int, data: bytes, *, sync: bool) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        if sync:
            os.fsync(stream.fileno())


def _sync(path: str) -> None:
    """Of a file, or of a folder with a new name; some systems cannot sync one, and lose nothing but the promise."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
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
    for _each in range(_LONGEST_CHAIN):
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
