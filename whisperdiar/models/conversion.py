"""Whisper checkpoints in the format of Transformers, converted for CTranslate2 and kept for the next time.

    checkpoint folder → a process of its own (`converter`) → temporary folder → renamed to CACHE/NAME-KEY

The key is a hash of what the checkpoint is: repository and commit, or path, sizes and times of its files.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import BackendBroken, BackendError, BackendMissing, InvalidOption, OutputError
from whisperdiar.system.folders import find_cache_folder
from whisperdiar.system.telemetry import VARIABLES
from whisperdiar.text.messages import _, current

RECORD = "whisperdiar.json"
"""Beside a converted model: its source, revision, and the SHA-256 of each file."""
SIDE_FILES = (
    *("generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json"),
    *("tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json"),
)
"""What may lie beside config.json and the weights."""
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_PACKAGES = ("torch", "transformers")
_FORMAT = "1"  # of what is converted; another number makes all be converted again
_STALE_S = 86_400.0


def select_weights(names: Collection[str]) -> list[str]:
    """Which of a folder's files hold the weights (with the index of weights in several files); none: no checkpoint."""
    if "config.json" not in names:
        return []
    for name in _WEIGHTS:
        if name in names:
            return [name]
        stem, _, suffix = name.partition(".")
        index = f"{name}.index.json"
        if index in names:
            return [index, *sorted(item for item in names if re.fullmatch(rf"{stem}-\d+-of-\d+\.{suffix}", item))]
    return []


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is a checkpoint of Transformers, of whatever model, with all its weights."""
    return bool(weights := select_weights(_names(folder))) and not _find_missing_parts(folder, weights)


def find_missing_parts(folder: Path) -> list[str]:
    """Files of weights that the folder's index names and that are not there."""
    return _find_missing_parts(folder, select_weights(_names(folder)))


def list_needed_files(folder: Path) -> tuple[str, ...]:
    """What must be in the folder of a checkpoint, by what is there of it."""
    weights = select_weights(_names(folder)) or [_WEIGHTS[0]]
    return tuple(dict.fromkeys(["config.json", *weights, *_find_missing_parts(folder, weights)]))


def _names(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir() if item.is_file()} if folder.is_dir() else set()


def _find_missing_parts(folder: Path, weights: list[str]) -> list[str]:
    if not weights or not weights[0].endswith(".index.json"):
        return []
    try:
        parts = set(json.loads((folder / weights[0]).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError):
        return [weights[0]]
    return sorted(part for part in parts if not (folder / str(part)).is_file())


def check_config(folder: Path, name: str) -> None:
    """Finds out from config.json whether this is a Whisper that can be converted.

    Raises:
        InvalidOption: it is another kind of model, or one with packed weights.
        BackendBroken: the file cannot be read.
    """
    try:
        config: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise BackendBroken(
            _("model {name}: {folder} cannot be read: get the model again").format(
                name=name, folder=folder / "config.json"
            )
        ) from error
    if kind != "whisper":
        what = _("a model of type {kind}").format(kind=kind) if kind else _("no model of Transformers")
        raise InvalidOption(
            _("model {name} is {what}, by its config.json: give a Whisper model").format(name=name, what=what)
        )
    if config.get("quantization_config"):
        raise InvalidOption(
            _("model {name} has packed weights, which CTranslate2 cannot read: give the one before that").format(
                name=name
            )
        )


def check_packages(name: str) -> None:
    """Whether this machine can convert.

    Raises:
        BackendMissing: a package that the conversion needs is not installed.
    """
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        remedy = "pip install 'whisperdiar[convert]'"
        raise BackendMissing(
            _(
                "model {name} is in the format of Transformers, and what converts it is not installed ({missing}): "
                "{remedy}"
            ).format(name=name, missing=", ".join(missing), remedy=remedy),
            remedy=remedy,
        )


def cache_folder() -> Path:
    """Where converted models are kept: ``$WHISPERDIAR_CACHE/converted``, by default below ``~/.cache/whisperdiar``."""
    return find_cache_folder() / "converted"


def choose_folder(checkpoint: Path, *, repository: str | None = None) -> Path:
    """Where the converted model belongs; a snapshot of a repository is known by its commit, the folder's name."""
    if repository is not None:
        name, parts = repository, [repository, checkpoint.name]
    else:
        folder = checkpoint.resolve()
        name, parts = folder.name, [str(folder)]
        names = _names(folder)
        for item in sorted({"config.json", *SIDE_FILES, *select_weights(names)} & names):
            status = (folder / item).stat()
            parts += [item, str(status.st_size), str(status.st_mtime_ns)]
    key = hashlib.sha256("\0".join([_FORMAT, *parts]).encode()).hexdigest()[:12]
    return cache_folder() / f"{re.sub(r'[^A-Za-z0-9._-]+', '--', name).strip('.-') or 'model'}-{key}"


def find_converted(repository: str) -> Path | None:
    """The newest converted model of a repository, also where its checkpoint is gone."""
    found = [folder for folder in list_converted() if read_record(folder).get("source") == repository]
    return max(found, key=lambda folder: folder.stat().st_mtime, default=None)


def list_converted() -> list[Path]:
    """All converted models on this machine."""
    root = cache_folder()
    return sorted(item.parent for item in root.glob(f"*/{RECORD}") if not item.parent.name.startswith("."))


def read_record(folder: Path) -> dict[str, Any]:
    """What was noted at the conversion; empty where this is no converted model."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def convert(
    checkpoint: Path, *, name: str, repository: str | None = None, progress: Progress = no_progress
) -> tuple[Path, bool]:
    """The converted model of a checkpoint, and whether it was converted now.

    Args:
        checkpoint: a folder in the format of Transformers.
        name: for messages.
        repository: where the folder is a snapshot of one.
        progress: hears of the conversion as stage ``convert``.

    Raises:
        BackendMissing: PyTorch or Transformers is not installed.
        InvalidOption: not a Whisper.
        BackendBroken: the checkpoint is damaged or incomplete.
        OutputError: the converted model cannot be written.
        BackendError: memory does not suffice.
    """
    target = choose_folder(checkpoint, repository=repository)
    if (target / RECORD).is_file():
        return target, False
    check_config(checkpoint, name)
    check_packages(name)
    progress("convert", 0.0)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(target.parent)
        with tempfile.TemporaryDirectory(prefix=".converting-", dir=target.parent, ignore_cleanup_errors=True) as work:
            model = Path(work).resolve() / "model"
            _run(checkpoint, model, Path(work) / "report.json", name)
            source = repository or str(checkpoint.resolve())
            _write_record(model, source=source, revision=checkpoint.name if repository else None)
            # Another process may have been as fast: its result is the same.
            with contextlib.suppress(FileExistsError):
                _rename(model, target)
    except OSError as error:
        raise OutputError(_make_space_error(name, target.parent, error.strerror or str(error))) from error
    progress("convert", 1.0)
    return target, True


def _rename(model: Path, target: Path) -> None:
    try:
        model.rename(target)
    except OSError:
        if not (target / RECORD).is_file():
            raise


def _remove_stale(folder: Path) -> None:
    """What is left of conversions that were stopped from outside."""
    for item in folder.glob(".converting-*"):
        with contextlib.suppress(OSError):
            if time.time() - item.stat().st_mtime > _STALE_S:
                shutil.rmtree(item, ignore_errors=True)


def _run(checkpoint: Path, model: Path, report: Path, name: str) -> None:
    """Converts in a process of its own, which finds this package wherever it lies, and needs no network."""
    command = [sys.executable, "-m", "whisperdiar.models.converter", str(checkpoint.resolve()), str(model), str(report)]
    command.append(current())
    environment = {**VARIABLES, **os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return
    try:
        told = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    cause = str(told.get("cause") or (done.stderr.strip().splitlines() or [_("no reason given")])[-1])
    kind = told.get("kind")
    if kind == "memory" or done.returncode in (-9, 137):
        raise BackendError(
            _("memory is too small for converting model {name}: convert it on a larger machine").format(name=name)
        )
    if kind == "disk":
        raise OutputError(_make_space_error(name, model.parent.parent, cause))
    if kind == "tokenizer":
        raise BackendBroken(
            _(
                "model {name} has no usable tokenizer ({cause}): lay tokenizer.json, or vocab.json and "
                "merges.txt, of the model that it was made from into its folder"
            ).format(name=name, cause=cause)
        )
    raise BackendBroken(
        _("model {name} cannot be converted ({cause}): get it again, or take another one").format(
            name=name, cause=cause
        )
    )


def _make_space_error(name: str, folder: Path, cause: str) -> str:
    return _(
        "model {name} cannot be converted, since {folder} cannot be written ({cause}): make room, or "
        "set WHISPERDIAR_CACHE to a folder elsewhere"
    ).format(name=name, folder=folder, cause=cause)


def _write_record(model: Path, *, source: str, revision: str | None) -> None:
    import ctranslate2

    digests = {}
    for item in sorted(model.iterdir()):
        with item.open("rb") as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
        digests[item.name] = digest.hexdigest()
    record = {"source": source, "revision": revision, "ctranslate2": ctranslate2.__version__, "sha256": digests}
    (model / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
