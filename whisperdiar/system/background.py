"""Background thread: runs work beside the caller's thread, with progress and cancellation.

CTranslate2, PyTorch and NumPy release Python's global lock while they compute, and PocketSphinx decodes in processes of
its own, so threads are enough. They are daemons: one that still computes keeps neither Ctrl-C nor an error waiting.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from whisperdiar.contracts import Progress


Result = TypeVar("Result")

_PATIENCE_S = 0.2
"""Windows does not let Ctrl-C through while a thread waits for another one: wait in pieces."""


class Cancelled(BaseException):
    """Ends work that nobody waits for any more. No Exception, so that no backend takes it for a failure of its own."""


class BackgroundTask(Generic[Result]):
    """Runs `work` on a thread of its own, beginning now.

    Args:
        work: is given a `Progress` to report to, which raises Abandoned once nobody waits for the result.
        progress: where these reports go.
    """

    def __init__(self, work: Callable[[Progress], Result], *, progress: Progress) -> None:
        self._work = work
        self._progress = progress
        self._cancelled = threading.Event()
        self._results: list[Result] = []
        self._error: BaseException | None = None
        context = contextvars.copy_context()  # such as NumPy's error handling
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True, name="whisperdiar-beside")
        self._thread.start()

    def result(self) -> Result:
        """Waits for the work and gives its result, or raises what it raised."""
        while self._thread.is_alive():
            self._thread.join(_PATIENCE_S)
        if self._error is not None:
            raise self._error
        return self._results[0]

    def cancel(self) -> None:
        """Let the work end at its next report; nobody waits for it."""
        self._cancelled.set()

    def _report(self, stage: str, fraction: float) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        self._progress(stage, fraction)

    def _run(self) -> None:
        try:
            self._results.append(self._work(self._report))
        except BaseException as error:  # raised again where the result is asked for
            self._error = error


def serialise(progress: Progress) -> Progress:
    """The same `Progress`, which never hears two threads at once."""
    lock = threading.Lock()

    def locked(stage: str, fraction: float) -> None:
        with lock:
            progress(stage, fraction)

    return locked
