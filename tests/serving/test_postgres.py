"""Jobs of several servers in one PostgreSQL, which these tests start by themselves where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.conftest import Running, running
from tests.serving.test_jobs import read_events, wait_for
from whisperdiar import OutputError, Transcript
from whisperdiar.serving import postgres
from whisperdiar.serving.postgres import PostgresStore
from whisperdiar.serving.store import Job
from whisperdiar.serving.tasks import Failure, Task

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def find_program(name: str) -> str | None:
    """Debian does not put them into the PATH."""
    return shutil.which(name) or next((str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The URL of a PostgreSQL that listens in a folder alone; it does not run as root."""
    initdb, control = find_program("initdb"), find_program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    folder = tempfile.mkdtemp(prefix="pg-", dir="/tmp")  # the path of a socket has room for 107 bytes
    owner: dict[str, Any] = {}
    if IS_ROOT:
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        owner = {"user": "postgres", "cwd": "/"}
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **owner}
    data = f"{folder}/data"
    subprocess.run([initdb, "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"], **quiet)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([control, "-D", data, "-w", "-o", options, "-l", f"{folder}/log", "start"], **quiet)
    yield f"postgresql://tester@/postgres?host={folder}"
    subprocess.run([control, "-D", data, "-m", "immediate", "-w", "stop"], **quiet)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(cluster: str) -> str:
    """One without tables."""
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS whisperdiar CASCADE")
    return cluster


@pytest.fixture
def stores(database: str, tmp_path: Path) -> Iterator[list[PostgresStore]]:
    made = [PostgresStore(tmp_path, database) for _n in range(3)]
    yield made
    for store in made:
        store.close()


def make_job(store: PostgresStore, name: str, created: float = 1.0) -> Job:
    folder = store.folder_of(name)
    folder.mkdir()
    (folder / "0.media").write_bytes(b"sound")
    job = Job(id=name, state="queued", name=name, task=Task(path=str(folder / "0.media")), created=created)
    store.add(job)
    return job


def test_each_job_is_claimed_once_whoever_asks_at_the_same_time(stores: list[PostgresStore]) -> None:
    for number in range(60):
        make_job(stores[0], f"job-{number:02}", created=float(number))
    assert stores[1].count_waiting() == 60
    claimed: list[list[str]] = [[] for _store in stores]

    def claim(store: PostgresStore, found: list[str]) -> None:
        while (job := store.claim()) is not None:
            found.append(job.id)

    threads = [threading.Thread(target=claim, args=pair) for pair in zip(stores, claimed, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for found in claimed for name in found) == [f"job-{number:02}" for number in range(60)]
    assert all(found == sorted(found) for found in claimed), "the oldest comes first"


def test_a_job_of_a_server_that_is_gone_is_done_by_another_and_kept_once(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = stores
    make_job(first, "lost")
    job = first.claim()
    assert job is not None
    assert (job.state, job.tries) == ("running", 1)
    second.free_lost()
    assert second.claim() is None, "its server is at work"
    monkeypatch.setattr(postgres, "LEASE_S", -1.0)
    second.free_lost()
    again = second.claim()
    assert again is not None
    assert again.tries == 2
    assert first.beat({"lost": ("asr", 0.5)}) == ["lost"]
    assert second.beat({"lost": ("asr", 0.5)}) == []
    assert third.get("lost") == replace(again, stage="asr", fraction=0.5)
    assert not first.finish("lost", "done", transcript=Transcript("late", 1.0))
    assert second.finish("lost", "done", transcript=Transcript("mine", 1.0), seconds=1.0)
    found = third.read_transcript("lost")
    assert found is not None
    assert found.recording_id == "mine"
    make_job(first, "cursed")
    for store in (first, second):
        assert store.claim() is not None
        third.free_lost()
    cursed = third.get("cursed")
    assert cursed is not None
    assert cursed.state == "failed"
    assert cursed.failure is not None
    assert cursed.failure.code == "interrupted"


def test_a_connection_that_broke_is_made_again(stores: list[PostgresStore], database: str) -> None:
    make_job(stores[0], "job")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert stores[0].claim() is not None
    found = stores[1].get("job")
    assert found is not None
    assert found.state == "running"


def test_a_folder_of_another_database_and_one_that_does_not_answer_are_told(
    stores: list[PostgresStore], database: str, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="give all its servers one folder"):
        PostgresStore(tmp_path / "other", database)
    with pytest.raises(OutputError, match="database: ") as refused:
        PostgresStore(tmp_path, "postgresql://tester:secret@/postgres?host=/nowhere")
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.fixture
def pair(database: str, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    with (
        running(tmp_path / "shared", database=database) as first,
        running(tmp_path / "shared", database=database) as second,
    ):
        yield first, second


def test_two_servers_share_their_jobs(pair: tuple[Running, Running], talk: Path) -> None:
    first, second = pair
    stopped, other = (server.engine.workers.process_ids[0] for server in pair)
    for number in (stopped, other):
        os.kill(number, signal.SIGSTOP)
    try:
        held = [first.send("/jobs", talk).json()["id"] for _n in range(2)]
        for job_id in held:  # one by each server
            wait_for(first, job_id, "running")
        os.kill(other, signal.SIGCONT)
        ids = [first.send("/jobs", talk).json()["id"] for _n in range(3)]
        for job_id in ids:
            events = read_events(first, job_id)
            assert (events[0][0], events[-1][1]["state"]) == ("state", "done")
    finally:
        for number in (stopped, other):
            os.kill(number, signal.SIGCONT)
    assert [wait_for(second, job_id)["state"] for job_id in held] == ["done", "done"]
    assert "good morning" in first.get(f"/jobs/{ids[0]}/result").text.lower()
    link = first.post(f"/jobs/{ids[0]}/page").json()["url"]
    assert second.get(link).status_code == 200
    ended = [line for server in pair for line in server.log.lines if '"event": "work_ended"' in line]
    assert len(ended) == 5
    assert [item["id"] for item in first.get("/jobs").json()["data"]] == [
        item["id"] for item in second.get("/jobs").json()["data"]
    ]


@pytest.mark.nightly
def test_a_job_is_cancelled_and_removed_by_the_other_server(
    pair: tuple[Running, Running], talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisperdiar.serving.jobs._BEAT_S", 0.1)
    processes = [number for server in pair for number in server.engine.workers.process_ids]
    for number in processes:
        os.kill(number, signal.SIGSTOP)
    try:
        first, second = pair
        ids = [first.send("/jobs", talk).json()["id"] for _n in range(3)]
        wait_for(first, ids[0], "running"), wait_for(first, ids[1], "running")
        assert second.post(f"/jobs/{ids[2]}/cancel").json()["state"] == "cancelled"
        for job_id in ids[:2]:
            for server in pair:
                server.post(f"/jobs/{job_id}/cancel")
    finally:
        for number in processes:
            os.kill(number, signal.SIGCONT)
    assert {wait_for(first, job_id)["state"] for job_id in ids} == {"cancelled"}
    failure = Failure(kind="cancelled", message="the work was cancelled", code="cancelled")
    assert first.get(f"/jobs/{ids[2]}").json()["error"] == {"message": failure.message, "code": failure.code}
    for server, job_id in zip((second, first, second), ids, strict=True):
        assert server.engine.store.get(job_id) is not None
        assert server.get(f"/jobs/{job_id}").status_code == 200
        assert httpx.delete(f"{server.url}/jobs/{job_id}").status_code == 204
    assert not [path for path in first.engine.store.folder.iterdir() if path.is_dir()]
