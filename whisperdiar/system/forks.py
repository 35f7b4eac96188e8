"""Threads that a fork leaves behind: libraries that computed with several wait for them in the child for ever.

OpenMP, which CTranslate2 and PyTorch compute with, starts its threads once for a process. A fork (`os.fork`, and
`multiprocessing` where its start method is ``fork``) copies what they share and not the threads.
"""

from __future__ import annotations

import os

from whisperdiar.errors import BackendError
from whisperdiar.text.messages import _

_users: dict[str, int] = {}
"""Library → the process in which it began to compute with several threads."""


def computes(library: str, threads: int) -> None:
    """To be called before a library computes with so many threads.

    Raises:
        BackendError: it did so in the process that this one was forked from, and would never come to an end.
    """
    here = os.getpid()
    if threads > 1:
        _users.setdefault(library, here)
    if _users.get(library, here) != here:
        raise BackendError(
            _(
                "{library} had computed when this process was forked, and its threads are gone: start "
                'processes with multiprocessing.get_context("spawn"), or fork before the first call'
            ).format(library=library)
        )
