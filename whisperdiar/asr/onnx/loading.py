"""Loading of onnx-asr models: the library, the files of a model, device, threads and the size of a batch."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import Any

from whisperdiar.contracts import Progress
from whisperdiar.errors import BackendBroken, BackendError, describe_error
from whisperdiar.frameworks.onnxruntime import choose_providers
from whisperdiar.frameworks.torch import import_module, require
from whisperdiar.models.recognisers import KNOWN, LAYOUTS, FoundRecogniser, Layout, find_name, find_smaller, resolve
from whisperdiar.options import OnnxAsrSettings, Runtime
from whisperdiar.system.machine import is_out_of_memory, usable_cores
from whisperdiar.text.messages import _

EXTRA = "onnx-asr"
_BATCH_SIZES = {"cpu": 4, "cuda": 16}


@dataclass(frozen=True, slots=True)
class LoadedRecogniser:
    """A model that is ready.

    Attributes:
        recogniser: onnx-asr's adapter, which gives tokens with times.
        found: where it comes from.
        device: ``cpu`` or ``cuda:N``.
        batch_size: pieces to decode at once.
        version: of onnx-asr.
    """

    recogniser: Any
    found: FoundRecogniser
    device: str
    batch_size: int
    version: str

    @property
    def layout(self) -> Layout:
        """What its files are, and what it tells."""
        return LAYOUTS[self.found.layout]


def load(settings: OnnxAsrSettings, *, runtime: Runtime, progress: Progress) -> LoadedRecogniser:
    """Finds (or fetches) the model and loads it; onnx-asr itself never touches the network.

    Raises:
        BackendMissing: onnx-asr is not installed.
        BackendBroken: it, or the model, cannot be loaded.
        BackendError: memory does not suffice.
        ModelUnavailable: the model is not on this machine and cannot be fetched.
        InvalidOption: no such model or device.
    """
    require("onnx_asr", package="onnx-asr", extra=EXTRA)
    found = resolve(
        settings.model,
        layout=settings.layout,
        compute_type=settings.compute_type,
        runtime=runtime,
        progress=progress,
    )
    providers, device = choose_providers(runtime)
    onnx_asr: Any = import_module("onnx_asr", package="onnx-asr", extra=EXTRA)
    onnxruntime: Any = import_module("onnxruntime", package="onnxruntime", extra="")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.threads or usable_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is told once, by us
    try:
        model = onnx_asr.load_model(
            found.layout,
            found.path,
            quantization=found.precision or None,
            sess_options=options,
            providers=providers,
        ).with_timestamps()
    except Exception as error:  # onnx-asr asserts, ONNX Runtime raises types of its own for each kind of damage
        cause = describe_error(error, first_line=True)
        if is_out_of_memory(error):
            raise BackendError(explain_out_of_memory(found)) from error
        raise BackendBroken(
            _("model {model} cannot be loaded by onnx-asr ({cause}): get it again, or take another one").format(
                model=found.name, cause=cause
            )
        ) from error
    if device != "cpu" and "CPUExecutionProvider" in _first_providers(model.asr, onnxruntime):
        # ONNX Runtime falls back by itself where a library of CUDA is missing.
        if runtime.device != "auto":
            raise BackendBroken(
                _("ONNX Runtime cannot use {device}: its CUDA or cuDNN libraries are missing").format(
                    device=runtime.device
                )
            )
        device = "cpu"
    return LoadedRecogniser(
        model,
        found,
        device,
        settings.batch_size or _BATCH_SIZES[device.partition(":")[0]],
        importlib.metadata.version("onnx-asr"),
    )


def explain_out_of_memory(found: FoundRecogniser, language: str | None = None) -> str:
    """What to say where memory does not suffice.

    Args:
        found: the model.
        language: ISO 639-1 code of what is spoken, where that is known.
    """
    smaller, name = find_smaller(found.name, language), find_name(found.name)
    model = _("a smaller model") if smaller is None else f"--model {smaller}"
    if found.precision or (name is not None and not KNOWN[name].has_int8):
        return _("memory is too small for model {name}: take {model}").format(name=found.name, model=model)
    return _("memory is too small for model {name}: take --compute-type int8, or {model}").format(
        name=found.name, model=model
    )


def _first_providers(recogniser: Any, onnxruntime: Any) -> set[str]:
    """What each of a recogniser's sessions computes with in the first place."""
    return {
        item.get_providers()[0] for item in vars(recogniser).values() if isinstance(item, onnxruntime.InferenceSession)
    }
