"""Many short recordings through a batch, some of them broken: what is right, what is reported, how memory goes.

    python benchmarks/batch.py [--number 1000] [--broken 50] [--jobs 2] [--seconds 2] [--kill] [--ray]

Makes the recordings of the samples, runs `whisperdiar batch` with whisper-nano on them, and prints a table. The memory
is that of all processes of the run together (resident, without what they share counted twice: PSS), in tenths of the
run. `--kill` kills the run with all its processes in the middle, and runs it again: nothing may be done twice, and the
outputs must be those of a run that nobody disturbed. `--ray` makes the same outputs on a Ray cluster of this machine,
one of whose workers is killed in the middle, and holds their bytes against those of the processes.
Exit code 1 where anything is not as it must be.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
from scipy.io import wavfile

from whisperdiar import load

ROOT = Path(__file__).resolve().parent.parent
RATE_HZ = 16_000
MANIFEST = "whisperdiar-batch.sqlite3"
BREAKS = ("empty", "text", "noise", "cut header", "missing moov")


def make_recordings(folder: Path, number: int, broken: int, seconds: float) -> set[str]:
    """Short recordings in a hundred subfolders; the names of the broken ones."""
    chance = random.Random(1)
    sounds = [load(ROOT / "samples" / name).mono for name in ("call.flac", "dialogue_fr.wav", "standup.mp4")]
    wrong = set(chance.sample(range(number), broken))
    names = set()
    video = (ROOT / "samples" / "standup.mp4").read_bytes()
    for i in range(number):
        place = folder / f"{i % 100:02d}"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{i:04d}.wav"
        if i not in wrong:
            sound = sounds[i % len(sounds)]
            first = chance.randrange(0, len(sound) - int(seconds * RATE_HZ))
            part = sound[first : first + int(seconds * RATE_HZ)]
            wavfile.write(path, RATE_HZ, (part * 32767).astype(np.int16))
            continue
        kind = BREAKS[i % len(BREAKS)]
        if kind == "empty":
            path.write_bytes(b"")
        elif kind == "text":
            path.write_text("This is no recording.\n" * 50)
        elif kind == "noise":
            path.write_bytes(chance.randbytes(20_000))
        elif kind == "cut header":
            path.write_bytes(b"RIFF\x24\x7d\x00\x00WAVEfm")
        else:
            path = path.with_suffix(".mp4")
            path.write_bytes(video[:40_000])
        names.add(str(path))
    return names


def start(source: Path, out: Path, cache: Path, jobs: int, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "whisperdiar", "batch", str(source), "-o", str(out), "--recursive", *more]
    command += ["--model", str(ROOT / "samples" / "whisper-nano"), "--language", "en", "--vad", "energy", "--diarizer"]
    command += ["bic", "--jobs", str(jobs), "-f", "json,srt", "--cache-dir", str(cache), "--threads", "1", "-q"]
    with (out.parent / f"{out.name}.log").open("ab") as log:
        return subprocess.Popen(command, stderr=log, env={**os.environ, "WHISPERDIAR_CONFIG": ""})


def measure(process: psutil.Process) -> float:
    """Megabytes of a process and of all that it has begun."""
    total = 0
    for item in [process, *process.children(recursive=True)]:
        try:
            total += item.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


def count_states(out: Path) -> Counter[str]:
    try:
        with sqlite3.connect(f"file:{out / MANIFEST}?mode=ro", uri=True, timeout=30) as database:
            return Counter(dict(database.execute("SELECT state, count(*) FROM recordings GROUP BY state")))
    except sqlite3.Error:
        return Counter()


def hash_outputs(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.suffix in (".json", ".srt")
    }


def follow(process: subprocess.Popen[bytes], out: Path) -> list[tuple[int, float]]:
    """Recordings that had ended and megabytes, once a second, until the run ends."""
    found = []
    whole = psutil.Process(process.pid)
    while process.poll() is None:
        time.sleep(1.0)
        try:
            states = count_states(out)
            found.append((states["done"] + states["failed"], measure(whole)))
        except psutil.Error:
            continue
    return found


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """The run alone is killed: its workers have to find out by themselves."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _gone, alive = psutil.wait_procs(children, timeout=30)
    assert not alive, "workers outlive their run"


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--broken", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--ray", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="batch-"))
    try:
        return run(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, options: argparse.Namespace) -> int:
    """All that is asked for; returns the exit code."""
    source = folder / "in"
    wrong = make_recordings(source, options.number, options.broken, options.seconds)
    out = folder / "out"
    begun = time.monotonic()
    process = start(source, out, folder / "cache", options.jobs)
    trace = follow(process, out)
    elapsed = time.monotonic() - begun
    states = count_states(out)
    with sqlite3.connect(out / MANIFEST) as database:
        failed = {path for (path,) in database.execute("SELECT path FROM recordings WHERE state = 'failed'")}
        mixed = database.execute("SELECT count(*) FROM recordings WHERE state = 'failed' AND reason IS NULL").fetchone()
    right = states["done"] == options.number - options.broken and failed == wrong and not mixed[0]
    hashes = hash_outputs(out)
    right &= len(hashes) == 2 * states["done"] and process.returncode in (1, 3)
    print(f"| recordings | done | failed | exit code | time | a recording |\n|{'---|' * 6}")
    each = elapsed / options.number * 1000
    print(
        f"| {options.number} | {states['done']} | {states['failed']} | {process.returncode} | {elapsed:.0f} s "
        f"| {each:.0f} ms |\n"
    )
    print(f"| done | memory of all processes |\n|{'---|' * 2}")
    for tenth in range(1, 11):
        reached = [item for item in trace if item[0] >= options.number * tenth / 10 - 5]
        if reached:
            print(f"| {reached[0][0]} | {reached[0][1]:.0f} MB |")
    print(f"\n{'as it must be' if right else f'WRONG: {out}.log'}: the broken ones are those that failed\n")
    if options.kill:
        right &= kill_and_repeat(source, folder, options, hashes)
    if options.ray:
        right &= repeat_on_ray(source, folder, options, hashes)
    return 0 if right else 1


def kill_and_repeat(source: Path, folder: Path, options: argparse.Namespace, expected: dict[str, str]) -> bool:
    """Kill a run in the middle, run it again."""
    out = folder / "killed"
    process = start(source, out, folder / "cache of the killed", options.jobs)
    while sum(count_states(out)[state] for state in ("done", "failed")) < options.number / 2:
        time.sleep(0.1)
        assert process.poll() is None, "it ended before it could be killed"
    kill_all(process)
    with sqlite3.connect(out / MANIFEST) as database:
        ended = dict(database.execute("SELECT path, ended FROM recordings WHERE state = 'done'").fetchall())
    code = start(source, out, folder / "cache of the killed", options.jobs).wait()
    with sqlite3.connect(out / MANIFEST) as database:
        after = dict(database.execute("SELECT path, ended FROM recordings WHERE state = 'done'").fetchall())
        attempts = Counter(n for (n,) in database.execute("SELECT attempts FROM recordings WHERE state = 'done'"))
    twice = sum(after[path] != when for path, when in ended.items())
    same = hash_outputs(out) == expected
    print(
        f"killed with {len(ended)} done; after a second run {len(after)} are (exit code {code}), {twice} of them done "
        f"twice, {sum(n for tries, n in attempts.items() if tries > 1)} begun twice; bytes "
        f"{'as those of the run that nobody disturbed' if same else 'DIFFER'}\n"
    )
    return same and not twice


def kill_actor(process: subprocess.Popen[bytes]) -> int:
    """Kills one worker of Ray's; its number, 0 where none is found."""
    for item in psutil.Process(process.pid).children(recursive=True):
        try:
            if item.cmdline()[:1] and item.cmdline()[0].startswith("ray::RayTranscriber"):
                item.kill()
                return item.pid
        except psutil.Error:
            continue
    return 0


def repeat_on_ray(source: Path, folder: Path, options: argparse.Namespace, expected: dict[str, str]) -> bool:
    """The same on a Ray cluster, one of whose workers is killed."""
    out = folder / "ray"
    begun = time.monotonic()
    process = start(source, out, folder / "cache of Ray", options.jobs, "--ray", "local")
    killed = 0
    while process.poll() is None:
        time.sleep(0.1)
        if not killed and count_states(out)["done"] > options.number / 3:
            killed = kill_actor(process)
    states = count_states(out)
    same = hash_outputs(out) == expected
    print(
        f"on Ray: {states['done']} done, {states['failed']} failed in {time.monotonic() - begun:.0f} s, a worker "
        f"{'was killed' if killed else 'COULD NOT BE KILLED'}; bytes {'as those of processes' if same else 'DIFFER'}\n"
    )
    return same and bool(killed)


if __name__ == "__main__":
    sys.exit(main())
