"""CTranslate2: device and precision."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whisperdiar.errors import BackendBroken, InvalidOption, UnsupportedRequest
from whisperdiar.text.messages import _, ngettext

COMPUTE_TYPES = (
    *("auto", "default", "int8", "int8_float32", "int8_float16", "int8_bfloat16"),
    *("int16", "float16", "bfloat16", "float32"),
)
_FASTEST_FIRST = {"cuda": ("float16", "int8_float32", "float32"), "cpu": ("int8_float32", "int8", "float32")}
"""What ``auto`` tries: on a GPU half precision, on a CPU 8-bit weights, which are about four times as fast as
32-bit floats there and cost Whisper next to no accuracy."""

_NVIDIA_DRIVER = "libcuda.so.1"
_CUBLAS = "libcublas.so.12"
"""What CTranslate2 looks for on Linux."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A device and a precision that CTranslate2 can use.

    Attributes:
        kind: of device.
        index: which GPU.
        compute_type: of CTranslate2.
        note: a sentence for the user where it is not what one would expect.
    """

    kind: Literal["cpu", "cuda"]
    index: int
    compute_type: str
    note: str | None = None

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.kind == "cuda" else "cpu"


def choose_placement(device: str, compute_type: str) -> Placement:
    """The device that is meant by ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, with a precision that it supports.

    Raises:
        InvalidOption: no such device or compute type.
        UnsupportedRequest: this machine has no such GPU, or the device does not support the compute type.
        BackendBroken: a GPU is asked for and CUDA's libraries cannot be loaded.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", device)
    if match is None:
        raise InvalidOption(_("device {device!r}: choose auto, cpu, cuda or cuda:N").format(device=device))
    if device == "cpu":
        return Placement("cpu", 0, _precision("cpu", 0, compute_type))
    import ctranslate2

    index = int(match.group(1) or 0)
    n_gpus = ctranslate2.get_cuda_device_count()
    if index >= n_gpus:
        if device == "auto":
            return Placement("cpu", 0, _precision("cpu", 0, compute_type))
        found = (
            ngettext("CTranslate2 finds {number} GPU here", "CTranslate2 finds {number} GPUs here", n_gpus).format(
                number=n_gpus
            )
            if n_gpus
            else _("CTranslate2 finds no NVIDIA GPU here")
        )
        raise UnsupportedRequest(_("device {device}: {found}; choose cpu or auto").format(device=device, found=found))
    cause = _load_cuda_libraries()
    if cause is None:
        return Placement("cuda", index, _precision("cuda", index, compute_type))
    lacking = _("the GPU cannot be used, {cause}: install them with pip install 'whisperdiar[cuda]'").format(
        cause=cause
    )
    if device != "auto":
        raise BackendBroken(_("device {device}: {lacking}, or choose cpu").format(device=device, lacking=lacking))
    return Placement("cpu", 0, _precision("cpu", 0, compute_type), lacking)


def _precision(kind: Literal["cpu", "cuda"], index: int, compute_type: str) -> str:
    import ctranslate2

    if compute_type not in COMPUTE_TYPES:
        raise InvalidOption(
            _("compute type {compute_type!r}: choose one of {compute_types}").format(
                compute_type=compute_type, compute_types=", ".join(COMPUTE_TYPES)
            )
        )
    supported = ctranslate2.get_supported_compute_types(kind, index)
    if compute_type == "auto":
        return next((name for name in _FASTEST_FIRST[kind] if name in supported), "default")
    if compute_type != "default" and compute_type not in supported:
        listed = ", ".join(name for name in COMPUTE_TYPES if name in supported)
        raise UnsupportedRequest(
            _("compute type {compute_type}: this {kind} supports {listed}; choose one of them").format(
                compute_type=compute_type, kind=kind, listed=listed
            )
        )
    return compute_type


def _load_cuda_libraries() -> str | None:
    """Loads CUDA 12's cuBLAS and cuDNN for CTranslate2; the cause where cuBLAS cannot be had.

    CTranslate2 opens them by name at its first computation, and knows nothing of the wheels that bring them. What
    is loaded already is found under its name. (Checked with the wheels on a machine without a GPU; not yet run on one.)
    """
    for package, pattern in (("nvidia.cublas", "libcublas*.so.12"), ("nvidia.cudnn", "libcudnn*.so.9")):
        # libcublas needs libcublasLt, which sorts after it: the longest name first.
        for library in sorted(_find_libraries(package, pattern), key=lambda path: (-len(path.name), path.name)):
            _can_load(str(library))
    # Windows looks in other places than Python does, and AMD's GPUs need other libraries: leave those to CTranslate2.
    if sys.platform == "linux" and _can_load(_NVIDIA_DRIVER) and not _can_load(_CUBLAS):
        return _("{library} is missing").format(library=_CUBLAS)
    return None


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _find_libraries(package: str, pattern: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return []
    folders = (spec.submodule_search_locations if spec else None) or []
    return [path for folder in folders for path in Path(folder).glob(f"lib/{pattern}")]
