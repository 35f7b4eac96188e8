"""Provenance: what did the work of a stage and of a whole run, and in which versions."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whisperdiar.asr._shared.refinement import alignment_record
from whisperdiar.contracts import Recalled, TextWriter, record_of
from whisperdiar.options import Vocabulary
from whisperdiar.types import BackendRecord, Replacement
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


@dataclass(frozen=True, slots=True)
class Fallback:
    """A backend that was preferred and could not run, why, and the one command that mends it."""

    preferred: str
    reason: str
    remedy: str | None = None


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


def describe_run(
    backends: Mapping[str, object | None],
    *,
    fallbacks: Mapping[str, Fallback],
    kept: Mapping[str, Any],
    options: Mapping[str, Any],
    recording: Mapping[str, Any],
    warnings: Sequence[str],
    notes: Sequence[str],
) -> dict[str, Any]:
    """What did the work of a run: backends, models, versions, options, warnings, notes; JSON values only.

    Args:
        backends: of the stages ``asr``, ``vad``, ``diarization``, and of others whose versions count; None for a stage
            that is left out.
        fallbacks: what the backends stand in for, where they do.
        kept: stage → what `describe_work` said where a cache had its result: that made it, not what is loaded now.
        options: the user's settings.
        recording: what tells the recording from others; empty for nothing.
    """
    versions = list_versions()
    for about in kept.values():
        versions = merge_versions(versions, about["versions"])
    for backend in backends.values():
        recalled = getattr(getattr(backend, "recogniser", backend), "recalled", None)
        if isinstance(recalled, Recalled):  # its model is not loaded, because nothing has to be computed
            versions = merge_versions(versions, recalled.versions)

    def record(stage: str) -> dict[str, Any] | None:
        backend = backends[stage]
        if backend is None:
            return None
        fallback, about = fallbacks.get(stage), kept.get(stage)
        found = record_work(stage, backend)
        if about is not None:  # the folder of a model may be called otherwise than it was
            found = replace(found, **about["record"])
            if isinstance(backend, TextWriter):  # what was kept is the recogniser's
                found = replace(found, details={**found.details, **backend.describe_text()})
        if fallback is not None:
            found = replace(found, fallback_from=fallback.preferred, reason=fallback.reason, remedy=fallback.remedy)
        return found.to_dict()

    return {
        "asr": record("asr"),
        "vad": record("vad"),
        "diarizer": record("diarization"),
        "versions": versions,
        "options": dict(options),
        **({"recording": dict(recording)} if recording else {}),
        "warnings": list(warnings),
        "notes": list(notes),
    }


def describe_vocabulary(
    vocabulary: Vocabulary, replacements: Sequence[Replacement], *, offset: float
) -> dict[str, Any]:
    """The vocabulary in the provenance, with every replacement in the recording's own times: `offset` seconds later."""
    listed = [
        {
            "start": round(item.span.start + offset, 3),
            "end": round(item.span.end + offset, 3),
            "before": item.before,
            "after": item.after,
        }
        for item in sorted(replacements, key=lambda item: item.span)
    ]
    named = {} if vocabulary.name is None else {"name": vocabulary.name}
    return {"vocabulary": {**named, "terms": len(vocabulary.terms), "replacements": listed}}
