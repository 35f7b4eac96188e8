"""Work ahead: the next recording is recognised while this one is diarized, with the same result."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.examples import by_night
from tests.media_files import write_wav
from tests.sounds import NANO, RATE_HZ, SAMPLES
from whisperdiar import load
from whisperdiar.asr.whisper.decoding import Decoder
from whisperdiar.batch import ahead, pools
from whisperdiar.batch.ahead import work_off, works_ahead
from whisperdiar.batch.pools import ProcessPool
from whisperdiar.batch.tasks import Outcome, Task, WorkSettings
from whisperdiar.batch.transcriber import Transcriber
from whisperdiar.contracts import Progress
from whisperdiar.pipeline import Pipeline

_PATIENCE_S = 60.0


def task(number: int, source: str = "") -> Task:
    return Task(number=number, source=source, outputs=(("json", f"{number}.json"),))


class StandIn:
    """Works on a task until the next one is being recognised."""

    works_ahead = True

    def __init__(self, *, n_tasks: int, failing: int = 0) -> None:
        self.did: list[str] = []
        self.parts: dict[int, Mapping[str, bytes]] = {}
        self._recognised = {number: threading.Event() for number in range(1, n_tasks + 1)}
        self._last, self._failing = n_tasks, failing

    def work(self, task: Task, *, progress: Progress) -> Outcome:
        self.parts[task.number] = task.parts
        progress("asr", 1.0)
        self.did.append(f"diarize {task.number}")
        progress("diarization", 0.0)
        if task.number < self._last:
            assert self._recognised[task.number + 1].wait(_PATIENCE_S)
        progress("diarization", 1.0)
        self.did.append(f"done {task.number}")
        return Outcome(seconds=float(task.number))

    def recognise(self, task: Task, *, progress: Progress) -> Mapping[str, bytes]:
        self.did.append(f"recognise {task.number}")
        progress("asr", 0.5)
        self._recognised[task.number].set()
        if task.number == self._failing:
            raise RuntimeError("no")
        return {"key": bytes([task.number])}


def run_all(worker: Any, tasks: list[Task]) -> list[tuple[Any, ...]]:
    waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    for item in (*tasks, None):
        waiting.put(item)
    told: list[tuple[Any, ...]] = []
    work_off(worker, waiting, lambda *message: told.append(message))
    return told


def test_the_next_is_recognised_while_this_one_is_diarized() -> None:
    worker = StandIn(n_tasks=3)
    told = run_all(worker, [task(1), task(2), task(3)])
    assert worker.did == [
        *("diarize 1", "recognise 2", "done 1"),
        *("diarize 2", "recognise 3", "done 2"),
        *("diarize 3", "done 3"),
    ]
    assert worker.parts == {1: {}, 2: {"key": b"\2"}, 3: {"key": b"\3"}}
    assert [item[1] for item in told if item[0] == "done"] == [1, 2, 3]
    assert told.count(("ahead",)) == 1
    assert ("progress", 2, "asr", 0.5) in told


def test_what_fails_ahead_is_left_to_the_work_itself() -> None:
    worker = StandIn(n_tasks=2, failing=2)
    told = run_all(worker, [task(1), task(2)])
    assert worker.parts[2] == {}
    assert [item[1] for item in told if item[0] == "done"] == [1, 2]


def test_nothing_is_ahead_where_nothing_can_be() -> None:
    worker = StandIn(n_tasks=1)
    worker.works_ahead = False
    told = run_all(worker, [task(1), task(2)])
    assert worker.did == ["diarize 1", "done 1", "diarize 2", "done 2"]
    assert ("ahead",) not in told


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"second": "cuda"}, False),
        ({"first": None}, False),
        ({"parallel": True}, False),
        ({"separator": object()}, False),
        ({"skip_music": True}, False),
        ({"diarizer": None}, False),
        ({"per_channel": True}, False),
        ({"divides": False}, False),
    ],
)
def test_recogniser_and_diarizer_need_devices_of_their_own(
    changes: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"first": "cuda", "second": "cpu", "per_channel": False, "divides": True, **changes}
    transcriber: Any = SimpleNamespace(transcribe=str)
    if made["divides"]:
        transcriber.divide = str
    diarizer: Any = changes.get("diarizer", SimpleNamespace(diarize=str, wants_words=True))
    monkeypatch.setattr(ahead, "device_of", lambda item: made["first"] if item is transcriber else made["second"])
    monkeypatch.setattr(ahead, "wants_channels", lambda _item: made["per_channel"])
    options = {name: changes[name] for name in ("parallel", "separator", "skip_music") if name in changes}
    detector: Any = None
    assert works_ahead(Pipeline(detector=detector, transcriber=transcriber, diarizer=diarizer, **options)) is expected


@pytest.mark.model
@pytest.mark.parametrize("cached", [by_night(False), True])
def test_the_bytes_are_those_of_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    settings: dict[str, Any] = {"model": NANO[1], "vad": "energy", "diarizer": "bic", "language": "en", "threads": 1}
    settings["offline"] = True
    tasks = [task(number, str(SAMPLES / name)) for number, name in ((1, "standup.mp4"), (2, "dialogue_de.m4a"))]
    where: list[str] = []
    decode: Callable[..., Any] = Decoder._decode_batch

    def noted(self: Decoder, *given: Any) -> Any:
        where.append(threading.current_thread().name)
        return decode(self, *given)

    monkeypatch.setattr(Decoder, "_decode_batch", noted)
    plain = Transcriber(settings)
    expected = [plain.work(item) for item in tasks]
    n_batches = len(where)
    if cached:
        settings["cache"] = str(tmp_path / "cache")
    worker = Transcriber(settings)
    monkeypatch.setattr("whisperdiar.batch.transcriber.works_ahead", lambda _pipeline: True)
    for again in range(2 if cached else 1):
        where.clear()
        told = run_all(worker, tasks)
        found = {item[1]: item[2] for item in told if item[0] == "done"}
        assert [found[item.number].made for item in tasks] == [item.made for item in expected]
        assert not any("from the cache" in text for item in found.values() for text in item.notes) or again
        assert len(where) == (0 if again else n_batches), "nothing is recognised twice"
        assert ("whisperdiar-beside" in where) is not bool(again)


@pytest.mark.model
def test_what_was_heard_of_another_file_is_not_taken(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": NANO[1], "vad": "none", "diarizer": "none", "language": "en", "threads": 1}
    settings["offline"] = True
    path = tmp_path / "talk.wav"
    worker, talk = Transcriber(settings), load(SAMPLES / "standup.mp4", end=12.0).samples
    write_wav(path, talk[:, : 6 * RATE_HZ])
    parts = worker.recognise(task(1, str(path)))
    assert parts
    write_wav(path, talk[:, 6 * RATE_HZ :])
    found = worker.work(replace(task(1, str(path)), parts=parts))
    assert found.made == Transcriber(settings).work(task(1, str(path))).made
    assert worker.recognise(task(2, "memory://bucket/talk.wav")) == {}, "it would be fetched twice"


class Process:
    """The parent's end of a pipe, and ours."""

    def __init__(self, *_given: object, **_more: object) -> None:
        self.connection, self.theirs = Pipe()
        self.id, self.exit_code = 1, None

    def measure_memory(self) -> int:
        return 0

    def kill(self) -> None:
        """There is none."""

    def close(self) -> None:
        self.connection.close()


def test_a_worker_gets_a_second_task_when_it_asks_and_loses_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "ChildProcess", Process)
    pool = ProcessPool([WorkSettings(), WorkSettings()], max_memory=None, stall_s=1e9)
    pool.submit(task(1))
    first: Any = pool._slots[0].process
    first.theirs.send(("ahead",))
    assert pool.wait(_PATIENCE_S) == []
    assert pool.n_free == 2
    pool.submit(task(2))
    assert list(pool._slots[1].tasks) == [2], "an idle worker comes first"
    pool.submit(task(3))
    assert [list(slot.tasks) for slot in pool._slots] == [[1, 3], [2]]
    assert pool.n_free == 0
    first.theirs.send(("progress", 3, "asr", 0.5))
    (event,) = pool.wait(_PATIENCE_S)
    assert (event.kind, event.number, event.stage) == ("progress", 3, "asr")
    first.theirs.close()
    (event,) = pool.wait(_PATIENCE_S)
    assert (event.kind, event.number) == ("lost", 1)
    process: Any = pool._slots[0].process
    assert process is not first
    assert [process.theirs.recv().number] == [3], "which waited, and goes to the next process"
    process.theirs.send(("done", 3, Outcome(seconds=1.0)))
    (event,) = pool.wait(_PATIENCE_S)
    assert (event.kind, event.number) == ("done", 3)
    pool.close()
