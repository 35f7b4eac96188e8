"""What is left of outputs when a run is killed, and when the disk is full: never half a file, never no file.

python benchmarks/kills.py [--kills 50] [--seed 0] [--recording samples/standup.mp4] [--model samples/whisper-nano]

Kills: a process writes one output over and over, by turns of one transcript and of another, and gets SIGKILL, SIGTERM
or SIGINT at a random moment. What is in the file then must be one of the two, byte by byte, or for formats that hold
the time or a random number be read back whole; SIGTERM and SIGINT leave no temporary file either. A killed process may
leave one, which the next run sweeps once it is an hour old: that is tried as well.

Full disks: a file system of a few blocks is mounted (root) and filled, and the size of files is limited; the earlier
file must be what it was, and no temporary file may be left.

Whole runs: the same kills while a recording is transcribed into several files, each of which must be the earlier or the
new one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.meetings import meeting
from whisperdiar.cli import run, silence_libraries
from whisperdiar.formats import FORMATS, by_name
from whisperdiar.formats import json as json_format
from whisperdiar.joining import shift_times
from whisperdiar.media import probe
from whisperdiar.options import WriteOptions
from whisperdiar.system.files import sweep
from whisperdiar.transcript import Transcript, Turn

SAMPLES = Path(__file__).parents[1] / "samples"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
BAD = (
    "temporary files after SIGTERM or SIGINT",
    "LOST",
    "TORN",
    "TORN OR LOST",
    "NOT SWEPT",
    "EARLIER FILE LOST",
    "TEMPORARY FILE LEFT",
)
TIMES = 6  # how often the meeting is put behind itself, so that writing takes a while


_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """A command that writes one output: its arguments before the output's name, given the transcript and the folder."""

    name: str
    suffix: str
    arguments: Callable[[Path], tuple[str, ...]]


def kinds(recording: Path) -> list[Kind]:
    """All formats, and what other commands write."""
    found = [
        Kind(name, by_name(name).suffix, lambda source, name=name: ("convert", str(source), "-f", name, "-q", "-o"))
        for name in FORMATS
    ]
    found += [
        Kind(f"minutes {name}", f".{name}", lambda source: ("minutes", str(source), "-q", "-o"))
        for name in ("md", "html", "docx", "json")
    ]
    found += [Kind(f"plot {name}", f".{name}", lambda source: ("plot", str(source), "-o")) for name in ("svg", "png")]
    found.append(Kind("edit", ".txt", lambda source: ("edit", str(source), "-q", "-o")))
    found += [
        Kind(f"embed {name}", f".{name}", lambda s: ("convert", str(s), "--media", str(recording), "-q", "--embed"))
        for name in ("mkv", "mp4")
    ]
    return found


def talk(name: str, n_words: int) -> Transcript:
    """A meeting several times over; `n_words` fewer at its end make another one of it."""
    made = meeting()
    whole = made.segments
    for time_ in range(1, TIMES):
        whole = (*whole, *shift_times(made, time_ * made.duration).segments)
    whole = whole[: len(whole) - n_words]
    turns = tuple(Turn(item.span, item.speaker) for item in whole if item.speaker is not None)
    return replace(made, recording_id=name, segments=whole, turns=turns, duration=made.duration * TIMES)


def is_whole(path: Path, versions: set[bytes]) -> bool:
    """Whether a file is one of the versions, or, where its bytes are never the same twice, reads back to its end."""
    data = path.read_bytes()
    if data in versions:
        return True
    if path.suffix == ".docx":
        with contextlib.suppress(zipfile.BadZipFile):
            return zipfile.ZipFile(io.BytesIO(data)).testzip() is None
        return False
    if path.suffix in (".mkv", ".mp4"):
        return len(data) in {len(item) for item in versions} and bool(probe(path).tracks)
    return False


def killed(kind: Kind, sources: list[Path], folder: Path, chance: random.Random, longest: float) -> tuple[int, str]:
    """One process that writes over and over, and how it ended; which signal it got."""
    out = folder / f"out{kind.suffix}"
    number = chance.choice(SIGNALS)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 0
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            silence_libraries()
            os.write(writing, b".")  # Python drops what a signal raises while it forks
            for turn in range(10_000):
                code = run([*kind.arguments(sources[turn % 2]), str(out), "--overwrite"])
                if code:
                    break
        except KeyboardInterrupt as error:
            code = 128 + getattr(error, "number", 2)
        os._exit(code)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    time.sleep(chance.uniform(0.0, longest))
    os.kill(child, number)
    return _wait(child), number.name


def _wait(child: int) -> int:
    """The exit code of a process that was told to end; one that does not is killed, and told of."""
    last = time.monotonic() + _PATIENCE_S
    while time.monotonic() < last:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise RuntimeError(f"process {child} did not hear its signal within {_PATIENCE_S} s")


def kill_all(kind: Kind, sources: list[Path], n_kills: int, chance: random.Random, counts: Counter[str]) -> None:
    """Many kills of one kind of output, and what was left each time."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        out = folder / f"out{kind.suffix}"
        versions = set()
        begun = time.monotonic()
        for source in (*sources, *sources):
            assert run([*kind.arguments(source), str(out), "--overwrite"]) == 0
            versions.add(out.read_bytes())
        longest = max(0.02, 2 * (time.monotonic() - begun) / 4)
        for _ in range(n_kills):
            code, name = killed(kind, sources, folder, chance, longest)
            counts["kills"] += 1
            counts[f"{name} → {code}"] += 1
            left = [path for path in folder.iterdir() if path != out]
            if not out.exists():
                counts["LOST"] += 1
            elif not is_whole(out, versions):
                counts["TORN"] += 1
            if left and name != "SIGKILL":
                counts["temporary files after SIGTERM or SIGINT"] += 1
            counts["temporary files after SIGKILL"] += name == "SIGKILL" and bool(left)
            for path in left:
                os.utime(path, (0, 0))
            sweep(folder)
            counts["NOT SWEPT"] += len([path for path in folder.iterdir() if path != out])


@contextlib.contextmanager
def small_disk(folder: Path, room: int) -> Iterator[bool]:
    """A file system with so many bytes of room; False where none can be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def fill(kind: Kind, source: Path, counts: Counter[str], *, limit: bool) -> None:
    """One output on a full disk, or beyond the largest size that a file may have."""
    with tempfile.TemporaryDirectory() as place, small_disk(Path(place), 16_384) as mounted:
        if not (mounted or limit):
            counts["no file system could be mounted"] += 1
            return
        out = Path(place) / f"out{kind.suffix}"
        out.write_bytes(b"earlier")
        before = None if limit else (Path(place) / "filling")
        if before is not None:
            with contextlib.suppress(OSError), before.open("wb", buffering=0) as stream:
                while stream.write(b"x" * 512):
                    pass
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))
            os._exit(run([*kind.arguments(source), str(out), "--overwrite"]))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        counts["full disks" if not limit else "limits"] += 1
        counts[f"exit {code}"] += 1
        if out.read_bytes() != b"earlier":
            counts["EARLIER FILE LOST"] += 1
        counts["TEMPORARY FILE LEFT"] += len(list(Path(place).glob(".whisperdiar-*")))


def whole_runs(recording: Path, model: Path, n_kills: int, chance: random.Random, counts: Counter[str]) -> None:
    """Kills of the main job, from the start of the process to its end."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        outputs = [folder / f"out.{suffix}" for suffix in ("srt", "json", "html")]
        command = [sys.executable, "-m", "whisperdiar", str(recording), "--model", str(model), "--threads", "1"]
        command += ["--vad", "energy", "--diarizer", "bic", "--no-cache", "--overwrite", "-q"]
        command += [word for path in outputs for word in ("-o", str(path))]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        begun = time.monotonic()
        subprocess.run(command, check=True, **quiet)
        lasts = time.monotonic() - begun
        new = {path: path.read_bytes() for path in outputs}
        for _ in range(n_kills):
            for path in outputs:
                path.write_bytes(b"earlier")
            number = chance.choice(SIGNALS)
            process = subprocess.Popen(command, **quiet)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, 1.1 * lasts))
            process.send_signal(number)
            code = process.wait()
            counts["kills"] += 1
            counts[f"{number.name} → {code}"] += 1
            for path in outputs:
                state = path.read_bytes() if path.exists() else None
                # The page and the JSON hold the time that each stage took: they are read back.
                good = state in (b"earlier", new[path]) or (
                    state is not None and _reads_back(path, state) and len(state) > len(new[path]) // 2
                )
                counts["earlier files" if state == b"earlier" else "new files" if good else "TORN OR LOST"] += 1
            for path in folder.iterdir():
                if path.name.endswith(".interrupted.json"):
                    counts["words kept beside the outputs"] += bool(json_format.loads(path.read_text("utf-8")).words)
                elif path not in outputs:
                    counts[f"temporary files after {'SIGKILL' if code == -9 else 'SIGTERM or SIGINT'}"] += 1
                if path not in outputs:
                    path.unlink()


def _reads_back(path: Path, data: bytes) -> bool:
    if path.suffix == ".json":
        return bool(json_format.loads(data.decode("utf-8")).words)
    return data.rstrip().endswith(b"</html>")


def main() -> int:
    """Print what was left; exit code 1 where a file was torn or lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of every kind of output")
    parser.add_argument("--runs", type=int, default=50, help="kills of whole runs")
    parser.add_argument("--only", default="", help="kinds whose names hold this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recording", type=Path, default=SAMPLES / "standup.mp4")
    parser.add_argument("--model", type=Path, default=SAMPLES / "whisper-nano")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    every: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        os.environ["TMPDIR"] = tempfile.tempdir = place  # what is rescued goes here, and goes with it
        sources = []
        for name, fewer in (("one", 0), ("other", 3)):
            sources.append(Path(place) / f"{name}.json")
            sources[-1].write_text(json_format.dumps(talk(name, fewer), options=WriteOptions()), "utf-8")
        for kind in kinds(arguments.recording):
            if arguments.only not in kind.name:
                continue
            counts: Counter[str] = Counter()
            kill_all(kind, sources, arguments.kills, chance, counts)
            fill(kind, sources[0], counts, limit=False)
            fill(kind, sources[0], counts, limit=True)
            print(f"{kind.name:<16} {_line(counts)}", flush=True)
            every += counts
        if arguments.runs:
            counts = Counter()
            whole_runs(arguments.recording, arguments.model, arguments.runs, chance, counts)
            print(f"{'whole runs':<16} {_line(counts)}", flush=True)
            every += counts
    print(f"{'all':<16} {_line(every)}")
    return 1 if any(every[name] for name in BAD) else 0


def _line(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in sorted(counts.items()) if number)


if __name__ == "__main__":
    sys.exit(main())
