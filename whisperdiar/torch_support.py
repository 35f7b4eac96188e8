"""What the PyTorch backends share: imports that explain themselves, the device, threads, memory.

Importing this module loads no PyTorch; every function imports it when it is called.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from whisperdiar.errors import (
    BackendBroken,
    BackendError,
    BackendMissing,
    InvalidOption,
    ModelUnavailable,
)
from whisperdiar.options import Runtime


def import_module(module: str, *, package: str, extra: str) -> ModuleType:
    """Import `module`, which the distribution `package` brings and the extra `extra` of this package installs.

    Warnings of the import are swallowed: pyannote.audio, for one, warns at every import where torchcodec cannot
    load FFmpeg, and torchcodec is never used here.

    Raises:
        BackendMissing: the package, or one that it needs, is not installed.
        BackendBroken: the import fails in another way.
    """
    install = f'pip install "whisperdiar[{extra}]"'
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name == top:
            raise BackendMissing(f"{package} is not installed; install it: {install}", remedy=install) from error
        if error.name is None or error.name.startswith(top + "."):
            raise BackendBroken(
                f"{package} is installed in a version that lacks {error.name or module}; update it: {install}",
                remedy=install,
            ) from error
        raise BackendMissing(
            f"{package} needs {error.name}, which is not installed; install it: {install}", remedy=install
        ) from error
    except Exception as error:  # a mismatch of versions or CUDA libraries shows as OSError, AttributeError, …
        raise BackendBroken(
            f"{package} is installed and cannot be imported: {one_line(error)}; "
            f"reinstall it in a fresh environment: {install}",
            remedy=install,
        ) from error


def one_line(error: BaseException, *, limit: int = 240) -> str:
    """The error's type and message without line breaks, cut to `limit` characters."""
    text = " ".join(str(error).split())
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


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
        raise InvalidOption(f"device {wanted!r}: choose auto, cpu, cuda or cuda:N")
    torch = import_module("torch", package="PyTorch", extra=extra)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if match is None:
        return "cuda:0" if count else "cpu"
    index = int(match.group(1) or 0)
    if index >= count:
        raise InvalidOption(
            f"device {wanted!r}: PyTorch {torch.__version__} sees {count} CUDA devices; "
            "use --device cpu, or check the driver with nvidia-smi"
        )
    return f"cuda:{index}"


@contextlib.contextmanager
def inference(runtime: Runtime) -> Iterator[None]:
    """No gradients, and `runtime.threads` CPU threads (0: PyTorch's own choice), inside the block only.

    PyTorch knows one number of threads for the whole process, so it is put back at the end.
    """
    import torch

    before = torch.get_num_threads()
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        if runtime.threads:
            torch.set_num_threads(before)


@contextlib.contextmanager
def memory_errors(what: str, *, remedy: str) -> Iterator[None]:
    """Turns running out of memory, as PyTorch and pyannote.audio tell it, into a BackendError.

    Raises:
        BackendError: inside the block, the memory of the device or of the machine was not enough.
    """
    import torch

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise BackendError(f"{what} ran out of memory; {remedy}") from error
    except RuntimeError as error:  # the CPU allocator's failure has no type of its own
        if "not enough memory" not in str(error) and "can't allocate memory" not in str(error):
            raise
        raise BackendError(f"{what} ran out of memory; {remedy}") from error


def free_memory() -> None:
    """Give back what the models that were just dropped held, also on the GPU."""
    gc.collect()
    torch: Any = importlib.import_module("torch")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_local(named: str) -> bool:
    """Whether a model's name means a file or folder, not a repository of the hub, which is ``owner/name``."""
    return Path(named).expanduser().exists() or re.fullmatch(r"[\w.-]+/[\w.-]+", named) is None or named[0] == "."


def local_or_fetched(named: str, *, revision: str | None = None, files: Sequence[str], runtime: Runtime) -> Path:
    """The file or folder of that name, or a folder with `files` of the hub's repository of that name.

    Raises:
        ModelUnavailable: it is not here and cannot be fetched.
    """
    if not is_local(named):
        return fetch_snapshot(named, revision=revision, files=files, runtime=runtime)
    path = Path(named).expanduser().resolve()
    if not path.exists():
        raise ModelUnavailable(f"{named}: no such file or folder; give one, or a repository of the hub as OWNER/NAME")
    return path


def fetch_snapshot(repository: str, *, revision: str | None, files: Sequence[str], runtime: Runtime) -> Path:
    """Folder with `files` of a repository of the Hugging Face hub: from the cache, else through the network.

    The access token is the hub library's own: the variable HF_TOKEN or a login. It is never read here.

    Raises:
        ModelUnavailable: the files are not in the cache and cannot be fetched.
    """
    from huggingface_hub import constants, errors, snapshot_download

    wanted = {"repo_id": repository, "revision": revision, "allow_patterns": list(files)}
    try:
        cached = Path(snapshot_download(**wanted, local_files_only=True))
        if all((cached / name).is_file() for name in files):
            return cached
    except errors.LocalEntryNotFoundError:
        pass
    download = f"whisperdiar models download {repository}"
    if runtime.offline or constants.HF_HUB_OFFLINE:
        raise ModelUnavailable(
            f"{repository} is not on this machine and the network is switched off; with a connection: {download}",
            remedy=download,
        )
    try:
        return Path(snapshot_download(**wanted))
    except errors.RepositoryNotFoundError as error:  # also what a gated repository answers
        raise ModelUnavailable(
            f"{repository} may not be read from here: accept its conditions at https://hf.co/{repository}, "
            "make a token at https://hf.co/settings/tokens and put it into the variable HF_TOKEN"
        ) from error
    except Exception as error:  # the hub library raises errors of several HTTP libraries, by version
        raise ModelUnavailable(
            f"{repository} cannot be fetched ({one_line(error)}); check the connection, or elsewhere: {download}",
            remedy=download,
        ) from error
