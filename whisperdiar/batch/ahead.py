"""Work ahead: the next recording is recognised while this one is diarized, where both have a device of their own.

task 1   decode  recognise ▇▇▇▇▇▇▇▇  diarize ▇▇▇▇▇▇▇▇▇▇▇
task 2                               recognise ▇▇▇▇▇▇▇▇  diarize ▇▇▇▇▇▇▇▇▇▇▇
task 3                                                   recognise ▇▇▇▇▇▇▇▇

No model is used by two threads at once: the recogniser is free from the moment at which a recording is diarized. What
was recognised is handed on as parts of the stage (`whisperdiar.contracts.Parts`), so that the result is the same.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from whisperdiar.batch.tasks import Outcome, Task
from whisperdiar.contracts import DivisibleTranscriber, Progress, device_of
from whisperdiar.pipeline import Pipeline, wants_channels
from whisperdiar.system.background import BackgroundTask

_FREE = "diarization"
"""The stage from which on the recogniser has nothing to do with a recording any more."""

Send = Callable[..., None]


class TaskWorker(Protocol):
    """What works on tasks, as `whisperdiar.batch.Transcriber` does."""

    @property
    def works_ahead(self) -> bool:
        """Whether `recognise` may run beside the end of `work`; known once that has begun."""

    def work(self, task: Task, *, progress: Progress) -> Outcome:
        """What a task asks for."""

    def recognise(self, task: Task, *, progress: Progress) -> Mapping[str, bytes]:
        """What the recogniser computes for a task, as parts of the work on it."""


def works_ahead(pipeline: Pipeline) -> bool:
    """Whether recognition and diarization of different recordings can go on side by side: those of one do not already,
    both have devices of their own, and nothing asks the recogniser again behind the diarizer."""
    transcriber, diarizer = pipeline.transcriber, pipeline.diarizer
    if not isinstance(transcriber, DivisibleTranscriber) or diarizer is None or wants_channels(diarizer):
        return False
    if pipeline.separator is not None or pipeline.skip_music or pipeline.side_by_side():
        return False
    first, second = device_of(transcriber), device_of(diarizer)
    return None not in (first, second) and first != second


def work_off(worker: TaskWorker, tasks: queue.SimpleQueue[Task | None], send: Send) -> None:
    """Works on tasks until None comes; one at most is begun ahead of its turn.

    Args:
        send: told ``("progress", number, stage, fraction)``, once ``("ahead",)`` where a second task is of use before
            the first has ended, ``("done", number, outcome)`` and ``("broken", error)``; from any thread.
    """
    line = _Line(worker, tasks, send)
    while (task := line.take()) is not None:
        message: tuple[Any, ...]
        try:
            message = ("done", task.number, worker.work(task, progress=partial(line.report, task.number)))
        except Exception as error:  # models that do not load: no other recording will go better
            message = ("broken", error)
        send(*message)


class _Line:
    """Tasks that wait, the first of which may be recognised already."""

    def __init__(self, worker: TaskWorker, tasks: queue.SimpleQueue[Task | None], send: Send) -> None:
        self._worker, self._tasks, self._send = worker, tasks, send
        self._next: tuple[Task, BackgroundTask[Mapping[str, bytes]]] | None = None
        self._has_asked = self._is_over = False

    def take(self) -> Task | None:
        """The next task, with what was computed of it ahead; None for no more."""
        if self._next is not None:
            (task, beside), self._next = self._next, None
            return replace(task, parts={**task.parts, **_result(beside)})
        return None if self._is_over else self._tasks.get()

    def report(self, number: int, stage: str, fraction: float) -> None:
        """Progress of the work on a task; once its recogniser is free, the next one may have it."""
        self._send("progress", number, stage, float(fraction))
        if stage != _FREE or not self._worker.works_ahead:
            return
        if not self._has_asked:
            self._has_asked = True
            self._send("ahead")
        if self._next is None and not self._is_over:
            with contextlib.suppress(queue.Empty):
                self._begin(self._tasks.get_nowait())

    def _begin(self, task: Task | None) -> None:
        if task is None:
            self._is_over = True
            return

        def told(stage: str, fraction: float) -> None:
            self._send("progress", task.number, stage, float(fraction))

        self._next = task, BackgroundTask(lambda heard: self._worker.recognise(task, progress=heard), progress=told)


def _result(beside: BackgroundTask[Mapping[str, bytes]]) -> Mapping[str, bytes]:
    """What was computed; nothing where that failed, as the work itself then says how."""
    try:
        return beside.result()
    except Exception:
        return {}
