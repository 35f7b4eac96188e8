"""What the PyTorch backends share, as far as it needs no PyTorch."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from whisperdiar.errors import BackendBroken, BackendMissing, InvalidOption
from whisperdiar.frameworks.torch import (
    choose_device,
    find_torch_mismatch,
    import_module,
    reinstall_command,
    require,
)
from whisperdiar.options import Runtime


def module(folder: Path, name: str, text: str) -> None:
    folder.joinpath(name).mkdir()
    folder.joinpath(name, "__init__.py").write_text(text, encoding="utf-8")


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(BackendMissing, match="No Such Thing is not installed") as caught:
        import_module("no_such_thing.inside", package="No Such Thing", extra="pyannote")
    assert caught.value.remedy == 'pip install "whisperdiar[pyannote]"'
    assert caught.value.remedy in str(caught.value)
    with pytest.raises(BackendMissing, match="No Such Thing"):
        require("no_such_thing.inside", package="No Such Thing", extra="pyannote")


def test_a_broken_package_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module(tmp_path, "broken_abi", "raise OSError('libcudart.so.13:\\n cannot open shared object file')")
    with pytest.raises(BackendBroken, match=r"cannot be imported: OSError: libcudart\.so\.13: cannot open") as caught:
        import_module("broken_abi", package="Broken", extra="speechbrain")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_missing_dependency_and_an_old_version_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module(tmp_path, "needs_another", "import no_such_dependency")
    with pytest.raises(BackendMissing, match="Needy needs no_such_dependency"):
        import_module("needs_another", package="Needy", extra="speechbrain")
    module(tmp_path, "of_old", "")
    with pytest.raises(BackendBroken, match=r"in a version that lacks of_old\.inference"):
        import_module("of_old.inference", package="Old", extra="speechbrain")


def test_warnings_of_an_import_are_swallowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module(tmp_path, "talks_much", "import warnings\nwarnings.warn('no decoder here')\nready = True")
    assert import_module("talks_much", package="Talks", extra="pyannote").ready
    assert not recwarn.list


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "mps", ""])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(InvalidOption, match="choose auto, cpu, cuda"):
        choose_device(Runtime(device=device), extra="pyannote")


def test_the_cpu_needs_no_pytorch() -> None:
    assert choose_device(Runtime(device="cpu"), extra="pyannote") == "cpu"


@pytest.mark.model
def test_a_gpu_that_is_not_there_is_refused_and_auto_goes_without() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    assert choose_device(Runtime(), extra="pyannote") == ("cuda:0" if count else "cpu")
    with pytest.raises(InvalidOption, match=f"sees {count} CUDA devices"):
        choose_device(Runtime(device=f"cuda:{count}"), extra="pyannote")


def test_importing_the_backends_loads_nothing_heavy() -> None:
    script = (
        "import sys, whisperdiar.vad.crdnn as crdnn, whisperdiar.diarization.pyannote as pyannote\n"
        "crdnn.Backend(), pyannote.Backend()\n"
        "print([n for n in ('torch', 'speechbrain', 'pyannote.audio', 'lightning', 'yaml') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("torch", "torchaudio", "fits"),
    [
        ("2.11.0", "2.11.0", True),
        ("2.11.0+cpu", "2.11.0+cpu", True),
        ("2.11.0", "2.11.1", False),
        ("2.14.1", "2.11.1", True),
        ("2.13.0+cpu", "2.11.0", False),
        ("2.9.1", "2.11.0", False),
        (None, "2.11.0", True),
        ("2.11.0", None, True),
    ],
)
def test_which_torchaudio_fits_which_torch(
    torch: str | None, torchaudio: str | None, *, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"torch": torch, "torchaudio": torchaudio}

    def version(package: str) -> str:
        found = versions[package]
        if found is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert (find_torch_mismatch() is None) == fits


def test_the_command_that_mends_a_mismatch_comes_from_this_packages_own_ranges() -> None:
    command = reinstall_command()
    assert command.startswith("pip install ")
    stated = [item for item in importlib.metadata.requires("whisperdiar") or () if re.match(r"torch(audio)?\b", item)]
    assert stated
    for name in ("torch", "torchaudio"):
        assert any(part.partition(";")[0].strip() in command for part in stated if re.match(rf"{name}\b", part))
