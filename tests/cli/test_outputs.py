"""What is there is not replaced unasked, what cannot be written is found before the work, and no work is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ABSENT, BIC, Cli, needs_posix
from tests.sounds import NANO, ROOT
from whisperdiar.formats import by_name


def writing_commands(source: Path, recording: Path) -> dict[str, tuple[tuple[Any, ...], str]]:
    """Every command that writes a file: its arguments up to the file's name, and that name's suffix."""
    return {
        "transcribe": ((recording, *ABSENT, "-o"), ".srt"),
        "transcribe --report": ((recording, *ABSENT, "--report"), ".tsv"),
        "transcribe --save-activity": ((recording, *ABSENT, "--diarizer", "bic", "--save-activity"), ".npz"),
        "transcribe --embed": ((recording, *ABSENT, "--embed"), ".mkv"),
        "vad": (("vad", recording, "--vad", "energy", "-o"), ".txt"),
        "diarize": (("diarize", recording, *BIC, "-o"), ".rttm"),
        "align": (("align", source, source.with_name("turns.rttm"), "-o"), ".json"),
        "convert": (("convert", source), ".vtt"),
        "convert -o": (("convert", source, "-o"), ".html"),
        "convert --embed": (("convert", source, "--media", recording, "--embed"), ".mkv"),
        "rename": (("rename", source, "SPEAKER_00=Anna", "-o"), ".json"),
        "edit": (("edit", source, "-o"), ".txt"),
        "plot": (("plot", source, "-o"), ".svg"),
        "plot png": (("plot", source, "-o"), ".png"),
        "minutes": (("minutes", source, "-o"), ".md"),
        "minutes of a recording": (("minutes", recording, *ABSENT, "-o"), ".docx"),
        "minutes --transcript": (("minutes", recording, *ABSENT, "--transcript"), ".json"),
    }


NAMES = tuple(writing_commands(Path("talk.json"), Path("talk.wav")))


@pytest.mark.parametrize("name", NAMES)
def test_no_command_replaces_a_file_unasked(cli: Cli, short: Path, source: Path, tmp_path: Path, name: str) -> None:
    arguments, suffix = writing_commands(source, short)[name]
    made = tmp_path / f"mine{suffix}"
    made.write_bytes(b"hours of work")
    done = cli(*arguments, made)
    assert done.code == 2, done.err
    (line,) = done.complaints
    assert line == (
        f"whisperdiar: error: {made}: it exists already; choose another name, or replace it with --overwrite"
    )
    assert made.read_bytes() == b"hours of work"


@pytest.mark.parametrize(
    "name", [name for name in NAMES if ABSENT[0] not in writing_commands(Path("a.json"), Path("a.wav"))[name][0]]
)
def test_every_command_replaces_it_where_it_is_asked_to(
    cli: Cli, short: Path, source: Path, tmp_path: Path, name: str
) -> None:
    arguments, suffix = writing_commands(source, short)[name]
    made = tmp_path / f"mine{suffix}"
    made.write_bytes(b"hours of work")
    done = cli(*arguments, made, "--overwrite")
    assert done.code == 0, done.err
    assert made.read_bytes() != b"hours of work"
    assert not list(tmp_path.glob(".whisperdiar-*"))


def test_several_files_that_exist_are_told_in_one_line(cli: Cli, source: Path, tmp_path: Path) -> None:
    for name in ("a.srt", "b.vtt", "c.txt"):
        (tmp_path / name).write_text("mine", "utf-8")
    done = cli("convert", source, "a.srt", "b.vtt", "c.txt", "d.md")
    assert done.code == 2
    assert "a.srt and 2 more: they exist already" in done.complaints[0]
    assert not (tmp_path / "d.md").exists()


def test_a_folder_goes_on_where_it_was_and_says_so_once(cli: Cli, source: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for suffix in ("srt", "vtt"):
        (tmp_path / "made" / f"talk.{suffix}").write_text("mine", "utf-8")
    done = cli("convert", source, "made/", "-f", "srt,vtt,txt")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.endswith("2 of 3 outputs exist already, such as made/talk.srt (--overwrite replaces them)")
    assert (tmp_path / "made" / "talk.srt").read_text("utf-8") == "mine"
    assert (tmp_path / "made" / "talk.txt").exists()


@needs_posix
def test_devices_and_standard_output_are_no_files_that_exist(cli: Cli, source: Path, tmp_path: Path) -> None:
    for name in ("-", "/dev/null", "/dev/stdout"):
        done = cli("convert", source, "-f", "srt", "-o", name)
        assert done.code == 0, done.err
    (tmp_path / "link.srt").symlink_to("there.srt")
    (tmp_path / "there.srt").write_text("mine", "utf-8")
    assert cli("convert", source, "link.srt").code == 2
    assert (tmp_path / "there.srt").read_text("utf-8") == "mine"


def test_a_file_that_comes_into_being_meanwhile_is_not_replaced(
    cli: Cli, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    real = by_name("srt").dumps

    def slow(*arguments: Any, **options: Any) -> str | bytes:
        (tmp_path / "out.srt").write_text("of another run", "utf-8")
        return real(*arguments, **options)

    monkeypatch.setattr("whisperdiar.formats.srt.dumps", slow)
    done = cli("convert", source, "out.srt")
    assert done.code == 1
    assert "it came into being while this was made" in done.complaints[0]
    assert (tmp_path / "out.srt").read_text("utf-8") == "of another run"
    assert not list(tmp_path.glob(".whisperdiar-*"))


@pytest.mark.parametrize("name", NAMES)
def test_every_output_is_tried_before_the_work(cli: Cli, short: Path, source: Path, tmp_path: Path, name: str) -> None:
    """No folder, a folder in the file's place, a name that is too long, and the input itself."""
    arguments, suffix = writing_commands(source, short)[name]
    (tmp_path / f"folder{suffix}").mkdir()
    long = tmp_path / ("x" * 300 + suffix)
    for made, cause in ((tmp_path / "no" / f"x{suffix}", "does not exist"), (long, "the name is too long")):
        done = cli(*arguments, made)
        assert done.code == 1, (made, done.err)
        (line,) = done.complaints
        assert cause in line
    if "-o" not in arguments and name != "convert":
        done = cli(*arguments, tmp_path / f"folder{suffix}")
        assert "this is a folder" in done.complaints[0]


BOUND_BY_PERMISSIONS = """
import contextlib, io, json, os, sys
from whisperdiar.cli import run

def told(arguments):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        return run(arguments), said.getvalue()

commands = json.load(sys.stdin)
# Once as who runs the tests, so that all is imported before permissions bind, which they do not for root.
for *arguments, made in commands:
    told([*arguments, os.path.join(made, "none", "x" + os.path.splitext(made)[1])])
if os.geteuid() == 0:
    os.seteuid(65534)
json.dump([told([*arguments, "--overwrite"]) for arguments in commands], sys.stdout)
"""


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder in which anybody may write, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def run_bound(commands: Sequence[Sequence[object]], folder: Path) -> list[tuple[int, str]]:
    """Exit code and messages of every command, in one process that permissions bind."""
    done = subprocess.run(
        [sys.executable, "-c", BOUND_BY_PERMISSIONS],
        input=json.dumps([[str(word) for word in command] for command in commands]),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return [(code, told) for code, told in json.loads(done.stdout)]


@needs_posix
def test_a_read_only_folder_or_file_is_found_before_the_work(short: Path, source: Path, everybodys: Path) -> None:
    for path in (short, source, source.with_name("turns.rttm")):
        shutil.copyfile(path, everybodys / path.name)
    sealed = everybodys / "sealed"
    sealed.mkdir()
    commands, old = [], []
    for number, (arguments, suffix) in enumerate(
        writing_commands(everybodys / source.name, everybodys / short.name).values()
    ):
        old.append(everybodys / f"old{number}{suffix}")
        old[-1].write_bytes(b"old")
        old[-1].chmod(0o444)
        commands += [(*arguments, sealed / f"x{suffix}"), (*arguments, old[-1])]
    sealed.chmod(0o555)
    for command, (code, told) in zip(commands, run_bound(commands, everybodys), strict=True):
        assert code == 1, (command, told)
        assert "no permission to write there" in told.splitlines()[-1], command
    assert all(path.read_bytes() == b"old" for path in old)


@needs_posix
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_one_read_only_output_of_several_is_found_before_the_work(short: Path, source: Path, everybodys: Path) -> None:
    for path in (short, source):
        shutil.copyfile(path, everybodys / path.name)
    sealed = everybodys / "sealed"
    sealed.mkdir()
    commands, good, bad = [], [], []
    for number, command in enumerate(((), ("convert",), ("minutes",))):
        suffixes = (".html", ".md") if command == ("minutes",) else (".srt", ".vtt")
        good.append(everybodys / f"good{number}{suffixes[0]}")
        bad.append(sealed / f"bad{suffixes[1]}")
        read = everybodys / (source if command else short).name
        commands.append((*command, read, *(() if command else ABSENT), "-o", good[-1], "-o", bad[-1]))
    for number, (code, told) in enumerate(run_bound(commands, everybodys)):
        assert code == 1
        last = told.splitlines()[-1]
        assert last.startswith(
            f"whisperdiar: error: {bad[number]}: no permission to write there; choose another folder"
        )
        assert not good[number].exists(), "nothing is done where one output cannot be written"


def test_two_outputs_are_never_one_file(cli: Cli, source: Path, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(tmp_path)
    for names in (("a.srt", "./a.srt"), ("a.srt", "here/a.srt"), ("-", "-")):
        done = cli("convert", source, *(word for name in names for word in ("-o", name)))
        assert done.code == 2
        assert "given twice" in done.complaints[0]
    done = cli("minutes", source, "-o", "m.md", "-o", "here/m.md")
    assert "given twice" in done.complaints[0]


def test_clips_of_two_recordings_do_not_replace_each_other(cli: Cli, short: Path, tmp_path: Path) -> None:
    shutil.copy(short, tmp_path / "a.wav")
    shutil.copy(short, tmp_path / "A.wave")
    done = cli("a.wav", "A.wave", *ABSENT, "-o", "made/", "--clips", "clips")
    assert done.code == 2
    assert "would have the same names" in done.complaints[0]


def test_clips_that_are_there_are_left_alone_unless_asked(cli: Cli, short: Path, source: Path, tmp_path: Path) -> None:
    cut = ("convert", source, "--media", short, "--clips", "clips")
    assert cli(*cut).code == 0
    made = sorted((tmp_path / "clips").glob("*/*.wav"))
    assert made
    for path in made:
        path.write_bytes(b"mine")
    done = cli(*cut)
    assert done.code == 0
    assert "exist already" in done.err
    assert all(path.read_bytes() == b"mine" for path in made)
    assert cli(*cut, "--overwrite").code == 0
    assert all(path.read_bytes() != b"mine" for path in made)


@pytest.mark.model
@needs_posix
def test_what_failed_is_kept_and_the_summary_tells_what_was_written(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(kept))
    done = cli(short, *NANO, *BIC, "-f", "srt", "-o", "/dev/full", "-o", "good.srt", "--report", "left.tsv")
    assert done.code == 1
    (text,) = kept.iterdir()
    assert text.read_bytes() == (tmp_path / "good.srt").read_bytes()
    assert f"its content was kept in {text}" in done.err
    (wrote,) = [line for line in done.err.splitlines() if "wrote" in line]
    assert wrote == "  wrote good.srt"
    assert (tmp_path / "left.tsv").exists()


@pytest.mark.model
@needs_posix
def test_a_reader_that_has_gone_does_not_cost_the_files(short: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "whisperdiar",
        str(short),
        *NANO,
        *BIC,
        "-f",
        "srt",
        "-o",
        "-",
        "-o",
        "out.srt",
        "-q",
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.read()
    process.wait(60)
    assert "-->" in (tmp_path / "out.srt").read_text("utf-8")


@needs_posix
def test_what_killed_runs_left_is_swept_and_nothing_else(cli: Cli, source: Path, tmp_path: Path) -> None:
    """Only ours, only old, and not of a process that runs."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    hex_ = "0123456789abcdef"
    swept = [f".whisperdiar-{hex_}.tmp", f".whisperdiar-{ended.pid}-{hex_}.tmp"]
    kept = [
        f".whisperdiar-{os.getpid()}-{hex_}.tmp",
        ".whisperdiar-notes.tmp",
        f".whisperdiar-{hex_}.txt",
        f"whisperdiar-{hex_}.tmp",
        f".whisperdiar-{ended.pid}-fedcba9876543210.tmp",
    ]
    hours_ago = time.time() - 7200
    for name in (*swept, *kept):
        (tmp_path / name).write_text("x", "utf-8")
        os.utime(tmp_path / name, (hours_ago, hours_ago))
    os.utime(tmp_path / kept[-1])
    assert cli("convert", source, "out.srt").code == 0
    assert [name for name in swept if (tmp_path / name).exists()] == []
    assert [name for name in kept if not (tmp_path / name).exists()] == []
