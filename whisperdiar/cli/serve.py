"""Command `serve`: answers other programs over HTTP."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.assembly import Request, check_request
from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console
from whisperdiar.cli.transcribe import request_from
from whisperdiar.errors import InvalidOption
from whisperdiar.models.catalogue import full_name, is_name
from whisperdiar.options import ServerOptions
from whisperdiar.serving.server import require_packages
from whisperdiar.text.messages import _

TOKEN = "WHISPERDIAR_SERVER_TOKEN"
WEBHOOK_SECRET = "WHISPERDIAR_WEBHOOK_SECRET"
"""Secrets come from the environment alone: a command line is seen by others, and kept by the shell."""
_MAY_BE_LEFT_OUT = (
    "queue",
    "keep_hours",
    "max_upload_mb",
    "max_uploads",
    "upload_s",
    "max_hours",
    "work_hours",
    "memory_gb",
    "grace_s",
    "live_sessions",
)


def serve(
    context: click.Context,  # noqa: ARG001 - as of all commands
    /,
    *,
    host: str,
    port: int,
    models: tuple[str, ...],
    folder: Path | None,
    private_webhooks: bool,
    voice_model: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Answer until told to end."""
    console = Console(quiet=quiet)
    for name, value in (("--speech", options["speech"]), ("--turns", options["turns"])):
        if value is not None:
            raise InvalidOption(_("{option}: it is for one recording; leave it out").format(option=name))
    if shared.activity_file(options) is not None:
        raise InvalidOption(_("{option}: it is for one recording; leave it out").format(option="--save-activity"))
    given = {name: options[name] for name in _MAY_BE_LEFT_OUT if options[name] is not None}
    server = ServerOptions(
        host=host,
        port=port,
        tokens=tuple(os.environ.get(TOKEN, "").split()),
        models=models,
        folder=None if folder is None else str(folder),
        webhook_secret=os.environ.get(WEBHOOK_SECRET) or None,
        private_webhooks=private_webhooks,
        **given,
    )
    require_packages()
    from whisperdiar.serving import Engine, Log, WorkerSettings
    from whisperdiar.serving import serve as run

    requests = _list_requests(options)
    settings = [
        WorkerSettings(request=item, models=models, voice_model=voice_model, max_hours=server.max_hours)
        for item in requests
    ]
    engine = Engine(settings, options=server, model=_name_model(requests[0]), log=Log(None if quiet else sys.stderr))
    run(engine, on_listening=lambda url: console.info(_("listening at {url}; Ctrl-C ends it").format(url=url)))


def _list_requests(options: dict[str, Any]) -> list[Request]:
    """What the pipeline of each device is made of; names and settings are looked at, nothing is loaded."""
    whole = {"track": None, "channel": None, "start": 0.0, "end": None}
    request = request_from({**options, **whole, "device": "auto"})
    found = []
    for device in dict.fromkeys(options["device"].split(",")):
        own = replace(request, runtime=replace(request.runtime, device=device.strip()))
        check_request(own)
        found.append(own)
    return found


def _name_model(request: Request) -> str:
    """What clients call the server's own model; a folder by its name."""
    name = request.asr.settings.get("model") or "whisper-1"
    return full_name(name) if is_name(name) else Path(name).name
