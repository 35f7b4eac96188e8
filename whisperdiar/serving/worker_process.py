"""Worker process: takes tasks from a pipe, one after another, and tells how far it is.

Messages to it: a `Task`, ``"cancel"``, or None, which ends it, as does the end of its parent.
Messages from it, each a tuple: ``("ready",)``, ``("progress", stage, fraction)``, ``("heard", start, text)``,
``("done", Outcome)``, ``("failed", Failure)``, and ``("warned", message)`` of what concerns no recording.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

from whisperdiar.contracts import listen
from whisperdiar.errors import (
    BackendError,
    Cancelled,
    InvalidOption,
    MediaError,
    UnsupportedRequest,
    describe_error,
)
from whisperdiar.serving.listening import Listener
from whisperdiar.serving.tasks import Failure, Task, WorkerSettings
from whisperdiar.system.machine import return_free_memory
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text.messages import _, mark, to_english

CANCEL = "cancel"
_UPLOAD = re.compile(r"(voice-)?\d+\.media")
_CANCELLED = mark("the work was cancelled")


def run_worker(connection: Connection, settings: WorkerSettings) -> None:
    """Works until it is told to end. Ctrl-C in the terminal is for the parent, which ends it."""
    disable_telemetry()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Worker(connection, settings).run()


class _Worker:
    """A `contracts.Listener` as well: words go out as they are heard."""

    def __init__(self, connection: Connection, settings: WorkerSettings) -> None:
        self._connection = connection
        self._listener = Listener(settings, notify=self._warn)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._sending = threading.Lock()

    def run(self) -> None:
        threading.Thread(target=self._receive, daemon=True).start()
        try:
            self._listener.load(progress=self._report)
        except Exception as error:
            self._send("failed", explain(error))
            return
        self._send("ready")
        while (task := self._tasks.get()) is not None:
            try:
                with listen(self):
                    outcome = self._listener.work(task, progress=self._report)
            except Exception as error:  # one recording that fails must not stop the rest
                self._send("failed", explain(error))
            else:
                self._send("done", outcome)
                del outcome
            return_free_memory()

    def _receive(self) -> None:
        while True:
            try:
                message: Any = self._connection.recv()
            except (EOFError, OSError):  # the parent is gone, and nobody waits for a result
                os._exit(1)
            if message == CANCEL:
                self._cancelled.set()
                continue
            self._cancelled.clear()
            self._tasks.put(message)

    def _report(self, stage: str, fraction: float) -> None:
        if self._cancelled.is_set():
            raise Cancelled(_(_CANCELLED))
        self._send("progress", stage, float(fraction))

    def heard(self, start: float, text: str) -> None:
        self._send("heard", float(start), text)

    def fetched(self, name: str, n_bytes: int, total_bytes: int) -> None:
        """How much of a model is downloaded is of no interest to a client."""

    def _warn(self, message: str) -> None:
        self._send("warned", to_english(_without_folder(message)))

    def _send(self, *message: Any) -> None:
        with self._sending:
            self._connection.send(message)


def explain(error: BaseException) -> Failure:
    """A failure in words for a client: what is at fault, in English, without a trace."""
    message = to_english(describe_error(error))
    if isinstance(error, Cancelled):
        return Failure(kind="cancelled", message=message, code="cancelled")
    if isinstance(error, MediaError):
        return Failure(kind="request", message=_without_folder(message), code="invalid_file", param="file")
    if isinstance(error, (InvalidOption, UnsupportedRequest)):
        return Failure(kind="request", message=_without_folder(message), code="invalid_value")
    if isinstance(error, BackendError):
        return Failure(kind="server", message=_without_folder(message), code="model_error")
    return Failure(kind="server", message=_without_folder(message), code="server_error")


def _without_folder(message: str) -> str:
    """Where uploads lie on the server, and how it calls them, is nobody's business: of other paths names alone stay."""
    words = []
    for word in message.split(" "):
        inner = word.strip("'\"():,;")
        plain = os.path.isabs(inner) and len(inner) > 1
        shown = os.path.basename(inner) if plain else inner
        own = _UPLOAD.fullmatch(shown)
        shown = shown if own is None else "voice" if own[1] else "recording"
        words.append(word.replace(inner, shown) if inner else word)
    return " ".join(words)
