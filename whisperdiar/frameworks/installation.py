"""Installation state: which libraries fit each other, and which backends can run (nothing is fetched).

`readiness` looks only at what is installed and what lies in the model cache; `import_failures` imports libraries in
another process, because a library that does not fit another one may end the process instead of raising.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from whisperdiar import models
from whisperdiar.errors import BackendMissing, describe_error
from whisperdiar.frameworks.torch import find_torch_mismatch, reinstall_command
from whisperdiar.models.hub import find_cached
from whisperdiar.registry import BackendClass, Stage, load
from whisperdiar.system.telemetry import VARIABLES
from whisperdiar.text.messages import _

State = Literal["ready", "model missing", "not installed", "broken"]

LIBRARIES: Mapping[str, str] = {
    "onnxruntime": "onnxruntime",
    "ctranslate2": "ctranslate2",
    "faster_whisper": "faster-whisper",
    "av": "av",
    "torch": "torch",
    "torchaudio": "torchaudio",
    "transformers": "transformers",
    "speechbrain.inference": "speechbrain",
    "pyannote.audio": "pyannote.audio",
    "onnx_asr": "onnx-asr",
    "nemo.collections.asr": "nemo_toolkit",
}
"""The modules that do the work and the packages that bring them; core first, then what others import."""

_IMPORT_LIMIT_S = 300
_IMPORTED = "whisperdiar: imported"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a backend can run, and if not, why and what mends it.

    Attributes:
        state: ``ready``; ``model missing``: fetched at the first use; ``not installed``: a package is missing;
            ``broken``: what is installed cannot work.
        text: one clause for people.
        remedy: the command that makes it ready, if there is one.
    """

    state: State
    text: str
    remedy: str | None = None


def readiness(stage: Stage, backend: BackendClass) -> Readiness:
    """Whether a backend with its default settings can run now, judged without importing anything heavy.

    Args:
        stage: ``vad``, ``asr`` or ``diarization``.
        backend: its class.
    """
    missing = missing_packages(backend)
    if missing:
        extra = backend.info.extra
        packages = " ".join(item.partition(".")[0].replace("_", "-") for item in missing)
        remedy = f'pip install "whisperdiar[{extra}]"' if extra else f"pip install {packages}"
        return Readiness("not installed", _("not installed ({remedy})").format(remedy=remedy), remedy)
    if backend.info.extra and _needs_torch(backend):
        mismatch = find_torch_mismatch()
        if mismatch is not None:
            return Readiness("broken", mismatch, reinstall_command())
    if getattr(backend, "runs_programs", False):
        try:
            backend().prepare()
        except BackendMissing as error:
            return Readiness("not installed", _("not installed ({error})").format(error=error))
        return Readiness("ready", _("ready"))
    if _has_model(stage, backend):
        return Readiness("ready", _("ready"))
    name = getattr(backend, "downloaded_as", "small" if stage == "asr" else backend.name)
    remedy = f"whisperdiar models download {name}"
    n_megabytes = (backend if stage == "asr" or name == backend.name else load(stage, name)).info.download_mb
    size = _("{megabytes} MB").format(megabytes=n_megabytes) if n_megabytes else _("size unknown")
    return Readiness(
        "model missing",
        _("installed, model not downloaded ({size}: {remedy})").format(size=size, remedy=remedy),
        remedy,
    )


def missing_packages(backend: BackendClass) -> list[str]:
    """Modules that a backend needs and that are not installed; nothing heavy is imported."""
    return sorted(name for name in backend.info.requires if not is_installed(name))


def is_installed(module: str) -> bool:
    """Whether a module can be found; of ``pyannote.audio`` the namespace alone, which others share, is not enough."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package above it
        return False


def _needs_torch(backend: BackendClass) -> bool:
    return any(name.partition(".")[0] not in ("onnxruntime", "onnx", "onnx_asr") for name in backend.info.requires)


def _has_model(stage: str, backend: BackendClass) -> bool:
    if not backend.info.network:
        return True
    own = getattr(backend, "has_model", None)
    if own is not None:
        return bool(own())
    if stage == "asr":
        return any(entry.cached for entry in models.catalogue())
    choices = getattr(backend, "alternatives", ((backend.info.requires, backend.info.repositories),))
    return any(
        all(map(is_installed, packages)) and all(find_cached(repository, ()) is not None for repository in repositories)
        for packages, repositories in choices
    )


def installed_libraries() -> dict[str, str]:
    """Modules of `LIBRARIES` that are installed, with the version of their package."""
    found = {}
    for module, package in LIBRARIES.items():
        try:
            found[module] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def import_failures(modules: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Each module, and why it cannot be imported; None where it can.

    One process imports them in turn, since most of them import PyTorch, which takes seconds each time. What follows a
    module that fails is imported in a new process: the failure may have ended the process, or left halves behind.
    """
    waiting = list(modules)
    while waiting:
        imported, cause = _import_in_turn(waiting)
        yield from ((module, None) for module in waiting[:imported])
        if cause is not None:
            # Alone again: what was imported before may have broken it, and a user imports it alone.
            cause = _import_in_turn([waiting[imported]])[1] if imported else cause
            yield waiting[imported], cause
            imported += 1
        waiting = waiting[imported:]


def _import_in_turn(modules: Sequence[str]) -> tuple[int, str | None]:
    """How many modules one new process imports, and what went wrong with the next; None where all are imported."""
    # What libraries print themselves is told apart by the mark.
    code = f"import importlib\nfor name in {list(modules)!r}:\n    importlib.import_module(name)\n"
    code += f"    print({_IMPORTED!r}, flush=True)"
    environment = {**VARIABLES, **os.environ, "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_IMPORT_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        shown = error.stdout or b""
        said = shown.decode(errors="replace") if isinstance(shown, bytes) else shown
        return said.count(_IMPORTED), _("its import takes longer than {limit} s").format(limit=_IMPORT_LIMIT_S)
    except OSError as error:
        return 0, describe_error(error)
    imported = min(done.stdout.count(_IMPORTED), len(modules))
    if imported == len(modules):  # what happens to the process afterwards is no failure of an import
        return imported, None
    if done.returncode < 0:
        return imported, _("its import ends the process with signal {number}").format(number=-done.returncode)
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"[A-Za-z_.]*(Error|Exception|Exit)\b", line)]
    return imported, (
        raised or lines or [_("its import ends the process with exit code {code}").format(code=done.returncode)]
    )[-1][:240]
