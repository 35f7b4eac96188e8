"""No library is imported before its telemetry is off."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import whisperdiar
from whisperdiar.system.telemetry import VARIABLES, disable_telemetry

PACKAGE = Path(whisperdiar.__file__).parent
REPORTING = {"onnxruntime", "faster_whisper", "huggingface_hub", "pyannote", "nemo", "transformers", "speechbrain"}
"""What reports to its makers, or imports what does."""
CONVERTER = "converter.py"
"""Runs in a process of its own, whose environment `models.conversion` makes."""


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def sources() -> Iterator[tuple[Path, str]]:
    """The modules that name such a library at all."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if any(name in text for name in REPORTING):
            yield path, text


def imported(tree: ast.AST) -> set[str]:
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_who_imports_such_a_library_switches_its_telemetry_off_first():
    found = 0
    for path, text in sources():
        for function in ast.walk(ast.parse(text)):
            if (
                not isinstance(function, ast.FunctionDef)
                or not imported(function) & REPORTING
                or path.name == CONVERTER
            ):
                continue
            if any(inner is not function and isinstance(inner, ast.FunctionDef) for inner in ast.walk(function)):
                continue  # its inner functions are looked at by themselves
            found += 1
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            lines = [call.lineno for call in calls if getattr(call.func, "id", "") == "disable_telemetry"]
            imports = [node.lineno for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))]
            assert lines, f"{path.name}: {function.name} imports a library with its telemetry on"
            assert min(lines) < min(imports), f"{path.name}: {function.name} switches telemetry off too late"
    assert found >= 2


def test_no_module_imports_such_a_library_for_itself():
    for path, text in sources():
        tree = ast.parse(text)
        top = ast.Module([node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))], [])
        assert not imported(top) & REPORTING, path.name


@pytest.mark.usefixtures("no_choice")
def test_a_choice_of_the_user_stays(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    disable_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


@pytest.mark.model
@pytest.mark.usefixtures("no_choice")
@pytest.mark.parametrize(
    "work",
    [
        "from whisperdiar.vad.silero import Backend; Backend().prepare()",
        "from whisperdiar.frameworks.torch import import_module; "
        "import_module('onnxruntime', package='onnxruntime', extra='').get_available_providers()",
    ],
    ids=["silero", "onnxruntime"],
)
def test_the_library_leaves_nothing_behind_in_cache_and_temporary_folder(tmp_path, work):
    """onnxruntime would lay down a device id, a database of events, and a session file that follows links."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    (temporary / ".ses").symlink_to(victim)
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("XDG_CACHE_HOME", None)
    subprocess.run([sys.executable, "-c", work], check=True, env=environment, cwd=PACKAGE.parent)
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert [path.name for path in temporary.iterdir()] == [".ses"]
    assert victim.read_text(encoding="utf-8") == "precious"
