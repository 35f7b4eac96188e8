"""Batches: folders of recordings become transcripts, by worker processes or on a Ray cluster.

finding.py      which files of folders, of this machine or behind a URL, are recordings
places.py       where transcripts go, and recordings behind URLs
manifest.py     what was done, failed and left out: a table in SQLite
tasks.py        what a worker is asked for, and what it gives back
transcriber.py  `Transcriber`: models that are loaded once, for columns of recordings
pools.py        worker processes of this machine
ray_pool.py     workers on a Ray cluster
runner.py       `run_batch`: finds, plans, hands out, writes
ahead.py        the next recording is recognised while this one is diarized
results.py      what a run tells, and what became of it
watching.py     files that are still being written, and those that are complete
summary.py      tables of what became of the recordings
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whisperdiar.batch.manifest import Manifest, Row
    from whisperdiar.batch.results import BatchEvent, BatchResult
    from whisperdiar.batch.runner import run_batch
    from whisperdiar.batch.transcriber import Transcriber

_HOMES = {
    "BatchEvent": "results",
    "BatchResult": "results",
    "Manifest": "manifest",
    "Row": "manifest",
    "Transcriber": "transcriber",
    "run_batch": "runner",
}

__all__ = ["BatchEvent", "BatchResult", "Manifest", "Row", "Transcriber", "run_batch"]


def __getattr__(name: str) -> Any:
    """Fetched at first use: a command that shows its help needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
