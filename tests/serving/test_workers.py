"""Workers, with threads in place of their processes: what becomes of a process that ends."""

from __future__ import annotations

import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest

from whisperdiar import Transcript
from whisperdiar.serving import workers
from whisperdiar.serving.tasks import Outcome, Task, WorkerSettings
from whisperdiar.serving.workers import Workers
from whisperdiar.serving.works import Work

_PATIENCE_S = 60.0


class StandIn:
    """A process that the system calls alive for ever, whatever becomes of its end of the pipe."""

    begun: list[StandIn]

    def __init__(self, _target: object, _settings: object, *, name: str) -> None:
        self.name, self.id = name, len(self.begun) + 1
        self.is_alive = True
        self.connection, self.theirs = Pipe()
        self.begun.append(self)
        self.theirs.send(("ready",))
        self._thread = threading.Thread(target=self._work, args=(self.theirs,), daemon=True)
        self._thread.start()

    def _work(self, connection: Connection) -> None:
        try:
            while (task := connection.recv()) is not None:
                if task.name == "crash":
                    break
                connection.send(("done", Outcome(transcript=Transcript(task.name, 1.0), seconds=1.0)))
        except (EOFError, OSError):
            pass
        connection.close()

    def die(self) -> None:
        """Its end of the pipe is closed, as the system does it for a process that was killed."""
        self.connection.send(None)
        self._thread.join(_PATIENCE_S)

    def measure_memory(self) -> int:
        return 0

    def kill(self) -> None:
        self.die()

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """The processes that were begun, in order."""
    made: list[StandIn] = []
    monkeypatch.setattr(StandIn, "begun", made, raising=False)
    monkeypatch.setattr(workers, "ChildProcess", StandIn)
    return made


def _work(name: str) -> tuple[Work, threading.Event]:
    work, has_ended = Work(Task(path="upload", name=name)), threading.Event()
    work.on_end.append(lambda _work: has_ended.set())
    return work, has_ended


def _start() -> tuple[Workers, list[tuple[str, dict[str, Any]]]]:
    told: list[tuple[str, dict[str, Any]]] = []
    made = Workers([WorkerSettings()], queue=8, work_hours=1.0, on_event=lambda name, **more: told.append((name, more)))
    made.start()
    return made, told


def test_a_process_that_died_while_it_waited_fails_nobodys_work(begun: list[StandIn]) -> None:
    made, told = _start()
    for name in ("one", "two", "three"):
        work, has_ended = _work(name)
        made.put(work)
        assert has_ended.wait(_PATIENCE_S)
        assert work.outcome is not None
        assert work.outcome.transcript.recording_id == name
        begun[-1].die()
    assert made.stop(0.0, on_left=lambda _work: None) == ()
    assert len(begun) >= 3
    assert made.restarts >= 2
    assert {more["reason"] for name, more in told if name == "worker_ended"} == {"worker_died"}


def test_a_process_that_dies_is_begun_anew_before_anybody_asks(
    begun: list[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_WATCH_S", 0.01)
    is_ready = threading.Semaphore(0)
    told: list[str] = []

    def hear(event: str, **_values: Any) -> None:
        told.append(event)
        if event == "worker_ready":
            is_ready.release()

    made = Workers([WorkerSettings()], queue=8, work_hours=1.0, on_event=hear)
    made.start()
    assert is_ready.acquire(timeout=_PATIENCE_S)
    begun[0].die()
    assert is_ready.acquire(timeout=_PATIENCE_S)
    made.stop(0.0, on_left=lambda _work: None)
    assert told == ["worker_started", "worker_ready", "worker_ended", "worker_started", "worker_ready"]


def test_a_process_that_dies_of_its_work_fails_it(begun: list[StandIn]) -> None:
    made, told = _start()
    ended = []
    for name in ("crash", "next"):
        work, has_ended = _work(name)
        made.put(work)
        assert has_ended.wait(_PATIENCE_S)
        ended.append((work.state, work.failure and work.failure.code))
    made.stop(0.0, on_left=lambda _work: None)
    assert ended == [("failed", "worker_crashed"), ("done", None)]
    assert [more["reason"] for name, more in told if name == "worker_ended"] == ["worker_crashed"]
    assert len(begun) == 2
