"""The page at ``/``: recordings are dropped, jobs watched, results read in the page that ``-o out.html`` makes. The
page at ``/live`` shows captions while somebody talks.

A browser sends no token where it opens a page or plays a recording. So a result is opened by a link that the page asks
for with its token, signed by this server, for a day.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.responses import HTMLResponse

from whisperdiar.formats import by_name
from whisperdiar.options import WriteOptions
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.jobs import Jobs
from whisperdiar.serving.refusals import Refusal
from whisperdiar.text.messages import _
from whisperdiar.text.pages import read_part

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_OWN_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]*)"')
_VALID_S = 86_400
_PARTS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "live.css": "text/css",
    "live.js": "text/javascript",
    "microphone.js": "text/javascript",
}
"""What the pages fetch, and its type."""


def make_router(engine: Engine, jobs: Jobs) -> APIRouter:
    """The page of one server, and what it opens."""
    router = APIRouter()
    key = secrets.token_bytes(32)

    def sign(job_id: str, until: int) -> str:
        return hmac.new(key, f"{job_id}.{until}".encode(), hashlib.sha256).hexdigest()

    def check(request: Request, job_id: str) -> None:
        """Raises Refusal where a link was not made by this server, or has run out."""
        until, given = request.query_params.get("until", ""), request.query_params.get("key", "")
        valid = until.isascii() and until.isdigit() and len(until) < 15 and int(until) > time.time()
        if not valid or not hmac.compare_digest(sign(job_id, int(until)).encode(), given.encode("utf-8", "replace")):
            raise Refusal(403, _("this link has run out: open the result again"), code="invalid_link")

    @router.get("/")
    async def page() -> Response:
        return HTMLResponse(read_part("server/page.html"), headers={"Content-Security-Policy": _POLICY})

    @router.get("/live")
    async def live() -> Response:
        return HTMLResponse(read_part("server/live.html"), headers={"Content-Security-Policy": _POLICY})

    @router.get("/page/{name}")
    async def part(name: str) -> Response:
        if name not in _PARTS:
            raise Refusal(404, _("there is nothing here: see docs/server.md"), code="not_found")
        return Response(read_part(f"server/{name}"), media_type=_PARTS[name])

    @router.post("/jobs/{job_id}/page")
    async def link(job_id: str) -> JSONResponse:
        await asyncio.to_thread(jobs.require, job_id)
        until = int(time.time()) + _VALID_S
        return JSONResponse({"url": f"/page/read/{job_id}?until={until}&key={sign(job_id, until)}"})

    @router.get("/page/read/{job_id}")
    async def read(job_id: str, request: Request) -> Response:
        check(request, job_id)
        text = await asyncio.to_thread(write_page, jobs, job_id, request.url.query)
        own = _OWN_POLICY.search(text)
        policy = f"{own[1] if own else _POLICY}; frame-ancestors 'none'"
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})

    @router.get("/page/media/{job_id}")
    async def media(job_id: str, request: Request) -> Response:
        check(request, job_id)
        job = await asyncio.to_thread(jobs.require, job_id)
        path = engine.store.recording_of(job)
        if path is None:
            raise Refusal(404, _("the recording of this job was not kept"), code="recording_not_found")
        return FileResponse(path, media_type="application/octet-stream")

    return router


def write_page(jobs: Jobs, job_id: str, query: str) -> str:
    """The page of a transcript, with its recording where that was kept.

    Raises:
        Refusal: the job is not done.
    """
    job = jobs.require(job_id)
    transcript = jobs.read_transcript(job)
    kept = jobs.has_recording(job)
    options = WriteOptions(media=f"/page/media/{job_id}?{query}" if kept else None)
    return str(by_name("html").dumps(transcript, options=options))
