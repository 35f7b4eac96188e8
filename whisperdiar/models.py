"""Model weights: which there are, which are on this machine, and how to get them.

Weights live in the Hugging Face cache (or in a folder that the user names). What is there is used without the
network. What is missing is fetched, unless that is forbidden; every failure is one `ModelUnavailable` that says
what to do. The access token is read from the environment only (``HF_TOKEN``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whisperdiar import _hub
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, ModelUnavailable
from whisperdiar.options import Runtime

WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.*")
"""What a Whisper model in CTranslate2's format consists of."""
OPTIONAL_WHISPER_FILES = ("preprocessor_config.json",)
"""Only some models have it: it tells the number of mel bands where that is not 80."""

DEFAULT_MODELS = {"cuda": "large-v3-turbo", "cpu": "small"}
"""What ``auto`` means on each kind of device."""


@dataclass(frozen=True, slots=True)
class _Known:
    repository: str
    size_mb: int
    multilingual: bool
    licence: str = "MIT"


# Sizes are those of the repositories' files, rounded.
_KNOWN = {
    "tiny": _Known("Systran/faster-whisper-tiny", 78, True),
    "tiny.en": _Known("Systran/faster-whisper-tiny.en", 78, False),
    "base": _Known("Systran/faster-whisper-base", 148, True),
    "base.en": _Known("Systran/faster-whisper-base.en", 148, False),
    "small": _Known("Systran/faster-whisper-small", 486, True),
    "small.en": _Known("Systran/faster-whisper-small.en", 486, False),
    "distil-small.en": _Known("Systran/faster-distil-whisper-small.en", 335, False),
    "medium": _Known("Systran/faster-whisper-medium", 1531, True),
    "medium.en": _Known("Systran/faster-whisper-medium.en", 1531, False),
    "distil-medium.en": _Known("Systran/faster-distil-whisper-medium.en", 792, False),
    "large-v1": _Known("Systran/faster-whisper-large-v1", 3090, True),
    "large-v2": _Known("Systran/faster-whisper-large-v2", 3090, True),
    "large-v3": _Known("Systran/faster-whisper-large-v3", 3091, True),
    "large-v3-turbo": _Known("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1622, True),
    "distil-large-v2": _Known("Systran/faster-distil-whisper-large-v2", 1516, False),
    "distil-large-v3": _Known("Systran/faster-distil-whisper-large-v3", 1517, False),
    "distil-large-v3.5": _Known("distil-whisper/distil-large-v3.5-ct2", 1517, False),
}
_ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}
_BEST_FIRST = ("large-v3", "large-v3-turbo", "large-v2", "large-v1", "medium", "small", "base", "tiny")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A Whisper model that can be had by name.

    Attributes:
        name: as on the command line.
        repository: on the Hugging Face hub.
        size_mb: to be downloaded, in megabytes.
        multilingual: whether it knows other languages than English.
        licence: of the weights.
        cached: whether it is on this machine.
    """

    name: str
    repository: str
    size_mb: int
    multilingual: bool
    licence: str
    cached: bool

    @property
    def languages(self) -> str:
        return "multilingual" if self.multilingual else "English"


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """Where a model lies.

    Attributes:
        path: its folder.
        name: as asked for, or what ``auto`` came to.
        repository: on the hub; None for a folder of the user's.
        revision: commit of the repository; None for a folder of the user's.
        note: a sentence for the user where another model than the usual one was taken.
    """

    path: Path
    name: str
    repository: str | None = None
    revision: str | None = None
    note: str | None = None


def catalogue() -> tuple[CatalogueEntry, ...]:
    """All Whisper models that have a name, small ones first."""
    return tuple(
        CatalogueEntry(
            name, known.repository, known.size_mb, known.multilingual, known.licence, cached=_cached(name) is not None
        )
        for name, known in _KNOWN.items()
    )


def resolve(
    model: str, *, runtime: Runtime | None = None, kind: str = "cpu", progress: Progress = no_progress
) -> ResolvedModel:
    """The folder of a Whisper model in CTranslate2's format, fetched where that is needed and allowed.

    Args:
        model: ``auto``, a name of the catalogue, a repository ``owner/name``, or a folder.
        runtime: says whether the network may be used.
        kind: ``cpu`` or ``cuda``; what ``auto`` means depends on it.
        progress: hears of a download as stage ``download``.

    Raises:
        InvalidOption: no such name, or the folder is not such a model.
        ModelUnavailable: not on this machine, and it cannot be fetched.
    """
    runtime = runtime or Runtime()
    if model == "auto":
        return _resolve_auto(runtime, kind, progress)
    folder = _as_folder(model)
    if folder is not None:
        _check_folder(folder)
        return ResolvedModel(folder, model)
    repository = _repository(model)
    found = _hub.find_cached(repository, WHISPER_FILES)
    if found is None:
        found = _fetch(model, repository, runtime, progress)
    return ResolvedModel(found, model, repository, found.name)


def download(
    name: str, directory: str | Path | None = None, *, runtime: Runtime | None = None, progress: Progress = no_progress
) -> Path:
    """Fetches a Whisper model into the cache, or into `directory`; an interrupted download goes on.

    What is in the cache already is copied into `directory` without the network.

    Raises:
        InvalidOption: no such model, or `name` is a folder.
        ModelUnavailable: it cannot be fetched.
    """
    if _as_folder(name) is not None:
        raise InvalidOption(f"model {name!r} is a folder: give a name such as small, or a repository owner/name")
    if directory is None:
        return resolve(name, runtime=runtime, progress=progress).path
    target = Path(directory).expanduser()
    repository = _repository(name)
    cached = _hub.find_cached(repository, WHISPER_FILES)
    if cached is None:
        return _fetch(name, repository, runtime or Runtime(), progress, directory=target)
    _hub.copy_files(cached, target, [*WHISPER_FILES, *OPTIONAL_WHISPER_FILES])
    return target


def path(name: str) -> Path:
    """Where a Whisper model lies on this machine; never uses the network.

    Raises:
        InvalidOption: no such model.
        ModelUnavailable: it is not on this machine.
    """
    return resolve(name, runtime=Runtime(offline=True)).path


def best_cached() -> str | None:
    """Name of the most accurate multilingual Whisper on this machine, or None."""
    return next((name for name in _BEST_FIRST if _cached(name) is not None), None)


def fetch_snapshot(
    repository: str,
    *,
    files: Sequence[str],
    revision: str | None = None,
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> Path:
    """The folder that holds `files` of a repository on the hub; taken from the cache without the network.

    Args:
        repository: ``owner/name``.
        files: names or patterns such as ``vocabulary.*``; each must be matched for a snapshot to be complete.
        revision: branch, tag or commit; None for the main branch, or any cached commit that has all files.
        runtime: says whether the network may be used.
        progress: hears of a download as stage ``download``.

    Raises:
        ModelUnavailable: not on this machine, and it cannot be fetched.
    """
    found = _hub.find_cached(repository, files, revision=revision)
    if found is not None:
        return found
    remedy = "run it once on a machine with a connection, and copy its Hugging Face cache here"
    return _hub.fetch(
        repository, files, revision=revision, runtime=runtime or Runtime(), remedy=remedy, progress=progress
    )


def _resolve_auto(runtime: Runtime, kind: str, progress: Progress) -> ResolvedModel:
    name = DEFAULT_MODELS[kind]
    try:
        return resolve(name, runtime=runtime, progress=progress)
    except ModelUnavailable as error:
        other = best_cached()
        if other is None:
            raise
        found = resolve(other, runtime=Runtime(offline=True))
        note = f"model {other} is used, the best one on this machine: {error}"
        return ResolvedModel(found.path, other, found.repository, found.revision, note)


def _cached(name: str) -> Path | None:
    return _hub.find_cached(_KNOWN[name].repository, WHISPER_FILES)


def _repository(model: str) -> str:
    name = _ALIASES.get(model, model)
    if name in _KNOWN:
        return _KNOWN[name].repository
    if re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return model
    close = difflib.get_close_matches(model, [*_KNOWN, *_ALIASES], n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(_KNOWN)}"
    raise InvalidOption(f"no model {model!r}: {hint} (a repository owner/name or a folder will also do)")


def _as_folder(model: str) -> Path | None:
    """The path that is meant, or None where it is a name or a repository."""
    folder = Path(model).expanduser()
    if model in _KNOWN or model in _ALIASES:
        return None
    looks_like_path = model.startswith((".", "/", "~", "\\")) or "\\" in model or model.count("/") > 1
    return folder if looks_like_path or folder.exists() else None


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        cause = "this is a file: give the folder that holds it" if folder.exists() else "no such folder"
        raise InvalidOption(f"model {str(folder)!r}: {cause}")
    missing = _hub.missing_files(folder, WHISPER_FILES)
    if not missing:
        return
    lacks = f"model {str(folder)!r} lacks {', '.join(missing)}"
    if any(folder.glob("*.safetensors")) or (folder / "pytorch_model.bin").exists():
        raise InvalidOption(f"{lacks}: it is in the format of Transformers; convert it with ct2-transformers-converter")
    raise InvalidOption(f"{lacks}: give a folder with a Whisper model in CTranslate2's format")


def _fetch(name: str, repository: str, runtime: Runtime, progress: Progress, directory: Path | None = None) -> Path:
    known = _KNOWN.get(_ALIASES.get(name, name))
    remedy = f"run `whisperdiar models download {name}` on a machine with a connection, or give a folder with --model"
    folder = _hub.fetch(
        repository,
        WHISPER_FILES,
        optional=OPTIONAL_WHISPER_FILES,
        runtime=runtime,
        remedy=remedy,
        command=f"whisperdiar models download {name}",
        progress=progress,
        directory=directory,
        size_mb=known.size_mb if known else None,
    )
    missing = _hub.missing_files(folder, WHISPER_FILES)
    if missing:
        raise ModelUnavailable(
            f"repository {repository} has no {', '.join(missing)}: it is not a Whisper model in CTranslate2's format"
        )
    return folder
