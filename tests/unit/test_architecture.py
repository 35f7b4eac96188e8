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

# What each part of the package may import of the rest. A folder's name stands for all that lies in it.
ALLOWED: dict[str, set[str]] = {
    "version": set(),
    "errors": {"transcript", "types"},  # for annotations only
    "types": {"errors"},
    "transcript": {"errors", "types"},
    "options": {"errors"},
    "contracts": {"types"},
    "punctuation": set(),
    "alignment": {"options", "punctuation", "transcript", "types"},
    "graphemes": set(),
    "subtitles": {"graphemes", "options", "transcript", "types"},
    "segmentation": {"options", "punctuation", "transcript", "types"},
    "colours": set(),
    "statistics": {"options", "transcript", "types"},
    "_svg": set(),
    "plots": {"_svg", "colours", "errors", "graphemes", "options", "statistics", "transcript", "types"},
    "files": {"errors"},
    "activity_files": {"errors", "files", "types"},
    "outcome": {"transcript", "types"},
    "formats": {
        "colours",
        "errors",
        "graphemes",
        "options",
        "segmentation",
        "statistics",
        "subtitles",
        "transcript",
        "types",
    },
    "editing": {"errors", "formats", "options", "segmentation", "transcript", "types"},
    "checking": {"graphemes", "options", "types"},
    "unavoidable": {"checking", "graphemes", "options", "statistics", "transcript", "types"},
    "media": {"contracts", "errors", "options", "types", "files"},
    "_callbacks": {"_beside", "_quiet", "contracts"},
    "_forks": {"errors"},
    "_machine": {"errors"},
    "_telemetry": set(),
    "_quiet": set(),
    "features": {"errors", "options", "types"},
    "minutes": {
        "punctuation",
        "errors",
        "files",
        "formats",
        "options",
        "plots",
        "statistics",
        "transcript",
        "types",
        "version",
    },
    "soft_subtitles": {"contracts", "errors", "formats", "media", "options", "transcript"},
    "clips": {"errors", "files", "transcript", "types", "options"},
}
BASE = {
    "activity_files",
    "_forks",
    "_machine",
    "_telemetry",
    "_quiet",
    "_pyannote",
    "_sources",
    "contracts",
    "errors",
    "options",
    "types",
    "features",
    "files",
    "formats",
    "models",
    "outcome",
    "punctuation",
    "torch_support",
    "transcript",
}
BACKENDS = ("vad", "asr", "diarization")


def modules() -> list[tuple[str, Path]]:
    return [(str(path.relative_to(PACKAGE).with_suffix("")), path) for path in sorted(PACKAGE.rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """The package's own modules that a module imports, as paths below the package."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.removeprefix("whisperdiar.") for name in names if name.startswith("whisperdiar.")}
    return found


@pytest.mark.parametrize(("name", "path"), [pytest.param(*item, id=item[0]) for item in modules()])
def test_dependencies_point_one_way(name: str, path: Path) -> None:
    part = name.split("/")[0]
    targets = imported(path)
    if part in ALLOWED:
        strangers = {target for target in targets if target.split(".")[0] not in ALLOWED[part] | {part}}
        assert not strangers, f"{name} must not import {strangers}"
    if part in BACKENDS:
        own = name.replace("/", ".")
        for target in targets:
            top, _, rest = target.partition(".")
            assert top in BASE | {part}, f"{own} must not import {target}"
            if top == part:
                assert rest.startswith("_"), f"{own}: backends share parts, they do not import each other ({target})"


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
