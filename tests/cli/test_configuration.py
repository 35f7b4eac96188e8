"""Configuration files, environment variables and presets: which one wins, and what is said of a mistake."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Cli
from whisperdiar.cli import main
from whisperdiar.cli.configuration_files import user_path
from whisperdiar.cli.option import Option, all_commands
from whisperdiar.cli.presets import PRESETS

Value = Callable[..., tuple[str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any configuration, in a folder of a project."""
    for name in list(os.environ):
        if name.startswith("WHISPERDIAR_") and name != "WHISPERDIAR_CACHE":
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("HOME", str(folder))
    Path(user_path()).parent.mkdir(parents=True)
    return folder


@pytest.fixture
def value(cli: Cli, home: Path) -> Value:
    """`value("model")`: what `whisperdiar config` shows of an option, and where it comes from."""

    def find(key: str, *arguments: str) -> tuple[str, str]:
        done = cli("config", *arguments)
        assert done.code == 0, done.err
        for line in done.out.splitlines():
            name, _, rest = line.partition(" = ")
            if name.removeprefix("# ") == key:
                text, _, origin = rest.partition("  # ")
                return text, origin
        raise AssertionError(f"no {key} in {done.out}")

    return find


def test_the_nearest_to_the_command_line_wins(value: Value, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert value("profile") == ('"default"', "")
    Path(user_path()).write_text('preset = "film"\n', "utf-8")
    assert value("profile") == ('"netflix"', f"preset film of {user_path()}")
    Path(user_path()).write_text('preset = "film"\nprofile = "ted"\n', "utf-8")
    assert value("profile") == ('"ted"', user_path())
    assert value("speaker-style") == ('"dash"', f"preset film of {user_path()}")
    project = tmp_path / "whisperdiar.toml"
    project.write_text('profile = "bbc"\n', "utf-8")
    assert value("profile") == ('"bbc"', str(project))
    project.write_text('profile = "bbc"\n[transcribe]\nprofile = "ebu"\n', "utf-8")
    assert value("profile") == ('"ebu"', str(project))
    assert value("profile", "convert") == ('"bbc"', str(project))
    assert value("profile", "--preset", "film") == ('"netflix"', "preset film")
    monkeypatch.setenv("WHISPERDIAR_PROFILE", "social")
    assert value("profile", "--preset", "film") == ('"social"', "WHISPERDIAR_PROFILE")
    monkeypatch.setenv("WHISPERDIAR_TRANSCRIBE_PROFILE", "youtube")
    assert value("profile") == ('"youtube"', "WHISPERDIAR_TRANSCRIBE_PROFILE")
    assert value("profile", "convert") == ('"social"', "WHISPERDIAR_PROFILE")


SRT = "1\n00:00:00,000 --> 00:00:03,000\nHello there, all of you people.\n"


def test_every_source_reaches_the_command(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.srt").write_text(SRT, "utf-8")
    (tmp_path / "whisperdiar.toml").write_text('[convert]\nformat = ["vtt"]\nmax-chars = 20\n', "utf-8")
    done = cli("convert", "a.srt")
    assert done.out.startswith("WEBVTT")
    assert max(len(line) for line in done.out.splitlines() if "-->" not in line) <= 20
    monkeypatch.setenv("WHISPERDIAR_FORMAT", "sbv")
    assert cli("convert", "a.srt").out.startswith("0:00:00.000,")
    assert cli("convert", "a.srt", "-f", "srt").out.startswith("1\n")


def test_a_project_is_found_from_a_folder_in_it(value: Value, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whisperdiar.toml").write_text("threads = 3\n", "utf-8")
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert value("threads") == ('"3"', str(tmp_path / "whisperdiar.toml"))


def test_a_file_that_is_named_is_the_only_one(value: Value, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whisperdiar.toml").write_text("threads = 3\n", "utf-8")
    (tmp_path / "other.toml").write_text("device = 'cpu'\n", "utf-8")
    monkeypatch.setenv("WHISPERDIAR_CONFIG", str(tmp_path / "other.toml"))
    assert value("threads") == ("0", "")
    assert value("device") == ('"cpu"', str(tmp_path / "other.toml"))
    monkeypatch.setenv("WHISPERDIAR_CONFIG", "")
    assert value("device") == ('"auto"', "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 'tiny'\n", ("'modle'", "did you mean 'model'?")),
        ("[transcribe]\nmodle = 'tiny'\n", ("'modle'", "did you mean 'model'?")),
        ("[transcrib]\nmodel = 'tiny'\n", ("[transcrib]", "did you mean 'transcribe'?")),
    ],
)
def test_an_unknown_key_is_told_in_one_line_with_the_nearest(
    cli: Cli, home: Path, tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    (tmp_path / "whisperdiar.toml").write_text(text, "utf-8")
    done = cli("config")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("whisperdiar: warning: ")
    assert all(part in line for part in said)


def test_a_key_of_another_command_is_no_mistake(cli: Cli, home: Path, tmp_path: Path) -> None:
    (tmp_path / "whisperdiar.toml").write_text("model = 'tiny'\nkind = 'talk'\n[minutes]\nlength = 50\n", "utf-8")
    for command in ("transcribe", "plot", "minutes", "check"):
        assert cli("config", command).err == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threads = 'many'\n", "'many' is not a valid integer"),
        ("offline = 'yes'\n", "write true or false"),
        ("model = ['a', 'b']\n", "write one text or number"),
        ("model = tiny\n", "not TOML"),
        ("task = 'sing'\n", "'sing'"),
        ("preset = 'opera'\n", "'opera'"),
        ("preset = ['film', 'call']\n", "choose one of interview"),
        ("preset = {film = true}\n", "choose one of interview"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_file(
    cli: Cli, home: Path, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "whisperdiar.toml"
    path.write_text(text, "utf-8")
    done = cli("transcribe", "talk.wav")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert said in line
    assert str(path) in line


def test_a_variable_that_cannot_be_meant_is_refused_by_its_name(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPERDIAR_SPEAKERS", "some")
    for command in ("transcribe", "talk.wav"), ("config",):
        (line,) = cli(*command).complaints
        assert "WHISPERDIAR_SPEAKERS" in line


def test_a_variable_of_no_option_is_told(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHISPERDIAR_MODLE", "tiny")
    (line,) = cli("config").err.splitlines()
    assert "did you mean 'WHISPERDIAR_MODEL'?" in line


def test_a_folder_from_elsewhere_cannot_have_transcripts_sent_away(cli: Cli, home: Path, tmp_path: Path) -> None:
    (tmp_path / "whisperdiar.toml").write_text("[minutes]\nllm = 'https://example.org'\n", "utf-8")
    done = cli("config", "minutes")
    assert "# llm = \n" in done.out
    assert "llm" in done.err
    Path(user_path()).write_text("[minutes]\nllm = 'https://example.org'\n", "utf-8")
    assert 'llm = "https://example.org"  # ' in cli("config", "minutes").out


@pytest.mark.parametrize("text", ["threshold=0.6", "threshold=0.6 min_speech=0.2", "threshold=0.6\nmin_speech=0.2"])
def test_several_values_in_one_variable(value: Value, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WHISPERDIAR_VAD_OPTION", text)
    assert json.loads(value("vad-option", "vad")[0]) == text.split()


def test_settings_as_a_table(value: Value, tmp_path: Path) -> None:
    (tmp_path / "whisperdiar.toml").write_text("vad-option = {threshold = 0.6, min_speech = 0.2}\n", "utf-8")
    assert json.loads(value("vad-option", "vad")[0]) == ["threshold=0.6", "min_speech=0.2"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_options_that_there_are_and_typed_ones_win(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    command = main.get_command(click.Context(main), "transcribe")
    assert command is not None
    keys = {item.key: item for item in command.params if isinstance(item, Option)}
    check = main.get_command(click.Context(main), "check")
    assert check is not None
    assert set(PRESETS[name].values) <= {*keys, *(item.key for item in check.params if isinstance(item, Option))}
    plain = command.make_context("transcribe", ["a.wav"]).params
    preset = command.make_context("transcribe", ["a.wav", "--preset", name]).params
    changed = {key for key in plain if plain[key] != preset[key]}
    assert changed
    assert changed <= {keys[key].name for key in PRESETS[name].values if key in keys}
    typed = command.make_context("transcribe", ["--speaker-style", "none", "a.wav", "--preset", name]).params
    assert typed["speaker_style"] == "none"


def test_the_documentation_shows_what_presets_set() -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")
    for name, preset in PRESETS.items():
        flags = {True: "--", False: "--no-"}
        typed = [
            flags[value] + key if isinstance(value, bool) else f"--{key} {value}"
            for key, value in preset.values.items()
        ]
        assert f"| `{name}` | `{' '.join(typed)}` |" in page


def test_every_option_has_a_key_and_a_variable_of_its_own() -> None:
    for command in all_commands(click.Context(main)):
        options = [item for item in command.params if isinstance(item, Option)]
        assert len({item.key for item in options}) == len(options)
        assert len({item.variable for item in options}) == len(options)


def test_formats_of_a_file_give_way_to_the_suffix_of_an_output(cli: Cli, home: Path, tmp_path: Path) -> None:
    (tmp_path / "in.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nGood morning.\n", "utf-8")
    (tmp_path / "whisperdiar.toml").write_text("[convert]\nformat = ['json', 'vtt']\nlanguage = 'en'\n", "utf-8")
    for arguments in (["out.srt"], ["-o", "out.md", "-o", "folder/"]):
        (tmp_path / "folder").mkdir(exist_ok=True)
        done = cli("convert", "in.srt", *arguments)
        assert (done.code, done.err) == (0, "")
    assert (tmp_path / "out.srt").read_text("utf-8").startswith("1\n")
    assert "Good morning." in (tmp_path / "out.md").read_text("utf-8")
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["in.json", "in.vtt"]
    assert cli("convert", "in.srt").out.startswith("{")
    assert cli("convert", "in.srt", "-o", "-").out.startswith("{")
    assert "several formats need a folder" in cli("convert", "in.srt", "-f", "json,vtt", "-o", "new.srt").err
    (tmp_path / "whisperdiar.toml").write_text("format = 'vtt'\nlanguage = 'en'\n", "utf-8")
    assert cli("convert", "in.srt", "new.txt").code == 0
    assert cli("convert", "in.srt", "new.subs").code == 0
    assert (tmp_path / "new.subs").read_text("utf-8").startswith("WEBVTT")
    assert "WEBVTT" not in (tmp_path / "new.txt").read_text("utf-8")
