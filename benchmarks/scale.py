"""Time and memory by the length of a recording: the whole pipeline on minutes and on a day.

    python benchmarks/scale.py --hours 1 3 10 24 --sound talk silence --model samples/whisper-nano
    python benchmarks/scale.py --hours 1 10 --diarizer onnx --turns -- --diarizer-option embedding_model=FILE

Each run is a process of its own, without the cache. Its sound is a recording said over and over, or digital silence, as
a FLAC file; `--turns` leaves the recogniser out (`whisperdiar diarize`). Counted are processor seconds (user and
system, of all threads, which other programs hardly change), and the peak of resident memory in three parts, read ten
times a second from the kernel:

- its own (RssAnon): what the process has taken and only its end gives back;
- mapped files (RssFile): libraries and the decoded sound in its temporary file, which the system takes back when it
  wants the memory;
- above the models: its own, less the same of a run on the first minute, which has the same models loaded.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import av
import numpy as np

from whisperdiar import load
from whisperdiar.types import Samples

SAMPLES = Path(__file__).parents[1] / "samples"
_RATE_HZ = 16_000
_MINUTE_H = 1 / 60
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: processor and clock in seconds, peaks of memory in MiB."""

    cpu: float
    wall: float
    own: float
    mapped: float


def write_sound(piece: Samples, hours: float, path: Path) -> None:
    """A FLAC file of that many hours: float32 (n_samples,) over and over."""
    pcm = np.clip(piece * 32767, -32768, 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=_RATE_HZ)
        stream.layout = "mono"
        for block in _repeat(pcm, round(hours * 3600 * _RATE_HZ)):
            frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
            frame.sample_rate = _RATE_HZ
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _repeat(pcm: np.ndarray, n_samples: int) -> Iterator[np.ndarray]:
    left, size = n_samples, 4 * _RATE_HZ
    while left > 0:
        for first in range(0, len(pcm), size):
            block = pcm[first : min(first + size, first + left)]
            if not len(block):
                return
            yield block
            left -= len(block)


def measure(source: Path, output: Path, options: Sequence[str], *, detector: str, diarizer: str) -> Cost:
    """One run of the program, watched from outside; `options` begin with its command."""
    command = [sys.executable, "-m", "whisperdiar", *options, str(source), "--vad", detector, "--diarizer", diarizer]
    command += ["--offline", "--no-cache", "--overwrite", "-q", "-o", str(output)]
    begun = time.monotonic()
    process = subprocess.Popen(command)
    own = mapped = 0.0
    status, usage = 0, None
    while usage is None:
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/status").read_text("ascii", "replace").splitlines()
            own, mapped = max(own, _mib(lines, "RssAnon")), max(mapped, _mib(lines, "RssFile"))
        ended, status, found = os.wait4(process.pid, os.WNOHANG)
        if ended:
            usage = found
        else:
            time.sleep(_LOOK_S)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 3):  # 3: there are no words, as in silence
        raise SystemExit(f"the program ended with code {code}: {' '.join(command)}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begun, own, mapped)


def _mib(lines: Sequence[str], field: str) -> float:
    return float(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) / 1024


def main() -> None:
    """Print a row for each detector, diarizer, sound and length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    parser.add_argument("--sound", nargs="+", choices=["talk", "silence"], default=["talk"])
    parser.add_argument("--vad", nargs="+", default=["energy"])
    parser.add_argument("--diarizer", nargs="+", default=["bic"])
    parser.add_argument("--recording", type=Path, default=SAMPLES / "natural" / "walk.ogg")
    parser.add_argument("--model", type=Path, default=SAMPLES / "whisper-nano")
    parser.add_argument("--turns", action="store_true", help="turns alone, without words")
    parser.add_argument(
        "options", nargs="*", metavar="OPTION", help="of `whisperdiar transcribe` or `diarize`, behind --"
    )
    chosen = parser.parse_args()
    talk = load(chosen.recording).mono
    options = [*(["diarize"] if chosen.turns else ["transcribe", "--model", str(chosen.model)]), *chosen.options]
    columns = "processor, s | an hour, s | own, MiB | above the models, MiB | mapped, MiB"
    print(f"| sound | detector | diarizer | hours | {columns} |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "sound.flac", Path(folder) / ("out.rttm" if chosen.turns else "out.json")
        for sound in chosen.sound:
            piece = talk if sound == "talk" else np.zeros(_RATE_HZ, np.float32)
            least: dict[tuple[str, str], float] = {}
            for hours in [_MINUTE_H, *chosen.hours]:
                write_sound(piece, hours, path)
                for detector, diarizer in product(chosen.vad, chosen.diarizer):
                    cost = measure(path, output, options, detector=detector, diarizer=diarizer)
                    if hours == _MINUTE_H:
                        least[detector, diarizer] = cost.own
                        continue
                    above = cost.own - least[detector, diarizer]
                    numbers = f"{hours:g} | {cost.cpu:.0f} | {cost.cpu / hours:.1f} | {cost.own:.0f} | {above:.0f}"
                    print(f"| {sound} | {detector} | {diarizer} | {numbers} | {cost.mapped:.0f} |", flush=True)


if __name__ == "__main__":
    main()
