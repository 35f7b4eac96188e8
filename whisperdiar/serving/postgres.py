"""Jobs in PostgreSQL: several servers work on them, each job by one server.

A server that has room claims the oldest job that waits (``FOR UPDATE SKIP LOCKED``), and tells the database every few
seconds that it is at work; a job of which nobody has told for a while goes back to the queue. Recordings and
transcripts lie in one folder that all servers see.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whisperdiar.errors import BackendMissing, OutputError
from whisperdiar.serving.store import TABLE, Job, JobStore
from whisperdiar.serving.tasks import Failure
from whisperdiar.serving.works import INTERRUPTED, MOST_TRIES
from whisperdiar.system.files import explain_write_error, read_text, write_text
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

LEASE_S = 60.0
"""After which a job is anybody's whose server has told nothing of it."""
_FOLDER_ID = "folder.id"
_SCHEMA = "whisperdiar"
_LOCK = 0x77686973
"""Of the database, while the tables are made."""
_CONNECT_S = 10
_MORE = (
    "owner TEXT",
    "beat DOUBLE PRECISION",
    "stage TEXT NOT NULL DEFAULT ''",
    "fraction DOUBLE PRECISION NOT NULL DEFAULT 0",
    "cancel INTEGER NOT NULL DEFAULT 0",
)
_NOW = "extract(epoch FROM clock_timestamp())"
"""By the clock of the database: those of the servers may differ."""


class PostgresStore(JobStore):
    """A job store that several servers share.

    Attributes:
        owner: what this server is called in it.
    """

    def __init__(self, folder: Path, url: str) -> None:
        """Opens the database, and makes the tables where there are none.

        Raises:
            BackendMissing: psycopg is not installed.
            OutputError: the database does not answer or refuses, or its jobs lie in another folder.
        """
        try:
            import psycopg
        except ImportError as error:
            raise BackendMissing(
                _('--database needs the extra postgres; to fix this, run: pip install "whisperdiar[postgres]"'),
                remedy='pip install "whisperdiar[postgres]"',
            ) from error
        super().__init__(folder, connect=False)
        self._psycopg, self._url = psycopg, url
        self.owner = secrets.token_urlsafe(9)
        self._connection: Any = None
        try:
            with self._lock:
                self._open()
        except psycopg.Error as error:
            cause = " ".join(str(error).split())
            raise OutputError(_("--database: {cause}").format(cause=cause)) from error
        try:
            self._check_folder()
        except BaseException:
            self.close()
            raise

    def _open(self) -> Any:
        """The connection, made anew where it was lost."""
        if self._connection is None or self._connection.closed:
            from psycopg.rows import dict_row

            made = self._psycopg.connect(
                self._url, autocommit=True, row_factory=dict_row, connect_timeout=_CONNECT_S, client_encoding="utf-8"
            )
            try:
                with made.transaction(), made.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")
                    cursor.execute(f"SET search_path TO {_SCHEMA}")
                    cursor.execute(TABLE)
                    for column in _MORE:
                        cursor.execute(f"ALTER TABLE jobs ADD COLUMN IF NOT EXISTS {column}")
                    cursor.execute("CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (created) WHERE state = 'queued'")
                    cursor.execute("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
            except BaseException:
                made.close()
                raise
            self._connection = made
        return self._connection

    def close(self) -> None:
        with self._lock, contextlib.suppress(self._psycopg.Error):
            if self._connection is not None:
                self._connection.close()

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self._lock:
            for again in (True, False):
                try:
                    with self._open().cursor() as cursor:
                        cursor.execute(statement.replace("?", "%s"), values)
                        return list(cursor.fetchall()) if cursor.description is not None else []
                except self._psycopg.OperationalError as error:  # it was started again, or the way to it broke
                    if not again or not (self._connection is None or self._connection.closed):
                        raise OutputError(_("the database of jobs does not answer")) from error
        raise AssertionError("unreachable")

    def _remember(self, name: str, value: str) -> str:
        """A setting that all servers share: that of the first one."""
        self._run("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
        return str(self._run("SELECT value FROM settings WHERE name = ?", (name,))[0]["value"])

    def _check_folder(self) -> None:
        """Raises OutputError where the jobs of the database lie in another folder than this server's."""
        path = self.folder / _FOLDER_ID
        made = secrets.token_urlsafe(16)
        try:
            with contextlib.suppress(OutputError):
                if not path.exists():
                    write_text(path, made, replace=False)
            own = read_text(path).strip()
        except OSError as error:
            raise OutputError(f"{path}: {explain_write_error(error)}") from error
        self.link_key = self._remember("link_key", secrets.token_hex(32)).encode()
        if self._remember("folder", own) != own:
            raise OutputError(
                _("{folder}: the jobs of this database lie elsewhere; give all its servers one --folder").format(
                    folder=self.folder.parent
                )
            )

    def count_waiting(self) -> int:
        return int(self._run("SELECT count(*) AS n FROM jobs WHERE state = 'queued'", ())[0]["n"])

    def claim(self) -> Job | None:
        """The oldest job that waits, which is this server's from now on; None where there is none."""
        rows = self._run(
            f"UPDATE jobs SET state = 'running', owner = ?, begun = ?, beat = {_NOW}, tries = tries + 1, cancel = 0 "
            "WHERE id = (SELECT id FROM jobs WHERE state = 'queued' ORDER BY created LIMIT 1 FOR UPDATE SKIP LOCKED) "
            "RETURNING *",
            (self.owner, time.time()),
        )
        return self._read(rows[0]) if rows else None

    def beat(self, progress: Mapping[str, tuple[str, float]]) -> list[str]:
        """Tells that this server is at work on jobs; gives those that it is to give up.

        Args:
            progress: id → stage and fraction.
        """
        found = {}
        for job_id, (stage, fraction) in progress.items():
            rows = self._run(
                f"UPDATE jobs SET beat = {_NOW}, stage = ?, fraction = ? WHERE id = ? AND owner = ? "
                "AND state = 'running' RETURNING cancel",
                (stage, fraction, job_id, self.owner),
            )
            found[job_id] = not rows or bool(rows[0]["cancel"])
        return [job_id for job_id, is_lost in found.items() if is_lost]

    def free_lost(self) -> None:
        """Jobs of servers that are gone go back to the queue; those that have ended two servers fail."""
        told = json.dumps(Failure(kind="server", message=INTERRUPTED, code="interrupted").to_dict())
        old = f"state = 'running' AND beat < {_NOW} - ?"
        self._run(
            f"UPDATE jobs SET state = 'failed', ended = ?, failure = ?, owner = NULL WHERE {old} AND tries >= ?",
            (time.time(), told, LEASE_S, MOST_TRIES),
        )
        self._run(f"UPDATE jobs SET state = 'queued', begun = NULL, owner = NULL WHERE {old}", (LEASE_S,))

    def ask_cancel(self, job_id: str, failure: Failure) -> None:
        """Ends a job that waits; the server that works on one is asked to."""
        self._run(
            "UPDATE jobs SET state = 'cancelled', ended = ?, failure = ? WHERE id = ? AND state = 'queued'",
            (time.time(), json.dumps(failure.to_dict()), job_id),
        )
        self._run("UPDATE jobs SET cancel = 1 WHERE id = ? AND state = 'running'", (job_id,))

    def requeue(self, job_id: str) -> None:
        if self._is_own(job_id):
            super().requeue(job_id)

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
        if not self._is_own(job_id):
            return False
        return super().finish(job_id, state, transcript=transcript, seconds=seconds, language=language, failure=failure)

    def _is_own(self, job_id: str) -> bool:
        query = "SELECT 1 AS one FROM jobs WHERE id = ? AND owner = ? AND state = 'running'"
        return bool(self._run(query, (job_id, self.owner)))
