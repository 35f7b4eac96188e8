"""Pipeline files: finds those of a pyannote.audio pipeline, without importing it.

pyannote.audio would fetch each part by itself while it loads. Here every file is found, or fetched where it may be,
one by one, so that the library opens no connection and everything that is missing is named, before the import that
takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.diarization._shared.plda import FILES as PLDA_FILES
from whisperdiar.errors import BackendBroken, InvalidOption, describe_error
from whisperdiar.frameworks.pyannote import REVISIONS, find_weights
from whisperdiar.frameworks.torch import import_module
from whisperdiar.models.sources import Source
from whisperdiar.options import PyannoteSettings, Runtime
from whisperdiar.text.messages import _

CONFIG = "config.yaml"
VBX = "VBxClustering"
_DEFAULT_PARTS = "pyannote/speaker-diarization-community-1"  # for parts that a configuration does not name


@dataclass(frozen=True, slots=True)
class PipelineFiles:
    """A pipeline on this machine.

    Attributes:
        source: what it was asked for, with the revision of a repository.
        config: its configuration.
        clustering: pyannote.audio's name of the clustering to be used, configured or not.
        segmentation, embedding: files with the weights.
        plda: the two files of its PLDA; None where the clustering needs none.
    """

    source: str
    config: Mapping[str, Any]
    clustering: str
    segmentation: Path
    embedding: Path
    plda: tuple[Path, Path] | None

    @property
    def class_name(self) -> str:
        return str(self.config["pipeline"]["name"])

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Of the pipeline's class, as configured."""
        return self.config["pipeline"].get("params") or {}


def find(settings: PyannoteSettings, runtime: Runtime, *, progress: Progress = no_progress) -> PipelineFiles:
    """All files of the pipeline that the settings name.

    Raises:
        ModelUnavailable: one is not here and cannot be fetched.
        BackendBroken: the configuration cannot be read.
        InvalidOption: it is that of another kind of pipeline.
    """
    source = _pipeline_source(settings.pipeline, runtime, progress)
    config = _read_config(source)
    name = str(config["pipeline"].get("name"))
    if name.rpartition(".")[2] != "SpeakerDiarization":
        raise InvalidOption(
            _("{pipeline} is a pipeline of type {name}: give one of type SpeakerDiarization").format(
                pipeline=settings.pipeline, name=name
            )
        )
    arguments = config["pipeline"].get("params") or {}
    clustering = settings.clustering or str(arguments.get("clustering", VBX))
    plda = None
    if clustering == VBX:
        found, inside = _part(arguments, "plda", source)
        plda = (found.file(inside + PLDA_FILES[0]), found.file(inside + PLDA_FILES[1]))
    return PipelineFiles(
        source=str(source),
        config=config,
        clustering=clustering,
        segmentation=_weights(settings.segmentation_model, arguments, "segmentation", source),
        embedding=_weights(settings.embedding_model, arguments, "embedding", source),
        plda=plda,
    )


def _pipeline_source(named: str, runtime: Runtime, progress: Progress) -> Source:
    path = Path(named).expanduser()
    folder = str(path.parent) if path.is_file() else named
    return Source.of(folder, runtime, revisions=REVISIONS, progress=progress)


def _read_config(source: Source) -> dict[str, Any]:
    yaml = import_module("yaml", package="PyYAML", extra="pyannote")
    path = source.file(CONFIG)
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BackendBroken(
            _("{path} cannot be read as YAML: {cause}; fetch it anew").format(path=path, cause=describe_error(error))
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("pipeline"), dict):
        raise BackendBroken(
            _("{path} has no section 'pipeline': give the configuration of a pyannote.audio pipeline").format(path=path)
        )
    return config


def _part(arguments: Mapping[str, Any], part: str, source: Source) -> tuple[Source, str]:
    """Where a part comes from, and the folder inside it, with a slash at its end or empty."""
    value = arguments.get(part, {"checkpoint": _DEFAULT_PARTS, "subfolder": part})
    inside = ""
    if isinstance(value, Mapping):
        inside = str(value.get("subfolder") or "")
        revision = value.get("revision")
        found = _parse_part(f"{value['checkpoint']}@{revision}" if revision else str(value["checkpoint"]), source)
    elif str(value).startswith("$model/"):
        inside, _, revision = str(value).removeprefix("$model/").partition("@")
        found = replace(source, revision=revision or source.revision)
    else:
        found = _parse_part(str(value), source)
    return found, f"{inside.strip('/')}/" if inside else ""


def _parse_part(text: str, source: Source) -> Source:
    """A part by its path or name. Offline copies give paths relative to their folder or to one above it (a folder
    of copies named as on the hub), or to where their author stood."""
    if source.path is not None:
        folder = source.path.resolve()
        for base in (folder, folder.parent, folder.parent.parent):
            if (base / text).exists():
                return replace(source, named=str(base / text), revision=None)
    return Source.of(text, source.runtime, revisions=REVISIONS, progress=source.progress)


def _weights(chosen: str | None, arguments: Mapping[str, Any], part: str, source: Source) -> Path:
    """The file with the weights of a part: the user's choice, or what the configuration says."""
    if chosen is None:
        found, inside = _part(arguments, part, source)
    else:
        found, inside = Source.of(chosen, source.runtime, revisions=REVISIONS, progress=source.progress), ""
    return find_weights(found, inside, fine_tuned=part == "segmentation")
