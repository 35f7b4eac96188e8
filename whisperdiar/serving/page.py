"""The page at ``/``: recordings are dropped, jobs watched, results read and corrected in the page of ``-o out.html``.
The page at ``/live`` shows captions while somebody talks.

A browser sends no token where it opens a page or plays a recording. So a result is opened by a link that the page asks
for with its token, signed by this server, for a day.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import re
import time

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.responses import HTMLResponse

from whisperdiar.formats import by_name
from whisperdiar.options import WriteOptions
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.jobs import Jobs, save_corrections
from whisperdiar.serving.refusals import Refusal
from whisperdiar.serving.results import list_formats, make_minutes
from whisperdiar.text.messages import _
from whisperdiar.text.pages import read_part

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_OWN_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]*)"')
SAVING = "connect-src 'self'"
"""What the page of a transcript may do beyond what one from a disk may: send the corrections to where it came from."""
_VALID_S = 86_400
_PARTS = {
    "errors.js": "text/javascript",
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
    key = engine.store.link_key

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

    @router.get("/page/formats")
    async def list_all() -> JSONResponse:
        return JSONResponse(list_formats())

    @router.get("/page/{name}")
    async def part(name: str) -> Response:
        if name not in _PARTS:
            raise Refusal(404, _("there is nothing here: see docs/server.md"), code="not_found")
        return Response(read_part(f"server/{name}"), media_type=_PARTS[name])

    @router.post("/jobs/{job_id}/page")
    async def link(job_id: str) -> JSONResponse:
        await asyncio.to_thread(jobs.require, job_id)
        until = int(time.time()) + _VALID_S
        query = f"until={until}&key={sign(job_id, until)}"
        return JSONResponse({"url": f"/page/read/{job_id}?{query}", "minutes": f"/page/minutes/{job_id}?{query}"})

    @router.get("/page/read/{job_id}")
    async def read(job_id: str, request: Request) -> Response:
        check(request, job_id)
        return _show(await asyncio.to_thread(write_page, jobs, job_id, _query_of(request)))

    @router.get("/page/minutes/{job_id}")
    async def minutes(job_id: str, request: Request) -> Response:
        check(request, job_id)
        return _show(await asyncio.to_thread(write_minutes_page, jobs, job_id, _query_of(request)))

    @router.put("/page/result/{job_id}")
    async def correct(job_id: str, request: Request) -> JSONResponse:
        check(request, job_id)
        return await save_corrections(jobs, await asyncio.to_thread(jobs.require, job_id), request)

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
    """The page of a transcript, with its recording where that was kept; corrections are saved to where it came from.

    Args:
        query: the signature of its link, which those of the recording and of corrections share.

    Raises:
        Refusal: the job is not done.
    """
    job = jobs.require(job_id)
    version = jobs.last_version(job)
    transcript = jobs.read_transcript(job, version)
    options = WriteOptions(media=_media_of(jobs, job_id, query))
    text = str(by_name("html").dumps(transcript, options=options))
    home = html.escape(f"/page/result/{job_id}?{query}")
    text = text.replace("<html ", f'<html data-server="{home}" data-version="{version}" ', 1)
    return _OWN_POLICY.sub(lambda found: found[0].replace(found[1], f"{found[1]}; {SAVING}"), text, count=1)


def write_minutes_page(jobs: Jobs, job_id: str, query: str) -> str:
    """The minutes of a transcript as a page that plays their evidence where the recording was kept.

    Raises:
        Refusal: the job is not done, or there are no words.
    """
    transcript = jobs.read_transcript(jobs.require(job_id))
    return str(make_minutes(transcript, {}, form="html", media=_media_of(jobs, job_id, query)))


def _media_of(jobs: Jobs, job_id: str, query: str) -> str | None:
    return f"/page/media/{job_id}?{query}" if jobs.has_recording(jobs.require(job_id)) else None


def _query_of(request: Request) -> str:
    """What signs a link, and nothing else of what it asks."""
    return f"until={request.query_params['until']}&key={request.query_params['key']}"


def _show(text: str) -> Response:
    """A page of the library, with the policy that it has itself."""
    own = _OWN_POLICY.search(text)
    policy = f"{html.unescape(own[1]) if own else _POLICY}; frame-ancestors 'none'"
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})
