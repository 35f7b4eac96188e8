"""Look-ups of models: what was asked of this machine while a model was loaded, so that it can be asked again.

A look-up is a name, its arguments and its answer, all JSON values. Asked again at a later start, they tell whether the
same files would be loaded, without loading any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

CHANGED = "changed"
"""Of what cannot be asked again: a download, a conversion, a converted model."""

Lookup = tuple[str, list[Any], Any]

_log: ContextVar[list[Lookup] | None] = ContextVar("whisperdiar_lookups", default=None)


@contextmanager
def note_lookups() -> Iterator[list[Lookup]]:
    """The look-ups of the block, on this thread, in their order."""
    noted: list[Lookup] = []
    token = _log.set(noted)
    try:
        yield noted
    finally:
        _log.reset(token)


def note(name: str, arguments: list[Any], answer: Any = None) -> None:
    """Note a look-up and its answer where somebody wants to know."""
    noted = _log.get()
    if noted is not None:
        noted.append((name, arguments, answer))
