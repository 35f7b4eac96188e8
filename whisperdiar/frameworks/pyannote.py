"""What the backends on pyannote.audio share: finding and loading its models, and keeping it quiet.

Importing this module loads neither PyTorch nor pyannote.audio.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable, describe_error
from whisperdiar.frameworks.torch import import_module
from whisperdiar.models import fetch_snapshot
from whisperdiar.models.sources import Source
from whisperdiar.options import Runtime
from whisperdiar.system.process_context import muted, share_context
from whisperdiar.text.messages import _

EXTRA = "pyannote"
WEIGHTS = "pytorch_model.bin"
DIARIZERS_FILES = ("config.json", "model.safetensors")
"""What the `diarizers` library, with which people fine-tune segmentations, saves."""
REVISIONS: Mapping[str, str] = {
    "pyannote/speaker-diarization-community-1": "3533c8cf8e369892e6b79ff1bf80f7b0286a54ee",
    "pyannote/speaker-diarization-3.1": "84fd25912480287da0247647c3d2b4853cb3ee5d",
    "pyannote/segmentation-3.0": "e66f3d3b9eb0873085418a7b813d3b369bf160bb",
    "pyannote/wespeaker-voxceleb-resnet34-LM": "837717ddb9ff5507820346191109dc79c958d614",
    "JSWOOK/pyannote_3_fine_tuning": "592ad85e9c5a9570f85bfca0c5be3561fd67cbbb",
}
"""What these names mean here: checkpoints are programs, so they stay the ones that were looked at."""

_TELEMETRY = "PYANNOTE_METRICS_ENABLED"


@contextlib.contextmanager
def silence_pyannote() -> Iterator[None]:
    """Inside the block pyannote.audio measures nothing, warns of nothing and prints nothing.

    Its telemetry is on by default and asks the environment at every call; its clustering prints to stdout, which
    belongs to results. A variable that was not set stays at 0: the library fails where it is unset.
    """
    with _calm(), muted():
        yield


@share_context
@contextlib.contextmanager
def _calm() -> Iterator[None]:
    before = os.environ.get(_TELEMETRY)
    os.environ[_TELEMETRY] = "0"
    migration = logging.getLogger("lightning.pytorch.utilities.migration.utils")
    disabled = migration.disabled
    migration.disabled = True  # it tells of every older checkpoint that it was upgraded
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        migration.disabled = disabled
        if before is not None:
            os.environ[_TELEMETRY] = before


def import_pyannote(module: str = "pyannote.audio") -> Any:
    """A module of pyannote.audio; to be called inside `silence_pyannote`.

    Raises:
        BackendMissing, BackendBroken: it cannot be used.
    """
    return import_module(module, package="pyannote.audio", extra=EXTRA)


def find_weights(source: Source, inside: str = "", *, fine_tuned: bool = False) -> Path:
    """The file with a model's weights, in pyannote.audio's own format or, where `fine_tuned`, in that of `diarizers`.

    Repositories of fine-tuned segmentations also carry a ``pytorch_model.bin`` that may be anything, so what
    `diarizers` saved comes first there. What is on this machine comes before the network in any case.

    Args:
        source: a file, or a folder or repository with the file in it.
        inside: a folder within it, with a slash at its end, or empty.
        fine_tuned: look for both formats.

    Raises:
        ModelUnavailable: it is not here and cannot be fetched.
    """
    if source.path is not None and source.path.is_file():
        return source.path.resolve()
    formats: list[tuple[str, ...]] = [(inside + WEIGHTS,)]
    if fine_tuned:
        saved = tuple(inside + name for name in DIARIZERS_FILES)
        formats = [*formats, saved] if source.named.startswith("pyannote/") else [saved, *formats]
    if source.path is None:
        for files in formats:
            folder = _find_cached(source, files)
            if folder is not None and _is_meant(folder, files):
                return folder / files[-1]
    refusal: ModelUnavailable | None = None
    for files in formats:
        try:
            folder = source.folder(files)
        except ModelUnavailable as error:
            refusal = error if refusal is None or len(files) == 1 else refusal
        else:
            if _is_meant(folder, files):
                return folder / files[-1]
    if refusal is None:
        raise ModelUnavailable(
            _("{named} holds no {inside}{weights}; give one with a model of pyannote.audio").format(
                named=source.named, inside=inside, weights=WEIGHTS
            )
        )
    raise refusal from refusal.__cause__


def _find_cached(source: Source, files: tuple[str, ...]) -> Path | None:
    try:
        return fetch_snapshot(source.named, files=files, revision=source.revision, runtime=Runtime(offline=True))
    except ModelUnavailable:
        return None


def _is_meant(folder: Path, files: tuple[str, ...]) -> bool:
    """Not some other model of Transformers, whose files have the same names."""
    if len(files) == 1:
        return True
    try:
        config = json.loads((folder / files[0]).read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(config, dict) and config.get("model_type") == "pyannet"


def load_segmentation(path: Path) -> Any:
    """The segmentation in a checkpoint of pyannote.audio or of `diarizers`, in evaluation mode on the CPU.

    To be called inside `silence_pyannote`, as all that follow.

    Raises:
        BackendMissing: pyannote.audio is not installed.
        BackendBroken: it cannot be loaded.
        InvalidOption: it is a model of another kind.
    """
    resolution = import_pyannote("pyannote.audio.core.task").Resolution
    weights = _load_bare_weights(path)
    model = load_checkpoint(path) if weights is None else load_diarizers_model(path, weights)
    found = model.specifications
    if isinstance(found, tuple) or found.resolution != resolution.FRAME or not found.permutation_invariant:
        raise InvalidOption(
            _("segmentation model {path}: it does not segment speakers, give one that does").format(path=path)
        )
    return model


def load_checkpoint(path: Path) -> Any:
    """Any model in a checkpoint of pyannote.audio, in evaluation mode on the CPU.

    Raises:
        BackendMissing: pyannote.audio is not installed.
        BackendBroken: it cannot be loaded.
    """
    try:
        return import_pyannote().Model.from_pretrained(path, strict=False).eval()
    except Exception as error:  # a checkpoint is a program: it can fail in any way
        raise BackendBroken(
            _("{path} cannot be loaded as a model of pyannote.audio: {cause}").format(
                path=path, cause=describe_error(error)
            )
        ) from error


def _load_bare_weights(path: Path) -> Mapping[str, Any] | None:
    """Name → tensor, where the file holds nothing else; None for a checkpoint, which holds the class and more."""
    if path.suffix == ".safetensors":
        load_file = import_module("safetensors.torch", package="safetensors", extra=EXTRA).load_file
        try:
            loaded: Mapping[str, Any] = load_file(str(path))
        except Exception as error:  # safetensors has errors of its own, which mypy and we would have to import
            raise BackendBroken(
                _("{path} cannot be loaded as a model of diarizers: {cause}").format(
                    path=path, cause=describe_error(error)
                )
            ) from error
        return loaded
    torch = import_module("torch", package="PyTorch", extra=EXTRA)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # of a checkpoint, or a broken file, which loading as one explains
        return None
    bare = isinstance(found, Mapping) and all(isinstance(value, torch.Tensor) for value in found.values())
    return found if bare else None


def load_diarizers_model(path: Path, weights: Mapping[str, Any]) -> Any:
    """A PyanNet from the weights that the `diarizers` library saves beside a ``config.json``.

    It saves ``model.safetensors``, older versions of it ``pytorch_model.bin``, with the weights of a PyanNet under
    names that begin with ``model.``; the sizes follow from the shapes.
    Source: https://github.com/huggingface/diarizers.

    Raises:
        BackendBroken: the files hold something else.
    """
    task = import_pyannote("pyannote.audio.core.task")
    pyannet = import_pyannote("pyannote.audio.models.segmentation").PyanNet
    try:
        config = json.loads((path.parent / DIARIZERS_FILES[0]).read_text(encoding="utf-8"))
        weights = {key.removeprefix("model."): value for key, value in weights.items()}
        recurrent = [key for key in weights if re.fullmatch(r"lstm\.weight_ih_l\d+", key)]
        linear = [value for key, value in weights.items() if re.fullmatch(r"linear\.\d+\.weight", key)]
        model = pyannet(
            sincnet={"stride": 10},
            lstm={"num_layers": len(recurrent), "hidden_size": weights["lstm.weight_hh_l0"].shape[1]},
            linear={"num_layers": len(linear), "hidden_size": linear[0].shape[0]},
        )
        at_once = config.get("max_speakers_per_frame", 2)
        problems = task.Problem
        model.specifications = task.Specifications(
            problem=problems.MULTI_LABEL_CLASSIFICATION if at_once is None else problems.MONO_LABEL_CLASSIFICATION,
            resolution=task.Resolution.FRAME,
            duration=float(config.get("chunk_duration", 10)),
            warm_up=tuple(config.get("warm_up", (0.0, 0.0))),
            classes=[f"speaker#{i + 1}" for i in range(config.get("max_speakers_per_chunk", 3))],
            powerset_max_classes=at_once,
            permutation_invariant=True,
        )
        model.build()
        model.load_state_dict(weights)
    except Exception as error:  # other shapes, names or values than expected: PyTorch raises by the case
        raise BackendBroken(
            _("{path} cannot be loaded as a model of diarizers: {cause}").format(path=path, cause=describe_error(error))
        ) from error
    return model.eval()
