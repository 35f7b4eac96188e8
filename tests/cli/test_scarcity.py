"""Full disks and little memory: each is called by its name, and what was made is kept."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import BIC, Cli, needs_posix
from tests.examples import by_night
from tests.real_models import whisper_folder
from tests.sounds import NANO
from whisperdiar.media.store import SampleStore


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """A file system of its own in a new folder; the test is skipped where none can be had."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 64 kB, of which hardly anything is left."""
    with mounted(tmp_path / "disk", "size=65536") as place:
        (place / "filling").write_bytes(bytes(56_000))
        yield place


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


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that nobody can write, root among them."""
    with mounted(tmp_path / "frozen", "ro,size=65536") as place:
        yield place


@pytest.fixture
def with_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHISPERDIAR_NO_CACHE")


TURNS = ("--diarizer", "bic", "--vad", "silero")
"""What keeps parts in the cache and results, and loads no large model."""


@needs_posix
@pytest.mark.model
@pytest.mark.usefixtures("with_cache")
def test_a_cache_on_a_full_disk_costs_a_warning(cli: Cli, short: Path, full_disk: Path, tmp_path: Path) -> None:
    assert cli("diarize", short, *TURNS, "--no-cache", "-o", "a.rttm").code == 0
    with contextlib.suppress(OSError), (full_disk / "more").open("wb", buffering=0) as stream:
        while stream.write(bytes(512)):
            pass
    for name in ("b", "c"):
        done = cli("diarize", short, *TURNS, "--cache-dir", "disk/cache", "-o", f"{name}.rttm")
        assert (done.code, done.err.count("the cache is not written: no space is left")) == (0, 1), done.err
        assert (tmp_path / f"{name}.rttm").read_bytes() == (tmp_path / "a.rttm").read_bytes()


@needs_posix
@pytest.mark.model
@pytest.mark.usefixtures("with_cache")
def test_folders_of_a_read_only_disk(
    cli: Cli, short: Path, read_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("diarize", short, *TURNS, "--no-cache", "-o", "a.rttm").code == 0
    with monkeypatch.context() as changed:
        changed.setattr(tempfile, "tempdir", str(read_only))
        done = cli("diarize", short, *TURNS, "--cache-dir", read_only / "cache", "-o", "b.rttm")
    assert (done.code, done.err.count("the cache is not written: the file system is read-only")) == (0, 1), done.err
    assert (tmp_path / "b.rttm").read_bytes() == (tmp_path / "a.rttm").read_bytes()
    # Told before a model is looked for.
    done = cli("diarize", short, "--diarizer", "onnx", "--offline", "-o", "frozen/c.rttm")
    told = "whisperdiar: error: frozen/c.rttm: the file system is read-only; choose another folder"
    assert (done.code, done.complaints) == (1, [told])


@needs_posix
def test_a_temporary_folder_that_is_full(
    cli: Cli, short: Path, full_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sound of more than 64 MiB goes there; what holds less here is told as long."""
    with monkeypatch.context() as changed:
        changed.setattr(tempfile, "tempdir", str(full_disk))
        changed.setitem(SampleStore.__init__.__kwdefaults__, "limit_bytes", 1000)
        done = cli("diarize", short, *BIC, "--no-cache", "-o", "a.rttm")
    assert done.code == 1
    (line,) = done.complaints
    assert "no space left" in line
    assert "TMPDIR" in line
    assert [path.name for path in full_disk.iterdir()] == ["filling"]
    assert not (tmp_path / "a.rttm").exists()


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
@pytest.mark.parametrize("room_mb", [5, by_night(100)])
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
