"""Single stages of several recordings, and outputs that nobody named, on a terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

FAST = ("--vad", "energy")


@pytest.fixture
def two(short: Path, tmp_path: Path) -> list[Path]:
    return [Path(shutil.copy(short, tmp_path / name)) for name in ("a.wav", "b.wav")]


def test_vad_writes_many_recordings_in_many_formats(cli: Cli, two: list[Path], tmp_path: Path) -> None:
    done = cli("vad", *two, *FAST, "-o", "made/", "-f", "RTTM,txt", "-f", "json")
    assert done.code == 0
    assert sorted(item.name for item in (tmp_path / "made").iterdir()) == [
        *("a.json", "a.rttm", "a.txt"),
        *("b.json", "b.rttm", "b.txt"),
    ]
    assert (tmp_path / "made" / "a.txt").read_text("utf-8") == cli("vad", two[0], *FAST).out
    assert "[2/2]" in done.err
    again = cli("vad", *two, *FAST, "-o", "made/", "-f", "rttm,txt,json")
    assert again.code == 0
    (line,) = again.err.splitlines()
    assert line.startswith("whisperdiar: note: 6 of 6 outputs exist already")


def test_diarize_goes_on_with_the_others_where_one_cannot_be_read(cli: Cli, two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    done = cli("diarize", "broken.wav", *two, *FAST, "--diarizer", "bic", "-o", "made/", "-f", "rttm,json")
    assert done.code == 1
    assert len(done.complaints) == 1
    assert sorted(item.name for item in (tmp_path / "made").iterdir()) == ["a.json", "a.rttm", "b.json", "b.rttm"]


def test_several_need_a_folder(cli: Cli, two: list[Path]) -> None:
    for command in ("vad", "diarize"):
        done = cli(command, *two)
        assert done.code == 2
        assert "add -o FOLDER/" in done.err


def test_speech_regions_are_no_subtitles(cli: Cli, two: list[Path]) -> None:
    for arguments in (("-f", "srt"), ("-o", "out.srt"), ("-o", "out/", "-f", "srt")):
        done = cli("vad", two[0], *FAST, *arguments)
        assert done.code == 2
        assert ".rttm, .txt, .json" in done.err


def run_on_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code, and what the terminal showed."""
    pty = pytest.importorskip("pty", reason="no terminals here")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "whisperdiar", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "WHISPERDIAR_CONFIG": ""},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # Linux ends a terminal so
            pass
        code = process.wait()
    os.close(ours)
    return code, shown.decode("utf-8", "replace")


def test_on_a_terminal_the_output_lies_beside_the_recording(two: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for path in two:
        shutil.move(path, folder / path.name)
    given = ("diarize", "sounds/a.wav", "sounds/b.wav", *FAST, "--diarizer", "bic")
    code, shown = run_on_a_terminal(tmp_path, *given)
    assert code == 0
    assert "SPEAKER a 1" not in shown
    assert (folder / "a.rttm").read_text("utf-8").startswith("SPEAKER a 1")
    assert (folder / "b.rttm").exists()
    assert "wrote sounds/a.rttm" in shown
    code, shown = run_on_a_terminal(tmp_path, *given)
    assert code == 0
    assert "note: 2 of 2 outputs exist already" in shown
    code, shown = run_on_a_terminal(tmp_path, "diarize", "sounds/a.wav", *FAST, "--diarizer", "bic", "-o", "-")
    assert code == 0
    assert "SPEAKER a 1" in shown


def test_progress_as_json_comes_from_the_command(cli: Cli, two: list[Path]) -> None:
    done = cli("vad", *two, *FAST, "-o", "made/", "--progress", "json")
    events = [json.loads(line) for line in done.err.splitlines()]
    begun = [Path(item["recording"]).name for item in events if item["event"] == "begin"]
    assert begun == ["a.wav", "b.wav"]
    assert any(item["event"] == "progress" and item["stage"] == "vad" and item["fraction"] == 1.0 for item in events)


def test_an_input_that_is_not_there_is_told_before_the_folder_that_several_need(cli: Cli, short: Path) -> None:
    """Such as a folder of a model that is misspelt, behind an option whose value may be left out."""
    missing = cli(short, "--separate-overlap", "/no/such", "-o", "out.json")
    assert (missing.code, len(missing.complaints)) == (1, 1)
    assert "/no/such: no such file" in missing.complaints[0]
    assert "2 inputs need a folder" in cli(short, short, "-o", "out.json").err
