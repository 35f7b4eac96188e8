"""Writes docs/commands.md from the commands' own help, so that the two cannot disagree.

python docs/make_commands.py           write it
python docs/make_commands.py --check   exit 1 where it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.testing import CliRunner

from whisperdiar.cli import main

PAGE = Path(__file__).parent / "commands.md"


def page() -> str:
    """The whole page."""
    parts = ["# Commands\n\nWritten by `python docs/make_commands.py` from each command's `--help-all`.\n"]
    for words in _commands(main, []):
        title = " ".join(["whisperdiar", *words])
        done = CliRunner().invoke(main, ["help", "--all", *words], prog_name="whisperdiar", terminal_width=100)
        parts.append(f"## {title}\n\n```\n{done.output.rstrip()}\n```\n")
    return "\n".join(parts)


def _commands(group: click.Group, before: list[str]) -> list[list[str]]:
    context = click.Context(group)
    found = [before]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += _commands(command, [*before, name])
        elif command is not None:
            found.append([*before, name])
    return found


if __name__ == "__main__":
    text = page()
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1)
    PAGE.write_text(text, encoding="utf-8")
