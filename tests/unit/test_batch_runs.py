"""Batches: which files are taken, what is noted, what a second run does, workers that are lost."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from tests.sounds import RATE_HZ, SAMPLES
from whisperdiar import InvalidOption, load
from whisperdiar.batch import BatchEvent, BatchResult, Manifest, Row, Transcriber, run_batch
from whisperdiar.batch import runner as running
from whisperdiar.batch.finding import HIDDEN, MIXES, OTHER, SUBFOLDERS, Finder, Found, name_outputs_of
from whisperdiar.batch.manifest import FILE_NAME
from whisperdiar.batch.pools import PoolEvent, ProcessPool, choose_jobs, divide_settings
from whisperdiar.batch.summary import COLUMNS, format_csv, format_table
from whisperdiar.batch.tasks import Outcome, Task, WorkSettings
from whisperdiar.batch.transcriber import make_settings
from whisperdiar.batch.watching import QuietFiles
from whisperdiar.errors import MediaError, OutputError

SETTINGS: dict[str, Any] = {
    "model": str(SAMPLES / "whisper-nano"),
    "language": "en",
    "vad": "energy",
    "diarizer": "none",
    "offline": True,
    "device": "cpu",
    "threads": 1,
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds in which somebody speaks."""
    path = tmp_path_factory.mktemp("sound") / "talk.wav"
    audio = load(SAMPLES / "call.flac", start=1.0, end=4.0)
    wavfile.write(path, RATE_HZ, (audio.mono * 32767).astype(np.int16))
    return path


@pytest.fixture
def folder(tmp_path: Path, sound: Path) -> Path:
    """Two recordings, one of them in a subfolder, and a broken one."""
    place = tmp_path / "in"
    (place / "sub").mkdir(parents=True)
    shutil.copy(sound, place / "talk.wav")
    shutil.copy(sound, place / "sub" / "talk.wav")
    (place / "broken.wav").write_bytes(b"RIFF no sound at all")
    return place


class StandIn:
    """A pool that answers at once, for what the runner does by itself."""

    def __init__(self, answer: Callable[[Task], Outcome | str]) -> None:
        self.answer = answer
        self.tasks: list[Task] = []
        self._ready: list[PoolEvent] = []
        self.closed = False
        self.n_workers = 1

    @property
    def n_free(self) -> int:
        return 1 - len(self._ready)

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        found = self.answer(task)
        if isinstance(found, str):
            self._ready.append(PoolEvent("lost", task.number, reason=found))
        else:
            self._ready.append(PoolEvent("done", task.number, found))

    def wait(self, timeout_s: float) -> Sequence[PoolEvent]:
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> None:
        self.closed = True


def make(task: Task) -> Outcome:
    """What a worker gives back where all goes well."""
    made = tuple(
        (name, f"{name} of {Path(task.source).name}".encode("utf-8", "replace")) for name, _path in task.outputs
    )
    return Outcome(made=made, content="00", seconds=3.0, n_words=5, n_speakers=1, language="en", elapsed=0.1)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn(make)
    monkeypatch.setattr(running, "ProcessPool", lambda *_given, **_more: made)
    return made


def run(folder: Path, out: Path, **more: Any) -> BatchResult:
    given: dict[str, Any] = {"settings": SETTINGS, "recursive": True, "formats": ("srt",), "jobs": 1, **more}
    return run_batch([folder], out, **given)


def rows_of(out: Path) -> dict[str, Row]:
    with Manifest(out / FILE_NAME) as manifest:
        return {row.name: row for row in manifest.rows()}


# What is taken


def test_recordings_are_told_by_their_names_and_else_by_their_content(tmp_path: Path, sound: Path) -> None:
    names = ("a.WAV", "without suffix", "odd.dat", ".hidden.wav", "notes.txt", "a.srt", "all.mix.m4a", "picture.png")
    for name in names:
        shutil.copy(sound, tmp_path / name)
    (tmp_path / "odd too.dat").write_text("no sound")
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    shutil.copy(sound, tmp_path / "sub" / "b.mp3")
    found = Finder([tmp_path], recursive=False).find()
    assert [item.relative for item in found.recordings] == ["a.WAV", "odd.dat", "without suffix"]
    assert found.left_out == {HIDDEN: 2, OTHER: 4, MIXES: 1, SUBFOLDERS: 1}
    every = Finder([tmp_path], recursive=True).find()
    assert [item.relative for item in every.recordings] == ["a.WAV", "odd.dat", "without suffix", "sub/b.mp3"]


def test_the_folder_of_the_outputs_is_no_input(tmp_path: Path, sound: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(sound, tmp_path)
    shutil.copy(sound, out / "clip.wav")
    found = Finder([tmp_path], recursive=True, besides=[out]).find()
    assert [item.relative for item in found.recordings] == ["talk.wav"]


def test_a_file_that_was_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    found = Finder([tmp_path / "notes.txt", tmp_path / "notes.txt"], recursive=False).find()
    assert [item.relative for item in found.recordings] == ["notes.txt"]
    with pytest.raises(MediaError, match="no such file"):
        Finder([tmp_path / "absent.wav"], recursive=False).find()


def test_names_keep_subfolders_and_suffixes_where_they_would_be_the_same() -> None:
    recordings = [Found(f"/in/{name}", name, 1, "") for name in ("a/talk.wav", "b/talk.wav", "b/talk.MP4", "x.wav")]
    names = name_outputs_of(recordings, {})
    assert list(names.values()) == ["a/talk", "b/talk.wav", "b/talk.MP4", "x"]
    again = name_outputs_of([*recordings, Found("/in/x.mp3", "x.mp3", 1, "")], names)
    assert again == {**names, "/in/x.mp3": "x.mp3"}
    with pytest.raises(InvalidOption, match="two inputs are called"):
        name_outputs_of([Found("/1/x.wav", "x.wav", 1, ""), Found("/2/x.wav", "x.wav", 1, "")], {})


def test_several_folders_keep_their_names(tmp_path: Path, sound: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(sound, tmp_path / name)
    found = Finder([tmp_path / "one", tmp_path / "two"], recursive=False).find()
    assert [item.relative for item in found.recordings] == ["one/talk.wav", "two/talk.wav"]


# What is done


def _without_versions(path: Path) -> bytes:
    """A file that was written, without the list of what is loaded in the process: here, also by other tests."""
    return re.sub(rb'"versions": \{[^}]*\}', b"", path.read_bytes())


@pytest.mark.model
def test_a_batch_is_what_single_recordings_are(folder: Path, tmp_path: Path) -> None:
    """By processes, the bytes of `transcribe_files`; the broken one is reported and stops nobody."""
    import whisperdiar

    events: list[BatchEvent] = []
    notes: list[str] = []
    result = run(folder, tmp_path / "out", formats=("json", "srt"), jobs=2, on_event=events.append, inform=notes.append)
    assert (result.n_done, result.n_failed) == (2, 1)
    with whisperdiar.open_pipeline(**SETTINGS) as pipeline:
        list(pipeline.transcribe_files([folder / "talk.wav"], tmp_path / "alone", formats=("json", "srt")))
    for suffix in ("json", "srt"):
        alone, first, second = (
            _without_versions(tmp_path / name / f"talk.{suffix}") for name in ("alone", "out", "out/sub")
        )
        assert first == alone
        assert second == alone
    rows = rows_of(tmp_path / "out")
    assert {name: row.state for name, row in rows.items()} == {"talk": "done", "sub/talk": "done", "broken": "failed"}
    done = rows["sub/talk"]
    assert done.outputs == ("sub/talk.json", "sub/talk.srt")
    assert (
        done.content == json.loads((tmp_path / "out" / "talk.json").read_text())["provenance"]["recording"]["blake2b"]
    )
    assert done.seconds == pytest.approx(3.0, abs=0.01)
    assert {"decode", "vad", "asr"} <= done.stages.keys()
    assert done.versions["whisperdiar"] == whisperdiar.__version__
    assert rows["broken"].attempts == 1  # a second try would not mend it
    assert rows["broken"].reason
    assert [event.number for event in events if event.kind == "end"] == [1, 2, 3]
    (folder / "broken.wav").unlink()
    again = run(folder, tmp_path / "out", formats=("json", "srt"), jobs=2, inform=notes.append)
    assert (again.n_there, again.n_done, again.n_failed) == (2, 0, 0)
    assert any("2 recordings are done already" in note for note in notes)


@pytest.mark.model
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_worker_that_is_killed_is_replaced_and_its_recording_tried_again(sound: Path, tmp_path: Path) -> None:
    pool = ProcessPool(divide_settings(make_settings(SETTINGS), 1), max_memory=None, stall_s=60.0)
    with contextlib.closing(pool):
        pool.submit(Task(number=1, source=str(sound), outputs=(("srt", "x.srt"),)))
        (process,) = pool.process_ids
        os.kill(process, 9)
        (lost,) = wait_for(pool, "lost")
        assert lost.number == 1
        assert "SIGKILL" in lost.reason
        assert pool.n_free == 1
        pool.submit(Task(number=2, source=str(sound), outputs=(("srt", "x.srt"),)))
        (done,) = wait_for(pool, "done")
        assert done.outcome is not None
        assert done.outcome.made[0][0] == "srt"
        assert pool.process_ids != (process,)
        # The same worker again, which now may take next to nothing.
        pool._max_memory = 1
        pool.submit(Task(number=3, source=str(SAMPLES / "call.flac"), outputs=(("srt", "x.srt"),)))
        (large,) = wait_for(pool, "lost")
        assert "--max-memory" in large.reason
        pool._max_memory, pool._stall_s = None, 0.0
        pool.submit(Task(number=4, source=str(SAMPLES / "call.flac"), outputs=(("srt", "x.srt"),)))
        (stalled,) = wait_for(pool, "lost")
        assert "no progress" in stalled.reason
    assert pool.process_ids == ()


def wait_for(pool: ProcessPool, kind: str) -> list[PoolEvent]:
    while True:
        found = [event for event in pool.wait(0.2) if event.kind == kind]
        if found:
            return found


def test_models_that_do_not_load_end_the_run_and_nothing_counts_as_tried(folder: Path, tmp_path: Path) -> None:
    from whisperdiar import BackendError

    with pytest.raises(BackendError):
        run(folder, tmp_path / "out", settings={**SETTINGS, "model": "someone/absent"})
    rows = rows_of(tmp_path / "out").values()
    assert {row.state for row in rows} == {"pending"}
    assert {row.attempts for row in rows} == {0}


def test_one_that_fails_is_tried_once_more_and_then_reported(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    fate = {"talk.wav": iter(["the worker ended", make]), "broken.wav": iter(["lost", "lost again"])}

    def answer(task: Task) -> Outcome | str:
        if "sub" in task.source:
            return make(task)
        found = next(fate[Path(task.source).name])
        return found if isinstance(found, str) else found(task)

    pool.answer = answer
    result = run(folder, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert (result.n_done, result.n_failed) == (2, 1)
    assert {name: row.attempts for name, row in rows.items()} == {"talk": 2, "broken": 2, "sub/talk": 1}
    assert rows["broken"].reason == "lost again"
    assert pool.closed


def test_what_is_there_from_elsewhere_is_left_alone(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "talk.srt").write_text("somebody's own")
    notes: list[str] = []
    result = run(folder, out, inform=notes.append)
    assert (result.n_left, result.n_done) == (1, 2)
    assert (out / "talk.srt").read_text() == "somebody's own"
    assert rows_of(out)["talk"].state == "skipped"
    assert any("talk.srt" in note and "--overwrite" in note for note in notes)
    again = run(folder, out)
    assert (again.n_left, again.n_there, again.n_done) == (1, 2, 0)
    replaced = run(folder, out, overwrite=True)
    assert replaced.n_done == 3
    assert (out / "talk.srt").read_text() == "srt of talk.wav"


def test_other_settings_replace_nothing_another_format_is_added(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    out = tmp_path / "out"
    run(folder, out)
    pool.tasks.clear()
    assert run(folder, out, settings={**SETTINGS, "threads": 2, "cache": str(tmp_path / "c")}).n_there == 3
    other = run(folder, out, settings={**SETTINGS, "language": "de"})
    assert (other.n_left, other.n_there) == (3, 0)
    assert not pool.tasks
    both = run(folder, out, formats=("srt", "txt"))
    assert both.n_done == 3
    assert all([name for name, _path in task.outputs] == ["txt"] for task in pool.tasks)
    assert rows_of(out)["talk"].outputs == ("talk.srt", "talk.txt")
    with sqlite3.connect(out / FILE_NAME) as database:
        described = {key: json.loads(text) for key, text in database.execute("SELECT * FROM settings")}
    assert described[rows_of(out)["talk"].settings or ""]["request"]["language"] == "en"


def test_a_recording_that_changed_is_told_and_its_outputs_stay(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    out = tmp_path / "out"
    run(folder, out)
    os.utime(folder / "talk.wav", (1.0, 1.0))  # another time, and the same bytes as "content" would tell
    (folder / "sub" / "talk.wav").write_bytes(b"RIFF another recording")
    warnings: list[str] = []
    result = run(folder, out, notify=warnings.append)
    assert result.n_left == 2  # the stand-in's hash is none of the file's
    assert any("changed since" in warning for warning in warnings)


def test_a_run_that_was_killed_is_gone_on_with(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    """Outputs that it had written and not noted are its own, and are replaced; others are not."""
    out = tmp_path / "out"
    run(folder, out)
    with Manifest(out / FILE_NAME) as manifest:
        (row,) = [row for row in manifest.rows() if row.name == "talk"]
        manifest.begin(row, settings=row.settings or "", outputs=["talk.srt"])
    (out / "talk.srt").write_text("half of")
    pool.tasks.clear()
    result = run(folder, out)
    assert (result.n_done, result.n_there) == (1, 2)
    assert [Path(task.source).parent.name for task in pool.tasks] == ["in"]
    assert (out / "talk.srt").read_text() == "srt of talk.wav"


def test_ctrl_c_keeps_what_is_finished_and_gives_back_the_rest(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    def answer(task: Task) -> Outcome:
        if len(pool.tasks) == 2:
            raise KeyboardInterrupt
        return make(task)

    pool.answer = answer
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out")
    states = sorted(row.state for row in rows_of(tmp_path / "out").values())
    assert states == ["done", "pending", "pending"]
    assert all(row.attempts == (row.state == "done") for row in rows_of(tmp_path / "out").values())
    pool.answer = make
    assert run(folder, tmp_path / "out").n_done == 2


def test_a_recording_that_grows_meanwhile_is_done_again(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    grown: list[str] = []

    def answer(task: Task) -> Outcome:
        if Path(task.source).name == "broken.wav" and not grown:
            grown.append(task.source)
            with open(task.source, "ab") as file:
                file.write(b"more")
        return make(task)

    pool.answer = answer
    result = run(folder, tmp_path / "out")
    assert result.n_done == 3
    row = rows_of(tmp_path / "out")["broken"]
    assert (row.attempts, row.size) == (2, (folder / "broken.wav").stat().st_size)


def test_two_runs_on_one_folder_exclude_each_other(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    run(folder, tmp_path / "out")
    with (
        Manifest(tmp_path / "out" / FILE_NAME, for_run=True),
        pytest.raises(OutputError, match="another run works on this folder"),
    ):
        run(folder, tmp_path / "out")
    run(folder, tmp_path / "out")


def test_a_newer_manifest_is_refused(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    run(folder, tmp_path / "out")
    with contextlib.closing(sqlite3.connect(tmp_path / "out" / FILE_NAME)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(OutputError, match="newer whisperdiar"):
        run(folder, tmp_path / "out")


def test_a_manifest_that_is_none_is_refused(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FILE_NAME).write_bytes(b"this is no database, but a text " * 40)
    with pytest.raises(OutputError, match=FILE_NAME):
        run(folder, tmp_path / "out")


@pytest.mark.skipif(os.name != "posix", reason="names that are no Unicode")
def test_names_that_are_no_unicode_are_kept_in_words(tmp_path: Path, sound: Path, pool: StandIn) -> None:
    place = os.fsencode(tmp_path) + b"/in"
    os.mkdir(place)
    shutil.copy(os.fsencode(sound), place + b"/t\xe4lk.wav")
    assert run(tmp_path / "in", tmp_path / "out").n_done == 1
    assert (tmp_path / "out" / "t\\xe4lk.srt").is_file()
    assert run(tmp_path / "in", tmp_path / "out").n_there == 1


# Folders that are watched


def test_a_file_is_quiet_when_it_stays_as_it_is() -> None:
    quiet = QuietFiles(0.0)
    first = Found("/a.wav", "a.wav", 10, "1")
    assert quiet.take_ready([first]) == [first]
    assert quiet.take_ready([first]) == []
    later = Found("/a.wav", "a.wav", 20, "2")
    patient = QuietFiles(1000.0)
    assert patient.take_ready([first]) == []
    assert patient.is_waiting
    assert quiet.take_ready([later]) == [later]
    assert quiet.take_ready([Found("/empty.wav", "empty.wav", 0, "1")]) == []


def test_watching_takes_what_comes_once_and_waits_for_the_end_of_a_recording(
    folder: Path, tmp_path: Path, pool: StandIn, sound: Path
) -> None:
    pytest.importorskip("watchfiles")
    stop = threading.Event()
    growing = folder / "growing.wav"
    growing.write_bytes(sound.read_bytes()[:1000])
    seen: list[tuple[str, bool]] = []

    def answer(task: Task) -> Outcome:
        name = Path(task.source).name
        seen.append((name, task.must_be_whole))
        if task.must_be_whole and name == "growing.wav" and growing.stat().st_size < 2000:
            return Outcome(is_incomplete=True, errors=("it ends early",))
        if task.must_be_whole and name == "broken.wav":
            return Outcome(is_incomplete=True, errors=("it cannot be read",))
        return make(task)

    pool.answer = answer

    def arrive() -> None:
        while ("growing.wav", True) not in seen:
            time.sleep(0.05)
        shutil.copy(sound, folder / "new.wav")
        growing.write_bytes(sound.read_bytes())
        while not {"new.wav", "growing.wav"} <= {Path(row.path).name for row in ended}:
            time.sleep(0.05)
        stop.set()

    ended: list[Row] = []
    thread = threading.Thread(target=arrive)
    thread.start()
    result = run(
        folder,
        tmp_path / "out",
        watch=True,
        stop=stop,
        quiet_s=0.1,
        patience_s=0.5,
        on_event=lambda event: ended.append(event.row) if event.kind == "end" else None,
    )
    thread.join()
    assert result.n_done == 5
    names = [name for name, _whole in seen]
    assert names.count("new.wav") == 1
    assert [whole for name, whole in seen if name == "growing.wav"] == [True, True]
    assert [whole for name, whole in seen if name == "broken.wav"] == [True, False]
    # A run that is begun again does nothing twice.
    seen.clear()
    stop.set()
    run(folder, tmp_path / "out", watch=True, stop=stop, quiet_s=0.05)
    assert not seen


# What is told


def test_the_summary_is_a_table_without_formulas() -> None:
    rows = [
        Row(path="/a.wav", name="a", state="done", seconds=3.0, outputs=("a.srt", "a.json")),
        Row(path="=1+1.wav", name="=1", state="failed", reason="@two\nlines", warnings=("x", "y")),
    ]
    read = list(csv.DictReader(io.StringIO(format_csv(rows))))
    assert tuple(read[0]) == COLUMNS
    assert read[0]["outputs"] == "a.srt; a.json"
    assert read[1]["path"] == "'=1+1.wav"
    assert read[1]["reason"] == "'@two lines"
    table = format_table(BatchResult(rows=rows, n_there=4, elapsed=1.5))
    assert "  done before  4" in table.splitlines()


def test_warnings_that_differ_in_numbers_are_told_once(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    from dataclasses import replace

    pool.answer = lambda task: replace(
        make(task), warnings=(f"{len(pool.tasks)}.5 s have no words", "the same"), notes=("n",)
    )
    result = run(folder, tmp_path / "out")
    assert [(item.text, item.number) for item in result.warnings] == [("1.5 s have no words", 3), ("the same", 3)]
    assert [(item.text, item.number) for item in result.notes] == [("n", 3)]
    assert rows_of(tmp_path / "out")["talk"].warnings[1] == "the same"


def test_workers_share_the_cores_and_the_devices() -> None:
    settings = make_settings({**SETTINGS, "threads": 0, "device": "cuda:0,cuda:1"})
    assert choose_jobs(settings) == 2
    assert [item.request.runtime.device for item in divide_settings(settings, 3)] == ["cuda:0", "cuda:1", "cuda:0"]
    with pytest.raises(InvalidOption, match="device"):
        make_settings({"device": "cuda:0,gpu"})
    with pytest.raises(InvalidOption, match="jobs"):
        run_batch(["x"], "out", jobs=0)
    with pytest.raises(InvalidOption, match="list"):
        run_batch("x", "out")  # type: ignore[arg-type]
    assert WorkSettings().hash() == make_settings({}).hash()


# The class for data frameworks


@pytest.fixture(scope="module")
def transcriber() -> Iterator[Transcriber]:
    made = Transcriber(SETTINGS)
    yield made
    made.close()


@pytest.mark.model
def test_columns_come_back_with_two_more(transcriber: Transcriber, sound: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    paths = [str(sound), str(tmp_path / "broken.wav"), None]
    found = transcriber({"path": paths, "id": [1, 2, 3]})
    assert list(found) == ["path", "id", "json", "error"]
    assert json.loads(found["json"][0])["segments"]
    assert found["error"][0] is None
    assert found["json"][1:] == [None, None]
    assert "broken.wav" in found["error"][1]
    assert found["error"][2]
    arrays = transcriber({"path": np.array(paths[:1], dtype=object)})
    assert arrays["json"] == found["json"][:1]
    rate, samples = wavfile.read(sound)
    audio = {"array": samples.astype(np.float32) / 32768, "sampling_rate": rate}
    values = [{"bytes": sound.read_bytes(), "path": "talk.wav"}, sound.read_bytes(), audio, {"path": str(sound)}]
    several = Transcriber(SETTINGS, column="audio")
    several._opened = transcriber.load()
    made = several({"audio": values})
    assert made["error"] == [None] * 4
    texts = [[item["text"] for item in json.loads(text)["segments"]] for text in made["json"]]
    assert texts == [texts[0]] * 4
    with pytest.raises(InvalidOption, match="'path'"):
        transcriber({"file": []})


@pytest.mark.model
def test_a_data_frame_gives_a_data_frame(transcriber: Transcriber, sound: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"path": [str(sound), "/absent.wav"]}, index=[7, 9])
    (found,) = map(transcriber, [frame])  # as Spark's mapInPandas calls it
    assert list(found.columns) == ["path", "json", "error"]
    assert list(found.index) == [7, 9]
    assert json.loads(found["json"][7])["segments"]
    assert found["error"][7] is None
    assert "absent" in found["error"][9]


@pytest.mark.model
def test_stretches_are_parts_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stretches compute is taken for the whole: nothing is decoded again, and the bytes are the same."""
    from whisperdiar.asr.whisper.decoding import Decoder

    worker = Transcriber({**SETTINGS, "asr_options": {"batch_size": 2}, "cache": str(tmp_path / "cache")})
    task = Task(number=1, source=str(SAMPLES / "call.flac"), outputs=(("json", "x.json"),))
    assert worker.divide(task, longer_than_s=600.0, seconds=5.0)[0] is None
    division, parts = worker.divide(task, longer_than_s=10.0, seconds=5.0)
    assert division is not None
    assert len(division.stretches) > 1
    assert division.language == "en"
    for stretch in division.stretches:
        parts.update(worker.recognise_stretch(task, stretch, division.language))
    decoded: list[int] = []
    decode = Decoder._decode_batch
    monkeypatch.setattr(
        Decoder, "_decode_batch", lambda self, *given: (decoded.append(len(given[1])), decode(self, *given))[1]
    )
    shared = worker.work(Task(number=1, source=task.source, outputs=task.outputs, parts=parts))
    n_shared = len(decoded)
    alone = Transcriber(worker.settings)
    alone._opened = worker.load()
    shutil.rmtree(tmp_path / "cache")
    whole = alone.work(task)
    assert isinstance(whole, Outcome)
    assert shared.made == whole.made
    assert len(decoded) - n_shared > n_shared


@pytest.mark.model
def test_a_recording_that_ends_early_may_be_left_for_later(transcriber: Transcriber, tmp_path: Path) -> None:
    """Also where the part that is asked for is there already."""
    from dataclasses import replace

    from whisperdiar import Part

    cut = tmp_path / "cut.flac"
    whole = (SAMPLES / "call.flac").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    part = Transcriber(replace(transcriber.settings, part=Part(end=3.0)))
    part._opened = transcriber.load()
    task = Task(number=1, source=str(cut), outputs=(("srt", "cut.srt"),))
    assert part.work(replace(task, must_be_whole=True)).is_incomplete
    found = part.work(task)
    assert found.made
    assert not found.errors
    late = part.work(replace(task, source=str(tmp_path / "absent.wav"), must_be_whole=True))
    assert late.is_incomplete
    assert part.work(replace(task, source=str(SAMPLES / "call.flac"), must_be_whole=True)).made


@pytest.mark.model
def test_datasets_map_it(transcriber: Transcriber, sound: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"path": [str(sound), "/absent.wav"]})
    found = rows.map(transcriber, batched=True, batch_size=2)
    assert found.column_names == ["path", "json", "error"]
    assert json.loads(found["json"][0])["segments"]
    assert found["json"][1] is None
    assert "absent" in found["error"][1]


def test_a_pickled_one_has_its_settings_and_no_models(transcriber: Transcriber) -> None:
    import pickle

    again = pickle.loads(pickle.dumps(transcriber))
    assert again.settings == transcriber.settings
    assert again._opened is None
    with pytest.raises(InvalidOption):
        Transcriber({"diarizer": "nobody"})
