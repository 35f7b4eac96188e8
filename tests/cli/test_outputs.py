"""What is there is not replaced unasked, what cannot be written is found before the work, and no work is lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Cli
from tests.examples import examples
from tests.formats_strategies import can_write, need_packages
from tests.llm_server import serving
from tests.real_models import whisper_folder
from tests.sounds import NANO
from tests.unit.test_editing import TALK
from whisperdiar.formats import FORMATS, by_name, known_suffixes
from whisperdiar.formats import json as json_format
from whisperdiar.options import WriteOptions

BIC = ("--diarizer", "bic", "--vad", "energy")
ABSENT = ("--model", "someone/absent", "--offline")
"""A model that is not here: whatever is said instead of that was found before it was looked for."""
needs_posix = pytest.mark.skipif(os.name != "posix", reason="signals, devices and names of POSIX")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "talk.json"
    path.write_text(json_format.dumps(TALK, options=WriteOptions()), "utf-8")
    (tmp_path / "turns.rttm").write_text("SPEAKER talk 1 0.0 9.0 <NA> <NA> A <NA> <NA>\n", "utf-8")
    return path


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


def test_a_text_that_was_corrected_makes_no_file_anew_unasked(cli: Cli, source: Path, tmp_path: Path) -> None:
    assert cli("edit", source, "-o", "work.txt").code == 0
    (tmp_path / "out.srt").write_text("mine", "utf-8")
    arguments = ("apply", "work.txt", "--transcript", source, "-o", "out.srt")
    assert cli(*arguments).code == 2
    assert (tmp_path / "out.srt").read_text("utf-8") == "mine"
    assert cli(*arguments, "--overwrite").code == 0
    assert (tmp_path / "out.srt").read_text("utf-8") != "mine"


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
import os, sys
from whisperdiar.cli import run
arguments, made = sys.argv[1:-1], sys.argv[-1]
# Once as who runs the tests, so that all is imported before permissions bind, which they do not for root.
run([*arguments, os.path.join(made, "none", "x" + os.path.splitext(made)[1])])
if os.geteuid() == 0:
    os.seteuid(65534)
sys.exit(run([*arguments, made, "--overwrite"]))
"""


@needs_posix
@pytest.mark.parametrize("name", NAMES)
def test_a_read_only_folder_or_file_is_found_before_the_work(short: Path, source: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for path in (short, source, source.with_name("turns.rttm")):
            shutil.copyfile(path, here / path.name)
        arguments, suffix = writing_commands(here / source.name, here / short.name)[name]
        old, sealed = here / f"old{suffix}", here / "sealed"
        old.write_bytes(b"old")
        old.chmod(0o444)
        sealed.mkdir()
        sealed.chmod(0o555)
        here.chmod(0o777)
        for made in (sealed / f"x{suffix}", old):
            command = [sys.executable, "-c", BOUND_BY_PERMISSIONS, *map(str, arguments), str(made)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
            assert done.returncode == 1, (made, done.stderr)
            assert "no permission to write there" in done.stderr.splitlines()[-1]
        assert old.read_bytes() == b"old"


@needs_posix
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("command", [(), ("convert",), ("minutes",)])
def test_one_read_only_output_of_several_is_found_before_the_work(
    short: Path, source: Path, command: tuple[str, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        read = shutil.copyfile(source if command else short, here / (source if command else short).name)
        sealed = here / "sealed"
        sealed.mkdir()
        here.chmod(0o777)
        suffixes = (".html", ".md") if command == ("minutes",) else (".srt", ".vtt")
        good, bad = here / f"good{suffixes[0]}", sealed / f"bad{suffixes[1]}"
        arguments = [*command, str(read), *(() if command else ABSENT), "-o", str(good), "-o", str(bad)]
        done = subprocess.run(
            [sys.executable, "-c", BOUND_BY_PERMISSIONS, *arguments[:-1], str(bad)],
            capture_output=True,
            text=True,
            check=False,
            cwd=here,
        )
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"whisperdiar: error: {bad}: no permission to write there; choose another folder")
        assert not good.exists(), "nothing is done where one output cannot be written"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 64 kB, of which hardly anything is left."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=65536", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (place / "filling").write_bytes(bytes(56_000))
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@needs_posix
@pytest.mark.model
def test_a_full_disk_stops_no_other_output_and_what_was_made_is_kept(
    cli: Cli, short: Path, full_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    outputs = [word for name in ("disk/a.html", "disk/a.srt", "a.vtt") for word in ("-o", name)]
    done = cli(short, *NANO, *BIC, "--threads", "1", *outputs)
    assert done.code == 1
    assert done.complaints[0] == (
        "whisperdiar: error: disk/a.html: no space is left on the device; make room or choose another folder"
    )
    (kept,) = spare.iterdir()
    assert f"its content was kept in {kept}" in done.err
    assert kept.read_text("utf-8").rstrip().endswith("</html>")
    assert "-->" in (full_disk / "a.srt").read_text("utf-8")
    assert "-->" in (tmp_path / "a.vtt").read_text("utf-8")
    assert sorted(path.name for path in full_disk.iterdir()) == ["a.srt", "filling"]


@needs_posix
@pytest.mark.parametrize(
    "command", [("edit", "-o", "disk/w.txt"), ("plot", "-o", "disk/p.svg"), ("minutes", "-o", "disk/m.docx")]
)
def test_every_command_says_that_a_disk_is_full(
    cli: Cli, source: Path, full_disk: Path, command: tuple[str, ...]
) -> None:
    with contextlib.suppress(OSError), (full_disk / "more").open("wb", buffering=0) as stream:
        while stream.write(bytes(512)):
            pass
    done = cli(command[0], source, *command[1:])
    assert done.code == 1
    assert done.complaints == [
        f"whisperdiar: error: {command[-1]}: no space is left on the device; make room or choose another folder"
    ]
    assert sorted(path.name for path in full_disk.iterdir()) == ["filling", "more"]


LITTLE_MEMORY = """
import os, resource, sys
from whisperdiar.cli import run
room_mb, *arguments = sys.argv[1:]
# Once with a small recording and model, so that no library is loaded, and none fails, in the little that is left.
quiet = [os.dup(1), os.dup(2)]
for number in (1, 2):
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
run(["small.wav", "--model", os.environ["SMALL"], "--vad", "energy", "--diarizer", "bic", "--threads", "1", "-q"])
for number in (1, 2):
    os.dup2(quiet[number - 1], number)
with open("/proc/self/status") as status:
    (size,) = [int(line.split()[1]) for line in status if line.startswith("VmSize")]
limit = (size << 10) + (int(room_mb) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(run(arguments))
"""


def run_with_little_memory(tmp_path: Path, room_mb: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, str(room_mb), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "SMALL": NANO[1]},
        timeout=100,
    )


needs_limits = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits on addresses, and /proc")


@needs_limits
@pytest.mark.model
@pytest.mark.parametrize("room_mb", [5, 100])
def test_a_recording_that_memory_does_not_hold_is_not_called_damaged(short: Path, tmp_path: Path, room_mb: int) -> None:
    """While it is decoded, and while what was decoded into a temporary file is mapped."""
    shutil.copyfile(short, tmp_path / "small.wav")
    with wave.open(str(tmp_path / "large.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        for _ in range(90):
            sound.writeframes(random.Random(1).randbytes(32_000 * 60))
    done = run_with_little_memory(tmp_path, room_mb, "vad", "large.wav", "--vad", "energy", "-q")
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines() == [
        "whisperdiar: error: large.wav: out of memory; use a smaller model, a smaller --batch-size, or cut the "
        "recording with --start and --end"
    ]


@needs_limits
@pytest.mark.model
def test_a_model_that_memory_does_not_hold_is_not_called_damaged(short: Path, tmp_path: Path) -> None:
    shutil.copyfile(short, tmp_path / "small.wav")
    known = (
        "--model",
        str(whisper_folder("base")),
        "--offline",
        "--vad",
        "energy",
        "--diarizer",
        "none",
        "--threads",
        "1",
        "-q",
    )
    done = run_with_little_memory(tmp_path, 60, "small.wav", *known, "-f", "txt")
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("whisperdiar: error: memory of cpu is too small for model ")


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


def test_a_name_that_is_no_models_is_told_before_the_others_are_fetched(cli: Cli) -> None:
    for names in (("tiny.en", "smal"), ("onnx", "smal")):
        done = cli("models", "download", *names)
        assert done.code == 2
        assert done.out == ""
        assert "did you mean small?" in done.complaints[0]
    done = cli("models", "download", "tiny.en", "onnx", "--directory", "here")
    assert done.code == 2
    assert "only Whisper models" in done.complaints[0]


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


FALSE_NAMES = (".docx", ".pdf", ".png", ".svg", ".wav", ".mp4", ".npz")


@pytest.mark.parametrize("suffix", [*FALSE_NAMES, ".srt", ".json", ".html", ".v2"])
def test_a_text_to_be_corrected_bears_no_other_name(cli: Cli, source: Path, tmp_path: Path, suffix: str) -> None:
    done = cli("edit", source, "-o", f"work{suffix}")
    assert done.code == 2
    assert "call it .txt or .md" in done.complaints[0]
    assert not (tmp_path / f"work{suffix}").exists()


@pytest.mark.parametrize("suffix", FALSE_NAMES)
def test_no_command_writes_one_format_under_the_name_of_another(
    cli: Cli, short: Path, source: Path, tmp_path: Path, suffix: str
) -> None:
    made = tmp_path / f"out{suffix}"
    for arguments in (
        ("convert", source, "-f", "srt", "-o"),
        *([("convert", source, "-o")] if suffix not in known_suffixes() else []),
        ("minutes", source, "-f", "html", "-o"),
        ("vad", short, "--vad", "energy", "-f", "json", "-o"),
        ("vad", short, "--vad", "energy", "-o"),
        ("diarize", short, *BIC, "-f", "rttm", "-o"),
        ("rename", source, "SPEAKER_00=Anna", "-f", "json", "-o"),
    ):
        done = cli(*arguments, made)
        assert done.code == 2, (arguments, done.err)
        assert not made.exists()


@given(
    name=st.sampled_from([name for name in FORMATS if by_name(name).needs != "turns" and can_write(name)]),
    other=st.sampled_from(FORMATS),
)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_name_says_is_what_is_in_the_file(cli: Cli, source: Path, tmp_path: Path, name: str, other: str) -> None:
    """With -f a file gets that format or none: never one that its suffix promises to be another."""
    suffix = f".{by_name(other).suffix.rsplit('.', 1)[-1]}"
    made = tmp_path / f"x{suffix}"
    done = cli("convert", source, "-f", name, "-o", made)
    fits = by_name(name).suffix.endswith(suffix) or suffix in (*by_name(name).aliases, ".txt")
    assert done.code == (0 if fits else 2), (name, suffix, done.err)
    assert made.exists() == fits
    made.unlink(missing_ok=True)


@needs_posix
@pytest.mark.parametrize("form", FORMATS)
def test_names_that_are_no_utf_8_or_very_long_work_in_every_format(
    cli: Cli, source: Path, tmp_path: Path, form: str
) -> None:
    """Or they are refused before the work."""
    need_packages(form)
    strange = os.fsdecode(b"caf\xe9 \xff")
    copy = tmp_path / f"{strange}.json"
    shutil.copy(source, copy)
    done = cli("convert", copy, "made/", "-f", form)
    assert done.code == 0, done.err
    (made,) = (tmp_path / "made").iterdir()
    assert made.name == f"{strange}{by_name(form).suffix}"
    longest = tmp_path / f"{'я' * 124}x.json"
    shutil.copy(source, longest)
    done = cli("convert", longest, "long/", "-f", form)
    room = len(os.fsencode(f"{longest.stem}{by_name(form).suffix}")) <= 255
    assert done.code == (0 if room else 1)
    if not room:
        assert "the name is too long" in done.complaints[0]


@pytest.mark.model
@needs_posix
def test_a_recording_whose_name_is_no_utf_8_is_worked_on_in_every_way(cli: Cli, short: Path, tmp_path: Path) -> None:
    strange = os.fsdecode(b"caf\xe9 \xff")
    shutil.copy(short, tmp_path / f"{strange}.wav")
    (tmp_path / f"{strange}.rttm").write_text("SPEAKER x 1 0.5 9.0 <NA> <NA> A <NA> <NA>\n", "utf-8")
    turns = ("--turns", f"{strange}.rttm", "--vad", "energy")
    names = [name for name in FORMATS if can_write(name)]
    formats = ",".join(names)
    others = ("--clips", "clips", "--report", f"{strange}.tsv", "--embed", f"{strange}.mkv")
    done = cli(f"{strange}.wav", *NANO, *turns, "-o", "made/", "-f", formats, *others)
    assert done.code == 0, done.err
    assert len(list((tmp_path / "made").iterdir())) == len(names)
    assert json_format.loads((tmp_path / "made" / f"{strange}.json").read_text("utf-8")).words
    assert "caf%E9%20%FF.wav" in (tmp_path / "made" / f"{strange}.eaf").read_text("utf-8")
    outputs = [f"{strange}.{suffix}" for suffix in ("md", "html", "docx")]
    done = cli("minutes", f"{strange}.wav", *NANO, *turns, *(word for name in outputs for word in ("-o", name)))
    assert done.code == 0, done.err
    assert "caf%E9%20%FF.wav" in (tmp_path / outputs[0]).read_text("utf-8")


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


SLOW_DIARIZER = """
import sys, time
from whisperdiar.diarization.bic import Backend
from whisperdiar.__main__ import main
def diarize(self, *arguments, **options):
    print("READY", file=sys.stderr, flush=True)
    time.sleep(60)
Backend.diarize = diarize
sys.argv = ["whisperdiar", *sys.argv[1:]]
main()
"""
SLOW_WRITER = """
import sys, time
from whisperdiar.formats import srt
from whisperdiar.__main__ import main
def dumps(*arguments, **options):
    print("READY", file=sys.stderr, flush=True)
    time.sleep(60)
srt.dumps = dumps
sys.argv = ["whisperdiar", *sys.argv[1:]]
main()
"""


SWALLOWING_WRITER = """
import sys, time
from whisperdiar.formats import srt
from whisperdiar.__main__ import main
real = srt.dumps
def dumps(*arguments, **options):
    try:
        print("READY", file=sys.stderr, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        return real(*arguments, **options)
srt.dumps = dumps
sys.argv = ["whisperdiar", *sys.argv[1:]]
main()
"""


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("others", [(), ("out.vtt",)])
def test_a_signal_that_a_library_swallows_ends_the_run_at_the_next_step(
    source: Path, tmp_path: Path, number: int, others: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", SWALLOWING_WRITER, "convert", str(source), "out.srt", *others]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "READY\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "interrupted" in err
    assert "-->" in (tmp_path / "out.srt").read_text("utf-8")
    assert not (tmp_path / "out.vtt").exists()


@pytest.mark.model
@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", [SLOW_DIARIZER, SLOW_WRITER])
def test_a_signal_after_recognition_keeps_the_words(short: Path, tmp_path: Path, number: int, code: str) -> None:
    """While the speakers are told apart, and while the outputs are written."""
    (tmp_path / "out.srt").write_text("old", "utf-8")
    command = [sys.executable, "-c", code, str(short), *NANO, *BIC, "-o", "out.srt", "--overwrite", "--threads", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    seen = ""
    while "READY" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    kept = tmp_path / "short_talk.interrupted.json"
    assert str(kept) in err
    found = json_format.loads(kept.read_text("utf-8"))
    assert len(found.words) > 5
    assert (tmp_path / "out.srt").read_text("utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.srt", kept.name]


def test_minutes_of_which_one_part_has_no_answer_are_written(cli: Cli, source: Path, tmp_path: Path) -> None:
    from tests.meetings import meeting

    (tmp_path / "meeting.json").write_text(json_format.dumps(meeting(), options=WriteOptions()), "utf-8")
    count = iter(range(100))

    def reply(body: dict[str, Any]) -> Any:
        if next(count) == 0:
            return (400, {}, b'{"error": "the context is too long"}')
        return json.dumps({"summary": [{"text": "They talked about the battery.", "cite": [6, 7]}]})

    with serving(reply) as server:
        done = cli("minutes", "meeting.json", "--llm", server.url, "--llm-window", "80", "-o", "out.md")
    assert done.code == 1
    assert "part 1 of 3 has no answer" in done.err
    assert "it is written without a language model" in done.err
    assert "Without the language model: part 1 of 3" in (tmp_path / "out.md").read_text("utf-8")


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_answers_of_a_language_model_and_the_next_run_uses_them(
    cli: Cli, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.meetings import meeting

    monkeypatch.setenv("WHISPERDIAR_LLM_KEY", "hush-hush")
    (tmp_path / "meeting.json").write_text(json_format.dumps(meeting(), options=WriteOptions()), "utf-8")
    arguments = ["minutes", "meeting.json", "--llm-window", "80", "-o", "out.md", "--llm"]
    hold, asked = threading.Event(), threading.Event()

    def reply(_: dict[str, Any]) -> Any:
        if len(server.bodies) == 3 and not asked.is_set():  # the third part is not answered before the signal
            asked.set()
            hold.wait(60)
        return json.dumps({"summary": [{"text": "They talked about the battery, hush-hush.", "cite": [6, 7]}]})

    with serving(reply) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "whisperdiar", *arguments, server.url],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert asked.wait(60)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            hold.set()
        assert process.returncode == 128 + number
        kept = tmp_path / "lamp_meeting.interrupted.answers.json"
        assert f"the answers of the language model were kept in {kept}; the same command goes on from there" in err
        assert "Traceback" not in err
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.name, "meeting.json"])
        assert "hush" not in kept.read_text("utf-8")
        done = cli(*arguments, server.url)
        assert done.code == 0, done.err
        assert f"2 answers of the interrupted run in {kept} were used" in done.err
        assert len(server.bodies) == 3 + 2, "the third part and the joining are asked for, the first two are not"
    assert "They talked about the battery" in (tmp_path / "out.md").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["meeting.json", "out.md"]


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
