"""What cannot be meant, or would do nothing, is refused in one line before anything is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.cli.conftest import ABSENT, Cli
from tests.unit.test_editing import TALK
from whisperdiar import Speaker, Transcript, Turn
from whisperdiar.cli import main
from whisperdiar.cli.declarations import Command
from whisperdiar.cli.option import Option, all_commands
from whisperdiar.formats import json as json_format
from whisperdiar.options import WriteOptions
from whisperdiar.types import Span

ROOT = Path(__file__).resolve().parents[2]


def saved(path: Path, transcript: Transcript) -> Path:
    path.write_text(json_format.dumps(transcript, options=WriteOptions()), "utf-8")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return saved(tmp_path / "in.json", TALK)


@pytest.mark.parametrize(
    ("option", "output"),
    [
        (("--speaker-style", "dash"), "out.json"),
        (("--profile", "netflix"), "out.rttm"),
        (("--max-chars", "30"), "out.txt"),
        (("--fps", "25"), "out.eaf"),
        (("--gap", "0.1"), "out.csv"),
        (("--no-overlap",), "out.md"),
    ],
)
@pytest.mark.parametrize("command", ["convert", "rename", "apply", "align", "transcribe"])
def test_options_of_subtitles_need_subtitles(
    cli: Cli, source: Path, tmp_path: Path, command: str, option: tuple[str, ...], output: str
) -> None:
    saved(tmp_path / "in.json", TALK)
    assert cli("edit", source, "-o", "work.txt").code == 0
    arguments: dict[str, tuple[object, ...]] = {
        "convert": (source,),
        "rename": (source, "SPEAKER_00=Anna"),
        "apply": ("work.txt", "--transcript", source),
        "align": (source, "turns.rttm"),
        "transcribe": ("talk.wav",),
    }
    done = cli(command, *arguments[command], *option, "-o", output)
    assert done.code == 2
    (line,) = done.complaints
    assert line.startswith(f"whisperdiar: error: {option[0]}: it is for subtitles")
    assert not (tmp_path / output).exists()


@pytest.mark.parametrize(
    ("option", "output"),
    [
        (("--speaker-style", "none"), "out.txt"),
        (("--speaker-style", "none"), "out.labels.txt"),
        (("--max-chars", "30"), "out.html"),
        (("--profile", "netflix"), "out.ttml"),
    ],
)
def test_they_are_taken_where_one_output_is_changed_by_them(
    cli: Cli, source: Path, tmp_path: Path, option: tuple[str, ...], output: str
) -> None:
    named = ("-f", "audacity") if "labels" in output else ()
    plain = cli("convert", source, "-o", f"plain.{output}", *named)
    done = cli("convert", source, *option, "-o", output, *named)
    assert (plain.code, done.code) == (0, 0), done.err
    if option[0] != "--profile":
        assert (tmp_path / output).read_bytes() != (tmp_path / f"plain.{output}").read_bytes()


@pytest.mark.parametrize("arguments", [("-o", ""), ("",)])
def test_an_empty_name_is_no_output(cli: Cli, source: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """As a script gives it whose variable is not set; it once meant the current folder."""
    before = set(tmp_path.iterdir())
    done = cli("convert", source, *arguments)
    assert done.code == 2
    assert "output is empty" in done.err
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["out.srt", "out.json", "out.TextGrid"])
def test_a_text_to_be_corrected_is_not_called_something_else(cli: Cli, source: Path, tmp_path: Path, name: str) -> None:
    done = cli("edit", source, "-o", name)
    assert done.code == 2
    assert ".txt or .md" in done.err
    assert not (tmp_path / name).exists()


def test_a_text_to_be_corrected_goes_to_devices(cli: Cli, source: Path) -> None:
    done = cli("edit", source, "-o", "/dev/full")
    assert done.code == 1
    assert "no space" in done.err


def test_a_scale_is_for_png(cli: Cli, source: Path) -> None:
    for output in ((), ("-o", "out.svg")):
        done = cli("plot", source, "--scale", "3", *output)
        assert done.code == 2
        assert "it is for PNG" in done.err


def test_a_transcript_without_words_tells_nothing_of_subtitles(cli: Cli, source: Path, tmp_path: Path) -> None:
    assert cli("convert", source, "out.srt").code == 0
    (tmp_path / "turns.rttm").write_text("SPEAKER a 1 0.5 1 <NA> <NA> A <NA> <NA>\n", "utf-8")
    done = cli("check", "out.srt", "--transcript", "turns.rttm")
    assert done.code == 2
    assert "holds no words" in done.err


def test_words_without_turns_make_no_empty_rttm(cli: Cli, tmp_path: Path) -> None:
    source = saved(tmp_path / "in.json", Transcript("talk", 60.0, segments=TALK.segments))
    for name in ("rttm", "pyannote-json"):
        done = cli("convert", source, "-f", name, "-o", "out.x")
        assert done.code == 2
        assert "no turns" in done.err
    assert not (tmp_path / "out.x").exists()


def test_an_error_does_not_list_a_thousand_speakers(cli: Cli, tmp_path: Path) -> None:
    people = tuple(Speaker(f"S{i}", f"Person {i}") for i in range(1000))
    made = Transcript("talk", 60.0, "en", speakers=people, turns=(Turn(Span(0.0, 1.0), "S0"),))
    done = cli("rename", saved(tmp_path / "in.json", made), "X=Anna")
    assert done.code == 2
    assert "S19 and 980 more" in done.err
    assert len(done.err) < 300


def test_a_recording_that_is_not_there_is_told_before_a_model_is_looked_for(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "list.wav").write_text("milk\neggs\n" * 20, "utf-8")
    commands = ((), ("minutes",), ("diarize",), ("vad",))
    for command in commands:
        model = ABSENT if command in ((), ("minutes",)) else ("--offline",)
        for name, cause in (("gone.wav", "no such file"), ("list.wav", "is a text file")):
            done = cli(*command, name, *model)
            assert done.code == 1
            (line,) = done.complaints
            assert cause in line, line
    done = cli("gone.wav", "list.wav", *ABSENT, "-o", "made/")
    assert [line.split(": ")[2] for line in done.complaints] == ["gone.wav", "list.wav"]


def test_a_track_that_is_not_there_is_told_before_a_model_is_looked_for(cli: Cli, short: Path) -> None:
    done = cli(short, *ABSENT, "--track", "3")
    assert "has no audio track 3" in done.complaints[0]


def test_a_model_that_cannot_be_meant_is_told_before_a_detector_is_fetched(cli: Cli, short: Path) -> None:
    done = cli(short, "--vad", "pyannote", "--offline", "--model", "smal")
    assert done.code == 2
    assert "did you mean small?" in done.complaints[0]


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (("talk.wav", "--shots", "-o", "a.srt"), "--shots", "-o"),
        (("convert", "talk.json", "-o", "-f", "srt"), "-o", "-f"),
        (("edit", "talk.json", "-o", "--format", "txt"), "-o", "--format"),  # of other commands, not of this one
        (("talk.wav", "--speakers", "2", "--model", "--language", "de"), "--model", "--language"),
    ],
)
def test_an_option_does_not_take_the_next_one_for_its_value(
    cli: Cli, arguments: tuple[str, ...], name: str, value: str
) -> None:
    done = cli(*arguments)
    assert (done.code, done.complaints) == (2, [f"whisperdiar: error: {name} needs a value before {value}"])


def _every_command() -> list[click.Command]:
    with click.Context(main) as context:
        return list(all_commands(context))


def test_a_server_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    program = """
import sys
for name in ("fastapi", "starlette", "uvicorn", "python_multipart"):
    sys.modules[name] = None
from whisperdiar.cli import run
sys.exit(run(["serve"]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("whisperdiar: error: serve needs the extra serve; to fix this, run: pip install")


@given(st.data())
def test_no_option_of_any_command_takes_another_for_its_value(data: st.DataObject) -> None:
    command = data.draw(st.sampled_from([item for item in _every_command() if isinstance(item, Command)]))
    options = [item for item in command.params if isinstance(item, Option)]
    needing = [name for item in options if not (item.is_flag or item.bare) for name in item.opts]
    assume(needing)
    name = data.draw(st.sampled_from(needing))
    value = data.draw(st.sampled_from([name for item in options for name in item.opts]))
    with click.Context(command, info_name=command.name) as context, pytest.raises(click.UsageError) as raised:
        command.parse_args(context, [name, value, "a.wav"])
    assert raised.value.message == f"{name} needs a value before {value}"


@given(st.sampled_from(["-", "-1", "-o.srt", "--- a dash", "- item", "a --model b"]))
def test_values_that_only_begin_like_options_are_taken(value: str) -> None:
    command = next(item for item in _every_command() if item.name == "transcribe")
    with click.Context(command, info_name=command.name) as context:
        command.parse_args(context, ["--prompt", value, "a.wav"])
        assert context.params["prompt"] == value
