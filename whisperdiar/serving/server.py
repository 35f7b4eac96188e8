"""Server: the application behind uvicorn, from its start to its graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from whisperdiar.errors import BackendMissing, OutputError
from whisperdiar.serving.engine import Engine
from whisperdiar.text.messages import _

_KEEP_ALIVE_S = 75
_MESSAGE_BYTES = 2_000_000
"""Of a message over WebSocket: half a minute of sound in base64."""


def require_packages() -> None:
    """Raises BackendMissing where the extra is not installed."""
    try:
        import fastapi  # noqa: F401 - asked for, not used
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise BackendMissing(
            _('serve needs the extra serve; to fix this, run: pip install "whisperdiar[serve]"'),
            remedy='pip install "whisperdiar[serve]"',
        ) from error


def serve(engine: Engine, *, on_listening: Callable[[str], None] = lambda _url: None) -> None:
    """Answers until SIGINT or SIGTERM; work that is under way may go on for a while, then what is left is told.

    Args:
        on_listening: told the URL once requests are taken.

    Raises:
        BackendMissing: the extra is not installed.
        OutputError: the address is not to be had.
    """
    require_packages()
    try:
        server, sockets = make_server(engine)
    except OutputError:
        engine.close()
        raise
    host, port = sockets[0].getsockname()[:2]
    on_listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    asyncio.run(server.serve(sockets=sockets))


def make_server(engine: Engine) -> tuple[Any, list[socket.socket]]:
    """A uvicorn that is not started, and the socket that it is to listen on.

    Raises:
        OutputError: the address is not to be had.
    """
    import uvicorn

    from whisperdiar.serving.application import make_application

    options = engine.options
    config = uvicorn.Config(
        make_application(engine),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        ws_max_size=_MESSAGE_BYTES,
        # A client who sends faster than it is recognised is not read for a while, and would seem dead to a ping; who
        # sends nothing at all is told so by the session itself.
        ws_ping_interval=None,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # The workers' own grace comes first; this is for clients that do not read their answer.
        timeout_graceful_shutdown=round(options.grace_s) + 5,
    )

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """As uvicorn's own, but for raising them again at the end: a stop that was asked for is no failure."""
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """As uvicorn's own, while the workers end: requests that are open wait for them."""
            stopping = asyncio.ensure_future(engine.stop())
            await super().shutdown(sockets)
            await stopping

    return Server(config), [_bind(options.host.strip("[]"), options.port)]


def _bind(host: str, port: int) -> socket.socket:
    made = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _name, address = found[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(2048)
    except OSError as error:
        if made is not None:
            made.close()
        raise OutputError(
            _("{host}:{port}: the server cannot listen there ({cause}); choose another with --port").format(
                host=host, port=port, cause=error.strerror or error
            )
        ) from error
    return made
