"""Job store: what is known of jobs in SQLite, recordings and transcripts in a folder for each.

One server works on a folder at a time: the database is held by it alone. `whisperdiar.serving.postgres` has a store
that several servers share.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperdiar.errors import OutputError
from whisperdiar.serving.tasks import Failure, KnownSpeaker, Task
from whisperdiar.system.files import explain_write_error, write_text
from whisperdiar.text.json import write as write_json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    task TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    begun DOUBLE PRECISION,
    ended DOUBLE PRECISION,
    tries INTEGER NOT NULL DEFAULT 0,
    seconds DOUBLE PRECISION,
    language TEXT,
    failure TEXT,
    webhook TEXT,
    keeps INTEGER NOT NULL DEFAULT 0
)
"""
_VERSION = 1
_TRANSCRIPT = "transcript.json"
_CORRECTED = "transcript-{version}.json"
_KEPT_VERSIONS = 20
"""Of corrections, for pages that were opened before the last ones; what was recognised stays in any case."""
_UNFINISHED = ("queued", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is kept.

    Attributes:
        tries: how often it was begun.
        seconds: of sound; None before the end.
        keeps: whether the recording is kept as long as the result.
        stage, fraction: how far another server is with it.
    """

    id: str
    state: str
    name: str
    task: Task
    created: float
    begun: float | None = None
    ended: float | None = None
    tries: int = 0
    seconds: float | None = None
    language: str | None = None
    failure: Failure | None = None
    webhook: str | None = None
    keeps: bool = False
    stage: str = ""
    fraction: float = 0.0

    @property
    def is_final(self) -> bool:
        return self.state not in _UNFINISHED


_COLUMNS = frozenset(item.name for item in dataclasses.fields(Job))


class JobStore:
    """Jobs on disk; may be asked from any thread.

    Attributes:
        folder: a folder for each job lies in it.
        link_key: signs links to results.
    """

    link_key: bytes

    def __init__(self, folder: Path, *, connect: bool = True) -> None:
        """Opens the database, or makes it.

        Args:
            connect: whether it is the one in the folder.

        Raises:
            OutputError: it cannot be made, or another server has it.
        """
        self.folder = folder / "jobs"
        self.link_key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not connect:
                return
            self._database = sqlite3.connect(folder / "jobs.sqlite3", check_same_thread=False, timeout=0.5)
        except (OSError, sqlite3.Error) as error:
            cause = explain_write_error(error) if isinstance(error, OSError) else str(error)
            raise OutputError(f"{folder}: {cause}") from error
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            with self._database:
                self._database.execute(TABLE)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.Error as error:
            self._database.close()
            raise OutputError(
                _("{folder}: another server keeps its jobs there; choose another with --folder").format(folder=folder)
                if "locked" in str(error)
                else f"{folder}: {error}"
            ) from error

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def folder_of(self, job_id: str) -> Path:
        """Where the files of a job lie; ids are the server's own."""
        return self.folder / job_id

    def add(self, job: Job) -> None:
        self._run(
            "INSERT INTO jobs (id, state, name, task, created, webhook, keeps) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (job.id, job.state, job.name, self._write_task(job), job.created, job.webhook, int(job.keeps)),
        )

    def get(self, job_id: str) -> Job | None:
        rows = self._run("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return self._read(rows[0]) if rows else None

    def list_newest(self, limit: int = 100) -> list[Job]:
        """The newest first."""
        return [self._read(row) for row in self._run("SELECT * FROM jobs ORDER BY created DESC LIMIT ?", (limit,))]

    def list_unfinished(self) -> list[Job]:
        """Those that wait or were interrupted, the oldest first."""
        rows = self._run("SELECT * FROM jobs WHERE state IN (?, ?) ORDER BY created", _UNFINISHED)
        return [self._read(row) for row in rows]

    def begin(self, job_id: str, at: float) -> None:
        self._run("UPDATE jobs SET state = 'running', begun = ?, tries = tries + 1 WHERE id = ?", (at, job_id))

    def requeue(self, job_id: str) -> None:
        """An interruption that was the server's will does not count as a try."""
        tries = "CASE WHEN state = 'running' AND tries > 0 THEN tries - 1 ELSE tries END"
        self._run(f"UPDATE jobs SET state = 'queued', begun = NULL, tries = {tries} WHERE id = ?", (job_id,))

    def finish(
        self,
        job_id: str,
        state: str,
        *,
        transcript: Transcript | None = None,
        seconds: float | None = None,
        language: str | None = None,
        failure: Failure | None = None,
    ) -> bool:
        """Keeps how a job ended; the recording goes, unless it is to be kept with its transcript.

        Returns:
            Whether it was kept: not where the job is another server's by now.
        """
        job = self.get(job_id)
        kept = Path(job.task.path) if job is not None and job.keeps and transcript is not None else None
        folder = self.folder_of(job_id)
        if transcript is not None and folder.is_dir():
            transcript.save(folder / _TRANSCRIPT)
        for path in folder.glob("*.media"):
            if path != kept:
                path.unlink(missing_ok=True)
        told = None if failure is None else json.dumps(failure.to_dict())
        self._run(
            "UPDATE jobs SET state = ?, ended = ?, seconds = ?, language = ?, failure = ? WHERE id = ?",
            (state, time.time(), seconds, language, told, job_id),
        )
        return True

    def read_transcript(self, job_id: str, version: int | None = None) -> Transcript | None:
        """The transcript of a job that is done; None where there is none (any more).

        Args:
            version: 0 for what was recognised, 1 and more for what people corrected; None for the last one.
        """
        path = self._path_of(job_id, self.last_version(job_id) if version is None else version)
        return Transcript.load(path) if path.is_file() else None

    def last_version(self, job_id: str) -> int:
        """How often the transcript was corrected."""
        found = (path.stem.rpartition("-")[2] for path in self.folder_of(job_id).glob(_CORRECTED.format(version="*")))
        return max((int(text) for text in found if text.isdigit()), default=0)

    def add_version(self, job_id: str, transcript: Transcript, *, after: int) -> int:
        """Keeps a transcript that people corrected; gives the number of its version.

        Args:
            after: the version that it takes the place of.

        Raises:
            FileExistsError: that is not the last one (any more).
            OutputError: it cannot be written.
        """
        version = after + 1
        path = self._path_of(job_id, version)
        if self.last_version(job_id) != after or path.exists():
            raise FileExistsError(path)
        try:
            write_text(path, write_json(transcript.to_dict()), replace=False)
        except OutputError as error:
            if isinstance(error.__cause__, FileExistsError):  # somebody else was faster
                raise FileExistsError(path) from error
            raise
        if version > _KEPT_VERSIONS:
            self._path_of(job_id, version - _KEPT_VERSIONS).unlink(missing_ok=True)
        return version

    def _path_of(self, job_id: str, version: int) -> Path:
        return self.folder_of(job_id) / (_CORRECTED.format(version=version) if version else _TRANSCRIPT)

    def recording_of(self, job: Job) -> Path | None:
        """The recording of a job that is done, where it was kept."""
        path = Path(job.task.path)
        return path if job.keeps and job.is_final and path.is_file() else None

    def remove(self, job_id: str) -> None:
        self._run("DELETE FROM jobs WHERE id = ?", (job_id,))
        shutil.rmtree(self.folder_of(job_id), ignore_errors=True)

    def remove_older(self, keep_s: float) -> Iterator[str]:
        """Removes jobs that ended so long ago, and folders of none; gives their ids."""
        rows = self._run("SELECT id FROM jobs WHERE ended IS NOT NULL AND ended < ?", (time.time() - keep_s,))
        for row in rows:
            self.remove(row["id"])
            yield row["id"]

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        """The rows that a statement gives; it is a transaction of its own."""
        with self._lock, self._database:
            cursor = self._database.execute(statement, values)
            cursor.row_factory = sqlite3.Row
            return [dict(row) for row in cursor.fetchall()]

    def _write_task(self, job: Job) -> str:
        """Paths as names in the folder of the job: the folder of the server may be moved."""
        data = dataclasses.asdict(job.task)
        data["path"] = Path(data["path"]).name
        data["known"] = [{**item, "path": Path(item["path"]).name} for item in data["known"]]
        return json.dumps(data)

    def _read(self, row: dict[str, Any]) -> Job:
        values = {name: row[name] for name in row if name in _COLUMNS}
        folder = self.folder_of(values["id"])
        data = json.loads(values["task"])
        known = tuple(KnownSpeaker(name=item["name"], path=str(folder / item["path"])) for item in data.pop("known"))
        lists: dict[str, Any] = {name: tuple(data.pop(name)) for name in ("languages", "terms")}
        path = str(folder / data.pop("path"))
        values["task"] = Task(**data, **lists, path=path, known=known)
        values["keeps"] = bool(values["keeps"])
        values["failure"] = None if values["failure"] is None else Failure(**json.loads(values["failure"]))
        return Job(**values)
