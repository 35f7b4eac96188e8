"""Provenance: what did the work of a stage, and in which versions."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from whisperdiar.asr._shared.refinement import alignment_record
from whisperdiar.contracts import record_of
from whisperdiar.types import BackendRecord
from whisperdiar.version import __version__

_VERSIONED = {
    "faster_whisper": "faster-whisper",
    "ctranslate2": "ctranslate2",
    "onnxruntime": "onnxruntime",
    "pocketsphinx": "pocketsphinx",
    "torch": "torch",
    "speechbrain": "speechbrain",
    "pyannote.audio": "pyannote.audio",
    "nemo": "nemo_toolkit",
}


def list_versions() -> dict[str, str]:
    """What is loaded of the packages that do the work, with Python and whisperdiar itself."""
    found = {"whisperdiar": __version__, "python": platform.python_version()}
    for module, package in _VERSIONED.items():
        if module in sys.modules:
            try:
                found[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                continue
    return found


def merge_versions(now: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """Versions of what is loaded now, and of what made a result that was kept, in the usual order."""
    found = {**kept, **now}
    names = [*(name for name in now if name not in _VERSIONED.values()), *_VERSIONED.values()]
    return {name: found[name] for name in names if name in found}


def record_work(stage: str, backend: object) -> BackendRecord:
    """What did a stage's work."""
    record = record_of(backend)
    if stage == "asr" and (aligned := alignment_record(backend)):
        record = replace(record, details={**record.details, "word_times": aligned})
    return record


def describe_work(stage: str, backend: object) -> dict[str, Any]:
    """The same in JSON values, to be kept, with the versions of what it loads only while it works."""
    record = record_work(stage, backend)
    late = ("torch",) if "word_times" in record.details else ()
    return {
        "record": {"details": dict(record.details)},
        "versions": {name: version for name, version in list_versions().items() if name in late},
    }
