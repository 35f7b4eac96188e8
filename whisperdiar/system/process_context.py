"""Process-wide context managers, safe for threads that are inside them at the same time."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any


def share_context(
    make: Callable[[], contextlib.AbstractContextManager[None]],
) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """The same context, entered by the first thread and left by the last: each would otherwise put back what it found,
    which may be what another one had changed."""
    lock = threading.Lock()
    stack = contextlib.ExitStack()
    inside = 0

    @functools.wraps(make)
    @contextlib.contextmanager
    def entered() -> Iterator[None]:
        nonlocal inside
        with lock:
            if inside == 0:
                stack.enter_context(make())
            inside += 1
        try:
            yield
        finally:
            with lock:
                inside -= 1
                if inside == 0:
                    stack.close()

    return entered


_here = threading.local()
"""`muted`: whether what this thread prints is thrown away."""


class _Listener:
    """Stands in for standard output: what a muted thread writes is thrown away, all else goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if getattr(_here, "muted", False):
            return len(text)
        written: int = self._stream.write(text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@share_context
@contextlib.contextmanager
def _listening() -> Iterator[None]:
    before = sys.stdout
    with contextlib.redirect_stdout(before if before is None else _Listener(before)):  # None: closed by the caller
        yield


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Inside the block this thread prints nothing on standard output; other threads do, and `unmute` does."""
    before = getattr(_here, "muted", False)
    with _listening():
        _here.muted = True
        try:
            yield
        finally:
            _here.muted = before


@contextlib.contextmanager
def unmute() -> Iterator[None]:
    """Inside the block this thread prints as it likes, whatever it is called by: a caller's own function."""
    before = getattr(_here, "muted", False)
    _here.muted = False
    try:
        yield
    finally:
        _here.muted = before
