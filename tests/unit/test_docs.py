"""What the documentation shows is true: commands parse and code runs; test_door.py follows the links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from tests.sounds import ROOT
from whisperdiar.cli import main

PAGES = [ROOT / "README.md", ROOT / "README.ru.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(page.read_text("utf-8")) if name == language]


def commands() -> list[str]:
    found = []
    for page in PAGES:
        for body in blocks(page, ""):
            for line in body.splitlines():
                found += re.findall(r"(?:^|&& )(whisperdiar (?!-)[^#&]+)", line)
    return sorted({line.strip() for line in found if "…" not in line and "[" not in line})


@pytest.mark.parametrize("line", commands())
def test_commands_in_the_documentation_parse(line: str) -> None:
    _, *words = shlex.split(line)
    context = main.make_context("whisperdiar", words)
    (name, command, rest) = main.resolve_command(context, [*context._protected_args, *context.args])
    while isinstance(command, click.Group):
        assert rest, f"{line}: a command is missing"
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None
    assert command is not None
    command.make_context(name, rest)


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 20


def test_the_example_of_joining_runs() -> None:
    code = [body for body in blocks(ROOT / "docs" / "library.md", "python") if "assert" in body]
    assert len(code) == 2
    exec(compile("\n".join(code), "library.md", "exec"), {})


def test_the_example_of_figures_runs() -> None:
    (code,) = blocks(ROOT / "docs" / "viewer.md", "python")
    exec(compile(code, "viewer.md", "exec"), {})


def test_the_example_backend_does_what_a_backend_must() -> None:
    from tests.sounds import conversation
    from whisperdiar import SpeakerCount

    code = "\n".join(blocks(ROOT / "docs" / "backends.md", "python"))
    assert "check_backend(Backend)" in code
    names: dict[str, object] = {"__name__": "backends"}
    exec(compile(code, "backends.md", "exec", dont_inherit=True), names)
    backend = names["Backend"]()  # type: ignore[operator]
    audio, turns = conversation("ABAB", each=1.0)
    speech = tuple(turn.span for turn in turns)
    found = backend.diarize(audio, speech=speech, speakers=SpeakerCount(2, 2))
    assert [turn.speaker for turn in found.turns] == ["SPEAKER_00", "SPEAKER_01"] * 2
