"""What a large archive needs: unit costs of this machine, and a simulation of a cluster that works at those costs.

    python benchmarks/archives.py measure [--model base] [--diarizer onnx] [--recording FILE …] [-o costs.json]
    python benchmarks/archives.py simulate costs.json [--hours 100000] [--days 1] [--mean-minutes 30]

`measure` gives processor seconds for an hour of sound, by stage (what the system counts as used by the process, so that
other programs on the machine hardly matter), bytes of outputs and of the manifest for an hour, the time of a worker's
start, and how many results a second one run can commit. `simulate` draws recordings with lengths like those of calls
and meetings (log-normal), hands them to workers as `whisperdiar batch --ray` does (the longest first, those of more
than two hours shared out), loses a part of the workers on the way, and looks for the least number of workers that end
in time.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperdiar.batch import Manifest, Row, Transcriber
from whisperdiar.batch.tasks import Outcome, Task

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = ("natural/walk.ogg", "call.flac", "dialogue_de.m4a", "dialogue_ru.mp3", "meeting.ogg")
LONG_S, STRETCH_S = 7200.0, 1800.0
N_COMMITS = 200
SPREAD = 1.0
"""Standard deviation of the logarithm of lengths: of a hundred recordings ten last 3.6 times the median, or longer."""


class StageCosts:
    """Processor seconds by stage: what passes between two reports counts for the stage that reports next."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._before = cpu_seconds()

    def __call__(self, stage: str, _fraction: float) -> None:
        now = cpu_seconds()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._before
        self._before = now


def cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system


def measure(options: argparse.Namespace) -> int:
    """Work on some recordings in this process; prints a table and writes the costs."""
    settings: dict[str, Any] = {"model": options.model, "diarizer": options.diarizer, "device": "cpu"}
    settings |= {"diarizer_options": dict(item.split("=", 1) for item in options.diarizer_option) or None}
    settings |= {"threads": options.threads}
    paths = options.recording or [str(ROOT / "samples" / name) for name in RECORDINGS]
    transcriber = Transcriber(settings)
    begun = cpu_seconds()
    transcriber.load()
    load_s = cpu_seconds() - begun
    costs = StageCosts()
    seconds = total = 0.0
    out_bytes = 0
    for number, path in enumerate(paths):
        before = cpu_seconds()
        task = Task(number=number, source=str(path), outputs=(("json", "x.json"), ("srt", "x.srt")))
        outcome = transcriber.work(task, progress=costs)
        total += cpu_seconds() - before
        if outcome.errors or outcome.seconds is None:
            print("; ".join(outcome.errors))
            return 1
        seconds += outcome.seconds
        out_bytes += sum(len(data) for _name, data in outcome.made)
    commit_s, row_bytes = measure_manifest()
    hours = seconds / 3600.0
    stages = {stage: spent / hours for stage, spent in costs.seconds.items()}
    stages["the rest"] = max(0.0, total / hours - sum(stages.values()))
    found = {
        "model": options.model,
        "diarizer": options.diarizer,
        "sound_seconds": round(seconds, 1),
        "load_s": round(load_s, 2),
        "cpu_s_per_hour": round(total / hours, 1),
        "stages_s_per_hour": {stage: round(spent, 1) for stage, spent in stages.items()},
        "output_bytes_per_hour": round(out_bytes / hours),
        "row_bytes": row_bytes,
        "commit_s": round(commit_s, 5),
    }
    options.output.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(f"{seconds / 60:.1f} min of sound, model {options.model}, diarizer {options.diarizer}\n")
    print(f"| stage | processor seconds for an hour of sound |\n|{'---|' * 2}")
    for stage, spent in stages.items():
        print(f"| {stage} | {spent:.0f} |")
    print(f"| all | {total / hours:.0f} |\n")
    print(f"a worker's start: {load_s:.1f} processor seconds")
    print(f"outputs (JSON, SRT): {out_bytes / hours / 1e6:.2f} MB an hour")
    print(f"a result in the manifest: {commit_s * 1000:.1f} ms, {row_bytes} bytes")
    return 0


def measure_manifest() -> tuple[float, int]:
    """Seconds that one recording's begin and end take, and bytes of its row."""
    with tempfile.TemporaryDirectory(prefix="archives-") as folder:
        path = Path(folder) / "manifest.sqlite3"
        with Manifest(path, for_run=True) as manifest:
            begun = time.monotonic()
            for number in range(N_COMMITS):
                row = Row(
                    path=f"/archive/2026/11/29/{number:08d}.opus", name=f"2026/11/29/{number:08d}", state="pending"
                )
                row = manifest.begin(row, settings="0" * 16, outputs=[f"{row.name}.json", f"{row.name}.srt"])
                outcome = Outcome(stages={"decode": 1.0, "vad": 1.0, "asr": 1.0}, versions={"whisperdiar": "0.1.0"})
                manifest.finish(row, "done", outcome, reason=None, outputs=row.outputs)
            spent = (time.monotonic() - begun) / N_COMMITS
        return spent, path.stat().st_size // N_COMMITS


@dataclass(frozen=True)
class Cluster:
    """What the simulated workers are like.

    Attributes:
        cores: of a worker.
        efficiency: share of its cores that a worker keeps busy.
        losses: of a worker, a day; what it worked on is begun anew.
        start_s: until a worker has its models loaded.
    """

    cores: int
    efficiency: float
    losses: float
    start_s: float


def draw_lengths(hours: float, mean_minutes: float, chance: random.Random) -> list[float]:
    """Lengths in seconds that make up so many hours."""
    mean = mean_minutes * 60.0
    location = math.log(mean) - SPREAD**2 / 2
    found, total = [], 0.0
    while total < hours * 3600.0:
        length = min(chance.lognormvariate(location, SPREAD), 24 * 3600.0)
        found.append(length)
        total += length
    return found


def run_cluster(
    lengths: list[float], n_workers: int, costs: dict[str, Any], cluster: Cluster, chance: random.Random
) -> tuple[float, int]:
    """Hours until all is done, and how many tries were lost."""
    per_second = costs["cpu_s_per_hour"] / 3600.0 / (cluster.cores * cluster.efficiency)
    asr_share = costs["stages_s_per_hour"].get("asr", 0.0) / costs["cpu_s_per_hour"]
    free = [(cluster.start_s, number) for number in range(n_workers)]
    heapq.heapify(free)
    lost, end = 0, 0.0
    rate = cluster.losses / 86_400.0
    for length in sorted(lengths, reverse=True):
        parts = [length * per_second]
        if length > LONG_S:
            stretch = STRETCH_S * per_second * asr_share
            parts = [stretch] * math.ceil(length / STRETCH_S) + [length * per_second * (1 - asr_share)]
        ready = 0.0
        for number, spent in enumerate(parts):
            at, worker = heapq.heappop(free)
            begun = max(at, ready) if number == len(parts) - 1 else at
            while rate and chance.random() < 1.0 - math.exp(-rate * spent):
                begun += chance.random() * spent + cluster.start_s
                lost += 1
            ended = begun + spent
            ready, end = max(ready, ended), max(end, ended)
            heapq.heappush(free, (ended, worker))
    return end / 3600.0, lost


def simulate(options: argparse.Namespace) -> int:
    """The least number of workers that end in time, and what else there must be."""
    costs = json.loads(options.costs.read_text("utf-8"))
    chance = random.Random(options.seed)
    lengths = draw_lengths(options.hours, options.mean_minutes, chance)
    start_s = costs["load_s"] + options.boot_minutes * 60.0
    cluster = Cluster(options.cores, options.efficiency, options.losses, start_s)
    limit = options.days * 24.0
    low = max(1, int(sum(lengths) / 3600 * costs["cpu_s_per_hour"] / (options.cores * limit * 3600.0)))
    high = 2 * low + 8
    while run_cluster(lengths, high, costs, cluster, random.Random(1))[0] > limit:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        if run_cluster(lengths, middle, costs, cluster, random.Random(1))[0] > limit:
            low = middle + 1
        else:
            high = middle
    took, lost = run_cluster(lengths, low, costs, cluster, random.Random(1))
    n_long = sum(length > LONG_S for length in lengths)
    hours = sum(lengths) / 3600.0
    busy = hours * costs["cpu_s_per_hour"] / (low * options.cores * took * 3600.0)
    results_s = len(lengths) / (took * 3600.0)
    rows = [
        ("sound", f"{hours:,.0f} hours"),
        ("recordings", f"{len(lengths):,}, {n_long:,} of them longer than two hours"),
        ("workers", f"{low:,} with {options.cores} cores each: {low * options.cores:,} cores"),
        ("ready after", f"{took:.1f} hours; cores busy {busy:.0%}"),
        ("tries lost with their workers", f"{lost:,}"),
        ("processor hours", f"{hours * costs['cpu_s_per_hour'] / 3600.0:,.0f}"),
        ("sound that is read", f"{hours * 3600.0 * options.kbit_s / 8 / 1e9:,.1f} TB at {options.kbit_s:g} kbit/s"),
        ("read at the same time", f"{hours / took * options.kbit_s / 1e6:,.2f} Gbit/s on average"),
        ("transcripts (JSON, SRT)", f"{hours * costs['output_bytes_per_hour'] / 1e9:,.0f} GB"),
        ("results to be committed", f"{results_s:.2f} a second; the manifest takes {1 / costs['commit_s']:.0f}"),
        ("the manifest", f"{len(lengths) * costs['row_bytes'] / 1e6:,.0f} MB"),
    ]
    print(f"| {options.hours:,.0f} hours in {options.days:g} days | |\n|{'---|' * 2}")
    for name, value in rows:
        print(f"| {name} | {value} |")
    return 0


def main() -> int:
    """Measure or simulate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    one = kinds.add_parser("measure")
    one.add_argument("--model", default="base")
    one.add_argument("--diarizer", default="bic")
    one.add_argument("--diarizer-option", action="append", default=[], metavar="KEY=VALUE")
    one.add_argument("--recording", action="append")
    one.add_argument("--threads", type=int, default=1)
    one.add_argument("-o", "--output", type=Path, default=Path("costs.json"))
    one.set_defaults(run=measure)
    two = kinds.add_parser("simulate")
    two.add_argument("costs", type=Path)
    two.add_argument("--hours", type=float, default=100_000.0)
    two.add_argument("--days", type=float, default=1.0)
    two.add_argument("--mean-minutes", type=float, default=30.0)
    two.add_argument("--cores", type=int, default=4)
    two.add_argument("--efficiency", type=float, default=0.8)
    two.add_argument("--losses", type=float, default=0.5, help="of each worker, a day")
    two.add_argument("--boot-minutes", type=float, default=3.0)
    two.add_argument("--kbit-s", type=float, default=64.0)
    two.add_argument("--seed", type=int, default=1)
    two.set_defaults(run=simulate)
    options = parser.parse_args()
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
