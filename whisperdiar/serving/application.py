"""Application: all interfaces of a server in one ASGI application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whisperdiar.serving import asr_webservice, diarization_api, listen_api, openai_api, page, realtime_api
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.jobs import Jobs
from whisperdiar.serving.jobs import make_router as make_jobs_router
from whisperdiar.serving.refusals import Refusal
from whisperdiar.serving.security import Guard
from whisperdiar.text.messages import _
from whisperdiar.version import __version__


def make_application(engine: Engine) -> ASGIApp:
    """The application of one server; its workers start and stop with it."""

    jobs = Jobs(engine)

    @asynccontextmanager
    async def live(_app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        await jobs.start()
        yield
        await engine.stop()
        await jobs.stop()
        engine.close()

    # FastAPI's own pages for reading the interface fetch scripts from elsewhere.
    app = FastAPI(title="whisperdiar", version=__version__, docs_url=None, redoc_url=None, lifespan=live)
    for interface in (openai_api, asr_webservice, diarization_api, listen_api, realtime_api):
        app.include_router(interface.make_router(engine))
    app.include_router(make_jobs_router(engine, jobs))
    app.include_router(page.make_router(engine, jobs))

    @app.get("/health")
    async def health() -> JSONResponse:
        failure = engine.workers.failure
        state = (
            "stopping" if engine.stopping else "ok" if engine.workers.is_ready else "failed" if failure else "loading"
        )
        told: dict[str, Any] = {"status": state, "version": __version__, "queue": engine.workers.n_waiting}
        return JSONResponse(
            told if failure is None else {**told, "error": failure.message}, 200 if state == "ok" else 503
        )

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(engine.format_metrics(), media_type="text/plain; version=0.0.4")

    @app.exception_handler(Refusal)
    async def refuse(_request: Request, refusal: Refusal) -> Response:
        return JSONResponse(refusal.to_dict(), refusal.status, refusal.headers)

    @app.exception_handler(HTTPException)
    async def refuse_path(_request: Request, error: HTTPException) -> Response:
        text = _("there is nothing here: see docs/server.md") if error.status_code == 404 else str(error.detail)
        refusal = Refusal(error.status_code, text, code="not_found" if error.status_code == 404 else None)
        return JSONResponse(refusal.to_dict(), error.status_code, dict(error.headers or {}))

    return _Witness(Guard(app, options=engine.options), engine)


class _Witness:
    """ASGI middleware: counts and logs requests by their endpoint, and answers for what nobody expected."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app, self._engine = app, engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            self._engine.log.write("error", kind=type(error).__name__)
            if not status:
                refusal = Refusal(500, _("the server failed; its log says at what"), code="server_error")
                await JSONResponse(refusal.to_dict(), 500)(scope, receive, watch)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            self._engine.metrics.add("requests", endpoint=path, status=str(status))
            self._engine.log.write(
                "request",
                method=scope["method"],
                endpoint=path,
                status=status,
                took_s=round(time.monotonic() - begun, 3),
            )
