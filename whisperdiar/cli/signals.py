"""Signals that end a run: raised where they arrive, and again at the next step where that was swallowed.

Python drops an exception that a signal raises inside a callback, such as one that FFmpeg reads a file through, or
inside a destructor. Whoever pressed Ctrl-C just then would wait for the end of the work.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_received: list[int] = []


class Signalled(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP: all end a run as Ctrl-C does, so that temporary files are removed and work is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def install() -> None:
    """Have these signals raise Signalled; one that is ignored, as under `nohup`, stays ignored."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the last when the terminal is closed
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def _raise(number: int, frame: Any) -> None:  # noqa: ARG001 - the signal module's signature
    _received.append(number)
    raise Signalled(number)


@contextmanager
def answer_first(action: Callable[[], None]) -> Iterator[None]:
    """Inside the block the first Ctrl-C calls `action` and is answered by that; the next one is raised."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(number: int, frame: Any) -> None:  # noqa: ARG001 - the signal module's signature
        signal.signal(signal.SIGINT, before)
        action()

    signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def check() -> None:
    """Raises Signalled where a signal came and the work goes on all the same; asked at every step of it."""
    if _received and threading.current_thread() is threading.main_thread():
        raise Signalled(_received[0])


def exit_code(error: BaseException) -> int:
    """128 and the number of the signal, as shells count: 130 for Ctrl-C, 143 for SIGTERM."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, Signalled):
            return 128 + at.number
        at = at.__cause__ or at.__context__
    return 128 + signal.SIGINT


def forget() -> None:
    """The signals that came are answered: the run goes on to its orderly end, and the next one ends it at once."""
    _received.clear()
