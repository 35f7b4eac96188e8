"""Pipeline construction: files → a pyannote.audio pipeline with its models, clustering and parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whisperdiar.diarization.pyannote.files import CONFIG, VBX, PipelineFiles
from whisperdiar.errors import BackendBroken, InvalidOption, describe_error
from whisperdiar.frameworks.pyannote import import_pyannote, load_checkpoint, load_segmentation
from whisperdiar.options import PyannoteSettings
from whisperdiar.text.messages import _

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
# For a clustering that the configuration was not made for: those of the published pipelines that were.
_OTHER_CLUSTERING: Mapping[str, Mapping[str, Any]] = {
    # pyannote/speaker-diarization-3.1
    "AgglomerativeClustering": {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7045654963945799},
    # pyannote/speaker-diarization-community-1
    "VBxClustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
    "KMeansClustering": {},
}


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
    arguments["clustering"] = files.clustering
    arguments["legacy"] = False
    arguments["segmentation"] = load_segmentation(files.segmentation)
    arguments["embedding"] = embedding_model(files.embedding)
    arguments["plda"] = _plda(files.plda)
    config = {key: value for key, value in files.config.items() if key in ("dependencies", "version")}
    config["pipeline"] = {"name": files.class_name, "params": arguments}
    try:
        pipeline = audio.Pipeline.from_pretrained(config)
    except Exception as error:  # a configuration names classes and their arguments: it can fail in any way
        raise BackendBroken(
            _("{source} cannot be loaded: {cause}").format(source=files.source, cause=describe_error(error))
        ) from error
    if pipeline.klustering == VBX:
        pipeline.clustering = _limit_vbx(pipeline.clustering)
    pipeline.instantiate(_parameters(pipeline, files, settings))
    return pipeline.to(torch.device(device))


def instantiate(pipeline: Any, files: PipelineFiles, settings: PyannoteSettings) -> None:
    """Gives a loaded pipeline other parameters; raises as `build` does."""
    pipeline.instantiate(_parameters(pipeline, files, settings))


def remember(pipeline: Any) -> None:
    """From now on segmentations and embeddings of a recording, by its id, are computed once."""
    segment, embed = pipeline.get_segmentations, pipeline.get_embeddings
    segmented: dict[str, Any] = {}
    embedded: dict[tuple[str, bytes, bool], Any] = {}

    def get_segmentations(file: Any, hook: Any = None) -> Any:
        if file["uri"] not in segmented:
            segmented[file["uri"]] = segment(file, hook=hook)
        return segmented[file["uri"]]

    def get_embeddings(file: Any, binary_segmentations: Any, exclude_overlap: bool = False, hook: Any = None) -> Any:
        digest = hashlib.blake2b(binary_segmentations.data.tobytes()).digest()
        key = (file["uri"], digest, exclude_overlap)
        if key not in embedded:
            embedded[key] = embed(file, binary_segmentations, exclude_overlap=exclude_overlap, hook=hook)
        return embedded[key].copy()

    pipeline.get_segmentations, pipeline.get_embeddings = get_segmentations, get_embeddings


def embedding_model(path: Path) -> Any:
    """The speaker embedding in a checkpoint of pyannote.audio; raises as `load_segmentation` does."""
    resolution = import_pyannote("pyannote.audio.core.task").Resolution
    model = load_checkpoint(path)
    if isinstance(model.specifications, tuple) or model.specifications.resolution != resolution.CHUNK:
        raise InvalidOption(_("embedding model {path}: it does not embed voices, give one that does").format(path=path))
    return model


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
        raise BackendBroken(
            _("{parent} holds no PLDA of pyannote.audio: {cause}").format(
                parent=files[0].parent, cause=describe_error(error)
            )
        ) from error


def _limit_vbx(clustering: Any) -> Any:
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
    configured = [dict(files.config.get(section) or {}) for section in ("params", "freeze")]
    if files.clustering != files.arguments.get("clustering", VBX):
        # Thresholds of one clustering mean nothing to another.
        configured = [{**section, "clustering": _OTHER_CLUSTERING[files.clustering]} for section in configured]
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
                raise BackendBroken(
                    _("{source}: its {config} lacks {group}.{name}; give it as {setting}").format(
                        source=files.source, config=CONFIG, group=group, name=name, setting=setting
                    )
                )
            values[group][name] = value
        elif chosen is not None:
            kind = pipeline.klustering if group == "clustering" else _("its segmentation")
            raise InvalidOption(
                _("{setting} {chosen}: {source} has no use for it ({kind}); leave it out").format(
                    setting=setting, chosen=chosen, source=files.source, kind=kind
                )
            )
    return values
