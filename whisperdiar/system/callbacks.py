"""The caller's own functions while a stage works: what they raise is theirs, and what they print is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from whisperdiar.system.background import Cancelled
from whisperdiar.system.process_context import unmute

if TYPE_CHECKING:
    from whisperdiar.contracts import Progress


class _Raised(BaseException):
    """Carries what a callback raised through a stage. No Exception, so that no stage takes it for its own failure."""

    def __init__(self, guard: _Guard, error: BaseException) -> None:
        super().__init__(error)
        self.guard = guard
        self.error = error


class _Guard:
    """A `Progress` whose errors come out where `guard_callbacks` was entered."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, stage: str, fraction: float) -> None:
        try:
            with unmute():
                self._progress(stage, fraction)
        except (_Raised, Cancelled):
            raise
        except BaseException as error:  # KeyboardInterrupt and SystemExit are the caller's as well
            raise _Raised(self, error) from error


def find_callers_error(error: BaseException) -> BaseException:
    """What a callback raised, where this is what carries it through a stage; otherwise the error itself."""
    return error.error if isinstance(error, _Raised) else error


@contextmanager
def guard_callbacks(progress: Progress) -> Iterator[Progress]:
    """The same `Progress`; what it raises ends the block as it is, whatever a stage makes of the errors inside.

    Blocks may lie in each other: the error comes out of the outermost one that was given the caller's function.
    """
    guard = _Guard(progress)
    try:
        yield guard
    except _Raised as raised:
        if raised.guard is not guard:
            raise
        raise raised.error from raised.error.__cause__
