"""Live sessions: streams of clients, each in a process of its own while it lasts; as many as the server allows."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from whisperdiar.serving.live_process import StreamSettings, run_live
from whisperdiar.serving.refusals import Refusal, refuse_for_now, refuse_work
from whisperdiar.serving.tasks import Failure, WorkerSettings
from whisperdiar.text.messages import _, mark

_PREFIX = "live-"
_AGAIN_S = 30
"""After which a client may ask again where all sessions are taken."""
_END_S = 2.0
"""That a process has to end by itself."""
_DROPPED_S = 10.0
"""That it has for what it does when its client goes."""
_FREED_S = 3.0
"""For which a new stream waits for one that ends."""
_LOOK_S = 0.05
_MOST_AHEAD_S = 30.0
"""Sound that may wait for the recogniser; a client that sends faster waits."""

_ENDED = mark("the process of this stream ended; begin anew")
_BUSY = mark("all live sessions are taken: come again later, or start the server with --live-sessions")
_OFF = mark("this server transcribes nothing live: start it with --live-sessions")


class LiveSessions:
    """The live processes of a server: started when they are needed, kept for the next stream."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        folder: Path,
        most: int,
        on_event: Callable[..., None] = lambda _event, **_values: None,
    ) -> None:
        """Stores.

        Args:
            settings: of each process.
            folder: where the sound of streams lies while they last.
            most: streams at the same time.
            on_event: told of starts of processes, for the log.
        """
        self._settings, self._folder, self._most, self._on_event = settings, folder, most, on_event
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._n_open = 0
        self._stopping = False

    @property
    def n_open(self) -> int:
        return self._n_open

    async def open(self, stream: StreamSettings) -> LiveSession:
        """A session whose models are loaded.

        Raises:
            Refusal: all are taken, the server stops, or models do not load.
        """
        until = time.monotonic() + _FREED_S
        while not self._reserve():
            # Who has just hung up, and calls again, finds the session freed.
            if time.monotonic() > until:
                raise refuse_for_now(_AGAIN_S, _(_BUSY), code="live_full")
            await asyncio.sleep(_LOOK_S)
        try:
            session = await self._begin_idle(stream)
            return session if session is not None else await self._begin_new(stream)
        except BaseException:
            with self._lock:
                self._n_open -= 1
            raise

    async def _begin_idle(self, stream: StreamSettings) -> LiveSession | None:
        """A session in a process that waits for one; None where none waits, or those that waited have died."""
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return None
            try:
                return await self._begin(process, stream)
            except Refusal:
                if not process.has_died:  # it is the stream that cannot be begun
                    raise

    async def _begin_new(self, stream: StreamSettings) -> LiveSession:
        process = await asyncio.to_thread(_Process, self._settings, self._folder)
        self._on_event("live_started", process=process.id)
        return await self._begin(process, stream)

    async def _begin(self, process: _Process, stream: StreamSettings) -> LiveSession:
        session = LiveSession(self, process, stream)
        try:
            await session.begin()
        except BaseException:
            await asyncio.to_thread(process.close)
            raise
        return session

    def _reserve(self) -> bool:
        """Takes one of the sessions, where there is one."""
        with self._lock:
            if self._stopping or self._most == 0:
                raise refuse_for_now(_AGAIN_S, _(_OFF), status=503, code="live_off")
            is_free = self._n_open < self._most
            self._n_open += is_free
        return is_free

    def release(self, process: _Process, *, is_clean: bool) -> None:
        """A stream has ended; only after a clean end the process is for the next one."""
        with self._lock:
            keep = is_clean and not self._stopping
            if keep:
                self._idle.append(process)
        if not keep:
            process.close()
        with self._lock:
            self._n_open -= 1

    def sweep(self) -> int:
        """Removes the sound that a server which was killed has left; how many streams that were."""
        left = list(self._folder.glob(f"{_PREFIX}*")) if self._folder.is_dir() else []
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        return len(left)

    def stop(self) -> None:
        """Ends the processes that nobody uses, and takes no more streams."""
        with self._lock:
            self._stopping = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.close()


class LiveSession:
    """One stream. Events come by `events`, in order; sound goes in by `send`."""

    def __init__(self, owner: LiveSessions, process: _Process, stream: StreamSettings) -> None:
        self._owner, self._process, self._stream = owner, process, stream
        self._sent = self._taken = 0
        self._is_over = self._is_closed = False
        self._has_ended = threading.Event()
        self._messages: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self._room = asyncio.Condition()
        self.begun = time.time()

    @property
    def seconds(self) -> float:
        """Of sound that came."""
        return self._sent / 2 / self._stream.sample_rate

    async def begin(self) -> None:
        """Raises Refusal where the stream cannot be begun."""
        self._process.send(("begin", self._stream))
        message = await asyncio.to_thread(self._process.receive)
        if message[0] == "failed":
            raise refuse_work(message[1])
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()

    async def send(self, sound: bytes) -> None:
        """Hands on sound; waits where too much of it waits already."""
        ahead = _MOST_AHEAD_S * self._stream.sample_rate * 2
        async with self._room:
            await self._room.wait_for(lambda: self._is_over or self._sent - self._taken <= ahead)
        if not self._is_over:
            self._sent += len(sound)
            await asyncio.to_thread(self._process.send, ("sound", sound))

    async def flush(self) -> None:
        """All words of the open utterance become final."""
        await asyncio.to_thread(self._process.send, ("flush",))

    async def end(self) -> None:
        """No more sound comes."""
        await asyncio.to_thread(self._process.send, ("end",))

    async def events(self) -> AsyncIterator[tuple[Any, ...]]:
        """Messages of the process until the stream ends: ``("events", events)``, ``("flushed", events)``, and last
        ``("done", events, transcript)``.

        Raises:
            Refusal: the stream failed.
        """
        while True:
            message = await self._messages.get()
            if message[0] == "failed":
                raise refuse_work(message[1])
            if message[0] == "dropped":
                return
            yield message
            if message[0] == "done":
                return

    def close(self) -> None:
        """Frees the process; a stream that has not ended is given up. May be called again.

        It does not wait, so that it works where the task of the client is cancelled.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if self._has_ended.is_set():
            self._owner.release(self._process, is_clean=self._process.is_alive)
        else:
            threading.Thread(target=self._drop).start()

    def _drop(self) -> None:
        """Tells the process that nobody listens; one that goes on with its work for long is ended."""
        self._process.send(("drop",))
        has_ended = self._has_ended.wait(_DROPPED_S)
        self._owner.release(self._process, is_clean=has_ended and self._process.is_alive)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """On a thread of its own: what the process tells."""
        while True:
            message = self._process.receive()
            is_last = message[0] in ("done", "dropped", "failed")
            if is_last:
                self._has_ended.set()
            with contextlib.suppress(RuntimeError):  # the loop has ended
                asyncio.run_coroutine_threadsafe(self._take(message, is_last), loop)
            if is_last:
                return

    async def _take(self, message: tuple[Any, ...], is_last: bool) -> None:
        async with self._room:
            if message[0] == "events":
                self._taken = message[2]
            self._is_over = self._is_over or is_last
            self._room.notify_all()
        await self._messages.put(message)


class _Process:
    """A live process that is ready.

    Attributes:
        id: of the process.
        has_died: whether its connection has ended: for a moment the system may still call such a process alive.
    """

    def __init__(self, settings: WorkerSettings, folder: Path) -> None:
        """Starts it and waits for its models; raises Refusal where they do not load."""
        self.has_died = False
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._connection: Connection = ours
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        arguments = (theirs, settings, self._folder)
        self._process = context.Process(target=run_live, args=arguments, name="whisperdiar live")
        self._process.start()
        theirs.close()
        self.id = self._process.pid
        message = self.receive()
        if message[0] != "ready":
            self.close()
            raise refuse_work(message[1])

    @property
    def is_alive(self) -> bool:
        return not self.has_died and self._process.is_alive()

    def send(self, message: Any) -> None:
        """A process that is gone is told by `receive`."""
        with contextlib.suppress(OSError):
            self._connection.send(message)

    def receive(self) -> tuple[Any, ...]:
        try:
            message: tuple[Any, ...] = self._connection.recv()
        except (EOFError, OSError):
            self.has_died = True
            return ("failed", Failure(kind="crash", message=_(_ENDED), code="live_ended"))
        return message

    def close(self) -> None:
        self.send(None)
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)
