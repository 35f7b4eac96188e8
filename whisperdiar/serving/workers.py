"""Workers: one process per device behind one bounded queue.

A process that dies fails its task and is started again; one that dies while it waits for work fails none.
"""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psutil

from whisperdiar.serving.tasks import Failure, WorkerSettings
from whisperdiar.serving.worker_process import CANCEL, run_worker
from whisperdiar.serving.works import NOT_KEPT, Work
from whisperdiar.system.child_process import ChildProcess
from whisperdiar.text.messages import mark

_GIGA = 1e9
_LOOK_S = 0.1
"""Between two looks at whether a task was cancelled or has used up what it may."""
_WATCH_S = 1.0
"""Between two looks at whether a process that waits for work is still there."""
_CANCEL_S = 10.0
"""That a worker has to end a cancelled task by itself; it may sit inside a library."""
_FIRST_S = 5.0
"""That a work takes, before there was one."""
_LONGEST_WAIT_S = 60
"""Clients of OpenAI wait no longer than this, whatever they are told."""
_MEMORY_SHARE = 0.8
_AGAIN_S = (0.0, 1.0, 5.0, 15.0, 60.0)
"""Between two starts of a worker that does not come up."""

CRASHED = mark("the worker ended while it worked on this recording; others go on")
TOO_LONG = mark("the work on this recording took too long; cut it, or use a smaller model")
TOO_LARGE = mark("the work on this recording took too much memory; cut it, or use a smaller model")
STOPPED = mark("the server is stopping; send the recording again later")
CANCELLED = mark("the work was cancelled")


class QueueFull(Exception):
    """No room for another task; `retry_after_s` says when there may be."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class Workers:
    """Processes that listen, and the queue in front of them.

    Attributes:
        restarts: how often a process had to be started again.
    """

    def __init__(
        self,
        settings: Sequence[WorkerSettings],
        *,
        queue: int,
        work_hours: float,
        memory_gb: float | None = None,
        on_event: Callable[..., None] = lambda _event, **_values: None,
    ) -> None:
        """Stores.

        Args:
            settings: of each worker, one per device.
            queue: works that may wait.
            work_hours, memory_gb: limits of one work; None for four fifths of the machine's memory.
            on_event: told of starts and ends of workers, for the log.
        """
        self.restarts = 0
        self._most = queue
        self._waiting: collections.deque[Work] = collections.deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._seconds: collections.deque[float] = collections.deque(maxlen=20)
        share = _MEMORY_SHARE * psutil.virtual_memory().total / len(settings)
        self._limit_bytes = share if memory_gb is None else memory_gb * _GIGA
        self._limit_s = work_hours * 3600.0
        self._on_event = on_event
        self._slots = [_Slot(self, item, number) for number, item in enumerate(settings)]

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> tuple[Work, ...]:
        return tuple(item.work for item in self._slots if item.work is not None)

    @property
    def is_ready(self) -> bool:
        """Whether a worker has its models loaded."""
        return any(item.is_ready for item in self._slots)

    @property
    def n_idle(self) -> int:
        """Workers that nothing waits for: fewer than none where more waits than there are workers."""
        n_ready = sum(item.is_ready for item in self._slots)
        return n_ready - len(self.running) - len(self._waiting)

    @property
    def failure(self) -> Failure | None:
        """Why no worker comes up; None where one is up, or none has failed."""
        failures = [item.failure for item in self._slots if item.failure is not None]
        return failures[0] if failures and not self.is_ready else None

    @property
    def process_ids(self) -> tuple[int, ...]:
        return tuple(item.process.id for item in self._slots if item.process is not None)

    def start(self) -> None:
        for item in self._slots:
            item.start()

    def check_room(self) -> None:
        """Raises QueueFull where nothing more may wait."""
        with self._changed:
            if len(self._waiting) >= self._most:
                raise QueueFull(self._estimate_wait())

    def put(self, work: Work, *, always: bool = False) -> None:
        """Queues a work; `always` for one that was accepted before.

        Raises:
            QueueFull: there is no room.
        """
        with self._changed:
            if not always and len(self._waiting) >= self._most:
                raise QueueFull(self._estimate_wait())
            self._waiting.append(work)
            self._changed.notify()

    def withdraw(self, work: Work) -> None:
        """Cancels a work, at once where it still waits."""
        work.cancel()
        with self._changed:
            waited = work in self._waiting
            if waited:
                self._waiting.remove(work)
        if waited:
            work.finish(failure=Failure(kind="cancelled", message=CANCELLED, code="cancelled"))

    def _estimate_wait(self) -> int:
        """Seconds until the queue has moved on by a quarter, from the last works."""
        each = sum(self._seconds) / len(self._seconds) if self._seconds else _FIRST_S
        moved = max(1.0, len(self._waiting) / 4.0)
        return max(1, min(_LONGEST_WAIT_S, round(each * moved / len(self._slots))))

    def stop(self, grace_s: float, *, on_left: Callable[[Work], None]) -> tuple[Work, ...]:
        """Ends all processes; works that are under way may go on for so long.

        Args:
            on_left: told of each work that will not end, at once for those that wait.

        Returns:
            The works that did not end: those that waited, and those that were interrupted. They are not finished.
        """
        with self._changed:
            self._stopping = True
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for work in left:
            on_left(work)
        until = time.monotonic() + grace_s
        for item in self._slots:
            interrupted = item.stop(until)
            if interrupted is not None:
                on_left(interrupted)
                left.insert(0, interrupted)
        return tuple(left)

    def _take(self, has_died: Callable[[], bool]) -> Work | None:
        """The next work; None where the workers stop, or the process that would do it has died meanwhile."""
        with self._changed:
            while not self._stopping and not has_died():
                if self._waiting:
                    return self._waiting.popleft()
                self._changed.wait(_WATCH_S)
            return None


class _Slot:
    """One worker process, and the thread that talks with it."""

    def __init__(self, owner: Workers, settings: WorkerSettings, number: int) -> None:
        self._owner = owner
        self._settings = settings
        self._number = number
        self.work: Work | None = None
        self.process: ChildProcess | None = None
        self.is_ready = False
        self.failure: Failure | None = None
        self._thread = threading.Thread(target=self._run, name=f"worker {number}", daemon=True)
        self._stop_at: float | None = None
        self._interrupted: Work | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, until: float) -> Work | None:
        """Ends the process at that time of the monotonic clock at the latest; gives the work that it left behind."""
        self._stop_at = until
        self._thread.join()
        return self._interrupted

    def _run(self) -> None:
        n_failures = 0
        while self._stop_at is None:
            if not self.is_ready and not self._open():
                self._pause(n_failures)
                n_failures += 1
                continue
            work = self._owner._take(self._has_died)
            if work is None:
                if self._owner._stopping:
                    break
                self._note_end("worker_died")
                self._pause(n_failures)
                n_failures += 1
                continue
            n_failures = 0
            try:
                if work.cancelled.is_set():
                    work.finish(failure=Failure(kind="cancelled", message=CANCELLED, code="cancelled"))
                else:
                    self._do(work)
            except Exception as error:  # the work could not be kept; the next one may be
                self.work = None
                self._owner._on_event("error", kind=type(error).__name__, job=work.id)
                with contextlib.suppress(Exception):
                    work.finish(failure=Failure(kind="server", message=NOT_KEPT, code="not_kept"))
        self._close()

    def _pause(self, n_failures: int) -> None:
        """Before the next start, the longer the more often it was in vain."""
        until = time.monotonic() + _AGAIN_S[min(n_failures, len(_AGAIN_S) - 1)]
        while self._stop_at is None and time.monotonic() < until:
            time.sleep(_LOOK_S)

    def _has_died(self) -> bool:
        """Whether the process has ended while it waited: its pipe tells; the system may call it alive a moment more."""
        process = self.process
        try:
            while process is not None and process.connection.poll():
                self._tell_warning(process.connection.recv())
        except (EOFError, OSError):
            return True
        return process is None

    def _note_end(self, reason: str | None, job: str | None = None) -> None:
        """The process is to be started again."""
        self._owner.restarts += 1
        self._owner._on_event(
            "worker_ended", worker=self._number, reason=reason, **({} if job is None else {"job": job})
        )
        self._close()

    def _open(self) -> bool:
        """Starts a process and waits for its models; False where they do not load."""
        self.process = ChildProcess(run_worker, self._settings, name="whisperdiar worker")
        ours = self.process.connection
        self._owner._on_event("worker_started", worker=self._number, process=self.process.id)
        while self._stop_at is None:
            try:
                if not ours.poll(_LOOK_S):
                    continue
                message = ours.recv()
            except (EOFError, OSError):
                self.failure = Failure(kind="server", message=CRASHED, code="worker_crashed")
                break
            if message[0] == "ready":
                self.is_ready, self.failure = True, None
                self._owner._on_event("worker_ready", worker=self._number, process=self.process.id)
                return True
            if message[0] == "failed":
                self.failure = message[1]
                self._owner._on_event("worker_failed", worker=self._number, error=message[1].message)
                break
            self._tell_warning(message)
        self._close()
        return False

    def _do(self, work: Work) -> None:
        """Has the process work on it, and ends that where it goes on too long or takes too much."""
        process = self.process
        assert process is not None
        self.work = work
        work.begin()
        begun = time.monotonic()
        try:
            process.connection.send(work.task)
            outcome = self._follow(work, process, begun)
        except (EOFError, OSError):
            outcome = Failure(kind="crash", message=CRASHED, code="worker_crashed")
        self.work = None
        if outcome is None:  # the server stops: the work is for the next one
            work.requeue()
            self._interrupted = work
            self._close()
            return
        if isinstance(outcome, Failure):
            if outcome.kind in ("crash", "limit") or not process.is_alive:
                self._note_end(outcome.code, work.id)
            work.finish(failure=outcome)
        else:
            self._owner._seconds.append(time.monotonic() - begun)
            work.finish(outcome=outcome)

    def _follow(self, work: Work, process: ChildProcess, begun: float) -> Any:
        """An `Outcome`, a `Failure`, or None where the server stops."""
        connection = process.connection
        told_at: float | None = None
        looked_at = begun
        while True:
            if connection.poll(_LOOK_S):
                message = connection.recv()
                if message[0] == "progress":
                    work.report(message[1], message[2])
                elif message[0] == "heard":
                    work.hear(message[1], message[2])
                elif message[0] == "warned":
                    self._tell_warning(message)
                else:  # done or failed
                    return message[1]
            now = time.monotonic()
            if now - looked_at < _LOOK_S:
                continue
            looked_at = now
            if work.cancelled.is_set() and told_at is None:
                connection.send(CANCEL)
                told_at = now
            if told_at is not None and now - told_at > _CANCEL_S:
                process.kill()
                return Failure(kind="cancelled", message=CANCELLED, code="cancelled")
            if now - begun > self._owner._limit_s:
                process.kill()
                return Failure(kind="limit", message=TOO_LONG, code="timeout")
            if process.measure_memory() > self._owner._limit_bytes:
                process.kill()
                return Failure(kind="limit", message=TOO_LARGE, code="out_of_memory")
            if self._stop_at is not None and now > self._stop_at:
                process.kill()
                return None

    def _tell_warning(self, message: tuple[Any, ...]) -> None:
        if message[0] == "warned":
            self._owner._on_event("warning", worker=self._number, message=message[1])

    def _close(self) -> None:
        self.is_ready = False
        process, self.process = self.process, None
        if process is not None:
            process.close()
