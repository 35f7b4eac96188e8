"""A small server on this machine that answers like OpenAI's chat completions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[dict[str, Any]], Any]
"""Body of a request → the text that the model says, or (status, headers, bytes) as they are sent."""


@dataclass
class Server:
    """Where it listens, and what it was sent."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def serving(reply: Reply, *, delay: float = 0.0) -> Iterator[Server]:
    """A server that answers every request with what `reply` gives, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            record.paths.append(self.path)
            record.headers.append(dict(self.headers))
            self.send(200, {}, json.dumps({"data": [{"id": "tiny"}, {"id": "big"}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            record.paths.append(self.path)
            record.bodies.append(body)
            record.headers.append(dict(self.headers))
            time.sleep(delay)
            said = reply(body)
            if isinstance(said, tuple):
                self.send(*said)
            else:
                answer = {"choices": [{"message": {"role": "assistant", "content": said}}]}
                self.send(200, {}, json.dumps(answer).encode())

        def send(self, status: int, headers: dict[str, str], data: bytes) -> None:
            try:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:  # the other side waits no longer
                pass

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    record = Server(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield record
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
