"""Dependencies point one way, and importing the package is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import whisperdiar

PACKAGE = Path(whisperdiar.__file__).parent
HEAVY = ("torch", "torchaudio", "onnxruntime", "pandas", "speechbrain", "pyannote", "nemo", "ctranslate2", "av")


def modules() -> list[tuple[str, Path]]:
    return [(str(path.relative_to(PACKAGE).with_suffix("")), path) for path in sorted(PACKAGE.rglob("*.py"))]


@pytest.mark.parametrize(("name", "path"), [pytest.param(*item, id=item[0]) for item in modules()])
def test_only_the_command_line_touches_the_terminal(name: str, path: Path) -> None:
    if name.startswith(("cli/", "cli\\")) or name == "__main__":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = node.func if isinstance(node, ast.Call) else None
        assert not (isinstance(called, ast.Name) and called.id in ("print", "input")), f"{name}: line {node.lineno}"


def test_every_public_name_is_there_and_listed_once() -> None:
    assert sorted(set(whisperdiar.__all__)) == sorted(whisperdiar.__all__)
    assert all(getattr(whisperdiar, name) is not None for name in whisperdiar.__all__)


@pytest.mark.parametrize("code", ["import whisperdiar", "import whisperdiar.__main__ as m; m.main()"])
def test_importing_and_help_load_nothing_heavy(code: str) -> None:
    script = f"import sys; sys.argv=['whisperdiar', '--help']\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    script += f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_what_transcribes_starts_without_what_makes_minutes() -> None:
    """Which takes as long as all the rest."""
    script = "import sys, whisperdiar.cli.transcribe; print('whisperdiar.minutes.extract.material' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
