"""Runs that are killed and go on: the same bytes as an undisturbed one, and what work was lost.

python benchmarks/resumed_runs.py [--kills 100] [--seed 0] [--recording samples/meeting.ogg] [-- OPTION...]

Each time a run with an empty cache gets SIGKILL at a random moment, and the same command is given again; its output
must be that of a run without a cache, byte by byte. Printed are the stage in which each kill fell, and the work that
was done twice: the CPU seconds of both runs together, less those of a run that nobody disturbs, so that a model that is
loaded twice counts as well. OPTIONs are those of `whisperdiar transcribe`; without any, samples/whisper-nano and bic.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"
OPTIONS = ("--model", str(SAMPLES / "whisper-nano"), "--diarizer", "bic")
_NO_STAGE = "start"


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over.

    Attributes:
        killed: whether a signal ended it.
        stage: the last that it told of.
        cpu: seconds of all its threads.
        wall: seconds.
    """

    killed: bool
    stage: str
    cpu: float
    wall: float


def start(arguments: Sequence[str], told: Path, *, kill_after: float | None = None) -> Ended:
    """A run in a process of its own, which knows the libraries already; killed after so many seconds."""
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, 2)
            sys.stderr = os.fdopen(2, "w", buffering=1)
            from whisperdiar.cli import run

            code = run(list(arguments))
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _child, status, usage = os.wait4(child, 0)
    killed = os.WIFSIGNALED(status)
    if not killed and os.waitstatus_to_exitcode(status):
        raise SystemExit(f"exit code {os.waitstatus_to_exitcode(status)}: {told.read_text()}")
    return Ended(killed, _last_stage(told), usage.ru_utime + usage.ru_stime, time.monotonic() - begun)


def _last_stage(told: Path) -> str:
    stage = _NO_STAGE
    for line in told.read_text(errors="replace").splitlines() if told.exists() else ():
        try:
            stage = json.loads(line).get("stage") or stage
        except ValueError:  # the kill cut it
            continue
    return stage


def measure(kills: int, recording: Path, options: Sequence[str], *, seed: int, folder: Path) -> dict[str, object]:
    """The kills by stage, how many ended otherwise than undisturbed, and the most that was done twice."""
    for name in (
        "faster_whisper",
        "onnx",
        "whisperdiar.cli.transcribe",
        "whisperdiar.diarization.onnx",
        "scipy.signal",
    ):
        importlib.import_module(name)  # what every run needs is imported once, before the processes are made

    chance = random.Random(seed)
    out, told, kept = folder / "out.json", folder / "told", folder / "cache"
    base = [
        "transcribe",
        str(recording),
        *options,
        "-o",
        str(out),
        "--overwrite",
        "--threads",
        "1",
        "--progress",
        "json",
    ]
    undisturbed = [start([*base, "--no-cache"], told) for _each in range(2)]
    expected = out.read_bytes()
    cached = start([*base, "--cache-dir", str(kept)], told)
    cpu, wall = min(item.cpu for item in undisturbed), min(item.wall for item in undisturbed)
    if out.read_bytes() != expected:
        raise SystemExit("the run with an empty cache differs from the one without")
    stages: Counter[str] = Counter()
    different, late, lost = 0, 0, []
    for _each in range(kills):
        shutil.rmtree(kept, ignore_errors=True)
        out.unlink(missing_ok=True)
        while True:
            first = start([*base, "--cache-dir", str(kept)], told, kill_after=chance.uniform(0, wall))
            if first.killed:
                break
            late += 1
            shutil.rmtree(kept, ignore_errors=True)
        stages[first.stage] += 1
        second = start([*base, "--cache-dir", str(kept)], told)
        different += out.read_bytes() != expected
        lost.append(first.cpu + second.cpu - cpu)
        print(f"{sum(stages.values())} {first.stage} {different} {lost[-1]:.2f}", file=sys.stderr, flush=True)
    return {
        "kills": sum(stages.values()),
        "by stage": dict(stages),
        "different": different,
        "too late": late,
        "CPU seconds undisturbed": round(cpu, 2),
        "CPU seconds with an empty cache": round(cached.cpu, 2),
        "CPU seconds done twice, mean": round(sum(lost) / len(lost), 2),
        "CPU seconds done twice, most": round(max(lost), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recording", type=Path, default=SAMPLES / "meeting.ogg")
    parser.add_argument("options", nargs="*", metavar="OPTION")
    chosen = parser.parse_args()
    os.environ.pop("WHISPERDIAR_NO_CACHE", None)
    with tempfile.TemporaryDirectory() as place:
        found = measure(chosen.kills, chosen.recording, chosen.options or OPTIONS, seed=chosen.seed, folder=Path(place))
    print(json.dumps(found, indent=1))
    raise SystemExit(bool(found["different"]))


if __name__ == "__main__":
    main()
