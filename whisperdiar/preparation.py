"""Preparation of backends, remembered: a run whose results are all kept loads no model.

What loading a model told (its record) is kept with all that it depended on: settings, versions, the machine's devices,
files and what was looked up. Where all that is as it was, the backend takes its record from memory, and loads its model
when a stage has to work after all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whisperdiar import models
from whisperdiar.cache.files import CacheFolder
from whisperdiar.cache.identity import describe_requirements, describe_settings, find_named_files, make_key
from whisperdiar.cache.values import to_json
from whisperdiar.contracts import LoadingBackend, Progress, Recalled, record_of
from whisperdiar.models.lookups import CHANGED, Lookup, note_lookups
from whisperdiar.options import FileSettings
from whisperdiar.provenance import list_versions
from whisperdiar.text.json import read as read_json
from whisperdiar.text.messages import Message, current, make_english, to_english
from whisperdiar.types import BackendRecord

_VERSION = 1


def prepare(stage: str, backend: Any, memory: CacheFolder | None, progress: Progress) -> None:
    """Have a backend ready: prepared, or with the record of an earlier preparation that would be repeated.

    Args:
        stage: ``vad``, ``asr`` or ``diarization``.
        memory: where records are kept; None for none.

    Raises:
        BackendError, InvalidOption: as its own `prepare` does.
    """
    key = None if memory is None or not _is_deferrable(backend) else _find_key(stage, backend, memory)
    if memory is None or key is None:
        backend.prepare(progress=progress)
        return
    recalled = _recall(memory.read(key))
    if recalled is not None:
        backend.recalled = recalled
        return
    before = set(list_versions())
    with note_lookups() as noted:
        backend.prepare(progress=progress)
    if all(name != CHANGED for name, _arguments, _answer in noted):
        own = {*describe_requirements(stage, backend), *(set(list_versions()) - before)}
        versions = {name: version for name, version in list_versions().items() if name in own}
        memory.write(key, _to_bytes(record_of(backend), getattr(backend, "remarks", ()), versions, noted))


def finish(stage: str, backend: Any, memory: CacheFolder | None, progress: Progress) -> None:
    """Load the model of a backend whose preparation was only recalled, because its stage has to work.

    Raises:
        BackendError, InvalidOption: it cannot be loaded any more; what was recalled is forgotten.
    """
    if getattr(backend, "recalled", None) is None:
        return
    try:
        backend.prepare(progress=progress)
    except BaseException:
        key = None if memory is None else _find_key(stage, backend, memory)
        if memory is not None and key is not None:
            memory.remove(key)
        raise


def _is_deferrable(backend: Any) -> bool:
    """Whether a backend is one that loads a model, has not yet done so, and is told by its settings."""
    settings = getattr(backend, "settings", None)
    return isinstance(backend, LoadingBackend) and not backend.is_loaded and not isinstance(settings, FileSettings)


def _find_key(stage: str, backend: Any, memory: CacheFolder) -> str | None:
    try:
        files = find_named_files(backend, memory)
    except OSError:
        return None
    kind = type(backend)
    depends = [
        _VERSION,
        current(),
        f"{kind.__module__}.{kind.__qualname__}",
        describe_settings(backend),
        asdict(backend.runtime),
        files,
        describe_requirements(stage, backend),
        sys.version,
        os.environ.get("CUDA_VISIBLE_DEVICES"),
        sorted(path.name for path in Path("/dev").glob("nvidia*")),
    ]
    return make_key(f"prepared-{stage}", depends)


def _to_bytes(
    record: BackendRecord, remarks: Sequence[str], versions: dict[str, str], noted: Sequence[Lookup]
) -> bytes:
    kept = {
        "backend": record.backend,
        "model": record.model,
        "details": make_english(record.details),
        "remarks": [[str(item), to_english(item)] for item in remarks],
        "versions": versions,
        "lookups": [list(item) for item in noted],
    }
    return to_json(kept).encode("utf-8", "surrogatepass")


def _recall(data: bytes | None) -> Recalled | None:
    """What was kept, if each look-up has the same answer now."""
    if data is None:
        return None
    kept = read_json(data.decode("utf-8", "surrogatepass"))
    try:
        if any(models.look_up(name, arguments) != answer for name, arguments, answer in kept["lookups"]):
            return None
    except (OSError, LookupError):
        return None
    record = BackendRecord(kept["backend"], kept["model"], details=kept["details"])
    remarks = tuple(Message(shown, english) for shown, english in kept["remarks"])
    return Recalled(record, remarks, kept["versions"])
