"""Manifest: what became of every recording of a batch, in a database that any tool for SQLite reads.

Two tables:

    recordings   path (key), name, state, reason, attempts, content, size, modified, settings, seconds, words, speakers,
                 language, begun, ended, elapsed, stages, versions, outputs, warnings
    settings     hash (key), described: what the `settings` of a recording stand for, as JSON

``state`` is ``pending``, ``running``, ``done``, ``failed`` or ``skipped``; times are UTC in ISO 8601, lengths seconds;
``stages``, ``versions``, ``outputs`` and ``warnings`` are JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from whisperdiar.batch.tasks import Outcome
from whisperdiar.errors import OutputError
from whisperdiar.system.files import explain_write_error, format_path
from whisperdiar.system.locks import lock_file
from whisperdiar.text.messages import _, to_english

FILE_NAME = "whisperdiar-batch.sqlite3"
"""In the folder of the outputs."""
STATES = ("pending", "running", "done", "failed", "skipped")
_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS recordings (
    path TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'skipped')),
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    content TEXT,
    size INTEGER,
    modified TEXT,
    settings TEXT,
    seconds REAL,
    words INTEGER,
    speakers INTEGER,
    language TEXT,
    begun TEXT,
    ended TEXT,
    elapsed REAL,
    stages TEXT NOT NULL DEFAULT '{}',
    versions TEXT NOT NULL DEFAULT '{}',
    outputs TEXT NOT NULL DEFAULT '[]',
    warnings TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE IF NOT EXISTS settings (hash TEXT PRIMARY KEY, described TEXT NOT NULL);
"""
_JSON = ("stages", "versions", "outputs", "warnings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of a recording.

    Attributes:
        path: absolute, or a URL.
        name: of its outputs, in the folder of the outputs, without their suffix.
        state: one of `STATES`; ``running`` also of one whose run was killed.
        reason: why it failed or was left out, or in which way its result is none; None where all is well.
        attempts: how often it was begun.
        content: BLAKE2b (128 bits, hexadecimal) of its bytes.
        size, modified: of the file then; a server may say something else than a time.
        settings: hash of those that it was worked on with.
        seconds, words, speakers, language: of the result.
        begun, ended: times in UTC, ISO 8601.
        elapsed: seconds that the work took, and of each stage `stages`.
        versions: of what did the work.
        outputs: names of its files in the folder of the outputs; of one that is not done, those that are to be written.
        warnings: what was told of the result.
    """

    path: str
    name: str
    state: str
    reason: str | None = None
    attempts: int = 0
    content: str | None = None
    size: int | None = None
    modified: str | None = None
    settings: str | None = None
    seconds: float | None = None
    words: int | None = None
    speakers: int | None = None
    language: str | None = None
    begun: str | None = None
    ended: str | None = None
    elapsed: float | None = None
    stages: Mapping[str, float] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Manifest:
    """The database of a batch; it is changed by one run at a time, and may be read by anybody meanwhile.

    with Manifest("out/whisperdiar-batch.sqlite3") as manifest:
        failed = [row.path for row in manifest.rows() if row.state == "failed"]
    """

    def __init__(self, path: str | os.PathLike[str], *, for_run: bool = False) -> None:
        """Opens it, or makes it.

        Args:
            for_run: whether no other run may use it meanwhile.

        Raises:
            OutputError: it cannot be made or read, or another run has it.
        """
        self.path = Path(path)
        self._lock: int | None = None
        if for_run:
            self._lock = self._take_lock()
        try:
            self._database = sqlite3.connect(self.path, timeout=30.0)
            self._database.row_factory = sqlite3.Row
            with self._told():
                self._database.execute("PRAGMA journal_mode = WAL")
                version = self._database.execute("PRAGMA user_version").fetchone()[0]
                if version > _VERSION:
                    raise OutputError(
                        _("{path}: a newer whisperdiar made it; update this one, or name another manifest").format(
                            path=format_path(self.path)
                        )
                    )
                self._database.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {_VERSION};COMMIT;")
        except sqlite3.Error as error:
            self._release()
            raise OutputError(f"{format_path(self.path)}: {error}") from error
        except OutputError:
            self._release()
            raise

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives it free for others."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self._release()

    def rows(self) -> list[Row]:
        """All recordings, in the order of their paths."""
        with self._told():
            found = self._database.execute("SELECT * FROM recordings ORDER BY path").fetchall()
        return [_read(row) for row in found]

    def describe_settings(self, settings: str, described: Mapping[str, Any]) -> None:
        """Notes what a hash of settings stands for."""
        text = json.dumps(described, ensure_ascii=False, sort_keys=True)
        self._run("INSERT OR REPLACE INTO settings VALUES (?, ?)", (settings, text))

    def put(self, rows: Iterable[Row]) -> None:
        """Writes rows whole, in place of those of the same paths: all of them or none."""
        values = [_write(row) for row in rows]
        if not values:
            return
        names = tuple(values[0])
        marks = ", ".join("?" for _name in names)
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        statement = (
            f"INSERT INTO recordings ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (path) DO UPDATE SET {changes}"
        )
        with self._told(), self._database:
            self._database.executemany(
                statement,
                [tuple(item[name] for name in names) for item in values],
            )

    def begin(self, row: Row, *, settings: str, outputs: Iterable[str]) -> Row:
        """A recording is begun; its `outputs` are this run's own from now on."""
        now = dataclasses.replace(
            row,
            state="running",
            reason=None,
            attempts=row.attempts + 1,
            settings=settings,
            outputs=tuple(outputs),
            begun=_now(),
            ended=None,
        )
        self.put([now])
        return now

    def finish(self, row: Row, state: str, outcome: Outcome, *, reason: str | None, outputs: Iterable[str]) -> Row:
        """What became of a recording that was begun."""
        now = dataclasses.replace(
            row,
            state=state,
            reason=None if reason is None else to_english(reason),
            content=outcome.content or row.content,
            seconds=outcome.seconds,
            words=outcome.n_words,
            speakers=outcome.n_speakers,
            language=outcome.language,
            ended=_now(),
            elapsed=outcome.elapsed,
            stages=outcome.stages,
            versions=outcome.versions,
            outputs=tuple(outputs),
            warnings=tuple(map(to_english, outcome.warnings)),
        )
        self.put([now])
        return now

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._told(), self._database:
            self._database.execute(statement, values)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the database as one line."""
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(
                _("{path}: the manifest cannot be used ({cause}); make room, or name another").format(
                    path=format_path(self.path), cause=error
                )
            ) from error

    def _take_lock(self) -> int:
        try:
            descriptor = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{format_path(self.path)}: {explain_write_error(error)}") from error
        if not lock_file(descriptor):
            os.close(descriptor)
            raise OutputError(
                _("{path}: another run works on this folder; wait for it, or end it").format(
                    path=format_path(self.path.parent)
                )
            )
        return descriptor

    def _release(self) -> None:
        descriptor, self._lock = self._lock, None
        if descriptor is not None:
            os.close(descriptor)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _write(row: Row) -> dict[str, Any]:
    values = dataclasses.asdict(row)
    for name in _JSON:
        values[name] = json.dumps(values[name], ensure_ascii=False)
    return values


def _read(row: sqlite3.Row) -> Row:
    values = dict(row)
    for name in _JSON:
        values[name] = json.loads(values[name])
    return Row(**{**values, "outputs": tuple(values["outputs"]), "warnings": tuple(values["warnings"])})
