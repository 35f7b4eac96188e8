"""Model weights: which there are, which are on this machine, and how to get them.

Weights live in the Hugging Face cache (or in a folder that the user names), checkpoints that had to be converted in
a cache of ours. What is there is used without the network. What is missing is fetched, unless that is forbidden; every
failure is one `ModelUnavailable` that says what to do. The access token is read from the environment only
(``HF_TOKEN``).
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, ModelUnavailable, OutputError
from whisperdiar.models import conversion, hub
from whisperdiar.models.catalogue import KNOWN, choose_default, find_best_fitting, is_name, repository_of
from whisperdiar.models.fetch import OPTIONAL_WHISPER_FILES, WHISPER_FILES, fetch_whisper
from whisperdiar.models.lookups import CHANGED, note
from whisperdiar.models.repair import repair_folder, repair_snapshot, set_aside
from whisperdiar.options import Runtime
from whisperdiar.system.files import check_folder
from whisperdiar.system.machine import available_memory, usable_cores
from whisperdiar.text.messages import _


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
            name,
            known.repository,
            known.size_mb,
            known.multilingual,
            known.licence,
            cached=_find_cached(name) is not None,
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
    folder = _to_folder(model)
    if folder is not None:
        if _check_folder(folder):
            return ResolvedModel(folder, model)
        return _convert(folder, ResolvedModel(folder, model), progress)
    repository = repository_of(model)
    found = _find(model, repository) or _fetch(model, repository, runtime, progress)
    if not hub.find_missing(found.path, WHISPER_FILES):
        return found
    return _convert(found.path, found, progress)


def check(model: str) -> None:
    """Whether `resolve` could mean something by this name; nothing is fetched or read.

    Raises:
        InvalidOption: no model has this name, or the folder holds none.
    """
    if model == "auto":
        return
    folder = _to_folder(model)
    if folder is None:
        repository_of(model)
    else:
        _check_folder(folder)


def download(
    name: str,
    directory: str | Path | None = None,
    *,
    repair: bool = False,
    overwrite: bool = False,
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Fetches a Whisper model into the cache, or into `directory`; an interrupted download goes on.

    What is in the cache already is copied into `directory` without the network. A checkpoint in the format of
    Transformers is converted.

    Args:
        name: of the catalogue, or a repository ``owner/name``.
        directory: a folder of its own.
        repair: whether files of the model that are found damaged are fetched anew; they go when the new ones are there.
        overwrite: whether files in `directory` that have the names of the model's and are others are replaced.
        runtime: says whether the network may be used.
        progress: hears of the download, and of a conversion.

    Raises:
        InvalidOption: no such model, `name` is a folder, or `directory` holds other files of these names.
        ModelUnavailable: it cannot be fetched.
        BackendError, OutputError: as `resolve` does.
    """
    if _to_folder(name) is not None:
        raise InvalidOption(
            _("model {name!r} is a folder: give a name such as small, or a repository owner/name").format(name=name)
        )
    repository = repository_of(name)
    runtime = runtime or Runtime()
    target = None if directory is None else Path(directory).expanduser()
    if target is not None:
        _check_target(target, repository, replace=overwrite or (repair and _holds_model(target)))
    cached = hub.find_cached(repository, ()) if repair else None
    remedy = _("run `whisperdiar models download {name} --repair` on a machine with a connection").format(name=name)
    if cached is not None:
        repair_snapshot(repository, cached, runtime=runtime, remedy=remedy, progress=progress)
    with set_aside(conversion.find_converted(repository) if repair else None):
        if target is None:
            return resolve(name, runtime=runtime, progress=progress).path
        if not _find(name, repository):
            if repair and _holds_model(target):
                repair_folder(repository, target, _ALL_FILES, runtime=runtime, remedy=remedy, progress=progress)
            if fetch_whisper(name, repository, runtime, progress, directory=target) == target:
                return target
        found = resolve(name, runtime=runtime, progress=progress).path
    hub.copy_files(found, target, _ALL_FILES)
    return target


_ALL_FILES = (*WHISPER_FILES, *OPTIONAL_WHISPER_FILES)
_NOTES = Path(".cache") / "huggingface" / "download"
"""Where the hub's client notes what it fetched into a folder."""


def _holds_model(folder: Path) -> bool:
    """Whether a folder is that of a model, so that a ``config.json`` in it is the model's."""
    return (folder / "model.bin").is_file() or (folder / _NOTES / "model.bin.metadata").is_file()


def _check_target(folder: Path, repository: str, *, replace: bool) -> None:
    """Said before a download: the folder can be written, and no file of another origin would be replaced in it.

    Raises:
        InvalidOption: there is one, and it is not to be replaced.
        OutputError: the folder cannot be written.
    """
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(_("{folder}: this is a file; give the name of a folder").format(folder=folder))
    above = next((item for item in (folder, *folder.absolute().parents) if os.path.isdir(item)), None)
    if above is not None:
        check_folder(above)
    if replace or not os.path.isdir(folder):
        return
    source = hub.find_cached(repository, WHISPER_FILES) or conversion.find_converted(repository)
    for item in sorted(item for name in _ALL_FILES for item in folder.glob(name) if item.is_file()):
        noted = (folder / _NOTES / f"{item.name}.metadata").is_file()
        same = source is not None and (source / item.name).is_file() and filecmp.cmp(item, source / item.name, False)
        if not noted and not same:
            raise InvalidOption(
                _(
                    "{item}: it exists already and is not of this model; choose another folder, or replace it "
                    "with --overwrite"
                ).format(item=item)
            )


def path(name: str) -> Path:
    """Where a Whisper model lies on this machine; fetches and converts nothing.

    A checkpoint in the format of Transformers lies where it was converted to, if that was done already.

    Raises:
        InvalidOption: no such model.
        ModelUnavailable: it is not on this machine.
    """
    if name == "auto":
        return resolve(name, runtime=Runtime(offline=True)).path
    folder = _to_folder(name)
    if folder is not None:
        if _check_folder(folder):
            return folder
        place = conversion.choose_folder(folder)
        return place if place.is_dir() else folder
    repository = repository_of(name)
    found = _find(name, repository) or _fetch(name, repository, Runtime(offline=True), no_progress)
    place = conversion.choose_folder(found.path, repository=repository)
    return place if place.is_dir() else found.path


def find_best_cached(kind: str = "cpu", index: int = 0) -> str | None:
    """Name of the most accurate multilingual Whisper on this machine that its memory holds, or None."""
    names = tuple(name for name in KNOWN if _find_cached(name) is not None)
    found = find_best_fitting(names, kind, available_memory(kind, index))
    note("best", [kind, index], found)
    return found


def look_up(name: str, arguments: list[Any]) -> Any:
    """The answer that a look-up, as `whisperdiar.models.lookups` notes it, has now; nothing is fetched or loaded.

    Raises:
        LookupError: there is no such look-up.
    """
    if name == "cached":
        repository, files, revision = arguments
        folder = hub.find_cached(repository, files, revision=revision)
        return None if folder is None else str(folder)
    if name == "best":
        return find_best_cached(*arguments)
    if name == "default":
        return _choose_default(*arguments)[0]
    raise LookupError(name)


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
    found = hub.find_cached(repository, files, revision=revision)
    if found is not None:
        return found
    remedy = _("run it once on a machine with a connection, and copy its Hugging Face cache here")
    return hub.fetch(
        repository, files, revision=revision, runtime=runtime or Runtime(), remedy=remedy, progress=progress
    )


def _resolve_auto(runtime: Runtime, kind: str, index: int, translate: bool, progress: Progress) -> ResolvedModel:
    name, reason = _choose_default(kind, index, translate)
    note("default", [kind, index, translate], name)
    try:
        found = resolve(name, runtime=runtime, progress=progress)
        return replace(found, remarks=(_("model {name} ({reason})").format(name=name, reason=reason), *found.remarks))
    except ModelUnavailable:
        other = find_best_cached(kind, index)
        if other is None:
            raise
        found = resolve(other, runtime=Runtime(offline=True))
        return replace(
            found,
            note=_(
                "model {other} is used, the best one here. To fix this, run: whisperdiar models download {name}"
            ).format(other=other, name=name),
        )


def _choose_default(kind: str, index: int, translate: bool) -> tuple[str, str]:
    free = available_memory(kind, index)
    return choose_default(kind, free_bytes=free, cores=usable_cores(), translate=translate)


def _fetch(name: str, repository: str, runtime: Runtime, progress: Progress) -> ResolvedModel:
    folder = fetch_whisper(name, repository, runtime, progress)
    return ResolvedModel(folder, name, repository, folder.name)


def _find(name: str, repository: str) -> ResolvedModel | None:
    """A repository on this machine: ready, converted, or as a checkpoint that is still to be converted."""
    ready = hub.find_cached(repository, WHISPER_FILES)
    if ready is not None:
        return ResolvedModel(ready, name, repository, ready.name)
    checkpoint = hub.find_cached(repository, ("config.json",))
    if checkpoint is not None and conversion.is_checkpoint(checkpoint):
        return ResolvedModel(checkpoint, name, repository, checkpoint.name)
    converted = conversion.find_converted(repository)
    if converted is not None:
        note(CHANGED, [repository])
        return ResolvedModel(converted, name, repository, conversion.read_record(converted).get("revision"))
    return None


def _convert(checkpoint: Path, found: ResolvedModel, progress: Progress) -> ResolvedModel:
    folder, now = conversion.convert(checkpoint, name=found.name, repository=found.repository, progress=progress)
    note(CHANGED, [found.name])
    remarks = (
        (_("model {found} was converted for CTranslate2, into {folder}").format(found=found.name, folder=folder),)
        if now
        else ()
    )
    return replace(found, path=folder, remarks=remarks)


def _find_cached(name: str) -> Path | None:
    return hub.find_cached(KNOWN[name].repository, WHISPER_FILES)


def _to_folder(model: str) -> Path | None:
    """The path that is meant, or None where it is a name or a repository."""
    folder = Path(model).expanduser()
    if is_name(model):
        return None
    looks_like_path = model.startswith((".", "/", "~", "\\")) or "\\" in model or model.count("/") > 1
    return folder if looks_like_path or os.path.exists(folder) else None


def _check_folder(folder: Path) -> bool:
    """Whether a folder holds a model in CTranslate2's format; False for a checkpoint that can be converted into one."""
    if not os.path.isdir(folder):
        cause = _("this is a file: give the folder that holds it") if os.path.exists(folder) else _("no such folder")
        raise InvalidOption(_("model {folder!r}: {cause}").format(folder=str(folder), cause=cause))
    missing = hub.find_missing(folder, WHISPER_FILES)
    if not missing:
        return True
    if conversion.is_checkpoint(folder):
        return False
    missing = conversion.find_missing_parts(folder) or missing
    if (folder / "adapter_config.json").exists():
        raise InvalidOption(
            _("model {folder!r} is an adapter: merge it into the model that it was trained on").format(
                folder=str(folder)
            )
        )
    raise InvalidOption(
        _(
            "model {folder!r} lacks {missing}: give a folder with a Whisper model in the format of "
            "CTranslate2 or Transformers"
        ).format(folder=str(folder), missing=", ".join(missing))
    )
