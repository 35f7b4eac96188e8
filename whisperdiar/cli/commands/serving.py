"""The command that answers other programs: `serve`."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option
from whisperdiar.options.command_line import SERVER_HOST, SERVER_PORT

_server = partial(option, group="Server")

_server_options = shared.combine(
    _server("--host", default=SERVER_HOST, show_default=True, help="Address; any other than this needs a token."),
    _server("--port", type=click.IntRange(0, 65_535), default=SERVER_PORT, show_default=True, help="TCP port."),
    _server("--also-model", "models", multiple=True, metavar="NAME", help="A further model that requests may name."),
    _server("--folder", type=shared.PATH, metavar="DIR", help="Where uploads and results lie; by default your own."),
    _server("--queue", type=click.IntRange(min=1), rare=True, help="Recordings that may wait (100)."),
    _server("--keep-hours", type=click.FloatRange(min=0), rare=True, help="Keep results of jobs so long (24)."),
    _server("--max-upload-mb", type=click.FloatRange(min=0), rare=True, help="Largest recording (2000)."),
    _server("--max-uploads", type=click.IntRange(min=1), rare=True, help="Uploads at the same time (256)."),
    _server(
        "--upload-timeout",
        "upload_s",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        rare=True,
        help="Longest upload (3600).",
    ),
    _server("--max-hours", type=click.FloatRange(min=0), rare=True, help="Longest recording (12)."),
    _server("--work-hours", type=click.FloatRange(min=0), rare=True, help="Longest work on a recording (12)."),
    _server("--memory-gb", type=click.FloatRange(min=0), rare=True, help="Memory of a worker (4/5 of all)."),
    _server(
        "--grace",
        "grace_s",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        rare=True,
        help="For work that is under way at the end (30).",
    ),
    _server("--live-sessions", type=click.IntRange(min=0), rare=True, help="Streams at the same time (1); 0 for none."),
    _server("--private-webhooks", is_flag=True, rare=True, help="Webhooks may lead to private addresses."),
)


@command("serve")
@_server_options
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.voice_option
@shared.runtime_options
@shared.quiet_option
def serve(context: click.Context, /, **values: Any) -> None:
    """Answer other programs over HTTP, as OpenAI and whisper-asr-webservice do; needs the extra serve.

    Models are loaded once, in a worker process for each --device (cuda:0,cuda:1 makes two). Whoever reaches another
    --host than this machine needs one of the tokens in WHISPERDIAR_SERVER_TOKEN. Ctrl-C ends it: work that is under way
    may go on for --grace seconds, and jobs that are left are taken up by the next start.
    """
    from whisperdiar.cli.serve import serve as work

    work(context, **values)
