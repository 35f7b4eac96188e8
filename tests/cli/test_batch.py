"""The command `batch`, and a folder that is given in place of a recording."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.sounds import SAMPLES
from whisperdiar.batch import runner
from whisperdiar.batch.pools import PoolEvent
from whisperdiar.batch.tasks import Task, WorkSettings
from whisperdiar.batch.transcriber import Transcriber

FAST = ("--model", SAMPLES / "whisper-nano", "--language", "en", "--vad", "energy", "--diarizer", "none", "--no-cache")
_opened: dict[str, Transcriber] = {}


class Here:
    """A pool without processes: works in the test's own, with models that are loaded once for all tests."""

    def __init__(self, settings: Sequence[WorkSettings], **_limits: Any) -> None:
        self.n_workers = len(settings)
        self._transcriber = Transcriber(settings[0])
        loaded = _opened.setdefault("models", Transcriber(settings[0])).load()
        self._transcriber._opened = loaded
        self._ready: list[PoolEvent] = []

    @property
    def n_free(self) -> int:
        return 1 - len(self._ready)

    def submit(self, task: Task) -> None:
        self._ready.append(PoolEvent("done", task.number, self._transcriber.work(task)))

    def wait(self, timeout_s: float) -> Sequence[PoolEvent]:
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> None:
        """Nothing is to be ended."""


@pytest.fixture
def folder(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "ProcessPool", Here)
    place = tmp_path / "in"
    (place / "sub").mkdir(parents=True)
    shutil.copy(short, place / "one.wav")
    shutil.copy(short, place / "sub" / "two.wav")
    (place / "notes.txt").write_text("x")
    return place


@pytest.mark.model
def test_a_folder_becomes_transcripts_and_a_second_run_does_nothing(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.wav").write_bytes(b"RIFF no sound")
    command = ("batch", "in", "-o", "out", "--recursive", "-f", "srt,json", *FAST, "--summary", "all.csv")
    done = cli(*command)
    assert done.code == 1
    assert len(done.complaints) == 1
    assert "in/broken.wav: " in done.complaints[0]
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*t")) == [
        "one.srt",
        "sub/two.srt",
    ]
    assert "3 recordings found; left out: no media (1)" in done.err
    assert "[3/3] " in done.err
    assert "  done    2" in done.err
    assert "  failed  1" in done.err
    with (tmp_path / "all.csv").open(newline="") as file:
        states = {Path(row["path"]).name: row["state"] for row in csv.DictReader(file)}
    assert states == {"broken.wav": "failed", "one.wav": "done", "two.wav": "done"}
    (folder / "broken.wav").unlink()
    again = cli(*command)
    assert again.code == 0
    assert "2 recordings are done already" in again.err
    assert cli(*command, "-q").err == ""


@pytest.mark.model
def test_a_folder_in_place_of_a_recording(cli: Cli, folder: Path, tmp_path: Path) -> None:
    done = cli("in", "-o", "out/", *FAST)
    assert done.code == 0
    assert "subfolders without --recursive (1)" in done.err
    alone = cli("in/one.wav", "-o", "alone/", *FAST)
    assert alone.code == 0
    assert (tmp_path / "out" / "one.srt").read_bytes() == (tmp_path / "alone" / "one.srt").read_bytes()
    assert not (tmp_path / "out" / "sub").exists()


@pytest.mark.model
def test_progress_for_programs(cli: Cli, folder: Path) -> None:
    done = cli("batch", "in", "-o", "out", *FAST, "--progress", "json")
    events = [json.loads(line) for line in done.err.splitlines()]
    (end,) = [event for event in events if event["event"] == "end"]
    assert (end["state"], end["number"], end["of"]) == ("done", 1, 1)
    (summary,) = [event for event in events if event["event"] == "summary"]
    assert (summary["done"], summary["failed"]) == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("in",), "this is a folder; say where its transcripts go"),
        (("in", "-o", "-"), "this is a folder; say where its transcripts go"),
        (("in", "-o", "out/", "--clips", "clips"), "--clips: it is for recordings, and in is a folder"),
        (("in", "-o", "out/", "--embed", "x.mp4"), "--embed: it is for recordings"),
        (("in", "-o", "out/", "--report", "x.tsv"), "--report: it is for recordings"),
        (("batch", "in", "-o", "out", "--speech", "x.rttm"), "--speech: it is for one recording"),
        (("batch", "in", "-o", "out", "--save-activity", "x.npz"), "--save-activity: it is for one recording"),
        (("batch", "in", "-o", "out", "--max-memory", "much"), "write it as 500M or 4G"),
        (("batch", "in", "-o", "out", "--max-memory", "0"), "write it as 500M or 4G"),
        (("batch", "in", "-o", "out", "--jobs", "0"), "--jobs"),
        (("batch", "in", "-o", "out", "-f", "emotions-rttm"), "add --emotions"),
        (("batch", "in", "-o", "out", "-f", "json", "--max-chars", "30"), "--max-chars: it is for subtitles"),
        (("batch", "in", "-o", "out", "--device", "cuda:0,gpu"), "device 'gpu'"),
        (("batch", "in"), "-o"),
    ],
)
def test_what_cannot_be_meant_is_refused(cli: Cli, folder: Path, arguments: Sequence[str], told: str) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert told in done.err


def test_an_input_that_is_not_there(cli: Cli, folder: Path) -> None:
    done = cli("batch", "absent", "-o", "out")
    assert done.code == 1
    assert "absent: there is no such file" in done.err


def test_an_empty_folder_is_no_failure(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = cli("batch", "nothing", "-o", "out")
    assert (done.code, done.complaints) == (0, [])
    assert "no recording" in done.err


def test_sizes_of_memory() -> None:
    from whisperdiar.cli.commands.values import Size

    sizes = [Size().convert(text, None, None) for text in ("4G", "500m", "1.5 GB", "1000")]
    assert sizes == [4_000_000_000, 500_000_000, 1_500_000_000, 1000]
