"""Jobs: recordings that nobody waits for. Their state, progress as events, results in any format, kept for a time.

POST   /jobs                    fields as of /v1/audio/transcriptions, and diarize, task, webhook,
                                    keep_recording; 202 with the job
GET    /jobs                    the newest hundred
GET    /jobs/ID                 one of them
GET    /jobs/ID/events          server-sent events to the end: state, progress, heard
GET    /jobs/ID/result?format=  any format that is written, json if left out; profile, speaker_style
PUT    /jobs/ID/result          a corrected transcript, as the page downloads it; results are made of it from then on
GET    /jobs/ID/minutes?format= minutes, md if left out; style, length, language, day
POST   /jobs/ID/cancel          ends it
DELETE /jobs/ID                 ends it, and removes all of it
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from whisperdiar.errors import OutputError
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.openai_api import read_audio_request
from whisperdiar.serving.postgres import PostgresStore
from whisperdiar.serving.refusals import Refusal, refuse_for_now
from whisperdiar.serving.requests import read_choice, read_flag, read_number
from whisperdiar.serving.results import correct, write_minutes, write_result
from whisperdiar.serving.store import Job
from whisperdiar.serving.tasks import Failure, KnownSpeaker, Task
from whisperdiar.serving.uploads import Form, drain
from whisperdiar.serving.workers import CANCELLED
from whisperdiar.serving.works import INTERRUPTED, MOST_TRIES, NOT_KEPT, Work
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

_SWEEP_S = 60.0
_CLAIM_S = 0.5
"""Between two looks into a database that other servers fill, too."""
_BEAT_S = 5.0
_REMOVE_S = 30.0
"""That another server has to end a job which is to be removed."""
_LARGEST_CORRECTION = 64 * 2**20
"""Bytes of a corrected transcript; that of ten hours has 16 million."""
_MOST_VERSIONS = 10**9


class Jobs:
    """The jobs of a server: the store, and the works that are under way.

    It begins with `start`, when the workers are there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.store
        self._kept_s = engine.options.keep_hours * 3600.0
        self._shared = self._store if isinstance(self._store, PostgresStore) else None
        self._works: dict[str, Work] = {}
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Takes up what a server before has left; from a store that is shared one after another, as there is room."""
        self._running.append(asyncio.ensure_future(self._sweep()))
        if self._shared is not None:
            self._running.append(asyncio.ensure_future(self._claim(self._shared)))
            return
        for job in await asyncio.to_thread(self._store.list_unfinished):
            if job.tries >= MOST_TRIES:
                failure = Failure(kind="server", message=INTERRUPTED, code="interrupted")
                await asyncio.to_thread(self._store.finish, job.id, "failed", failure=failure)
            else:
                await asyncio.to_thread(self._store.requeue, job.id)
                self._submit(job, always=True)

    async def stop(self) -> None:
        """What the workers have left waits for the next server."""
        for task in self._running:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for work in list(self._works.values()):
            if not work.is_final:
                await asyncio.to_thread(self._store.requeue, work.id)

    async def _sweep(self) -> None:
        while True:
            for job_id in await asyncio.to_thread(self._remove_old):
                self._engine.log.write("job_removed", job=job_id)
            await asyncio.sleep(_SWEEP_S)

    async def _claim(self, store: PostgresStore) -> None:
        """Takes jobs that wait in a shared store while there is room, and tells that this server is at work."""
        told = 0.0
        while True:
            try:
                if time.monotonic() > told + _BEAT_S:
                    told = time.monotonic()
                    await asyncio.to_thread(self._beat, store)
                while self._engine.workers.n_idle > 0 and not self._engine.stopping:
                    job = await asyncio.to_thread(store.claim)
                    if job is None:
                        break
                    self._submit(job, always=True)
            except Exception as error:  # the database comes back, or a person reads the log
                self._engine.log.write("error", kind=type(error).__name__, at="database")
            await asyncio.sleep(_CLAIM_S)

    def _beat(self, store: PostgresStore) -> None:
        works = dict(self._works)
        for job_id in store.beat({job_id: (work.stage, work.fraction) for job_id, work in works.items()}):
            self._engine.workers.withdraw(works[job_id])
        store.free_lost()

    def _remove_old(self) -> list[str]:
        return list(self._store.remove_older(self._kept_s))

    def add(self, form: Form) -> Job:
        """A job of what a form asks for; its files move into a folder of their own.

        Raises:
            Refusal: a field that cannot be meant, or there is no room.
        """
        task = self._read_task(form)
        webhook = form.one("webhook")
        if webhook is not None:
            self._engine.webhooks.check(webhook)
        keeps = read_flag(form.one("keep_recording"), "keep_recording")
        if self._shared is not None and self._shared.count_waiting() >= self._engine.options.queue:
            raise self._engine.refuse_full()
        job_id = secrets.token_urlsafe(16).lstrip("-") or "job"
        folder = self._store.folder_of(job_id)
        form.folder.rename(folder)
        job = Job(
            id=job_id,
            state="queued",
            name=task.name,
            task=_move(task, folder),
            created=time.time(),
            webhook=webhook,
            keeps=keeps,
        )
        try:
            self._store.add(job)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if self._shared is not None:
            return job
        try:
            self._submit(job)
        except Refusal:
            self._store.remove(job_id)
            raise
        return job

    def _read_task(self, form: Form) -> Task:
        translate = read_choice(form.one("task"), "task", ("transcribe", "translate"), default="transcribe")
        form.fields.pop("stream", None)
        form.fields["response_format"] = ["diarized_json" if translate == "transcribe" else "json"]
        asked = read_audio_request(self._engine, form, translate=translate == "translate")
        diarize = read_flag(form.one("diarize"), "diarize", default=True)
        return replace(asked.task, diarize=diarize, known=asked.task.known if diarize else ())

    def _submit(self, job: Job, *, always: bool = False) -> None:
        work = Work(job.task, id=job.id, created=job.created)
        work.is_kept = True
        if self._shared is None:  # where it is not begun yet
            work.on_begin.append(lambda begun: self._store.begin(begun.id, begun.begun or time.time()))
        work.on_end.append(self._finish)
        self._works[job.id] = work
        try:
            self._engine.submit(work, always=always)
        except Refusal:
            del self._works[job.id]
            raise

    def _finish(self, work: Work) -> None:
        """Keeps how a work ended, on the worker's thread, before anybody is told."""
        outcome = work.outcome
        is_kept = self._store.finish(
            work.id,
            work.state,
            transcript=None if outcome is None else outcome.transcript,
            seconds=None if outcome is None else outcome.seconds,
            language=None if outcome is None else outcome.language,
            failure=work.failure,
        )
        self._works.pop(work.id, None)
        job = self._store.get(work.id) if is_kept else None
        if job is not None and job.webhook is not None:
            self._engine.webhooks.send(job.webhook, job.id, {"type": f"job.{job.state}", "data": self.describe(job)})

    def require(self, job_id: str) -> Job:
        """Raises Refusal where there is no such job (any more)."""
        job = self._store.get(job_id)
        if job is not None and job.ended is not None and time.time() > job.ended + self._kept_s:
            self._store.remove(job_id)
            job = None
        if job is None:
            raise Refusal(404, _("no such job: it was removed, or never there"), code="job_not_found")
        return job

    def describe(self, job: Job) -> dict[str, Any]:
        """A job as clients see it."""
        work = self._works.get(job.id)
        fraction = work.fraction if work is not None else job.fraction
        error = None if job.failure is None else {"message": job.failure.message, "code": job.failure.code}
        return {
            "id": job.id,
            "object": "job",
            "state": job.state,
            "name": job.name,
            "created": round(job.created, 3),
            "begun": None if job.begun is None else round(job.begun, 3),
            "ended": None if job.ended is None else round(job.ended, 3),
            "expires": None if job.ended is None else round(job.ended + self._kept_s, 3),
            "stage": "" if job.is_final else work.stage if work is not None else job.stage,
            "fraction": 1.0 if job.state == "done" else round(0.0 if job.is_final else fraction, 4),
            "duration": job.seconds,
            "language": job.language,
            "error": error,
        }

    def cancel(self, job_id: str) -> None:
        work = self._works.get(job_id)
        if work is not None:
            self._engine.workers.withdraw(work)
        elif self._shared is not None:
            self._shared.ask_cancel(job_id, Failure(kind="cancelled", message=CANCELLED, code="cancelled"))

    async def remove(self, job_id: str) -> None:
        """Ends a job and removes its files."""
        work = self._works.get(job_id)
        await asyncio.to_thread(self.cancel, job_id)
        if work is not None:
            await work.wait()
        elif self._shared is not None:
            until = time.monotonic() + _REMOVE_S
            while (found := await asyncio.to_thread(self._store.get, job_id)) is not None and not found.is_final:
                if time.monotonic() > until:
                    raise refuse_for_now(10, _("another server works on this job: come again later"), status=503)
                await asyncio.sleep(_CLAIM_S)
        await asyncio.to_thread(self._store.remove, job_id)

    async def stream(self, job: Job) -> AsyncIterator[str]:
        """Events of a job to its end; the first and the last one are its state."""
        yield _event("state", self.describe(job))
        if job.is_final:
            return
        async for _job in self._await_work(job):
            yield _event("state", self.describe(_job))
        work = self._works.get(job.id)
        if work is not None:
            async for event in work.events():
                if event is None:
                    yield ": still at work\n\n"
                elif event.kind == "progress":
                    yield _event("progress", {"stage": event.stage, "fraction": round(event.fraction, 4)})
                elif event.kind == "heard":
                    yield _event("heard", {"start": round(event.start, 3), "text": event.text})
                elif not work.is_final:
                    found = await asyncio.to_thread(self._store.get, job.id)
                    if found is not None:
                        yield _event("state", self.describe(found))
        found = await asyncio.to_thread(self._store.get, job.id)
        if found is not None:
            yield _event("state", self.describe(found))

    async def _await_work(self, job: Job) -> AsyncIterator[Job]:
        """What changes of a job while no work of this server is on it: it waits in a shared store, or is another's."""
        last: Job | None = job
        while self._shared is not None and job.id not in self._works:
            await asyncio.sleep(_CLAIM_S)
            found = await asyncio.to_thread(self._store.get, job.id)
            if found is None or found.is_final:
                return
            if found != last:
                last = found
                yield found

    def write(self, job: Job, query: dict[str, str]) -> Response:
        """The result of a job in a format.

        Raises:
            Refusal: it is not done, there is no such format, or the format cannot be written here.
        """
        return write_result(self.read_transcript(job), job.name, query)

    def write_minutes(self, job: Job, query: dict[str, str]) -> Response:
        """The minutes of a job; raises Refusal as `write`."""
        return write_minutes(self.read_transcript(job), job.name, query)

    def correct(self, job: Job, data: bytes, query: dict[str, str]) -> int:
        """Takes a transcript that people corrected in place of the one that is there; gives its version.

        Args:
            query: ``base``, the version that it was made of, and ``after``, the one that it takes the place of, which
                is the same unless it was saved before; both the last one if left out.

        Raises:
            Refusal: the job is not done, somebody else has corrected it meanwhile, or it is no transcript of this job.
        """
        last = self._store.last_version(job.id)
        base, after = (
            int(read_number(query.get(name), name, least=0, most=_MOST_VERSIONS, default=last) or 0)
            for name in ("base", "after")
        )
        made = correct(self.read_transcript(job, base), data.decode("utf-8", "replace"))
        try:
            return self._store.add_version(job.id, made, after=after)
        except FileExistsError as error:
            raise Refusal(
                409, _("somebody else has corrected it meanwhile: open it again"), code="corrected_meanwhile"
            ) from error
        except OutputError as error:
            raise Refusal(507, _(NOT_KEPT), code="not_kept") from error

    def last_version(self, job: Job) -> int:
        return self._store.last_version(job.id)

    def read_transcript(self, job: Job, version: int | None = None) -> Transcript:
        """The last version, or the one of that number; raises Refusal where there is none."""
        if job.state != "done":
            text = _("the job is {state}: there is no result").format(state=job.state)
            raise Refusal(409, text, code="job_not_done")
        transcript = self._store.read_transcript(job.id, version)
        if transcript is None:
            raise Refusal(404, _("the result of this job is gone"), code="result_not_found")
        return transcript

    def has_recording(self, job: Job) -> bool:
        """Whether the recording of a job that is done was kept."""
        return self._store.recording_of(job) is not None


def make_router(engine: Engine, jobs: Jobs) -> APIRouter:
    """The endpoints of one server."""
    router = APIRouter()

    @router.post("/jobs")
    async def add(request: Request) -> JSONResponse:
        form = await engine.receive(request)
        try:
            job = await asyncio.to_thread(jobs.add, form)
        finally:
            form.close()
        return JSONResponse(jobs.describe(job), 202, {"Location": f"/jobs/{job.id}"})

    @router.get("/jobs")
    async def list_all() -> JSONResponse:
        found = await asyncio.to_thread(engine.store.list_newest)
        return JSONResponse({"object": "list", "data": [jobs.describe(item) for item in found]})

    @router.get("/jobs/{job_id}")
    async def get(job_id: str) -> JSONResponse:
        return JSONResponse(jobs.describe(await asyncio.to_thread(jobs.require, job_id)))

    @router.get("/jobs/{job_id}/events")
    async def events(job_id: str) -> StreamingResponse:
        job = await asyncio.to_thread(jobs.require, job_id)
        return StreamingResponse(jobs.stream(job), media_type="text/event-stream")

    @router.get("/jobs/{job_id}/result")
    async def result(job_id: str, request: Request) -> Response:
        job = await asyncio.to_thread(jobs.require, job_id)
        return await asyncio.to_thread(jobs.write, job, dict(request.query_params))

    @router.put("/jobs/{job_id}/result")
    async def correct_result(job_id: str, request: Request) -> JSONResponse:
        job = await asyncio.to_thread(jobs.require, job_id)
        return await save_corrections(jobs, job, request)

    @router.get("/jobs/{job_id}/minutes")
    async def minutes(job_id: str, request: Request) -> Response:
        job = await asyncio.to_thread(jobs.require, job_id)
        return await asyncio.to_thread(jobs.write_minutes, job, dict(request.query_params))

    @router.post("/jobs/{job_id}/cancel")
    async def cancel(job_id: str) -> JSONResponse:
        await asyncio.to_thread(jobs.require, job_id)
        await asyncio.to_thread(jobs.cancel, job_id)
        return JSONResponse(jobs.describe(await asyncio.to_thread(jobs.require, job_id)), 202)

    @router.delete("/jobs/{job_id}")
    async def remove(job_id: str) -> Response:
        await asyncio.to_thread(jobs.require, job_id)
        await jobs.remove(job_id)
        return Response(status_code=204)

    return router


async def save_corrections(jobs: Jobs, job: Job, request: Request) -> JSONResponse:
    """Takes the body of a request as a corrected transcript.

    Raises:
        Refusal: as `Jobs.correct`, or it is too large.
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _LARGEST_CORRECTION:
            await drain(request)
            raise Refusal(413, _("the corrected transcript is too large"), code="file_too_large")
    version = await asyncio.to_thread(jobs.correct, job, bytes(data), dict(request.query_params))
    return JSONResponse({"id": job.id, "object": "job.result", "version": version})


def _move(task: Task, folder: Path) -> Task:
    known = tuple(KnownSpeaker(name=item.name, path=str(folder / Path(item.path).name)) for item in task.known)
    return replace(task, path=str(folder / Path(task.path).name), known=known)


def _event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
