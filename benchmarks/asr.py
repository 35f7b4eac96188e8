"""Compares whisperdiar's way through a recording with plain faster-whisper's, side by side.

    python benchmarks/asr.py RECORDING --model FOLDER [--runs 10] [--threads N] [--pauses 0.3]
                             [--reference NAME.words.tsv] [--json FILE]

The same model, device, precision, threads, beams and sound go five ways, in turns, so that a busy machine is busy
for all:

    whisperdiar      speech by silero, then whisperdiar's recogniser with all its guards
    batched          BatchedInferencePipeline with the same speech as clips, joined over pauses of up to 2 s
    batched-own-vad  BatchedInferencePipeline that finds speech itself
    sequential       WhisperModel.transcribe without speech detection
    sequential-vad   WhisperModel.transcribe with its own speech detection

Every way gives words with times. Prints medians over the runs: seconds to find speech, seconds to decode, both, times
real time; processor seconds; the peak of memory above what the loaded model and the sound take, measured in a process
of its own; and the word error rate where a reference is given, because a way that loses words is not faster. Then,
with the quartiles over the runs, how whisperdiar compares, and whether the goals are met: decoding within 10 % of
batched faster-whisper, and, where 30 % of the recording is pause, 1.3 times faster than sequential faster-whisper.
A way whose word error rate is 10 points above whisperdiar's is not compared with a goal.
With --pauses 0.3 silence is put into the pauses of the recording until 30 % of it is pause.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from asr_recordings import Stretched, reference_words, with_pauses
from asr_ways import BATCHED, BATCHED_VAD, OURS, SEQUENTIAL, SEQUENTIAL_VAD, WAYS, Contest, Run, Word

from whisperdiar import load
from whisperdiar.options import WhisperSettings
from whisperdiar.system.machine import usable_cores
from whisperdiar.types import Audio, Span, total_duration

GOAL_DECODING = 1.1
GOAL_TOTAL = 1.3
GOAL_PAUSES = 0.3
_WARM_UP_S = 20.0
_FAR_WORSE = 0.1  # in word error rate


def word_error_rate(words: Sequence[Word], said: Sequence[Word], overlapped: Sequence[tuple[float, float]]) -> float:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from training.whisper_nano.scoring import score

    return score(said, words, overlapped=overlapped).word_error_rate


def resident_mb(field: str) -> float:
    """Of this process, in MiB: VmRSS now, VmHWM the peak (Linux); the peak for both elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("utf-8").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def memory_of(way: str) -> float:
    """Peak of one way above what model and sound take, MiB, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--memory-of", way], stdout=subprocess.PIPE, check=True, text=True
    )
    return float(done.stdout.splitlines()[-1])


def measure_memory(chosen: argparse.Namespace) -> None:
    stretched = recording(chosen)
    contest = Contest(chosen, [chosen.memory_of])
    before = resident_mb("VmRSS")
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "utf-8")  # the peak counts from here on
    contest.run(chosen.memory_of, stretched.audio)
    print(resident_mb("VmHWM") - before)


def part_of(audio: Audio) -> Audio:
    return audio.crop(Span(0.0, min(_WARM_UP_S, audio.duration)))


def recording(chosen: argparse.Namespace) -> Stretched:
    from whisperdiar.vad.silero import Backend as Silero

    audio = load(chosen.recording, channels="mono")
    if not chosen.pauses:
        return Stretched(audio, (), ())
    return with_pauses(audio, Silero().detect(audio), chosen.pauses)


def spread(values: Sequence[float]) -> str:
    """Median with the quartiles beside it."""
    if len(values) < 2:
        return f"{values[0]:.2f}"
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def compared(runs: dict[str, list[Run]], pause: float, rates: dict[str, float | None]) -> list[str]:
    """How whisperdiar compares, run by run, and whether the goals are met."""

    def ratios(value: Callable[[Run], float], way: str) -> list[float]:
        return [value(other) / value(own) for own, other in zip(runs[OURS], runs[way], strict=True)]

    def goal(text: str, way: str, *, is_met: bool) -> str:
        if loses_words(way, rates):
            return f"; goal {text}: NO COMPARISON, {way} loses words"
        return f"; goal {text}: {'met' if is_met else 'MISSED'}"

    lines = []
    for way in (BATCHED, BATCHED_VAD):
        values = [1 / ratio for ratio in ratios(lambda run: run.decoding, way)]
        line = f"decoding takes {spread(values)} times as long as {way}"
        if way == BATCHED:
            line += goal(f"at most {GOAL_DECODING}", way, is_met=median(values) <= GOAL_DECODING)
        lines.append(line)
    for way in (SEQUENTIAL, SEQUENTIAL_VAD):
        values = ratios(lambda run: run.total, way)
        line = f"in total {spread(values)} times faster than {way}"
        if way == SEQUENTIAL and pause >= GOAL_PAUSES - 0.02:
            line += goal(f"at least {GOAL_TOTAL}", way, is_met=median(values) >= GOAL_TOTAL)
        lines.append(line)
    values = [1 / ratio for ratio in ratios(lambda run: run.processor, BATCHED)]
    lines.append(f"processor time {spread(values)} times that of {BATCHED}")
    return lines


def loses_words(way: str, rates: dict[str, float | None]) -> bool:
    """Whether a way makes so many more errors than whisperdiar that its time says nothing."""
    own, other = rates[OURS], rates[way]
    return own is not None and other is not None and other > own + _FAR_WORSE


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="in CTranslate2's format")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: all cores")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--compute-type", default="auto")
    parser.add_argument("--beam-size", type=int, default=WhisperSettings().beam_size)
    parser.add_argument("--batch-size", type=int, default=0, help="default: whisperdiar's choice for the device")
    parser.add_argument("--language", help="default: everybody detects it")
    parser.add_argument(
        "--without-timestamps",
        action="store_true",
        help="sequential decoding as batches are decoded, without timestamp tokens and earlier text: for models that "
        "were trained on neither, and lose words with them",
    )
    parser.add_argument("--pauses", type=float, default=0.0, metavar="SHARE", help="of the recording, such as 0.3")
    parser.add_argument("--reference", type=Path, metavar="TSV", help="table of words: start, end, speaker, word")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every run, as JSON")
    parser.add_argument("--memory-of", choices=WAYS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    chosen = options()
    if chosen.memory_of:
        measure_memory(chosen)
        return 0
    memory = {way: memory_of(way) for way in WAYS}
    stretched = recording(chosen)
    audio = stretched.audio
    contest = Contest(chosen, WAYS)
    pause = 1.0 - total_duration(contest.silero.detect(audio)) / audio.duration
    for way in WAYS:
        contest.run(way, part_of(audio))
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for number in range(chosen.runs):
        first = number % len(WAYS)
        for way in (*WAYS[first:], *WAYS[:first]):  # nobody always has the same neighbours
            runs[way].append(contest.run(way, audio))
    rates: dict[str, float | None] = dict.fromkeys(WAYS)
    if chosen.reference is not None:
        said, overlapped = reference_words(chosen.reference, stretched)
        rates = {way: word_error_rate(runs[way][-1].words, said, overlapped) for way in WAYS}
    setup = ", ".join(f"{key} {contest.setup[key]}" for key in ("device", "compute_type", "batch_size", "beam_size"))
    print(f"{chosen.recording.name}: {audio.duration:.0f} s, {pause:.0%} pause; {setup}, {chosen.threads} threads")
    print(
        f"{'':<17}{'speech':>8}{'decoding':>10}{'total':>8}{'x real':>8}{'CPU s':>8}{'MiB':>7}{'words':>7}{'WER %':>7}"
    )
    for way, own in runs.items():
        middle = [median(getattr(run, part) for run in own) for part in ("speech", "decoding", "total", "processor")]
        found = rates[way]
        rate = "" if found is None else f"{100 * found:7.1f}"
        print(
            f"{way:<17}{middle[0]:10.2f}{middle[1]:10.2f}{middle[2]:10.2f}{audio.duration / middle[2]:10.1f}"
            f"{middle[3]:10.2f}{memory[way]:7.0f}{len(own[-1].words):7d}{rate}"
        )
    print(*compared(runs, pause, rates), sep="\n")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(as_json(chosen, contest.setup, runs, memory, rates, pause)), "utf-8")
    return 0


def as_json(
    chosen: argparse.Namespace,
    setup: dict[str, Any],
    runs: dict[str, list[Run]],
    memory: dict[str, float],
    rates: dict[str, float | None],
    pause: float,
) -> dict[str, Any]:
    ways = {
        way: {
            "speech_s": [run.speech for run in own],
            "decoding_s": [run.decoding for run in own],
            "processor_s": [run.processor for run in own],
            "memory_mib": memory[way],
            "words": len(own[-1].words),
            "word_error_rate": rates[way],
        }
        for way, own in runs.items()
    }
    return {
        "recording": chosen.recording.name,
        "pause": pause,
        "threads": chosen.threads,
        "setup": {**setup, "repository": None},
        "ways": ways,
        "result": compared(runs, pause, rates),
    }


if __name__ == "__main__":
    sys.exit(main())
