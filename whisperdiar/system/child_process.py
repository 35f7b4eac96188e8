"""Child processes that are talked with over a pipe: begun anew, watched, and ended for certain."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

_END_S = 2.0
"""That a child has to end by itself."""


_QUIET = "ignore:resource_tracker:UserWarning"


@contextlib.contextmanager
def _quiet_tracker() -> Iterator[None]:
    """Python begins a process, with the first child, that complains of the locks which a killed child left behind, and
    removes them; that is for developers."""
    before = os.environ.get("PYTHONWARNINGS")
    if before is None:
        os.environ["PYTHONWARNINGS"] = _QUIET
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]


class ChildProcess:
    """One process of this program, and the pipe to it.

    It is begun anew (``spawn``), not forked: threads of libraries would be lost. Its target gets the other end of the
    pipe before its own arguments; it has to end where it receives None, and where the pipe ends with its parent.

    Attributes:
        connection: messages to it and from it; raises EOFError or OSError where it has ended.
    """

    def __init__(self, target: Callable[..., None], *arguments: object, name: str) -> None:
        """Begins it."""
        context = multiprocessing.get_context("spawn")
        self.connection: Connection
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=target, args=(theirs, *arguments), name=name)
        with _quiet_tracker():
            self._process.start()
        theirs.close()

    @property
    def id(self) -> int:
        """Number of the process."""
        return self._process.pid or 0

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """Minus the signal that ended it, or what it returned; None while it runs."""
        return self._process.exitcode

    def measure_memory(self) -> int:
        """Bytes of memory that it has resident; 0 where it has ended."""
        import psutil

        try:
            found: int = psutil.Process(self.id).memory_info().rss
        except psutil.Error:
            return 0
        return found

    def kill(self) -> None:
        """Ends it at once."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.join(_END_S)

    def close(self) -> None:
        """Tells it to end, and ends it where it does not."""
        with contextlib.suppress(OSError, ValueError):
            self.connection.send(None)
        self._process.join(_END_S)
        if self._process.is_alive():
            self.kill()
            self._process.join()
        self.connection.close()
