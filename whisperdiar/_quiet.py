"""Context managers that change the whole process, made safe for threads that are inside them at the same time."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator


def shared(
    make: Callable[[], contextlib.AbstractContextManager[None]],
) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """The same context, entered by the first thread and left by the last: each would otherwise put back what it found,
    which may be what another one had changed."""
    lock = threading.Lock()
    stack = contextlib.ExitStack()
    inside = 0

    @functools.wraps(make)
    @contextlib.contextmanager
    def entered() -> Iterator[None]:
        nonlocal inside
        with lock:
            if inside == 0:
                stack.enter_context(make())
            inside += 1
        try:
            yield
        finally:
            with lock:
                inside -= 1
                if inside == 0:
                    stack.close()

    return entered
