"""Batches under faults: each step fails in turn; then files are whole, the manifest is true, nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from tests.faults import Faults, faults
from tests.unit.test_batch_runs import StandIn, folder, make, pool, rows_of, run, sound
from whisperdiar import InvalidOption
from whisperdiar.batch import Manifest, Row, Transcriber, run_batch
from whisperdiar.batch.finding import Finder
from whisperdiar.batch.manifest import FILE_NAME
from whisperdiar.batch.places import RemotePlace, is_url, open_source, take_local
from whisperdiar.batch.tasks import Outcome, Task
from whisperdiar.errors import BackendMissing, MediaError, OutputError, WhisperdiarError
from whisperdiar.formats import writable_by_name
from whisperdiar.outputs import Target, write_outputs
from whisperdiar.transcript import Transcript

__all__ = ["faults", "folder", "pool", "sound"]

EXPECTED = {
    name: f"{name.rpartition('.')[2]} of {Path(name).stem}.wav".encode()
    for stem in ("talk", "sub/talk")
    for name in (f"{stem}.srt", f"{stem}.txt")
}


def outputs_of(out: Path) -> dict[str, bytes]:
    """All files but the manifest's, leftovers included."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and FILE_NAME not in path.name
    }


def test_whatever_fails_files_are_whole_and_the_next_run_ends_the_work(
    folder: Path, tmp_path: Path, pool: StandIn, faults: Faults
) -> None:
    """Writes, renames, the manifest, and the worker: the first, second, … of them all fails."""

    def answer(task: Task) -> Outcome | str:
        try:
            faults.step("worker", RuntimeError)
        except RuntimeError:
            return "its worker ended"
        return make(task)

    pool.answer = answer
    (folder / "broken.wav").unlink()
    kinds = set()
    for number in faults.in_turn():
        out = tmp_path / f"out{number}"
        pool.tasks.clear()
        failed = False
        try:
            failed = run(folder, out, formats=("srt", "txt")).n_failed > 0
        except OutputError:
            failed = True
        kinds.add(faults.told)
        faults.pause()
        assert outputs_of(out).items() <= EXPECTED.items(), (number, faults.told)
        rows = rows_of(out) if (out / FILE_NAME).exists() and out.stat().st_size else {}
        done = {name for name, row in rows.items() if row.state == "done"}
        assert all(set(rows[name].outputs) <= outputs_of(out).keys() for name in done)
        assert failed or len(done) == 2
        pool.tasks.clear()
        again = run(folder, out, formats=("srt", "txt"))
        assert again.n_failed == 0
        assert again.n_there == len(done)
        assert len(pool.tasks) == 2 - len(done)  # nothing that is done is done twice
        assert outputs_of(out) == EXPECTED
        shutil.rmtree(out)
    assert kinds == {"write", "rename", "database", "worker", ""}


def test_outputs_of_one_recording_are_written_but_for_the_one_that_fails(tmp_path: Path, faults: Faults) -> None:
    transcript = Transcript("talk", 3.0)
    targets = [Target(writable_by_name(name), tmp_path / f"talk.{name}") for name in ("srt", "json", "txt")]
    for number in faults.in_turn():
        found = list(write_outputs(transcript, targets))
        lost = [item.target.path for item in found if item.error is not None]
        assert len(lost) <= 1
        assert {item.name for item in tmp_path.iterdir()} == {
            item.path.name for item in targets if item.path not in lost
        }
        assert all(isinstance(item.error, OutputError) for item in found if item.error), number
        for item in tmp_path.iterdir():
            item.unlink()


def test_a_disk_that_stays_full_ends_the_run_soon(folder: Path, tmp_path: Path, pool: StandIn, sound: Path) -> None:
    for number in range(20):
        shutil.copy(sound, folder / f"{number}.wav")
    out = tmp_path / "out"
    run(folder, out, formats=("srt",))
    shutil.rmtree(out)

    def refuse(*_given: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    from whisperdiar.system import files

    pool.tasks.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_write_all", refuse)
        with pytest.raises(OutputError, match="the run ends"):
            run(folder, out)
    assert len(pool.tasks) == 3
    assert outputs_of(out) == {}
    assert {row.state for row in rows_of(out).values()} == {"pending"}
    assert run(folder, out).n_done == 23


@pytest.mark.model
def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path: Path, faults: Faults) -> None:
    """Each write and rename of the cache fails in turn: the outputs stay as they are, and one line tells of it."""
    worker = Transcriber({**pool_settings(), "cache": str(tmp_path / "cache")})
    silence = tmp_path / "silence.wav"  # which costs nothing, and has an entry for each stage all the same
    wavfile.write(silence, 16_000, np.zeros(16_000, np.int16))
    task = Task(number=1, source=str(silence), outputs=(("json", "x.json"),))
    expected = worker.work(task).made
    for number in faults.in_turn():
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        worker.load().load().cache.folder._told.clear()  # type: ignore[union-attr]
        found = worker.work(task)
        assert found.made == expected, number
        assert not found.errors
        assert any("the cache is not written" in text for text in found.warnings) == bool(faults.told)
        faults.pause()
        assert worker.work(task).made == expected


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="folders that cannot be read, by another than root")
def test_a_folder_that_cannot_be_read_is_told_and_stops_nobody(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    (folder / "sub").chmod(0)
    told: list[str] = []
    try:
        assert run(folder, tmp_path / "out", notify=told.append).n_done == 2
    finally:
        (folder / "sub").chmod(0o755)
    assert any("sub" in line and "cannot be read" in line for line in told)


def test_a_folder_for_outputs_that_is_a_file_is_refused(folder: Path, tmp_path: Path, pool: StandIn) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="this is a file"):
        run(folder, tmp_path / "out")
    assert not pool.tasks


def test_a_clock_that_is_set_back_changes_nothing(
    folder: Path, tmp_path: Path, pool: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setattr(time, "time", lambda: 0.0)
    for path in folder.rglob("*.wav"):
        os.utime(path, (4e9, 4e9))  # recorders without a clock write what they like
    assert run(folder, tmp_path / "out").n_done == 3
    assert run(folder, tmp_path / "out").n_there == 3


# Behind URLs


@pytest.fixture
def bucket() -> str:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    return "memory://bucket"


def put(url: str, data: bytes) -> None:
    import fsspec

    with fsspec.open(url, "wb") as file:
        file.write(data)


def test_recordings_and_transcripts_behind_urls(
    bucket: str, tmp_path: Path, pool: StandIn, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("a/talk.wav", "b/talk.wav", "b/notes.txt", ".hidden/x.wav"):
        put(f"{bucket}/in/{name}", sound.read_bytes())
    fetched: list[bytes] = []

    def answer(task: Task) -> Outcome:
        with open_source(task.source) as path:
            fetched.append(path.read_bytes())
            assert path.name == Path(task.source).name
        return make(task)

    pool.answer = answer
    given = {"settings": pool_settings(), "formats": ("srt",), "recursive": True, "jobs": 1}
    result = run_batch([f"{bucket}/in"], f"{bucket}/out", **given)
    assert result.n_done == 2
    assert fetched == [sound.read_bytes()] * 2
    system = fsspec.filesystem("memory")
    assert sorted(system.find("/bucket/out")) == ["/bucket/out/a/talk.srt", "/bucket/out/b/talk.srt"]
    assert system.cat("/bucket/out/a/talk.srt") == b"srt of talk.wav"
    assert result.manifest.parent == tmp_path / "state" / "whisperdiar" / "batches"
    assert run_batch([f"{bucket}/in"], f"{bucket}/out", **given).n_there == 2
    put(f"{bucket}/in/c/new.wav", sound.read_bytes())
    assert run_batch([f"{bucket}/in"], f"{bucket}/out", **given).n_done == 1


def pool_settings() -> dict[str, object]:
    from tests.unit.test_batch_runs import SETTINGS

    return SETTINGS


def test_what_is_behind_a_url_cannot_always_be_reached(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match="no such file"):
        Finder([f"{bucket}/absent.wav"], recursive=False).find()
    with pytest.raises(MediaError, match="cannot be fetched"), open_source(f"{bucket}/absent.wav"):
        pass
    with pytest.raises(WhisperdiarError, match="nosuch://x"):
        Finder(["nosuch://x"], recursive=False).find()
    place = RemotePlace(f"{bucket}/out")
    place.write("a.srt", b"1", replace=False)
    with pytest.raises(OutputError, match="is there already"):
        place.write("a.srt", b"2", replace=False)
    place.write("a.srt", b"3", replace=True)
    import builtins

    real = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *more: (_ for _ in ()).throw(ImportError(name)) if name == "fsspec" else real(name, *more),
    )
    with pytest.raises(BackendMissing, match=r"whisperdiar\[remote\]"), open_source(f"{bucket}/absent.wav"):
        pass


def test_names_of_this_machine_are_no_urls(sound: Path) -> None:
    assert take_local(f"file://{sound}") == str(sound)
    for name in ("C:\\talk.wav", "talk: 1.wav", "a/b:c.wav", "talk.wav"):
        assert not is_url(name)
    assert is_url("s3://bucket/talk.wav")
    assert is_url("simplecache::s3://bucket/talk.wav")


@pytest.mark.model
def test_a_recording_behind_a_url_is_what_it_is_here(bucket: str, sound: Path) -> None:
    put(f"{bucket}/talk.wav", sound.read_bytes())
    transcriber = Transcriber(pool_settings())
    found = transcriber({"path": [str(sound), f"{bucket}/talk.wav", f"{bucket}/absent.wav"]})
    import json

    here, there, absent = found["json"]
    assert json.loads(here)["segments"] == json.loads(there)["segments"]
    assert absent is None
    assert "absent.wav" in found["error"][2]


# The manifest


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    row = Row(path="/a", name="a", state="pending", stages={"asr": 1.5}, outputs=("a.srt",), warnings=("Ы",))
    with Manifest(tmp_path / "m.sqlite3") as manifest:
        manifest.put([row, replace(row, path="/b", name="b", state="done")])
        manifest.put([replace(row, state="failed", reason="why")])
        assert [item.state for item in manifest.rows()] == ["failed", "done"]
        assert manifest.rows()[1] == replace(row, path="/b", name="b", state="done")
        with pytest.raises(OutputError, match="UNIQUE"):  # no row takes the files of another one
            manifest.put([replace(row, path="/c")])
    with pytest.raises(InvalidOption):
        run_batch([], tmp_path)
