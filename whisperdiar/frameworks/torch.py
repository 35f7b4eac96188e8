"""What the PyTorch backends share: imports that explain themselves, the device, threads, memory.

Importing this module loads no PyTorch; every function imports it when it is called.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import importlib.util
import re
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from whisperdiar.contracts import LoadedT, LoadingBackend, SettingsT
from whisperdiar.errors import BackendBroken, BackendError, BackendMissing, InvalidOption, describe_error
from whisperdiar.options import Runtime
from whisperdiar.system.forks import computes
from whisperdiar.system.machine import usable_cores
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text.messages import _


def find_torch_mismatch() -> str | None:
    """Why the installed torchaudio cannot work with the installed torch, judged by their versions; None where it may.

    Up to 2.11.0 torchaudio is built for the torch of the same minor version; 2.11.1 is built on the stable interface
    that torch has from 2.12 on, though its metadata admit 2.11.
    """
    torch, torchaudio = _installed_version("torch"), _installed_version("torchaudio")
    if torch is None or torchaudio is None:
        return None
    fits = torch >= (2, 12, 0) if torchaudio >= (2, 11, 1) else torch[:2] == torchaudio[:2]
    if fits:
        return None
    return _("torchaudio {audio} does not fit torch {torch}").format(
        audio=_parse_version(torchaudio), torch=_parse_version(torch)
    )


def reinstall_command() -> str:
    """The command that installs a pair of torch and torchaudio that fit each other, from this package's own ranges."""
    try:
        stated = importlib.metadata.requires("whisperdiar") or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder
        stated = []
    ranges = {}
    for requirement in stated:
        name = re.match(r"(torch|torchaudio)\b(?![-.])", requirement)
        if name:
            ranges[name[1]] = requirement.partition(";")[0].replace(" ", "")
    if not ranges:
        return 'pip install "whisperdiar[full]"'
    return "pip install " + " ".join(f'"{ranges[name]}"' for name in sorted(ranges))


def _installed_version(package: str) -> tuple[int, int, int] | None:
    """Major, minor, micro; None where it is not installed or has another form."""
    try:
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return None
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _parse_version(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def require(module: str, *, package: str, extra: str) -> None:
    """Finds out at no cost whether `module` is installed, before models are looked for and it is imported.

    Raises:
        BackendMissing: it is not.
    """
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # not even the package above it
        found = None
    if found is None:
        install = _install(extra, package)
        raise BackendMissing(
            _("{package} is not installed; install it: {install}").format(package=package, install=install),
            remedy=install,
        )


def import_module(module: str, *, package: str, extra: str) -> ModuleType:
    """Import `module`, which the distribution `package` brings and the extra `extra` of this package installs.

    Its telemetry is switched off before. Warnings of the import are swallowed: pyannote.audio, for one, warns at every
    import where torchcodec cannot load FFmpeg, and torchcodec is never used here.

    Raises:
        BackendMissing: the package, or one that it needs, is not installed.
        BackendBroken: the import fails in another way.
    """
    require(module.partition(".")[0], package=package, extra=extra)
    install = _install(extra, package)
    disable_telemetry()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if module.startswith(f"{error.name}.") or module == error.name:
            reason = _("{package} is installed in a version that lacks {error}; update it: {install}").format(
                package=package, error=error.name, install=install
            )
            raise BackendBroken(reason, remedy=install) from error
        reason = _("{package} needs {error}, which is not installed; install it: {install}").format(
            package=package, error=error.name, install=install
        )
        raise BackendMissing(reason, remedy=install) from error
    except Exception as error:  # a mismatch of versions or CUDA libraries shows as OSError, AttributeError, …
        mismatch = find_torch_mismatch()
        cause, remedy = (mismatch, reinstall_command()) if mismatch else (describe_error(error), install)
        raise BackendBroken(
            _("{package} is installed and cannot be imported: {cause}. To fix this, run: {remedy}").format(
                package=package, cause=cause, remedy=remedy
            ),
            remedy=remedy,
        ) from error


def _install(extra: str, package: str) -> str:
    """The command; what the core needs by itself has no extra."""
    return f'pip install "whisperdiar[{extra}]"' if extra else f"pip install {package}"


def choose_device(runtime: Runtime, *, extra: str) -> str:
    """``cpu`` or ``cuda:N``; ``auto`` takes the first GPU that PyTorch sees.

    Raises:
        InvalidOption: the device is unknown or not there.
        BackendMissing, BackendBroken: no usable PyTorch.
    """
    wanted = runtime.device
    if wanted == "cpu":
        return wanted
    match = re.fullmatch(r"cuda(?::(\d+))?", wanted)
    if match is None and wanted != "auto":
        raise InvalidOption(_("device {wanted!r}: choose auto, cpu, cuda or cuda:N").format(wanted=wanted))
    torch = import_module("torch", package="PyTorch", extra=extra)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if match is None:
        return "cuda:0" if count else "cpu"
    index = int(match.group(1) or 0)
    if index >= count:
        raise InvalidOption(
            _(
                "device {wanted!r}: PyTorch {version} sees {count} CUDA devices; use --device cpu, or check "
                "the driver with nvidia-smi"
            ).format(wanted=wanted, version=torch.__version__, count=count)
        )
    return f"cuda:{index}"


@contextlib.contextmanager
def limit_cpu_threads(threads: int) -> Iterator[None]:
    """That many CPU threads inside the block; 0: PyTorch's own choice, but no more than a container grants.

    PyTorch knows one number of threads for the whole process, so it is put back at the end.
    """
    import torch

    before = torch.get_num_threads()
    chosen = threads or min(before, usable_cores())
    computes("PyTorch", chosen)
    torch.set_num_threads(chosen)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def silence_transformers(transformers: Any) -> Iterator[None]:
    """Inside the block Transformers prints neither progress nor notes on checkpoints, and nobody warns."""
    log = transformers.utils.logging
    verbosity, bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(verbosity)
        if bar:
            log.enable_progress_bar()


@contextlib.contextmanager
def translate_memory_errors(what: str, *, remedy: str) -> Iterator[None]:
    """Turns running out of memory, as PyTorch and pyannote.audio tell it, into a BackendError.

    Raises:
        BackendError: inside the block, the memory of the device or of the machine was not enough.
    """
    import torch

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise BackendError(_("{what} ran out of memory; {remedy}").format(what=what, remedy=remedy)) from error
    except RuntimeError as error:  # the CPU allocator's failure has no type of its own
        if "not enough memory" not in str(error) and "can't allocate memory" not in str(error):
            raise
        raise BackendError(_("{what} ran out of memory; {remedy}").format(what=what, remedy=remedy)) from error


def free_memory() -> None:
    """Give back what the models that were just dropped held, also on the GPU."""
    gc.collect()
    torch: Any = sys.modules.get("torch")  # where nothing has imported it, it holds nothing
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


class TorchBackend(LoadingBackend[SettingsT, LoadedT]):
    """Backend base class with a model in PyTorch, which keeps the memory of what is dropped."""

    def _free_memory(self) -> None:
        free_memory()
