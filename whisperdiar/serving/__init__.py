"""Server: recordings come in by HTTP, transcripts go out; in the ways that existing clients speak.

    request → upload → task → queue → worker process → outcome → answer

A client of the public library: everything that it does to a recording, `whisperdiar.open_pipeline` does. Nothing here
is imported by anything but the command `serve`.
"""

from __future__ import annotations

from whisperdiar.serving.engine import Engine, server_folder
from whisperdiar.serving.metrics import Log
from whisperdiar.serving.server import make_server, require_packages, serve
from whisperdiar.serving.tasks import WorkerSettings

__all__ = ["Engine", "Log", "WorkerSettings", "make_server", "require_packages", "serve", "server_folder"]
