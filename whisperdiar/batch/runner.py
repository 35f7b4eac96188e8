"""The run of a batch: recordings are found, planned, handed to workers, and what these make of them is written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from whisperdiar.batch.finding import Finder, Findings, Found, as_text, name_outputs_of
from whisperdiar.batch.manifest import FILE_NAME, Manifest, Row
from whisperdiar.batch.places import LocalPlace, RemotePlace, is_url, open_place, take_local
from whisperdiar.batch.pools import Pool, PoolEvent, ProcessPool, choose_jobs, divide_settings
from whisperdiar.batch.results import BatchEvent, BatchResult, SharedWarning
from whisperdiar.batch.tasks import Outcome, Task, WorkSettings
from whisperdiar.batch.transcriber import make_settings
from whisperdiar.batch.watching import FolderWatch, QuietFiles
from whisperdiar.cache.identity import hash_content
from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.formats import Format, writable_by_name
from whisperdiar.system.files import explain_write_error, format_path
from whisperdiar.system.folders import find_state_folder
from whisperdiar.system.log import inform as log_information
from whisperdiar.system.log import warn
from whisperdiar.text.counts import count_recordings
from whisperdiar.text.messages import _, join, ngettext, to_english

STALL_S = 1800.0
"""A worker that tells no progress for so long counts as hanging."""
QUIET_S = 2.0
"""A file that stays as it is for so long is taken for complete …"""
PATIENCE_S = 60.0
"""… and one that cannot be read to its end, or at all, after so long all the same."""
_TRIES = 2
_WAIT_S = 0.25
_LOOK_S = 10.0
"""Between two looks at folders of which the system tells nothing, such as those of other machines."""
_MOST_LOST_WRITES = 3
"""Results one after another that cannot be written: the disk is full, and all the others could not be either."""

_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")

Notify = Callable[[str], None]


def run_batch(
    inputs: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    settings: Mapping[str, Any] | WorkSettings | None = None,
    formats: Sequence[str] = ("json",),
    recursive: bool = False,
    overwrite: bool = False,
    jobs: int | None = None,
    max_memory: int | None = None,
    stall_s: float = STALL_S,
    manifest: str | os.PathLike[str] | None = None,
    watch: bool = False,
    stop: threading.Event | None = None,
    quiet_s: float = QUIET_S,
    patience_s: float = PATIENCE_S,
    ray: str | None = None,
    on_event: Callable[[BatchEvent], None] = lambda _event: None,
    notify: Notify = warn,
    inform: Notify = log_information,
) -> BatchResult:
    """Transcripts of all recordings in folders, by several workers; ``IN/a/talk.wav`` → ``FOLDER/a/talk.json``.

    What is done is noted in a manifest (see `Manifest`), so that a second run does what is missing. A recording that
    fails is tried once more, and stops none of the others. Outputs that are there and come from no run with the same
    settings are left alone.

    Args:
        inputs: folders, files, URLs that fsspec reads.
        folder: where the outputs go, a path or a URL; it is made where it is missing.
        settings: those of `whisperdiar.open_pipeline`, by name.
        formats: names of formats, such as ``("json", "srt")``.
        recursive: whether subfolders are searched.
        overwrite: whether all is done anew, and outputs that are there are replaced.
        jobs: workers; None for one for each device that is named, or for each four cores.
        max_memory: bytes that a worker may have resident; None for any. On Ray they are set aside for each worker.
        stall_s: seconds after which a worker that tells no progress is ended.
        manifest: where it lies; None for ``whisperdiar-batch.sqlite3`` in the folder of the outputs, or, where that is
            behind a URL, for a file in the user's own folder.
        watch: whether the run goes on, for recordings that are still to come, until it is interrupted.
        stop: ends that when it is set, after all that was found by then.
        quiet_s, patience_s: how long a new file must stay as it is to be taken for complete, and for complete although
            it ends early or cannot be read.
        ray: address of a Ray cluster on which the workers run, or ``local`` for one on this machine.
        on_event: hears what happens.
        notify, inform: called with a sentence that is a warning, or is none.

    Raises:
        InvalidOption: a setting that cannot be meant, or two recordings would have outputs of the same name.
        MediaError: an input does not exist, or cannot be reached.
        OutputError: the outputs or the manifest cannot be written, or another run works on them.
        BackendError: a backend cannot run, or a package is missing.
    """
    if not inputs or isinstance(inputs, (str, bytes, os.PathLike)):
        raise InvalidOption(_("inputs: give a list of files and folders"))
    if jobs is not None and jobs < 1:
        raise InvalidOption(_("{name} {value}: it must be at least 1").format(name="jobs", value=jobs))
    work = make_settings(settings)  # names and values are looked at before anything is begun
    chosen = [writable_by_name(name) for name in formats]
    for item in chosen:
        if item.check is not None:
            item.check()
    place = open_place(folder)
    besides = [place.folder] if isinstance(place, LocalPlace) else []
    finder = Finder(inputs, recursive=recursive, besides=besides)
    kept = locate_manifest(folder, manifest)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{format_path(kept.parent)}: {explain_write_error(error)}") from error
    with Manifest(kept, for_run=True) as opened, contextlib.ExitStack() as stack:

        def open_pool() -> Pool:
            pool: Pool
            if ray is not None:
                from whisperdiar.batch.ray_pool import RayPool

                pool = RayPool(work, address=ray, jobs=jobs, max_memory=max_memory)
            else:
                own = divide_settings(work, jobs or choose_jobs(work))
                pool = ProcessPool(own, max_memory=max_memory, stall_s=stall_s)
            stack.callback(pool.close)
            return pool

        run = _Run(
            opened, place, work, chosen, overwrite=overwrite, on_event=on_event, notify=notify, open_pool=open_pool
        )
        if watch:
            run.watch(finder, stop or threading.Event(), quiet_s, patience_s, inform)
        else:
            findings = finder.find()
            if not findings.recordings:
                notify(_("there is no recording in what was given"))
            _tell_findings(findings, notify, inform)
            run.add(findings.recordings)
            run.tell_plan(inform)
            run.finish()
        return run.result


def locate_manifest(folder: str | os.PathLike[str], named: str | os.PathLike[str] | None = None) -> Path:
    """Where the manifest of a folder of outputs lies; of one behind a URL, in the user's own folder."""
    text = take_local(os.fspath(folder))
    if named is not None:
        return Path(named)
    if not is_url(text):
        return Path(text) / FILE_NAME
    name = hashlib.blake2b(text.rstrip("/").encode(), digest_size=8).hexdigest()
    return find_state_folder() / "batches" / f"{name}.sqlite3"


def _tell_findings(findings: Findings, notify: Notify, inform: Notify) -> None:
    """What is no recording, in one line; folders that cannot be looked into, each in one."""
    for line in findings.unreadable:
        notify(line)
    number = sum(findings.left_out.values())
    if number:
        some = [item for item in findings.left_out.most_common() if item[1]]
        reasons = join(", ", [_("{reason} ({number})").format(reason=_(reason), number=n) for reason, n in some])
        inform(
            _("{recordings} found; left out: {reasons}").format(
                recordings=count_recordings(len(findings.recordings)), reasons=reasons
            )
        )


@dataclass(slots=True)
class _Job:
    """A recording on its way.

    Attributes:
        todo: format → name of the file that is to be written.
        own: names that this run may replace.
        outcome: what was made already and could not be written.
        weight: bytes that it had when it was planned, for the estimate of what is left.
    """

    found: Found
    row: Row
    todo: dict[str, str]
    own: set[str]
    must_be_whole: bool = False
    tries: int = 0
    outcome: Outcome | None = None
    weight: int = field(init=False)

    def __post_init__(self) -> None:
        self.weight = self.found.size or 0


def _count_told(told: dict[str, SharedWarning], texts: Sequence[str], path: str) -> None:
    """Adds what is told of a recording to what was told of others."""
    for kind, text in {_NUMBER.sub("#", item): item for item in texts}.items():
        before = told.get(kind)
        told[kind] = SharedWarning(text, path, 1) if before is None else replace(before, number=before.number + 1)


class _Run:
    """One run over an open manifest."""

    def __init__(
        self,
        manifest: Manifest,
        place: LocalPlace | RemotePlace,
        settings: WorkSettings,
        formats: Sequence[Format],
        *,
        overwrite: bool,
        on_event: Callable[[BatchEvent], None],
        notify: Notify,
        open_pool: Callable[[], Pool],
    ) -> None:
        self.result = BatchResult(manifest=manifest.path)
        self._manifest, self._place, self._settings = manifest, place, settings
        self._hash = settings.hash()
        manifest.describe_settings(self._hash, settings.describe())
        self._formats, self._overwrite = formats, overwrite
        self._on_event, self._notify, self._open_pool = on_event, notify, open_pool
        self._pool: Pool | None = None
        self._rows = {row.path: row for row in manifest.rows()}
        self._queue: deque[_Job] = deque()
        self._again: deque[_Job] = deque()
        self._active: dict[int, _Job] = {}
        self._n_tasks = self._n_ended = self._n_lost_writes = 0
        self._begun = time.monotonic()
        self._bytes_done = self._bytes_left = 0
        self._stale: list[str] = []
        self._left: list[str] = []
        self._incomplete: dict[str, tuple[str, float]] = {}
        self._warned: dict[str, SharedWarning] = {}
        self._noted: dict[str, SharedWarning] = {}

    # Planning

    def add(self, recordings: Sequence[Found], *, must_be_whole: bool = False) -> None:
        """Plans recordings; what is done already is counted."""
        names = name_outputs_of(recordings, {path: row.name for path, row in self._rows.items()})
        jobs, rows = [], []
        for found in recordings:
            row, job = self._plan(found, names[found.source])
            if row is not None:
                rows.append(row)
                self._rows[row.path] = row
            if job is not None:
                job.must_be_whole = must_be_whole
                self._bytes_left += job.weight
                jobs.append(job)
        self._manifest.put(rows)
        # The longest first: no worker is left alone with it at the end.
        self._queue.extend(sorted(jobs, key=lambda job: -(job.found.size or 0)))

    def _plan(self, found: Found, name: str) -> tuple[Row | None, _Job | None]:
        """The row to be written, and what is to be done; None for neither."""
        key = as_text(found.source)
        names = {item.name: f"{name}{item.suffix}" for item in self._formats}
        there = {item for item in names.values() if self._place.has(item)}
        row = self._rows.get(key)
        fresh = Row(path=key, name=name, state="pending", size=found.size, modified=found.state, settings=self._hash)
        now = fresh if row is None else replace(row, state="pending", size=found.size, modified=found.state)
        if self._overwrite:
            return now, _Job(found, now, names, there | set(() if row is None else row.outputs))
        same = row is not None and self._is_same_file(row, found)
        is_done = row is not None and row.state == "done"
        # Outputs of a run that was killed may be replaced; those of one that came to its end are as they are to be.
        own = set() if row is None or is_done else set(row.outputs)
        right = (
            set(row.outputs) & there if row is not None and is_done and same and row.settings == self._hash else set()
        )
        if row is not None and right >= set(names.values()):
            self.result.n_there += 1
            return replace(row, size=found.size, modified=found.state), None
        todo = {kind: item for kind, item in names.items() if item not in there or item in own}
        foreign = there - own - right
        if foreign:
            self._left.append(min(foreign))
            if is_done and not same:
                self._stale.append(key)
        if todo:
            return now, _Job(found, now, todo, own | right)
        self.result.n_left += 1
        if is_done:
            return None, None
        return replace(fresh, state="skipped", reason="its outputs exist already"), None

    def _is_same_file(self, row: Row, found: Found) -> bool:
        """Whether a recording is still the one that the row is about, by its bytes where its time has changed."""
        if (row.size, row.modified) == (found.size, found.state):
            return True
        if row.content is None or is_url(found.source) or row.size != found.size:
            return False
        try:
            return hash_content(found.source) == row.content
        except OSError:
            return False

    def tell_plan(self, inform: Notify) -> None:
        """What is done already, what stays, and what may be out of date; each once."""
        if self.result.n_there:
            number = self.result.n_there
            inform(
                ngettext(
                    "{number} recording is done already (--overwrite does it anew)",
                    "{number} recordings are done already (--overwrite does them anew)",
                    number,
                ).format(number=number)
            )
        if self._left:
            number = len(self._left)
            inform(
                ngettext(
                    "an output exists already and is left as it is: {name} (--overwrite replaces it)",
                    "outputs of {number} recordings exist already, such as {name} (--overwrite replaces them)",
                    number,
                ).format(number=number, name=self._left[0])
            )
        if self._stale:
            number = len(self._stale)
            self._notify(
                ngettext(
                    "{path} has changed since its outputs were made; --overwrite makes them anew",
                    "{number} recordings, such as {path}, have changed since; --overwrite makes their outputs anew",
                    number,
                ).format(number=number, path=self._stale[0])
            )
        self._left, self._stale = [], []

    # Work

    def finish(self) -> None:
        """Works until nothing is left."""
        with self._giving_back():
            while self._is_busy:
                self._turn()

    @property
    def _is_busy(self) -> bool:
        return bool(self._queue or self._again or self._active)

    @contextlib.contextmanager
    def _giving_back(self) -> Iterator[None]:
        """What was begun and has not ended waits for the next run, and is not counted as an attempt."""
        try:
            yield
        finally:
            if self._active:
                left = [
                    replace(job.row, state="pending", attempts=job.row.attempts - 1) for job in self._active.values()
                ]
                with contextlib.suppress(OutputError):  # it counts as killed then
                    self._manifest.put(left)
            self.result.elapsed = time.monotonic() - self._begun
            self.result.warnings = sorted(self._warned.values(), key=lambda item: -item.number)
            self.result.notes = sorted(self._noted.values(), key=lambda item: -item.number)

    def _turn(self) -> None:
        """Hands out what can be, and takes what has come."""
        while (self._queue or self._again) and self._hand_out():
            pass
        if self._pool is not None and (self._active or self._pool.n_free < 1):
            for event in self._pool.wait(_WAIT_S):
                self._take(event)

    def _hand_out(self) -> bool:
        """One recording to a worker; False where none is free."""
        if self._pool is None:
            self._pool = self._open_pool()
        if self._pool.n_free < 1:
            return False
        job = self._queue.popleft() if self._queue else self._again.popleft()
        job.tries += 1
        if job.outcome is not None:  # all that is left to be done is to write it
            self._end(job, job.outcome)
            return True
        job.row = self._put(self._manifest.begin(job.row, settings=self._hash, outputs={*job.own, *job.todo.values()}))
        job.own |= set(job.todo.values()) if job.tries > 1 else set()
        self._n_tasks += 1
        self._active[self._n_tasks] = job
        outputs = tuple((name, self._place.locate(item)) for name, item in job.todo.items())
        self._pool.submit(
            Task(
                number=self._n_tasks,
                source=job.found.source,
                outputs=outputs,
                must_be_whole=job.must_be_whole,
                size=job.found.size,
            )
        )
        self._tell("begin", job)
        return True

    def _put(self, row: Row) -> Row:
        self._rows[row.path] = row
        return row

    def _take(self, event: PoolEvent) -> None:
        job = self._active.get(event.number)
        if job is None:
            return
        if event.kind == "progress":
            self._tell("progress", job, event.stage, event.fraction)
            return
        outcome = event.outcome
        if outcome is None:
            outcome = Outcome(errors=(event.reason,), may_pass=True)
        if outcome.is_incomplete:
            del self._active[event.number]
            self._bytes_left -= job.weight
            self._incomplete[job.found.source] = (job.found.state, time.monotonic())
            self._put(replace(job.row, state="pending", attempts=job.row.attempts - 1))
            self._manifest.put([self._rows[job.row.path]])
            return
        if outcome.made and self._has_changed(job.found):
            changed = _("it was changed while it was worked on")
            outcome = replace(outcome, made=(), errors=(changed,), may_pass=True)
        self._end(job, outcome, number=event.number)

    def _has_changed(self, found: Found) -> bool:
        if is_url(found.source):
            return False
        try:
            status = os.stat(found.source)
        except OSError:
            return False
        return (status.st_size, str(status.st_mtime_ns)) != (found.size, found.state)

    def _end(self, job: _Job, outcome: Outcome, *, number: int | None = None) -> None:
        """Writes what was made, and notes what became of it."""
        written, problems = self._write(job, outcome)
        errors = [*outcome.errors, *problems]
        may_pass = outcome.may_pass or bool(problems)
        reason = join("; ", errors) if errors else None
        if errors and may_pass and job.tries < _TRIES:
            job.outcome = outcome if problems and not outcome.may_pass else None
            job.row = self._put(replace(job.row, state="pending", reason=to_english(reason or "")))
            self._manifest.put([job.row])
            if number is not None:
                del self._active[number]
            self._refresh(job)
            self._again.append(job)
            self._tell("again", job)
            return
        if not errors and outcome.is_empty:
            reason = outcome.warnings[-1] if outcome.warnings else None
        outputs = sorted(item for item in {*written, *job.own} if self._place.has(item))
        job.row = self._put(
            self._manifest.finish(job.row, "failed" if errors else "done", outcome, reason=reason, outputs=outputs)
        )
        if number is not None:
            del self._active[number]
        self.result.rows.append(job.row)
        _count_told(self._warned, [item for item in outcome.warnings if item != reason], job.row.path)
        _count_told(self._noted, outcome.notes, job.row.path)
        self._n_ended += 1
        self._bytes_done += job.weight
        self._bytes_left -= job.weight
        self._tell("end", job)

    def _refresh(self, job: _Job) -> None:
        """A file that has changed is tried again as it is now."""
        if not is_url(job.found.source):
            with contextlib.suppress(OSError):
                status = os.stat(job.found.source)
                job.found = replace(job.found, size=status.st_size, state=str(status.st_mtime_ns))
                job.row = replace(job.row, size=job.found.size, modified=job.found.state)

    def _write(self, job: _Job, outcome: Outcome) -> tuple[list[str], list[str]]:
        """The names that were written, and why others could not be.

        Raises:
            OutputError: several results one after another could not be written.
        """
        written: list[str] = []
        problems: list[str] = []
        for name, data in outcome.made:
            target = job.todo[name]
            try:
                self._place.write(target, data, replace=self._overwrite or target in job.own)
            except OutputError as error:
                problems.append(str(error))
                last = error
            else:
                written.append(target)
                job.own.add(target)
        if problems:
            self._n_lost_writes += 1
            if self._n_lost_writes >= _MOST_LOST_WRITES:
                raise OutputError(_("{error}; the run ends, as nothing could be written").format(error=last)) from last
        elif written:
            self._n_lost_writes = 0
        return written, problems

    def _tell(
        self, kind: Literal["begin", "progress", "again", "end"], job: _Job, stage: str = "", fraction: float = 0.0
    ) -> None:
        total = self._n_ended + len(self._queue) + len(self._again) + len(self._active)
        left = None
        if self._bytes_done:
            left = (time.monotonic() - self._begun) * self._bytes_left / self._bytes_done
        self._on_event(
            BatchEvent(
                kind=kind, row=job.row, number=self._n_ended, total=total, left=left, stage=stage, fraction=fraction
            )
        )

    # Watching

    def watch(self, finder: Finder, stop: threading.Event, quiet_s: float, patience_s: float, inform: Notify) -> None:
        """Works on what is there and on what comes, until `stop` is set or a signal comes."""
        changes = FolderWatch(finder.folders, recursive=True)
        quiet = QuietFiles(quiet_s)
        looked_at = -_LOOK_S
        found = Findings()
        told = False
        try:
            with self._giving_back():
                while True:
                    now = time.monotonic()
                    if changes.take_change() or quiet.is_waiting or now - looked_at >= _LOOK_S:
                        looked_at = now
                        found = finder.find()
                        if not told:
                            _tell_findings(found, self._notify, inform)
                            inform(_("waiting for recordings; Ctrl-C ends it"))
                            told = True
                        busy = {job.found.source for job in self._active.values()}
                        ready = quiet.take_ready([item for item in found.recordings if item.source not in busy])
                        if ready:
                            self.add(ready, must_be_whole=True)
                            self.tell_plan(inform)
                            self.result.n_there = self.result.n_left = 0
                    self._give_up_waiting(found, patience_s)
                    if self._is_busy:
                        self._turn()
                    elif stop.is_set() and not quiet.is_waiting and not self._incomplete:
                        return
                    else:
                        time.sleep(_WAIT_S)
        finally:
            changes.close()

    def _give_up_waiting(self, found: Findings, patience_s: float) -> None:
        """Takes incomplete recordings as they are where nobody has written to them for long enough."""
        now = time.monotonic()
        states = {item.source: item for item in found.recordings}
        for source, (state, since) in list(self._incomplete.items()):
            item = states.get(source)
            if item is None or item.state != state:  # it has gone, or grows: it comes again when it is quiet
                del self._incomplete[source]
            elif now - since >= patience_s:
                del self._incomplete[source]
                self.add([item])
