"""Workers of a Ray cluster that are lost, by a Ray that is played: what they are given meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.test_batch_runs import SETTINGS
from whisperdiar.batch import ray_pool
from whisperdiar.batch.ray_pool import RayPool, RayTranscriber
from whisperdiar.batch.tasks import Outcome, Task
from whisperdiar.batch.transcriber import Transcriber
from whisperdiar.errors import BackendError


class RayError(Exception):
    pass


class RayTaskError(RayError):
    cause: Exception | None = None


class Actor:
    """One that is lost at the first of its calls, and answers again after so many questions."""

    def __init__(self, questions: float) -> None:
        self.left = questions
        self.given: list[int] = []
        self.run = SimpleNamespace(remote=self._run)
        self.is_there = SimpleNamespace(remote=self._is_there)

    def _run(self, task: Task, _data: bytes | None) -> Callable[[], Outcome]:
        self.given.append(task.number)
        if self.left > 0:
            return self._fail
        return lambda: Outcome(made=())

    def _is_there(self) -> Callable[[], bool]:
        self.left -= 1
        return self._fail if self.left > 0 else lambda: True

    def _fail(self) -> Any:
        raise RayError("The actor is unavailable")


@pytest.fixture
def actors(monkeypatch: pytest.MonkeyPatch) -> list[Actor]:
    """The first is lost, the second is well; more are added by the test."""
    made = [Actor(3), Actor(0)]
    coming = iter(made)
    ray = SimpleNamespace(
        is_initialized=lambda: True,
        cluster_resources=lambda: {"CPU": 2.0},
        nodes=list,
        remote=lambda **_asked: lambda _kind: SimpleNamespace(remote=lambda *_given: next(coming)),
        wait=lambda references, **_asked: (references[:1], references[1:]),
        get=lambda reference: reference(),
        kill=lambda _actor: None,
        exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError),
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_pool, "_ASK_AGAIN_S", 0.0)
    return made


def open_pool(jobs: int) -> RayPool:
    return RayPool(Transcriber(SETTINGS).settings, address="nowhere", jobs=jobs, max_memory=None)


def task(number: int) -> Task:
    return Task(number=number, source="s3://somewhere/a.wav", outputs=(), size=1)


def test_a_worker_that_was_lost_gets_work_when_it_answers_again(actors: list[Actor]) -> None:
    pool = open_pool(2)
    pool.submit(task(1))
    (event,) = pool.wait(0.0)
    assert (event.kind, event.number) == ("lost", 1)
    assert pool.n_free == 1, "the other one alone"
    for number in range(2, 5):  # more than is asked before it is there
        pool.submit(task(number))
        while not (events := pool.wait(0.0)):
            pass
        assert [(event.kind, event.number) for event in events] == [("done", number)]
    while pool.n_free < 2:
        pool.wait(0.0)
    assert actors[0].given == [1]
    pool.submit(task(5))
    pool.submit(task(6))
    assert {5, 6} & set(actors[0].given), "it works again"
    pool.close()


def test_where_no_worker_comes_back_the_run_ends_and_says_so(
    actors: list[Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    actors[0].left = float("inf")
    pool = open_pool(1)
    pool.submit(task(1))
    (event,) = pool.wait(0.0)
    assert event.kind == "lost"
    assert pool.n_free == 0
    assert pool.wait(0.0) == []
    monkeypatch.setattr(ray_pool, "_PATIENCE_S", -1.0)
    with pytest.raises(BackendError, match="all workers were lost"):
        pool.wait(0.0)
    pool.close()


@pytest.mark.model
def test_a_recording_that_is_worked_on_elsewhere_is_told_by_its_own_name() -> None:
    worker = RayTranscriber(Transcriber(SETTINGS).settings, "en")
    told = Task(number=1, source="/not/on/this/machine/a.wav", outputs=(("json", "a.json"),))
    (reason,) = worker.run(told, b"This is no recording.\n" * 50).errors
    assert reason.startswith("/not/on/this/machine/a.wav: is a text file")
