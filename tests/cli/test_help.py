"""Help in groups and at once, words completed by the shell, names in any case."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Cli
from tests.examples import few_by_day
from whisperdiar.cli import COMMANDS, main
from whisperdiar.cli.declarations import GROUPS
from whisperdiar.cli.language import choose
from whisperdiar.cli.option import Option
from whisperdiar.options import LiveOptions, ServerOptions
from whisperdiar.text import messages

NOT_FOR_A_HELP = (
    "numpy",
    "scipy",
    "logging",
    "pathlib",
    "dataclasses",
    "whisperdiar.assembly",
    "whisperdiar.minutes",
    "whisperdiar.transcript",
    "whisperdiar.types",
)
GROUPED = (("models",), ("cache",), ("speakers",))
LEAVES = [
    (*words, name)
    for words, group in (((), main), *((words, main.get_command(click.Context(main), words[0])) for words in GROUPED))
    if isinstance(group, click.Group)
    for name in group.list_commands(click.Context(group))
]


def command_of(*words: str) -> click.Command:
    at: click.Command = main
    for word in words:
        assert isinstance(at, click.Group)
        found = at.get_command(click.Context(at), word)
        assert found is not None
        at = found
    return at


HELPS = [("--version",), ("--help",), *few_by_day(((*leaf, "--help") for leaf in LEAVES), every=4)]


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_a_help_imports_no_more_than_it_shows(words: tuple[str, ...]) -> None:
    code = (
        "import sys; sys.argv = ['whisperdiar', *sys.argv[1:]]\n"
        "from whisperdiar.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        f"print([name for name in {NOT_FOR_A_HELP!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_option_has_a_place_in_the_whole_help_and_its_words(cli: Cli, words: tuple[str, ...]) -> None:
    shown = cli("help", "--all", *words).out
    short = cli(*words, "--help").out
    for item in command_of(*words).params:
        if isinstance(item, click.Option):
            assert isinstance(item, Option), f"{item.opts}: declare it with `option`"
            assert item.group in GROUPS
            assert item.help
            assert max(item.opts, key=len) in shown
            assert (max(item.opts, key=len) in short) or item.rare


def test_a_long_help_leaves_rare_options_out_and_says_how_many(cli: Cli) -> None:
    short, whole = cli("transcribe", "--help").out, cli("transcribe", "--help-all").out
    left_out = [item for item in command_of("transcribe").params if getattr(item, "rare", False)]
    assert f"{len(left_out)} more options: whisperdiar transcribe --help-all" in short
    assert "--max-cps" in whole
    assert "--max-cps" not in short
    titles = [line[:-1] for line in short.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == [title for title in GROUPS if title in titles]
    assert len(titles) >= 6


def test_help_of_a_command_is_that_of_its_option(cli: Cli) -> None:
    assert cli("help", "models", "download").out == cli("models", "download", "--help").out
    assert cli("help").out == cli("--help").out
    done = cli("help", "modles")
    assert done.code == 2
    assert "did you mean 'models'?" in done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_agrees_with_the_commands(name: str) -> None:
    found = command_of(name)
    assert found.name == name
    assert found.help
    assert len(COMMANDS[name].summary) < 80


def test_formats_are_listed_with_their_suffixes(cli: Cli) -> None:
    out = cli("formats").out
    (line,) = [line for line in out.splitlines() if line.startswith("ttml")]
    assert line.split() == ["ttml", ".ttml", ".dfxp", ".xml", ".itt", "subtitles", "yes"]
    assert '"name": "srt"' in cli("formats", "--json").out


@pytest.mark.parametrize("name", ["SRT", "Srt", "srt", "WhisperX-JSON"])
def test_formats_are_known_in_any_case(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello there.\n", "utf-8")
    done = cli("convert", "a.srt", "-f", name)
    assert done.code == 0
    assert done.out == cli("convert", "a.srt", "-f", name.lower()).out


@pytest.mark.parametrize("name", ["ru", "RU", "Russian", "russian", "русский"])
def test_a_language_is_known_by_its_names(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello there.\n", "utf-8")
    assert '"language": "ru"' in cli("convert", "a.srt", "-f", "json", "--language", name).out


def test_a_language_has_its_name_in_the_language_of_the_user(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nIch habe das nicht gesagt.\n", "utf-8")
    russian = ("--ui-language", "ru")
    assert '"language": "de"' in cli("convert", "a.srt", "-f", "json", "--language", "Немецкий", *russian).out
    assert "возможно, имелось в виду немецкий?" in cli("convert", "a.srt", "--language", "немецки", *russian).err
    assert "язык текста — немецкий" in cli("convert", "a.srt", "-f", "json", *russian).err
    assert "the text looks German" in cli("convert", "a.srt", "-f", "json").err


def test_a_mistyped_language_hears_of_the_nearest(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello there.\n", "utf-8")
    done = cli("convert", "a.srt", "--language", "germn")
    assert done.code == 2
    assert "did you mean german?" in done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_for_a_shell(cli: Cli, shell: str) -> None:
    done = cli("completion", shell)
    assert done.code == 0
    assert "_WHISPERDIAR_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["whisperdiar", "tran"], "transcribe"),
        (["whisperdiar", "transcribe", "--mod"], "--model"),
        (["whisperdiar", "talk.wav", "--spea"], "--speakers"),
        (["whisperdiar", "models", "down"], "download"),
        (["whisperdiar", "transcribe", "--task", "tra"], "translate"),
    ],
)
def test_words_are_completed(typed: list[str], expected: str) -> None:
    environment = {
        "_WHISPERDIAR_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(typed),
        "COMP_CWORD": str(len(typed) - 1),
    }

    done = subprocess.run(
        [sys.executable, "-m", "whisperdiar"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert expected in [line.partition(",")[2] for line in done.stdout.splitlines()]


_IN_CAPITALS = """
AMI ASS CPU CTC CTM CUDA DER DOCX EAF ECAPA ELAN GPU HTML HTTP JER JSON LIUM LRC ODT OK ORC PDF PNG RTTM SBV SDH SRT
SSA STM SVG TCP TTML UEM URL UTF WAV WDER WER
"""
"""Names of formats and measures, which are the same in every language."""


def test_a_russian_help_has_no_english_words() -> None:
    """Neither whole paragraphs nor the words in capitals that stand for values: usage and text say the same."""
    seen = []
    before = os.environ.get("LANGUAGE")
    choose(["--ui-language", "ru"])
    try:
        for words in ((), *GROUPED, *LEAVES):
            command = command_of(*words)
            context = click.Context(command, info_name=" ".join(("whisperdiar", *words)))
            context.meta["whisperdiar.help_all"] = True
            text = re.sub(r"`[^`]*`", "", command.get_help(context))
            paragraphs = [
                item for item in text.split("\n\n") if ": whisperdiar " not in item and "  whisperdiar " not in item
            ]
            seen += [(words, item) for item in paragraphs if not re.search("[А-яё]", item)]
            capitals = set(re.findall(r"(?<![\w-])[A-Z]{2,}(?![\w+-])", text)) - set(_IN_CAPITALS.split())
            seen += [(words, item) for item in sorted(capitals)]
    finally:
        messages.use("en")
        os.environ["LANGUAGE"] = before or ""
    assert not seen


@pytest.mark.parametrize(("name", "settings"), [("live", LiveOptions()), ("serve", ServerOptions())])
def test_defaults_that_a_help_tells_in_brackets_are_those_of_the_settings(name: str, settings: object) -> None:
    """The help of the command line loads no settings, so that their numbers stand in it once more."""
    told = {
        item.name or "": float(found[1])
        for item in main.get_command(click.Context(main), name).params  # type: ignore[union-attr]
        if isinstance(item, Option) and (found := re.search(r"\((\d+(?:\.\d+)?)\)", item.help or ""))
    }
    told.pop("speed", None)  # of a file that is played, no setting of what listens
    assert len(told) >= 3
    assert told == {key: getattr(settings, key) for key in told}
