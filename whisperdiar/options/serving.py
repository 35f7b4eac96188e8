"""Settings of the server."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_at_least_one, check_numbers
from whisperdiar.options.command_line import SERVER_HOST, SERVER_PORT
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What a server lets others do.

    Attributes:
        host: address that it listens on; any other than this machine's own needs a token.
        port: of TCP; 0 takes a free one.
        tokens: what a request has to show one of; none for a server that this machine alone reaches.
        models: Whisper models that requests may name beside the one that the server was started with.
        max_upload_mb: size of a recording, in millions of bytes.
        max_uploads: uploads that are received at the same time.
        upload_s: how long an upload may take, in seconds.
        idle_s: how long an upload may send nothing, in seconds.
        max_hours: length of a recording.
        work_hours: how long the work on one recording may take.
        memory_gb: memory of a worker, in thousands of millions of bytes; None for four fifths of the machine's.
        queue: recordings that may wait; requests beyond are told to come again.
        keep_hours: how long the results of jobs are kept.
        folder: where uploads, results and the database lie; None for the user's own.
        webhook_secret: signs what is sent to webhooks; None where there are none.
        private_webhooks: whether webhooks may lead to private addresses.
        live_sessions: streams that are transcribed live at the same time, each in a process with models of its own; 0
            for none.
        grace_s: how long work that is under way may go on when the server is told to stop, in seconds.

    Raises:
        InvalidOption: a number outside its range, or an address without a token.
    """

    host: str = SERVER_HOST
    port: int = SERVER_PORT
    tokens: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    max_upload_mb: float = 2000.0
    max_uploads: int = 256
    upload_s: float = 3600.0
    idle_s: float = 60.0
    max_hours: float = 12.0
    work_hours: float = 12.0
    memory_gb: float | None = None
    queue: int = 100
    keep_hours: float = 24.0
    folder: str | None = None
    webhook_secret: str | None = None
    private_webhooks: bool = False
    live_sessions: int = 1
    grace_s: float = 30.0

    def __post_init__(self) -> None:
        check_numbers(self)
        check_at_least_one(self, "max_uploads", "queue")
        if not 0 <= self.port <= 65_535:
            raise InvalidOption(_("port {port}: give a number from 0 to 65535").format(port=self.port))
        for name in ("max_upload_mb", "upload_s", "idle_s", "max_hours", "work_hours", "memory_gb"):
            if getattr(self, name) == 0:
                raise InvalidOption(_("{name} 0: give a number above it").format(name=name))
        if not self.tokens and not is_own_address(self.host):
            raise InvalidOption(
                _(
                    "--host {host}: others can reach it; put a token into WHISPERDIAR_SERVER_TOKEN, or leave --host out"
                ).format(host=self.host)
            )


def is_own_address(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
