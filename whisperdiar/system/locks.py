"""Locks on files, which end with the process that has them, however it ends."""

from __future__ import annotations

import os
import sys

_FAR = 2**40


def lock_file(descriptor: int) -> bool:
    """Take the lock of a file, which ends with the process at the latest; False where another one has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _FAR, os.SEEK_SET)  # what is locked there cannot be read by others
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # on Windows another process has it; elsewhere the file system knows no locks
        return sys.platform != "win32"
    return True
