"""Jobs: recordings that nobody waits for. Their state, progress as events, results in any format, kept for a time.

POST   /jobs                    fields as of /v1/audio/transcriptions, and diarize, task, webhook,
                                    keep_recording; 202 with the job
GET    /jobs                    the newest hundred
GET    /jobs/ID                 one of them
GET    /jobs/ID/events          server-sent events to the end: state, progress, heard
GET    /jobs/ID/result?format=  any format that is written, json if left out; profile, speaker_style
POST   /jobs/ID/cancel          ends it
DELETE /jobs/ID                 ends it, and removes all of it
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from whisperdiar import formats
from whisperdiar.errors import FormatError, InvalidOption, WhisperdiarError
from whisperdiar.options import SubtitleOptions, WriteOptions
from whisperdiar.options.command_line import SPEAKER_STYLES, profile_names
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.openai_api import read_audio_request
from whisperdiar.serving.refusals import Refusal, refuse_value
from whisperdiar.serving.requests import read_choice, read_flag
from whisperdiar.serving.store import Job
from whisperdiar.serving.tasks import Failure, KnownSpeaker, Task
from whisperdiar.serving.uploads import Form
from whisperdiar.serving.works import Work
from whisperdiar.text.messages import _, mark
from whisperdiar.transcript import Transcript

_MOST_TRIES = 2
_SWEEP_S = 60.0
_TEXTS = {"html": "text/html", "json": "application/json", "csv": "text/csv", "md": "text/markdown"}
_INTERRUPTED = mark("the server ended twice while it worked on this recording; it is not tried again")


class Jobs:
    """The jobs of a server: the store, and the works that are under way.

    It begins with `start`, when the workers are there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.store
        self._kept_s = engine.options.keep_hours * 3600.0
        self._works: dict[str, Work] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes up what a server before has left."""
        for job in await asyncio.to_thread(self._store.list_unfinished):
            if job.tries >= _MOST_TRIES:
                failure = Failure(kind="server", message=_INTERRUPTED, code="interrupted")
                await asyncio.to_thread(self._store.finish, job.id, "failed", failure=failure)
            else:
                await asyncio.to_thread(self._store.requeue, job.id)
                self._submit(job, always=True)
        self._sweeping = asyncio.ensure_future(self._sweep())

    async def stop(self) -> None:
        """What the workers have left waits for the next server."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        for work in list(self._works.values()):
            if not work.is_final:
                await asyncio.to_thread(self._store.requeue, work.id)

    async def _sweep(self) -> None:
        while True:
            for job_id in await asyncio.to_thread(self._remove_old):
                self._engine.log.write("job_removed", job=job_id)
            await asyncio.sleep(_SWEEP_S)

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
        self._store.add(job)
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
        self._store.finish(
            work.id,
            work.state,
            transcript=None if outcome is None else outcome.transcript,
            seconds=None if outcome is None else outcome.seconds,
            language=None if outcome is None else outcome.language,
            failure=work.failure,
        )
        self._works.pop(work.id, None)
        job = self._store.get(work.id)
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
        live = work is not None and not job.is_final
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
            "stage": work.stage if live and work is not None else "",
            "fraction": 1.0 if job.state == "done" else round(work.fraction, 4) if live and work is not None else 0.0,
            "duration": job.seconds,
            "language": job.language,
            "error": error,
        }

    def cancel(self, job_id: str) -> None:
        work = self._works.get(job_id)
        if work is not None:
            self._engine.workers.withdraw(work)

    async def remove(self, job_id: str) -> None:
        """Ends a job and removes its files."""
        work = self._works.get(job_id)
        if work is not None:
            self._engine.workers.withdraw(work)
            await work.wait()
        await asyncio.to_thread(self._store.remove, job_id)

    async def stream(self, job: Job) -> AsyncIterator[str]:
        """Events of a job to its end; the first and the last one are its state."""
        work = self._works.get(job.id)
        yield _event("state", self.describe(job))
        if job.is_final:
            return
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

    def write(self, job: Job, query: dict[str, str]) -> Response:
        """The result of a job in a format.

        Raises:
            Refusal: it is not done, there is no such format, or the format cannot be written here.
        """
        return write_result(self.read_transcript(job), job.name, query)

    def read_transcript(self, job: Job) -> Transcript:
        """Raises Refusal where the job is not done."""
        if job.state != "done":
            text = _("the job is {state}: there is no result").format(state=job.state)
            raise Refusal(409, text, code="job_not_done")
        transcript = self._store.read_transcript(job.id)
        if transcript is None:
            raise Refusal(404, _("the result of this job is gone"), code="result_not_found")
        return transcript

    def has_recording(self, job: Job) -> bool:
        """Whether the recording of a job that is done was kept."""
        return self._store.recording_of(job) is not None


def write_result(transcript: Transcript, name: str, query: dict[str, str]) -> Response:
    """A transcript as a file in one of the formats that are written."""
    chosen = query.get("format", "json")
    try:
        form = formats.writable_by_name(chosen)
    except InvalidOption as error:
        raise refuse_value("format", error) from error
    style = read_choice(query.get("speaker_style"), "speaker_style", SPEAKER_STYLES, default=SPEAKER_STYLES[0])
    profile = read_choice(query.get("profile"), "profile", profile_names(), default=profile_names()[0])
    options = WriteOptions(speaker_style=style, subtitles=SubtitleOptions(profile=profile))
    try:
        body = form.dumps(transcript, options=options)
    except (InvalidOption, FormatError) as error:
        raise refuse_value("format", str(error)) from error
    except WhisperdiarError as error:  # an extra that is not installed
        raise Refusal(501, str(error), code="format_not_available", param="format") from error
    kind = "application/octet-stream" if isinstance(body, bytes) else _TEXTS.get(form.name, "text/plain")
    file_name = quote(f"{name}{form.suffix}", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{file_name}"}
    return Response(body, media_type=kind, headers=headers)


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


def _move(task: Task, folder: Path) -> Task:
    known = tuple(KnownSpeaker(name=item.name, path=str(folder / Path(item.path).name)) for item in task.known)
    return replace(task, path=str(folder / Path(task.path).name), known=known)


def _event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
