"""How long `whisperdiar score` takes for many long recordings, and how much memory.

    python benchmarks/score_scale.py                 # 1000 recordings of an hour, as RTTM
    python benchmarks/score_scale.py --recordings 100

Turns are drawn: five speakers, half a second to six seconds, some overlap; the hypothesis begins each up to 0.3 s off.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_HOUR_S = 3600.0
_LINE = "SPEAKER {name} 1 {onset:.3f} {duration:.3f} <NA> <NA> {speaker} <NA> <NA>\n"


def draw_recording(number: int) -> tuple[str, str]:
    """RTTM of the reference and of the hypothesis of one hour."""
    drawn = random.Random(number)
    name = f"recording{number:04d}"
    sides: tuple[list[str], list[str]] = ([], [])
    at = 0.0
    while at < _HOUR_S:
        duration, speaker = drawn.uniform(0.5, 6.0), f"speaker{drawn.randrange(5)}"
        for side, off in zip(sides, (0.0, drawn.uniform(-0.3, 0.3)), strict=True):
            side.append(_LINE.format(name=name, onset=max(0.0, at + off), duration=duration, speaker=speaker))
        at += duration + drawn.uniform(-0.5, 1.0)
    return "".join(sides[0]), "".join(sides[1])


def main() -> None:
    """Draw the recordings, score them, and print seconds and megabytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder) / side for side in ("reference", "hypothesis")]
        for side in sides:
            side.mkdir()
        n_turns = 0
        for number in range(asked.recordings):
            for side, text in zip(sides, draw_recording(number), strict=True):
                (side / f"{number:04d}.rttm").write_text(text, "utf-8")
                n_turns += text.count("\n")
        begun = time.perf_counter()
        command = [sys.executable, "-m", "whisperdiar", "score", *map(str, sides)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    print(f"{asked.recordings} recordings, {n_turns} turns: {seconds:.1f} s, {processor:.1f} s of the processor")
    print(f"{used.ru_maxrss / 1024:.0f} MiB at most")


if __name__ == "__main__":
    main()
