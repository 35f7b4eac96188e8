"""Pools: workers that take tasks one by one and give outcomes back; here processes of this machine."""

from __future__ import annotations

import logging
import multiprocessing.connection
import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, Literal, Protocol

from whisperdiar.batch.ahead import work_off
from whisperdiar.batch.tasks import Outcome, Task, WorkSettings
from whisperdiar.batch.transcriber import Transcriber
from whisperdiar.errors import BackendError, InvalidOption, WhisperdiarError, describe_error
from whisperdiar.system.child_process import ChildProcess
from whisperdiar.system.machine import usable_cores
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text import messages
from whisperdiar.text.messages import _

_LOOK_S = 0.25
"""Between two looks at how much memory workers take."""
_WITH_NEXT = 2
"""Tasks that a worker has which recognises the next recording while it diarizes one."""
_CORES_EACH = 4
"""A worker with fewer cores than that is alone: two would wait for each other's memory and caches."""

Kind = Literal["progress", "done", "lost"]


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """What a worker tells of a task: how far it is, its outcome, or that the worker was lost over it, and why."""

    kind: Kind
    number: int
    outcome: Outcome | None = None
    reason: str = ""
    stage: str = ""
    fraction: float = 0.0


class Pool(Protocol):
    """Workers."""

    @property
    def n_workers(self) -> int:
        """How many work at the same time."""

    @property
    def n_free(self) -> int:
        """How many tasks can be submitted now."""

    def submit(self, task: Task) -> None:
        """Gives a task to a worker that is free."""

    def wait(self, timeout_s: float) -> Sequence[PoolEvent]:
        """What happened, at the latest after that time.

        Raises:
            WhisperdiarError: workers cannot load their models, and nothing can be done.
        """

    def close(self) -> None:
        """Ends all workers at once."""


def choose_jobs(settings: WorkSettings) -> int:
    """How many workers suit this machine: one for each named device, or for each four cores."""
    devices = settings.request.runtime.device.split(",")
    if len(devices) > 1 or devices[0].startswith("cuda"):
        return len(devices)
    return max(1, usable_cores() // _CORES_EACH)


def divide_settings(settings: WorkSettings, jobs: int) -> list[WorkSettings]:
    """The settings of each worker: devices in turn, and a share of the cores where nobody said how many threads."""
    devices = [item.strip() for item in settings.request.runtime.device.split(",")]
    threads = settings.request.runtime.threads
    if not threads and jobs > 1:
        threads = max(1, usable_cores() // jobs)
    return [
        replace(
            settings,
            request=replace(
                settings.request,
                runtime=replace(settings.request.runtime, device=devices[number % len(devices)], threads=threads),
            ),
        )
        for number in range(jobs)
    ]


class ProcessPool:
    """Worker processes; one that dies, hangs or takes too much memory is ended, and another takes its place.

    Args:
        settings: of each worker.
        max_memory: bytes that a worker may have resident; None for any.
        stall_s: seconds after which a worker that tells no progress counts as hanging.
    """

    def __init__(self, settings: Sequence[WorkSettings], *, max_memory: int | None, stall_s: float) -> None:
        self._slots = [_Slot(item) for item in settings]
        self._max_memory, self._stall_s = max_memory, stall_s
        self._looked_at = time.monotonic()

    @property
    def n_workers(self) -> int:
        return len(self._slots)

    @property
    def n_free(self) -> int:
        return sum(max(0, slot.room - len(slot.tasks)) for slot in self._slots)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Of the processes that run."""
        return tuple(slot.process.id for slot in self._slots if slot.process is not None)

    def submit(self, task: Task) -> None:
        free = [slot for slot in self._slots if len(slot.tasks) < slot.room]
        # An idle one comes first, of these one whose models are loaded: for few recordings no other is begun.
        min(free, key=lambda slot: (len(slot.tasks), slot.process is None)).begin(task)

    def wait(self, timeout_s: float) -> list[PoolEvent]:
        slots = {slot.process.connection: slot for slot in self._slots if slot.process is not None}
        events: list[PoolEvent] = []
        if not slots:
            time.sleep(timeout_s)
            return events
        for connection in multiprocessing.connection.wait(list(slots), min(timeout_s, _LOOK_S)):
            slot = slots[connection]  # type: ignore[index]
            try:
                events += self._receive(slot)
            except (EOFError, OSError):
                events += self._lose(slot, slot.explain_end())
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            for slot in self._slots:
                events += self._check(slot, now)
        return events

    def _receive(self, slot: _Slot) -> list[PoolEvent]:
        assert slot.process is not None
        kind, *values = slot.process.connection.recv()
        slot.heard_at = time.monotonic()
        if kind == "broken":
            raise values[0]
        if kind == "ahead":
            slot.room = _WITH_NEXT
            return []
        number, *rest = values
        if number not in slot.tasks:
            return []
        if kind == "progress":
            return [PoolEvent("progress", number, stage=rest[0], fraction=rest[1])]
        del slot.tasks[number]
        return [PoolEvent("done", number, rest[0])]

    def _check(self, slot: _Slot, now: float) -> list[PoolEvent]:
        """Whether a worker takes too much, or tells nothing any more."""
        if slot.process is None or not slot.tasks:
            return []
        if self._max_memory is not None:
            taken = slot.process.measure_memory()
            if taken > self._max_memory:
                reason = _(
                    "its worker took {taken:.1f} GB of memory, more than --max-memory; cut the recording"
                ).format(taken=taken / 1e9)
                return self._lose(slot, reason)
        if now - slot.heard_at > self._stall_s:
            return self._lose(
                slot, _("its worker told no progress for {minutes:g} minutes").format(minutes=self._stall_s / 60.0)
            )
        return []

    def _lose(self, slot: _Slot, reason: str) -> list[PoolEvent]:
        """The first task is lost with its process; one that waited behind it goes to the next process."""
        tasks = slot.end()
        for task in tasks[1:]:
            slot.begin(task)
        return [PoolEvent("lost", task.number, reason=reason) for task in tasks[:1]]

    def close(self) -> None:
        for slot in self._slots:
            slot.end(at_once=bool(slot.tasks))


class _Slot:
    """The place of one worker.

    Attributes:
        tasks: number → task, in the order in which it works on them.
        room: for how many of them.
    """

    def __init__(self, settings: WorkSettings) -> None:
        self._settings = settings
        self.process: ChildProcess | None = None
        self.tasks: dict[int, Task] = {}
        self.room = 1
        self.heard_at = 0.0

    def begin(self, task: Task) -> None:
        if self.process is None:
            self.process = ChildProcess(run_worker, self._settings, messages.current(), name="whisperdiar batch worker")
        self.tasks[task.number], self.heard_at = task, time.monotonic()
        try:
            self.process.connection.send(task)
        except OSError:  # it has ended, which `wait` finds
            return

    def explain_end(self) -> str:
        """Why a worker ended by itself."""
        code = None
        if self.process is not None:
            self.process.kill()
            code = self.process.exit_code
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in {item.value for item in signal.Signals} else str(-code)
            return _("its worker was ended by {signal}; where memory is short, give fewer --jobs").format(signal=name)
        return _("its worker ended by itself ({code})").format(code=code)

    def end(self, *, at_once: bool = True) -> list[Task]:
        """Ends the process; the tasks that it leaves behind, in order."""
        process, self.process = self.process, None
        tasks, self.tasks = list(self.tasks.values()), {}
        if process is not None:
            if at_once:
                process.kill()
            process.close()
        return tasks


def run_worker(connection: Connection, settings: WorkSettings, language: str) -> None:
    """A worker process: loads its models, takes tasks from the pipe, gives outcomes back. None ends it.

    Ctrl-C in the terminal is for the parent, which ends it.
    """
    disable_telemetry()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    messages.use(language)
    if not os.environ.get("WHISPERDIAR_DEBUG"):  # what a user must know, outcomes say
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
    tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    transcriber, sending = Transcriber(settings), threading.Lock()

    def send(kind: str, *values: Any) -> None:
        told = [_make_plain(item) if isinstance(item, Exception) else item for item in values]
        with sending:
            connection.send((kind, *told))

    work_off(transcriber, tasks, send)
    transcriber.close()


def _receive(connection: Connection, tasks: queue.SimpleQueue[Task | None]) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):  # the parent is gone, and nobody waits for a result
            os._exit(1)
        tasks.put(message)


def _make_plain(error: Exception) -> WhisperdiarError:
    """An error that crosses processes."""
    if isinstance(error, InvalidOption):
        return InvalidOption(str(error))
    return BackendError(describe_error(error))
