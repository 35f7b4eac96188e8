"""Works: tasks on their way through the queue, and those who wait for them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

from whisperdiar.serving.tasks import Failure, Outcome, Task
from whisperdiar.text.messages import mark

State = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL = frozenset({"done", "failed", "cancelled"})
NOT_KEPT = mark("the result could not be kept; make room on the server's disk")
INTERRUPTED = mark("the server ended twice while it worked on this recording; it is not tried again")
MOST_TRIES = 2
_MOST_EVENTS = 1000
"""That wait for one listener; a client that reads more slowly misses progress, never the end."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to a work: ``state``, ``progress`` or ``heard``."""

    kind: Literal["state", "progress", "heard"]
    stage: str = ""
    fraction: float = 0.0
    start: float = 0.0
    text: str = ""


class Work:
    """One task on its way: its state, how far it is, its outcome or failure. It is changed by one thread alone.

    Attributes:
        id: not to be guessed.
        created, begun, ended: seconds since 1970; None for what has not come.
        is_kept: whether a server that starts again takes it up.
        is_left: whether this server will not work on it any more.
    """

    def __init__(self, task: Task, *, id: str | None = None, created: float | None = None) -> None:
        self.id = id or secrets.token_urlsafe(16)
        self.task = task
        self.created = time.time() if created is None else created
        self.begun: float | None = None
        self.ended: float | None = None
        self.state: State = "queued"
        self.stage, self.fraction = "", 0.0
        self.outcome: Outcome | None = None
        self.failure: Failure | None = None
        self.cancelled = threading.Event()
        self.on_begin: list[Callable[[Work], None]] = []
        self.on_end: list[Callable[[Work], None]] = []
        self.is_kept = False
        self._is_over = False
        self.is_left = False
        self._subscribers: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[Event]]] = []
        self._lock = threading.Lock()

    @property
    def is_final(self) -> bool:
        """Whether it has ended, and all that comes of it was kept."""
        return self._is_over

    def cancel(self) -> None:
        """Asks for the end of the work; the state changes when it has ended."""
        self.cancelled.set()

    def begin(self) -> None:
        self.state, self.begun = "running", time.time()
        for call in self.on_begin:
            call(self)
        self._tell(Event("state"))

    def requeue(self) -> None:
        """Back to the queue, for a server that is told to stop."""
        self.state, self.begun, self.stage, self.fraction = "queued", None, "", 0.0

    def leave(self) -> None:
        """The server stops before its end: who waits here waits in vain."""
        self.is_left = True
        self._tell(Event("state"))

    def report(self, stage: str, fraction: float) -> None:
        self.stage, self.fraction = stage, fraction
        self._tell(Event("progress", stage=stage, fraction=fraction))

    def hear(self, start: float, text: str) -> None:
        self._tell(Event("heard", start=start, text=text))

    def finish(self, outcome: Outcome | None = None, failure: Failure | None = None) -> None:
        """The end, told to all who wait; a second one is none."""
        if self.state in FINAL:
            return
        self.outcome, self.failure, self.ended = outcome, failure, time.time()
        if failure is None:
            self.state = "done"
        else:
            self.state = "cancelled" if failure.kind == "cancelled" else "failed"
        try:
            for call in self.on_end:
                call(self)
        except Exception:  # such as a full disk
            self.outcome, self.state = None, "failed"
            self.failure = Failure(kind="server", message=NOT_KEPT, code="not_kept")
            raise
        finally:
            self._is_over = True
            self._tell(Event("state"))

    def _tell(self, event: Event) -> None:
        with self._lock:
            for loop, waiting in self._subscribers:
                with contextlib.suppress(RuntimeError):  # the loop of a server that has stopped
                    loop.call_soon_threadsafe(_put, waiting, event)

    def events(self, *, pause_s: float = 15.0) -> AsyncIterator[Event | None]:
        """What happens from this call on, to the end; None after each `pause_s` seconds in which nothing does."""
        entry: tuple[asyncio.AbstractEventLoop, asyncio.Queue[Event]]
        entry = (asyncio.get_running_loop(), asyncio.Queue(_MOST_EVENTS))
        with self._lock:
            self._subscribers.append(entry)
        return self._follow(entry, pause_s)

    async def _follow(
        self, entry: tuple[asyncio.AbstractEventLoop, asyncio.Queue[Event]], pause_s: float
    ) -> AsyncIterator[Event | None]:
        waiting = entry[1]
        try:
            while not ((self.is_final or self.is_left) and waiting.empty()):
                try:
                    yield await asyncio.wait_for(waiting.get(), pause_s)
                except asyncio.TimeoutError:
                    yield None
        finally:
            with self._lock:
                self._subscribers.remove(entry)

    async def wait(self) -> None:
        """Until it has ended."""
        async for _event in self.events():
            pass


def _put(waiting: asyncio.Queue[Event], event: Event) -> None:
    if event.kind == "state" and waiting.full():
        waiting.get_nowait()
    with contextlib.suppress(asyncio.QueueFull):
        waiting.put_nowait(event)
