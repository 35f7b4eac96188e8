"""Makes a speaker diarization pipeline of pyannote.audio out of files: models, clustering, parameters."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whisperdiar.diarization._pyannote_files import CONFIG, DIARIZERS_FILES, VBX, PipelineFiles
from whisperdiar.errors import BackendBroken, InvalidOption
from whisperdiar.options import PyannoteSettings
from whisperdiar.torch_support import import_module, one_line

EXTRA = "pyannote"
_TELEMETRY = "PYANNOTE_METRICS_ENABLED"
_ARGUMENTS = ("segmentation_batch_size", "embedding_batch_size", "segmentation_step", "embedding_exclude_overlap")
_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "min_duration_off": ("segmentation", "min_duration_off"),
    "segmentation_threshold": ("segmentation", "threshold"),
    "clustering_threshold": ("clustering", "threshold"),
    "clustering_method": ("clustering", "method"),
    "min_cluster_size": ("clustering", "min_cluster_size"),
    "vbx_fa": ("clustering", "Fa"),
    "vbx_fb": ("clustering", "Fb"),
}
"""Our setting → group and name of pyannote.audio's parameter."""
# For a multi-label segmentation beside a configuration that was made for one without a threshold.
_DEFAULTS = {"min_duration_off": 0.0, "segmentation_threshold": 0.5}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside the block pyannote.audio measures nothing, warns of nothing and prints nothing.

    Its telemetry is on by default and asks the environment at every call; its clustering prints to stdout, which
    belongs to results. A variable that was not set stays at 0: the library fails where it is unset.
    """
    before = os.environ.get(_TELEMETRY)
    os.environ[_TELEMETRY] = "0"
    migration = logging.getLogger("lightning.pytorch.utilities.migration.utils")
    disabled = migration.disabled
    migration.disabled = True  # it tells of every older checkpoint that it was upgraded
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        migration.disabled = disabled
        if before is not None:
            os.environ[_TELEMETRY] = before


def import_pyannote(module: str = "pyannote.audio") -> Any:
    """A module of pyannote.audio; to be called inside `quiet`.

    Raises:
        BackendMissing, BackendBroken: it cannot be used.
    """
    return import_module(module, package="pyannote.audio", extra=EXTRA)


def build(files: PipelineFiles, settings: PyannoteSettings, device: str) -> Any:
    """The pipeline, on its device, ready to be called; to be called inside `quiet`.

    Raises:
        BackendMissing, BackendBroken: pyannote.audio or a file cannot be used.
        InvalidOption: a setting that this pipeline does not have, or a model of another kind.
    """
    audio = import_pyannote()
    import torch

    arguments = dict(files.arguments)
    arguments.update({name: getattr(settings, name) for name in _ARGUMENTS if getattr(settings, name) is not None})
    arguments["legacy"] = False
    arguments["segmentation"] = segmentation_model(files.segmentation)
    arguments["embedding"] = embedding_model(files.embedding)
    arguments["plda"] = _plda(files.plda)
    config = {key: value for key, value in files.config.items() if key in ("dependencies", "version")}
    config["pipeline"] = {"name": files.class_name, "params": arguments}
    try:
        pipeline = audio.Pipeline.from_pretrained(config)
    except Exception as error:  # a configuration names classes and their arguments: it can fail in any way
        raise BackendBroken(f"{files.source} cannot be loaded: {one_line(error)}") from error
    if pipeline.klustering == VBX:
        pipeline.clustering = _bounded_vbx(pipeline.clustering)
    pipeline.instantiate(_parameters(pipeline, files, settings))
    return pipeline.to(torch.device(device))


def segmentation_model(path: Path) -> Any:
    """The segmentation in a checkpoint of pyannote.audio or of `diarizers`.

    Raises:
        BackendBroken: it cannot be loaded.
        InvalidOption: it is a model of another kind.
    """
    resolution = import_pyannote("pyannote.audio.core.task").Resolution
    model = from_diarizers(path) if path.suffix == ".safetensors" else _checkpoint(path)
    found = model.specifications
    if isinstance(found, tuple) or found.resolution != resolution.FRAME or not found.permutation_invariant:
        raise InvalidOption(f"segmentation model {path}: it does not segment speakers, give one that does")
    return model


def embedding_model(path: Path) -> Any:
    """The speaker embedding in a checkpoint of pyannote.audio; raises as `segmentation_model` does."""
    resolution = import_pyannote("pyannote.audio.core.task").Resolution
    model = _checkpoint(path)
    if isinstance(model.specifications, tuple) or model.specifications.resolution != resolution.CHUNK:
        raise InvalidOption(f"embedding model {path}: it does not embed voices, give one that does")
    return model


def _checkpoint(path: Path) -> Any:
    try:
        return import_pyannote().Model.from_pretrained(path, strict=False).eval()
    except Exception as error:  # a checkpoint is a program: it can fail in any way
        raise BackendBroken(f"{path} cannot be loaded as a model of pyannote.audio: {one_line(error)}") from error


def from_diarizers(path: Path) -> Any:
    """A PyanNet from the ``model.safetensors`` that the `diarizers` library saves beside a ``config.json``.

    The file holds the weights of a PyanNet under names that begin with ``model.``; the sizes follow from the shapes.
    Source: https://github.com/huggingface/diarizers.

    Raises:
        BackendBroken: the files hold something else.
    """
    task = import_pyannote("pyannote.audio.core.task")
    pyannet = import_pyannote("pyannote.audio.models.segmentation").PyanNet
    load_file = import_module("safetensors.torch", package="safetensors", extra=EXTRA).load_file
    try:
        config = json.loads((path.parent / DIARIZERS_FILES[0]).read_text(encoding="utf-8"))
        weights = {key.removeprefix("model."): value for key, value in load_file(str(path)).items()}
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
            classes=[f"speaker#{i + 1}" for i in range(config.get("max_speakers_per_chunk", 3))],
            powerset_max_classes=at_once,
            permutation_invariant=True,
        )
        model.build()
        model.load_state_dict(weights)
    except Exception as error:  # safetensors has errors of its own, which mypy and we would have to import
        raise BackendBroken(f"{path} cannot be loaded as a model of diarizers: {one_line(error)}") from error
    return model.eval()


def _plda(files: tuple[Path, Path] | None) -> Any:
    """The PLDA that VBx clustering needs; for any other clustering one that is empty and never asked.

    pyannote.audio fetches the gated one of community-1 for every pipeline unless it is handed an instance.
    """
    plda = import_pyannote("pyannote.audio.core.plda").PLDA
    if files is None:
        return plda.__new__(plda)
    try:
        return plda(*files)
    except Exception as error:  # NumPy and SciPy raise what the arrays make them raise
        raise BackendBroken(f"{files[0].parent} holds no PLDA of pyannote.audio: {one_line(error)}") from error


def _bounded_vbx(clustering: Any) -> Any:
    """The same VBx clustering, which asks k-means for no more speakers than there are voices, where it would raise."""

    class BoundedVBx(type(clustering)):  # type: ignore[misc]
        def __call__(
            self,
            embeddings: Any,
            segmentations: Any = None,
            num_clusters: int | None = None,
            min_clusters: int | None = None,
            max_clusters: float | None = None,
            **others: Any,
        ) -> Any:
            voices = max(1, len(self.filter_embeddings(embeddings, segmentations=segmentations)[0]))
            return super().__call__(
                embeddings,
                segmentations=segmentations,
                num_clusters=num_clusters and min(num_clusters, voices),
                min_clusters=min(min_clusters or 1, voices),
                max_clusters=max_clusters or voices,
                **others,
            )

    return BoundedVBx(
        clustering.plda, metric=clustering.metric, constrained_assignment=clustering.constrained_assignment
    )


def _parameters(pipeline: Any, files: PipelineFiles, settings: PyannoteSettings) -> dict[str, dict[str, Any]]:
    """The pipeline's parameters: the user's, else the configuration's.

    Raises:
        InvalidOption: a setting that the pipeline's segmentation or clustering does not have.
        BackendBroken: the configuration lacks a parameter.
    """
    # What a configuration freezes is not to be tuned by a search; a user may still choose it.
    configured = [files.config.get(section) or {} for section in ("params", "freeze")]
    existing = pipeline.parameters()
    values: dict[str, dict[str, Any]] = {"segmentation": {}, "clustering": {}}
    for setting, (group, name) in _PARAMETERS.items():
        chosen = getattr(settings, setting)
        if name in existing.get(group, {}):
            offered = [
                chosen,
                *((section.get(group) or {}).get(name) for section in configured),
                _DEFAULTS.get(setting),
            ]
            value = next((item for item in offered if item is not None), None)
            if value is None:
                raise BackendBroken(f"{files.source}: its {CONFIG} lacks {group}.{name}; give it as {setting}")
            values[group][name] = value
        elif chosen is not None:
            kind = pipeline.klustering if group == "clustering" else "its segmentation"
            raise InvalidOption(f"{setting} {chosen}: {files.source} has no use for it ({kind}); leave it out")
    return values
