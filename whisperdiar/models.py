"""Model weights: which there are, which are on this machine, and how to get them.

Weights live in the Hugging Face cache (or in a folder that the user names), checkpoints that had to be converted in
a cache of ours. What is there is used without the network. What is missing is fetched, unless that is forbidden; every
failure is one `ModelUnavailable` that says what to do. The access token is read from the environment only
(``HF_TOKEN``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whisperdiar import _conversion, _hub, _verification
from whisperdiar._catalogue import KNOWN, best_fitting, choose_default, is_name, repository_of
from whisperdiar._fetching import OPTIONAL_WHISPER_FILES, WHISPER_FILES, fetch_whisper
from whisperdiar._machine import available_memory, usable_cores
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, ModelUnavailable
from whisperdiar.options import Runtime


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
        note: a sentence for the user where another model than the usual one was taken: the result suffers from it.
        remarks: what else was done and why, such as the choice of a model; the result does not suffer from it.
    """

    path: Path
    name: str
    repository: str | None = None
    revision: str | None = None
    note: str | None = None
    remarks: tuple[str, ...] = ()


def catalogue() -> tuple[CatalogueEntry, ...]:
    """All Whisper models that have a name, small ones first."""
    return tuple(
        CatalogueEntry(
            name, known.repository, known.size_mb, known.multilingual, known.licence, cached=_cached(name) is not None
        )
        for name, known in KNOWN.items()
    )


def resolve(
    model: str,
    *,
    runtime: Runtime | None = None,
    kind: str = "cpu",
    index: int = 0,
    translate: bool = False,
    progress: Progress = no_progress,
) -> ResolvedModel:
    """The folder of a Whisper model in CTranslate2's format, fetched and converted where that is needed and allowed.

    Args:
        model: ``auto``, a name of the catalogue, a repository ``owner/name``, or a folder; repository and folder may
            hold a checkpoint in the format of Transformers.
        runtime: says whether the network may be used.
        kind: ``cpu`` or ``cuda``; what ``auto`` means depends on it, and on its memory.
        index: which GPU.
        translate: whether ``auto`` is to translate into English.
        progress: hears of a download as stage ``download``, and of a conversion as stage ``convert``.

    Raises:
        InvalidOption: no such name, or the folder is not such a model.
        ModelUnavailable: not on this machine, and it cannot be fetched.
        BackendMissing: it must be converted, and PyTorch or Transformers is not installed.
        BackendBroken, BackendError: it is damaged, or memory is too small for converting it.
        OutputError: the converted model cannot be written.
    """
    runtime = runtime or Runtime()
    if model == "auto":
        return _resolve_auto(runtime, kind, index, translate, progress)
    folder = _as_folder(model)
    if folder is not None:
        if _check_folder(folder):
            return ResolvedModel(folder, model)
        return _converted(folder, ResolvedModel(folder, model), progress)
    repository = repository_of(model)
    found = _find(model, repository) or _fetch(model, repository, runtime, progress)
    if not _hub.missing_files(found.path, WHISPER_FILES):
        return found
    return _converted(found.path, found, progress)


def download(
    name: str,
    directory: str | Path | None = None,
    *,
    repair: bool = False,
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Fetches a Whisper model into the cache, or into `directory`; an interrupted download goes on.

    What is in the cache already is copied into `directory` without the network. A checkpoint in the format of
    Transformers is converted.

    Args:
        name: of the catalogue, or a repository ``owner/name``.
        directory: a folder of its own.
        repair: whether files that are found damaged are deleted first, and so fetched anew.
        runtime: says whether the network may be used.
        progress: hears of the download, and of a conversion.

    Raises:
        InvalidOption: no such model, or `name` is a folder.
        ModelUnavailable: it cannot be fetched.
        BackendError, OutputError: as `resolve` does.
    """
    if _as_folder(name) is not None:
        raise InvalidOption(f"model {name!r} is a folder: give a name such as small, or a repository owner/name")
    repository = repository_of(name)
    if repair:
        _repair(name, repository, directory, runtime or Runtime(), progress)
    if directory is None:
        return resolve(name, runtime=runtime, progress=progress).path
    target = Path(directory).expanduser()
    runtime = runtime or Runtime()
    if not _find(name, repository) and fetch_whisper(name, repository, runtime, progress, directory=target) == target:
        return target
    found = resolve(name, runtime=runtime, progress=progress).path
    _hub.copy_files(found, target, [*WHISPER_FILES, *OPTIONAL_WHISPER_FILES])
    return target


def path(name: str) -> Path:
    """Where a Whisper model lies on this machine; fetches and converts nothing.

    A checkpoint in the format of Transformers lies where it was converted to, if that was done already.

    Raises:
        InvalidOption: no such model.
        ModelUnavailable: it is not on this machine.
    """
    if name == "auto":
        return resolve(name, runtime=Runtime(offline=True)).path
    folder = _as_folder(name)
    if folder is not None:
        if _check_folder(folder):
            return folder
        place = _conversion.place_for(folder)
        return place if place.is_dir() else folder
    repository = repository_of(name)
    found = _find(name, repository) or _fetch(name, repository, Runtime(offline=True), no_progress)
    place = _conversion.place_for(found.path, repository=repository)
    return place if place.is_dir() else found.path


def best_cached(kind: str = "cpu", index: int = 0) -> str | None:
    """Name of the most accurate multilingual Whisper on this machine that its memory holds, or None."""
    names = tuple(name for name in KNOWN if _cached(name) is not None)
    return best_fitting(names, kind, available_memory(kind, index))


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


def _repair(name: str, repository: str, directory: str | Path | None, runtime: Runtime, progress: Progress) -> None:
    """Deletes damaged files, and fetches those of the cache anew; what is only optional would not be missed later."""
    for folder in (directory, _conversion.find_converted(repository)):
        if folder is not None and Path(folder).expanduser().is_dir():
            _verification.remove_damaged(Path(folder).expanduser())
    cached = _hub.find_cached(repository, ())
    if cached is not None and _verification.remove_damaged(cached):
        fetch_whisper(name, repository, runtime, progress)


def _resolve_auto(runtime: Runtime, kind: str, index: int, translate: bool, progress: Progress) -> ResolvedModel:
    free = available_memory(kind, index)
    name, reason = choose_default(kind, free_bytes=free, cores=usable_cores(), translate=translate)
    try:
        found = resolve(name, runtime=runtime, progress=progress)
        return replace(found, remarks=(f"model {name} ({reason})", *found.remarks))
    except ModelUnavailable as error:
        other = best_cached(kind, index)
        if other is None:
            raise
        found = resolve(other, runtime=Runtime(offline=True))
        cause = str(error).partition(": ")[0]
        return replace(
            found,
            note=f"model {other} is used, the best one on this machine, because {cause}. "
            f"To fix this, run: whisperdiar models download {name}",
        )


def _fetch(name: str, repository: str, runtime: Runtime, progress: Progress) -> ResolvedModel:
    folder = fetch_whisper(name, repository, runtime, progress)
    return ResolvedModel(folder, name, repository, folder.name)


def _find(name: str, repository: str) -> ResolvedModel | None:
    """A repository on this machine: ready, converted, or as a checkpoint that is still to be converted."""
    ready = _hub.find_cached(repository, WHISPER_FILES)
    if ready is not None:
        return ResolvedModel(ready, name, repository, ready.name)
    checkpoint = _hub.find_cached(repository, ("config.json",))
    if checkpoint is not None and _conversion.is_checkpoint(checkpoint):
        return ResolvedModel(checkpoint, name, repository, checkpoint.name)
    converted = _conversion.find_converted(repository)
    if converted is not None:
        return ResolvedModel(converted, name, repository, _conversion.record_of(converted).get("revision"))
    return None


def _converted(checkpoint: Path, found: ResolvedModel, progress: Progress) -> ResolvedModel:
    folder, now = _conversion.convert(checkpoint, name=found.name, repository=found.repository, progress=progress)
    remarks = (f"model {found.name} was converted for CTranslate2, into {folder}",) if now else ()
    return replace(found, path=folder, remarks=remarks)


def _cached(name: str) -> Path | None:
    return _hub.find_cached(KNOWN[name].repository, WHISPER_FILES)


def _as_folder(model: str) -> Path | None:
    """The path that is meant, or None where it is a name or a repository."""
    folder = Path(model).expanduser()
    if is_name(model):
        return None
    looks_like_path = model.startswith((".", "/", "~", "\\")) or "\\" in model or model.count("/") > 1
    return folder if looks_like_path or folder.exists() else None


def _check_folder(folder: Path) -> bool:
    """Whether a folder holds a model in CTranslate2's format; False for a checkpoint that can be converted into one."""
    if not folder.is_dir():
        cause = "this is a file: give the folder that holds it" if folder.exists() else "no such folder"
        raise InvalidOption(f"model {str(folder)!r}: {cause}")
    missing = _hub.missing_files(folder, WHISPER_FILES)
    if not missing:
        return True
    if _conversion.is_checkpoint(folder):
        return False
    missing = _conversion.missing_parts(folder) or missing
    if (folder / "adapter_config.json").exists():
        raise InvalidOption(f"model {str(folder)!r} is an adapter: merge it into the model that it was trained on")
    raise InvalidOption(
        f"model {str(folder)!r} lacks {', '.join(missing)}: give a folder with a Whisper model in the format of "
        "CTranslate2 or Transformers"
    )
