"""What a configuration file sets for every command, held against every command: it applies where it fits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.examples import by_night
from tests.sounds import NANO
from whisperdiar import Segment, Span, Speaker, Transcript, Turn, Word
from whisperdiar.exchange import write

SET = {
    "subtitles": "format = 'srt'",
    "turns": "format = 'rttm'",
    "document": "format = ['srt', 'html', 'docx']\ntemplate = 'legal'",
    "several": "format = ['srt', 'json']",
    "unlike": "format = ['md', 'rttm', 'vtt']\ntemplate = 'de'",
    "joined": "format = 'html,txt'",
    "language": "language = 'de'\nformat = 'vtt'",
    "preset": "preset = 'film'\nformat = 'rttm'",
}
COMMANDS = {
    "transcribe": ("SHORT", *NANO, "--vad", "energy", "--diarizer", "bic", "--end", "4"),
    "vad": ("SHORT", "--vad", "energy", "--end", "4"),
    "diarize": ("SHORT", "--vad", "energy", "--diarizer", "bic", "--end", "4"),
    "align": ("talk.json", "talk.rttm"),
    "convert": ("talk.json",),
    "rename": ("talk.json", "SPEAKER_00=Anna"),
    "apply": ("corrected.txt", "--transcript", "talk.json"),
    "minutes": ("talk.json",),
    "edit": ("talk.json",),
    "check": ("talk.srt",),
    "plot": ("talk.json",),
    "score": ("talk.rttm", "other.rttm"),
}
NAMED = {
    "transcribe": "out.srt",
    "vad": "out.txt",
    "diarize": "out.rttm",
    "align": "out.json",
    "convert": "out.vtt",
    "rename": "out.srt",
    "apply": "out.srt",
    "minutes": "out.md",
    "edit": "out.txt",
    "plot": "out.svg",
    "score": "out.csv",
}
"""For each command that writes a file, one that it writes without a word of formats."""
HEARING = ("transcribe", "vad", "diarize")
PAIRS = [
    by_night(command, text, id=f"{command}-{name}")
    if (row + column) % 2
    else pytest.param(command, text, id=f"{command}-{name}")
    for row, command in enumerate(COMMANDS)
    for column, (name, text) in enumerate(SET.items())
]
"""Every command with every configuration; by day half of them, among which are all commands and all configurations."""


@pytest.fixture
def talk(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with words, turns, subtitles and a text to be corrected; its `whisperdiar.toml` is read."""
    said = "Good morning to all of you.", "We should begin with the price."
    parts, turns = [], []
    for number, sentence in enumerate(said):
        start, label = 4.0 * number, f"SPEAKER_0{number}"
        words = [
            Word(Span(start + 0.5 * place, start + 0.5 * place + 0.4), f" {text}", 0.9, label)
            for place, text in enumerate(sentence.split())
        ]
        parts.append(Segment(tuple(words), label))
        turns.append(Turn(Span(start, words[-1].end), label))
    speakers = tuple(Speaker(turn.speaker, turn.speaker) for turn in turns)
    transcript = Transcript("talk", 8.0, "en", speakers, tuple(parts), tuple(turns))
    for name in ("talk.json", "talk.rttm", "talk.srt", "other.rttm"):
        write(transcript, tmp_path / name)
    assert cli("edit", "talk.json", "-o", "corrected.txt").code == 0
    (tmp_path / "out").mkdir()
    monkeypatch.delenv("WHISPERDIAR_CONFIG")
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path


def _fill(command: str, short: Path) -> list[object]:
    return [command, *(short if item == "SHORT" else item for item in COMMANDS[command])]


@pytest.mark.parametrize(("command", "text"), PAIRS)
def test_no_format_of_all_commands_stops_one(cli: Cli, talk: Path, short: Path, command: str, text: str) -> None:
    (talk / "whisperdiar.toml").write_text(text, "utf-8")
    done = cli(*_fill(command, short), *(["-o", "-"] if command == "edit" else []))
    assert done.code == 0 or (command, done.code) == ("check", 1), done.err
    assert not done.complaints
    assert done.out or command == "rename"
    assert len(done.err.splitlines()) == len(set(done.err.splitlines()))


@pytest.mark.parametrize(
    ("command", "text"), [pair for pair in PAIRS if pair.values[0] in NAMED and pair.values[0] not in HEARING]
)
def test_the_suffix_of_an_output_says_more_than_a_format_of_all_commands(
    cli: Cli, talk: Path, short: Path, command: str, text: str
) -> None:
    arguments = [*_fill(command, short), "-o", NAMED[command], "--overwrite"]
    assert cli(*arguments).code == 0
    plain = (talk / NAMED[command]).read_bytes()
    (talk / "whisperdiar.toml").write_text("\n".join(line for line in text.split("\n") if "format" in line), "utf-8")
    assert cli(*arguments).code == 0
    assert (talk / NAMED[command]).read_bytes() == plain


@pytest.mark.model
@pytest.mark.parametrize(
    ("command", "text", "files"),
    [
        ("vad", "['srt', 'json', 'rttm']", ["short talk.json", "short talk.rttm"]),
        ("vad", "'srt'", ["short talk.txt"]),
        ("diarize", "['srt', 'json', 'docx']", ["short talk.json"]),
        ("diarize", "'srt,docx'", ["short talk.rttm"]),
    ],
)
def test_a_stage_writes_the_formats_that_it_can_and_tells_of_the_others_once(
    cli: Cli, talk: Path, short: Path, command: str, text: str, files: list[str]
) -> None:
    (talk / "whisperdiar.toml").write_text(f"format = {text}", "utf-8")
    done = cli(*_fill(command, short), "-o", "out/")
    assert done.code == 0, done.err
    assert sorted(os.listdir(talk / "out")) == files
    (note,) = [line for line in done.err.splitlines() if "note:" in line]
    assert "whisperdiar.toml" in note
    assert "srt" in note
    assert "json" not in note
    assert len(note) <= 100 + len(str(talk))
    assert "note:" not in cli(*_fill(command, short), "-f", "rttm").err
    assert "note:" not in cli(*_fill(command, short), "-q").err


def test_a_format_in_the_table_of_a_command_is_meant_for_it(cli: Cli, talk: Path, short: Path) -> None:
    (talk / "whisperdiar.toml").write_text("[vad]\nformat = 'srt'\n", "utf-8")
    done = cli(*_fill("vad", short))
    assert done.code == 2
    assert "speech regions are written as" in done.err
    (talk / "whisperdiar.toml").write_text("[minutes]\nformat = 'srt'\n", "utf-8")
    assert cli(*_fill("minutes", short)).code == 2


def test_a_format_that_no_command_has_is_refused(cli: Cli, talk: Path, short: Path) -> None:
    (talk / "whisperdiar.toml").write_text("format = 'srtt'\n", "utf-8")
    for command in ("vad", "diarize", "convert"):
        done = cli(*_fill(command, short))
        assert done.code == 2
        assert "srtt" in done.err


def test_a_variable_of_all_commands_is_taken_as_far_as_it_fits(
    cli: Cli, talk: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPERDIAR_FORMAT", "srt md")
    done = cli("minutes", "talk.json")
    assert done.code == 0
    assert "# " in done.out
    assert [line for line in done.err.splitlines() if "WHISPERDIAR_FORMAT" in line and "srt" in line]
    monkeypatch.setenv("WHISPERDIAR_MINUTES_FORMAT", "srt")
    assert cli("minutes", "talk.json").code == 2


@pytest.mark.parametrize("asked", [["--embed", "out.mkv"], ["--clips", "out"]])
def test_a_format_of_a_file_is_not_asked_for_beside_a_video_or_clips(
    cli: Cli, talk: Path, short: Path, asked: list[str]
) -> None:
    (talk / "whisperdiar.toml").write_text("format = 'srt'\n", "utf-8")
    done = cli("convert", "talk.json", "--media", short, *asked)
    assert done.code in (0, 2)  # a recording without pictures has no place for subtitles
    assert done.out == ""


def test_a_format_of_a_file_leaves_rename_to_rewrite_its_input(cli: Cli, talk: Path) -> None:
    (talk / "whisperdiar.toml").write_text("format = 'srt'\n", "utf-8")
    done = cli("rename", "talk.json", "SPEAKER_00=Anna")
    assert (done.code, done.out) == (0, "")
    assert "Anna" in (talk / "talk.json").read_text("utf-8")


def test_an_output_for_transcripts_is_no_place_for_a_plot_or_a_score(cli: Cli, talk: Path, short: Path) -> None:
    (talk / "whisperdiar.toml").write_text("output = 'out/'\n", "utf-8")
    for command in ("convert", "plot", "score", "edit", "minutes", "vad"):
        assert cli(*_fill(command, short)).code == 0, command
    assert sorted(os.listdir(talk / "out")) == ["short talk.txt", "talk.srt"]


@pytest.mark.parametrize("command", ["convert", "align", "rename", "apply", "check"])
def test_a_preset_holds_wherever_its_settings_do(cli: Cli, talk: Path, short: Path, command: str) -> None:
    shown = cli("config", command, "--preset", "film").out
    assert 'profile = "netflix"  # --preset' in shown or 'profile = "netflix"  # preset film' in shown
    arguments = _fill(command, short)
    assert cli(*arguments, "--preset", "film").code in (0, 1)
    (talk / "whisperdiar.toml").write_text("preset = 'film'\n", "utf-8")
    assert 'profile = "netflix"  # preset film of' in cli("config", command).out


def test_a_preset_that_sets_nothing_of_a_command_is_told(cli: Cli, talk: Path) -> None:
    (talk / "own.toml").write_text("model = 'tiny'\n", "utf-8")
    done = cli("check", "talk.srt", "--preset", "own.toml")
    assert [line for line in done.err.splitlines() if "sets nothing of check" in line]
    assert "sets nothing" not in cli("convert", "talk.json", "--preset", "film").err


def test_finished_subtitles_that_a_file_has_cut_anew_are_told(cli: Cli, talk: Path) -> None:
    (talk / "whisperdiar.toml").write_text("preset = 'film'\n", "utf-8")
    for arguments in (["convert", "talk.srt", "out.vtt"], ["rename", "talk.srt", "SPEAKER_00=Anna", "-o", "out.ttml"]):
        assert "cut anew by profile netflix" in cli(*arguments).err
    for arguments in (["out.sbv", "--preset", "film"], ["out.ass", "--recut"], ["out.json"]):
        assert "cut anew" not in cli("convert", "talk.srt", *arguments).err
    (talk / "whisperdiar.toml").write_text("", "utf-8")
    assert "cut anew" not in cli("convert", "talk.srt", "new.vtt").err
