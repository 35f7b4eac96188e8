"""Loading of speech-to-text models of Transformers: a folder or repository → the library's pipeline for them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress
from whisperdiar.errors import BackendBroken, InvalidOption, describe_error
from whisperdiar.frameworks.torch import (
    choose_device,
    import_module,
    limit_cpu_threads,
    require,
    silence_transformers,
    translate_memory_errors,
)
from whisperdiar.models import hub
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime, TransformersSettings
from whisperdiar.text.messages import _

EXTRA = "convert"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""The first that a repository has: both hold the same."""
_BESIDE = ("*.json", "*.txt", "*.model")
"""Vocabularies and settings; code that a repository brings is neither fetched nor run."""
_MAPPINGS = ("CTC", "SPEECH_SEQ_2_SEQ", "TDT", "RNNT")


@dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A model that is ready.

    Attributes:
        pipeline: Transformers' pipeline ``automatic-speech-recognition``.
        architecture: the model's class.
        tells_times: whether it gives times of words.
        takes_language: whether it can be told the language.
        name: as asked for.
        revision: commit of a repository; None for a folder.
        device: ``cpu`` or ``cuda:N``.
        batch_size: pieces to decode at once.
        version: of Transformers.
    """

    pipeline: Any
    architecture: str
    tells_times: bool
    takes_language: bool
    name: str
    revision: str | None
    device: str
    batch_size: int
    version: str


def check(model: str) -> None:
    """Whether a model is named that can be meant; nothing is read but the folder.

    Raises:
        InvalidOption: none is named, or there is no such folder, or it is none in Transformers' format.
    """
    if not model:
        raise InvalidOption(_("transformers needs a model: give --model with a folder, or a repository OWNER/NAME"))
    folder = Path(model).expanduser()
    if os.path.isdir(folder):
        missing = [name for name in ("config.json",) if not (folder / name).is_file()]
        if not missing and all(hub.find_missing(folder, (weights,)) for weights in _WEIGHTS):
            missing = [_WEIGHTS[0]]
        if missing:
            raise InvalidOption(
                _("model {model!r} lacks {missing}: give a folder in Transformers' format").format(
                    model=model, missing=missing[0]
                )
            )
    elif os.path.exists(folder) or not re.fullmatch(r"\w[\w.-]*/[\w.-]+", model):
        cause = _("this is a file: give the folder that holds it") if os.path.exists(folder) else _("no such folder")
        raise InvalidOption(_("model {folder!r}: {cause}").format(folder=model, cause=cause))


def load(settings: TransformersSettings, *, runtime: Runtime, progress: Progress) -> LoadedPipeline:
    """Finds (or fetches) the model and loads it.

    Raises:
        BackendMissing: PyTorch or Transformers is not installed.
        BackendBroken: one of them, or the model, cannot be used.
        BackendError: memory does not suffice.
        ModelUnavailable: the model is not on this machine and cannot be fetched.
        InvalidOption: no model is named, there is no such folder or device.
    """
    # In this order: imports take seconds, and are in vain where the model is not at hand.
    require("torch", package="PyTorch", extra=EXTRA)
    require("transformers", package="Transformers", extra=EXTRA)
    check(settings.model)
    folder = Path(settings.model).expanduser()
    is_folder = os.path.isdir(folder)
    if not is_folder:
        folder = _fetch(settings.model, runtime, progress)
    architecture = _read_architecture(folder, settings.model)
    device = choose_device(runtime, extra=EXTRA)
    transformers: Any = import_module("transformers", package="Transformers", extra=EXTRA)
    _check_architecture(architecture, settings.model)
    torch: Any = import_module("torch", package="PyTorch", extra=EXTRA)
    dtype = getattr(torch, "float32" if settings.compute_type == "auto" else settings.compute_type)
    remedy = _("use a smaller model, or --compute-type float16")
    with (
        silence_transformers(transformers),
        limit_cpu_threads(runtime.threads),
        translate_memory_errors(_("model {model}").format(model=settings.model), remedy=remedy),
    ):
        try:
            network, report = getattr(transformers, architecture).from_pretrained(
                str(folder), local_files_only=True, output_loading_info=True, dtype=dtype
            )
            pipeline = transformers.pipeline(
                "automatic-speech-recognition",
                model=network.eval(),
                tokenizer=transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True),
                feature_extractor=transformers.AutoFeatureExtractor.from_pretrained(str(folder), local_files_only=True),
                device=device,
            )
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # a folder of files that anybody may have written
            raise BackendBroken(
                _("model {model} cannot be loaded by Transformers ({cause}): take another one").format(
                    model=settings.model, cause=describe_error(error, first_line=True)
                )
            ) from error
    if report["missing_keys"]:
        raise BackendBroken(
            _("model {model} has no weights for {key}: it was not trained to write; take one that was").format(
                model=settings.model, key=min(report["missing_keys"])
            )
        )
    rate = getattr(pipeline.feature_extractor, "sampling_rate", None)
    if rate != SAMPLE_RATE_HZ:
        raise BackendBroken(
            _("model {model} wants sound at {rate} Hz: take one for {needed} Hz").format(
                model=settings.model, rate=rate, needed=SAMPLE_RATE_HZ
            )
        )
    return LoadedPipeline(
        pipeline,
        architecture,
        _tells_times(pipeline),
        bool(getattr(getattr(network, "generation_config", None), "is_multilingual", False)),
        settings.model,
        None if is_folder else folder.name,
        device,
        settings.batch_size or (1 if device == "cpu" else 8),
        str(transformers.__version__),
    )


def _fetch(repository: str, runtime: Runtime, progress: Progress) -> Path:
    """The folder of a repository, with the first kind of weights that is on this machine, or that the hub has."""
    for weights in _WEIGHTS:
        found = hub.find_cached(repository, ("config.json", weights))
        if found is not None:
            return found
    remedy = _("run it once on a machine with a connection, and copy its Hugging Face cache here")
    listed = hub.list_files(repository, runtime=runtime, remedy=remedy)
    weights = _WEIGHTS[not any(name.endswith(".safetensors") for name in listed)]
    return hub.fetch(
        repository, ("config.json", weights), optional=_BESIDE, runtime=runtime, remedy=remedy, progress=progress
    )


def _read_architecture(folder: Path, model: str) -> str:
    """The model's class, by its ``config.json``.

    Raises:
        BackendBroken: it cannot be read, or names none.
    """
    try:
        named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures")
    except (OSError, ValueError, AttributeError) as error:
        raise BackendBroken(
            _("model {model} has a config.json that cannot be read ({cause}): get it again").format(
                model=model, cause=describe_error(error)
            )
        ) from error
    if not isinstance(named, list) or not named:
        raise BackendBroken(_("model {model} names no class in its config.json: take another one").format(model=model))
    return str(named[0])


def _check_architecture(architecture: str, model: str) -> None:
    """Raises BackendBroken where Transformers has no such class that turns speech into text."""
    known: Any = import_module("transformers.models.auto.modeling_auto", package="Transformers", extra=EXTRA)
    names = {name for kind in _MAPPINGS for name in getattr(known, f"MODEL_FOR_{kind}_MAPPING_NAMES", {}).values()}
    if architecture not in names:
        raise BackendBroken(
            _("model {model} is a {architecture}, which Transformers does not run as speech to text").format(
                model=model, architecture=architecture
            )
        )


def _tells_times(pipeline: Any) -> bool:
    """Whether the pipeline gives times of words: Whisper that knows its alignment heads, and models by CTC whose
    tokenizer counts frames, where it is known how many samples one stands for."""
    model = pipeline.model
    if pipeline.type == "seq2seq_whisper":
        return bool(getattr(model.generation_config, "alignment_heads", None))
    is_counted = pipeline.type != "seq2seq" and hasattr(pipeline.tokenizer, "_get_word_offsets")
    return is_counted and getattr(model.config, "inputs_to_logits_ratio", 1) > 1
