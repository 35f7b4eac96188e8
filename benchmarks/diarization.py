"""Scores a diarizer on recordings with references.

    python benchmarks/diarization.py CORPUS [--diarizer bic] [--regions reference|silero|energy] [--only 'sim*']
    python benchmarks/diarization.py CORPUS --table bic ehmm embedding:embedding=resemblyzer
    python benchmarks/diarization.py CORPUS --only sim1 --hours 0.02 1 10

CORPUS holds references as refs/NAME.rttm or reference/NAME.rttm, with NAME.uem beside them where only a part is to be
scored, and recordings called NAME in any of its folders. Prints for every recording the speakers of reference and
result, the diarization error rate with its parts (missed speech, false alarm, confusion; no collar, overlap is
scored) as pyannote.metrics counts them, and how many times faster than real time the diarizer is: seconds of
recording per second of processor time of this process on one thread, decoding and speech detection left out, the
best of --repeat runs. Totals pool the parts of the recordings whose names begin with the same letters, then of all.
Nobody can count somebody who is never heard alone: the last lines tell the right counts by how many seconds the one is
heard alone who is heard so least, then by the length of the recordings, then the speed and the peak of memory (beyond
what the process had before, the sound included) over all.

With `--stream` a diarizer that hears streams gets the sound in pieces of half a second, with the times of `whisperdiar
live`, and its turns are scored as they were settled.

`--table` measures several diarizers, each in a process of its own, with reference speech and with silero's, and prints
one row for each. `--hours` says the recordings one after another, over and over, until they last so long, and prints
the speed and the peak of memory that the diarizer itself takes; the sound is mapped from a file and does not count.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy loads: one thread, so that times can be compared

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.scoring import PARTS, score
from whisperdiar import load
from whisperdiar.formats import rttm
from whisperdiar.options import LiveOptions, Runtime
from whisperdiar.registry import load as load_backend
from whisperdiar.registry import settings_from_text
from whisperdiar.types import ANY_SPEAKERS, Audio, Diarization, Span, SpeakerCount, Turn, merge_spans

GROUPS = {
    "near": ("sim*",),
    "discussion, overlap": ("paa_*", "stereo_fw"),
    "far field, telephone": ("ami_*", "tel_*"),
    "one person": ("one_*",),
    "all": ("*",),
}
"""Rows of recordings that are pooled in a table, by the beginning of their names."""
RATE_HZ = 16_000
PIECE_S = 0.5
"""Sound of a stream comes in such pieces."""
LEAST_ALONE_S = (0.0, 2.0, 5.0)
LENGTHS_MINUTES = (0.0, 3.0, 10.0, 30.0)
_NO_SOUND = (".json", ".rttm", ".stm", ".txt", ".tsv", ".uem")


class Memory:
    """Most memory of its own that this process has, in MiB, beyond what it had at the beginning."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._before = self._read()
        self._done = threading.Event()

    @staticmethod
    def _read() -> float:
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
        return float(next(text for text in lines if text.startswith("RssAnon:")).split()[1]) / 1024

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.peak = max(self.peak, self._read() - self._before)

    @contextmanager
    def watched(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()


def references(corpus: Path, patterns: Sequence[str]) -> list[tuple[str, Path, Path]]:
    """Name, recording and reference of everything that has both."""
    found = []
    for path in sorted([*corpus.glob("refs/*.rttm"), *corpus.glob("reference/*.rttm"), *corpus.glob("*.rttm")]):
        if "." in path.stem or not any(fnmatch(path.stem, pattern) for pattern in patterns):
            continue  # NAME.variant.rttm is another view of NAME
        sounds = [file for file in sorted(corpus.rglob(f"{path.stem}.*")) if file.suffix not in _NO_SOUND]
        if sounds:
            found.append((path.stem, sounds[0], path))
    return found


def scored_part(path: Path, audio: Audio) -> Span:
    if not path.exists():
        return Span(0.0, audio.duration)
    _, _, start, end = path.read_text("utf-8").split()[:4]
    return Span(float(start), float(end))


def regions(kind: str, audio: Audio, reference: Sequence[Turn]) -> tuple[Span, ...]:
    if kind == "reference":
        return merge_spans(turn.span for turn in reference)
    mono = Audio(audio.mono[None], audio.sample_rate, audio.recording_id)
    detected: tuple[Span, ...] = load_backend("vad", kind)(None, runtime=Runtime()).detect(mono)
    return detected


def line(name: str, parts: dict[str, float], rest: str) -> str:
    total = max(parts["total"], 1e-9)
    missed, alarm, confusion = (100 * parts[part] / total for part in PARTS[1:])
    return f"{name:<26}{missed + alarm + confusion:7.2f}{missed:8.2f}{alarm:8.2f}{confusion:8.2f}  {rest}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--diarizer", default="bic")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="setting of the diarizer")
    parser.add_argument("--regions", choices=("reference", "silero", "energy"), default="reference")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--stream", action="store_true", help="let the sound come, as live")
    parser.add_argument("--count-given", action="store_true", help="tell the diarizer the number of speakers")
    parser.add_argument("--repeat", type=int, default=3, help="runs, of which the fastest is stated")
    parser.add_argument("--table", nargs="+", metavar="NAME[:KEY=VALUE…]", help="one row for each diarizer")
    parser.add_argument("--hours", nargs="+", type=float, help="lengths for speed and memory")
    parser.add_argument("--json", type=Path, help="where the figures go as well")
    return parser.parse_args()


def least_alone(turns: Sequence[Turn]) -> float:
    """Seconds in which the one speaks and nobody else who does so least; 0 without turns."""
    speakers = sorted({turn.speaker for turn in turns})
    n_frames = round(100 * max((turn.end for turn in turns), default=0.0))
    frames = np.zeros((len(speakers), n_frames), dtype=bool)
    for turn in turns:
        frames[speakers.index(turn.speaker), round(turn.start * 100) : round(turn.end * 100)] = True
    alone = frames & (frames.sum(axis=0) == 1)
    return float(alone.sum(axis=1).min(initial=n_frames)) / 100


def load_recording(
    sound: Path, reference: Path, kind: str, *, channels: bool
) -> tuple[Audio, tuple[Turn, ...], tuple[Span, ...]]:
    """Sound, reference turns and speech of a recording."""
    audio = load(sound, channels="all" if channels else "mono")
    turns = rttm.loads(reference.read_text("utf-8"), tolerance=rttm.TOLERANT).turns
    return audio, turns, regions(kind, audio, turns)


def hear_stream(diarizer: Any, audio: Audio, speech: Sequence[Span], speakers: SpeakerCount) -> Diarization:
    """What a stream says of speakers, with the times of `whisperdiar live`."""
    live = LiveOptions()
    diarizer.prepare()
    stream = diarizer.stream(
        speakers=speakers, delay=live.speaker_delay, patience=live.speaker_patience, new_speaker=live.new_speaker
    )
    sound, size = audio.mono, round(PIECE_S * audio.sample_rate)
    for first in range(0, len(sound), size):
        now = min(first + size, len(sound)) / audio.sample_rate
        until = max((min(span.end, now) for span in speech if span.start < now), default=0.0)
        stream.feed(sound[first : first + size], speech_until=until)
    stream.settle()
    return Diarization(audio.recording_id, stream.turns(0.0))


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Parts, counts, seconds of each recording, and the peak of memory of one diarizer; prints what it finds."""
    backend = load_backend("diarization", chosen.diarizer)
    settings = settings_from_text(backend, dict(option.split("=", 1) for option in chosen.option))
    diarizer = backend(settings, runtime=Runtime(threads=1, offline=True))
    channels = backend.info.per_channel
    rows: dict[str, dict[str, Any]] = {}
    memory = Memory()
    with memory.watched():
        for name, sound, path in references(chosen.corpus, chosen.only):
            audio, turns, speech = load_recording(sound, path, chosen.regions, channels=channels)
            if channels and audio.n_channels < 2:
                continue
            n_speakers = len({turn.speaker for turn in turns})
            asked = SpeakerCount(n_speakers, n_speakers) if chosen.count_given else ANY_SPEAKERS
            best = float("inf")
            for _ in range(chosen.repeat):
                begun = time.process_time()
                if chosen.stream:
                    found = hear_stream(diarizer, audio, speech, asked)
                else:
                    found = diarizer.diarize(audio, speech=speech, speakers=asked)
                best = min(best, time.process_time() - begun)
            parts = score(turns, found.turns, scored_part(path.with_suffix(".uem"), audio))
            n_found = len(found.speakers)
            rows[name] = {"parts": parts, "right": n_found == n_speakers, "s": audio.duration, "cpu_s": best}
            rows[name] |= {"speakers": n_speakers, "found": n_found, "least_alone_s": least_alone(turns)}
            speed = f"{audio.duration / max(best, 1e-9):.0f}"
            print(line(name, parts, f"{n_speakers:>8} ({n_found}){speed:>19}"), flush=True)
    return {"recordings": rows, "peak_mib": memory.peak}


def print_pooled(rows: dict[str, dict[str, Any]]) -> None:
    """Parts of recordings whose names begin with the same letters, and of all."""

    def group(name: str) -> str:
        return "".join(itertools.takewhile(str.isalpha, name))

    for key in [*sorted({group(name) for name in rows}), ""]:
        mine = [row["parts"] for name, row in rows.items() if not key or group(name) == key]
        print(line(f"pooled {key}*" if key else "pooled all", {part: sum(p[part] for p in mine) for part in PARTS}, ""))


def print_counts(rows: dict[str, dict[str, Any]]) -> None:
    """Right counts and the error by how long the one is heard alone who is heard so least, and by length."""
    for key, borders, words, unit in (
        ("least_alone_s", LEAST_ALONE_S, "everybody alone for", "s"),
        ("s", [60.0 * minutes for minutes in LENGTHS_MINUTES], "length of", "min"),
    ):
        scale = 60.0 if unit == "min" else 1.0
        for low, high in itertools.pairwise((*borders, float("inf"))):
            mine = [row for row in rows.values() if low <= row[key] < high]
            if mine:
                until = f" to {high / scale:g}" if high < float("inf") else " or more"
                fewer = sum(row["found"] < row["speakers"] for row in mine)
                more = sum(row["found"] > row["speakers"] for row in mine)
                total = sum(row["parts"]["total"] for row in mine)
                wrong = sum(row["parts"][part] for row in mine for part in PARTS[1:])
                print(
                    f"{words} {low / scale:g}{until} {unit}: {len(mine) - fewer - more} of {len(mine)} counts right, "
                    f"{fewer} too few, {more} too many; error {100 * wrong / max(total, 1e-9):.1f} %"
                )


def tabulate(chosen: argparse.Namespace) -> None:
    """A row for each diarizer and way to find speech: error rates by group, right counts, speed, memory."""
    print("| diarizer | speech | " + " | ".join(GROUPS) + " | counts | × real | MiB |")
    print("|---|---|" + "---|" * len(GROUPS) + "---|---|---|")
    for item in chosen.table:
        name, *given = item.split(":")
        for kind in ("reference", "silero"):
            with tempfile.TemporaryDirectory() as folder:
                result = Path(folder, "result.json")
                command = [sys.executable, __file__, str(chosen.corpus), "--diarizer", name, "--regions", kind]
                command += ["--repeat", str(chosen.repeat), "--json", str(result), "--only", *chosen.only]
                command += [word for option in given for word in ("--option", option)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    print(f"| {item} | {kind} | {done.stderr.strip().splitlines()[-1]} |", flush=True)
                    continue
                found = json.loads(result.read_text("utf-8"))
            print(f"| `{item}` | {kind} | {_describe(found)} |", flush=True)


def _describe(found: dict[str, Any]) -> str:
    rows: dict[str, dict[str, Any]] = found["recordings"]
    cells = []
    for patterns in GROUPS.values():
        mine = [row for name, row in rows.items() if any(fnmatch(name, pattern) for pattern in patterns)]
        total = sum(row["parts"]["total"] for row in mine)
        wrong = sum(row["parts"][part] for row in mine for part in PARTS[1:])
        cells.append(f"{100 * wrong / total:.1f}" if total else "–")
    seconds, used = sum(row["s"] for row in rows.values()), sum(row["cpu_s"] for row in rows.values())
    counts = f"{sum(row['right'] for row in rows.values())} of {len(rows)}"
    return " | ".join([*cells, counts, f"{seconds / max(used, 1e-9):.0f}", f"{found['peak_mib']:.0f}"])


def measure_long(chosen: argparse.Namespace) -> None:
    """Speed and memory of recordings that are said over and over; the time of the whole process, on one thread."""
    backend = load_backend("diarization", chosen.diarizer)
    settings = settings_from_text(backend, dict(option.split("=", 1) for option in chosen.option))
    parts = []
    for _name, sound, path in references(chosen.corpus, chosen.only):
        audio, _turns, speech = load_recording(sound, path, chosen.regions, channels=False)
        parts.append((audio.mono, speech))
    for hours in chosen.hours:
        n = int(hours * 3600 * RATE_HZ)
        with tempfile.TemporaryDirectory() as folder:
            sounds = np.memmap(Path(folder, "sound.f32"), np.float32, "w+", shape=(1, n))
            whole: list[Span] = []
            at = 0
            for piece, spans in itertools.cycle(parts):
                end = min(n, at + len(piece))
                sounds[0, at:end] = piece[: end - at]
                clipped = [span.shift(at / RATE_HZ).clip(0.0, n / RATE_HZ) for span in spans]
                whole += [span for span in clipped if span is not None]
                at = end
                if at == n:
                    break
            sounds.flush()
            audio = Audio(np.memmap(Path(folder, "sound.f32"), np.float32, "r", shape=(1, n)), RATE_HZ)
            memory = Memory()
            with memory.watched():
                begun = time.process_time()
                backend(settings, runtime=Runtime(threads=1)).diarize(audio, speech=merge_spans(whole))
                used = time.process_time() - begun
        print(
            f"{hours:g} h: {used:.1f} s, {hours * 3600 / used:.0f} times real time, {memory.peak:.0f} MiB", flush=True
        )


def main() -> int:
    chosen = options()
    if chosen.table:
        tabulate(chosen)
        return 0
    if chosen.hours:
        measure_long(chosen)
        return 0
    print(f"{'recording':<26}{'DER %':>7}{'missed':>8}{'alarm':>8}{'conf.':>8}  speakers (found)  times real time")
    found = measure(chosen)
    print_pooled(found["recordings"])
    print_counts(found["recordings"])
    seconds, used = (sum(row[key] for row in found["recordings"].values()) for key in ("s", "cpu_s"))
    print(f"{seconds / max(used, 1e-9):.0f} times real time, {found['peak_mib']:.0f} MiB")
    if chosen.json:
        chosen.json.write_text(json.dumps(found), "utf-8")
    return 0 if found["recordings"] else 1


if __name__ == "__main__":
    sys.exit(main())
