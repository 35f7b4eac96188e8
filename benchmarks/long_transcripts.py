"""Work behind recognition by the length of a transcript: joining, filters, every format, minutes, pages, scores.

    python benchmarks/long_transcripts.py                       # 3, 10 and 24 hours
    python benchmarks/long_transcripts.py --hours 1 4 --only writing

The transcripts are built: the sentences of the samples, drawn over and over by six people who sometimes talk at once,
with pauses, passages that were left out, turns and their activity in every frame. Each step runs in a process of its
own, which has the transcript already. Printed are, for each length, the processor seconds (user and system) and by how
many MiB the peak of its memory lies above what it held before; and behind them how many times as long the longest takes
for an hour of sound as the shortest.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import gc
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from whisperdiar import Audio, Diarization, Span, Transcript, Transcription, Turn, Word, join
from whisperdiar.asr._shared.refinement import recognise
from whisperdiar.cache.values import DIARIZATION, SEGMENTS, TRANSCRIPTION
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.editing.text_form import write as write_form
from whisperdiar.exchange import read, write
from whisperdiar.formats import FORMATS, by_name
from whisperdiar.joining import Origin
from whisperdiar.system.files import write_text
from whisperdiar.text.language_identification import identify_language
from whisperdiar.types import Dropped, SpeakerActivity

SAMPLES = Path(__file__).parents[1] / "samples"
_RATE_HZ = 16_000
_FRAME_S = 0.017
_PEOPLE = 6


@dataclass(frozen=True, slots=True)
class Built:
    """What recogniser and diarizer gave.

    Attributes:
        words: with what was left out.
        turns: with their activity.
        speech: where somebody speaks.
        hours: of sound.
    """

    words: Transcription
    turns: Diarization
    speech: tuple[Span, ...]
    hours: float

    def origin(self) -> Origin:
        return Origin(duration=3600 * self.hours, language="en", dropped=self.words.dropped)

    def join(self) -> Transcript:
        return join(self.words.words, self.turns, origin=self.origin())


def build(hours: float) -> Built:
    """A conversation of that many hours; the same each time."""
    drawn, sentences = random.Random(0), _read_sentences()
    words: list[Word] = []
    turns: list[Turn] = []
    dropped: list[Dropped] = []
    speech: list[Span] = []
    at = 1.0
    while at < 3600 * hours - 60:
        who, begin = f"SPEAKER_{drawn.randrange(_PEOPLE):02d}", at
        for _sentence in range(drawn.randrange(1, 5)):
            for text in drawn.choice(sentences):
                length = 0.12 + 0.05 * len(text)
                words.append(Word(Span(at, at + length), f" {text}", drawn.uniform(0.4, 1.0)))
                at += length
            at += drawn.uniform(0.1, 0.4)
        turns.append(Turn(Span(begin, at), who))
        speech.append(Span(begin, at))
        if drawn.random() < 0.15:
            dropped.append(Dropped(Span(at, at + 2.0), "", "no words were recognised in this speech"))
            speech.append(Span(at, at + 2.0))
            at += 2.0
        at += drawn.choice([-0.4, 0.2, 0.6, 1.5, 4.0])
        at = max(at, words[-1].end)
    n_frames = round(3600 * hours / _FRAME_S)
    values = np.zeros((n_frames, _PEOPLE), np.float16)
    for turn in turns:
        values[round(turn.start / _FRAME_S) : round(turn.end / _FRAME_S), int(turn.speaker[-2:])] = 1.0
    labels = tuple(f"SPEAKER_{number:02d}" for number in range(_PEOPLE))
    found = Diarization("recording", tuple(turns), activity=SpeakerActivity(values, labels, _FRAME_S, 0.0))
    return Built(Transcription("en", 1.0, tuple(words), tuple(dropped)), found, tuple(speech), hours)


def _read_sentences() -> list[list[str]]:
    found: list[list[str]] = [[]]
    for name in ("meeting", "call", "standup"):
        with (SAMPLES / "reference" / f"{name}.words.tsv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                found[-1].append(row["word"])
                if row["word"][-1] in ".?!":
                    found.append([])
    return [sentence for sentence in found if sentence]


class _Says:
    """A recogniser that says the words that were built, so that what stands behind recognisers is what works."""

    does_itself: frozenset[str] = frozenset()

    def __init__(self, found: Transcription) -> None:
        self._found = found

    def transcribe(
        self, audio: Audio, *, speech: Sequence[Span], language: str | None = None, progress: Progress = no_progress
    ) -> Transcription:
        del audio, speech, language, progress
        return self._found


def _refine(built: Built) -> None:
    silent = Audio(np.zeros((1, round(3600 * built.hours) * _RATE_HZ), np.float32), _RATE_HZ)
    recognise(_Says(built.words), silent, speech=built.speech, language="en")


def _keep(built: Built) -> None:
    for form, value in ((TRANSCRIPTION, built.words), (DIARIZATION, built.turns), (SEGMENTS, built.join().segments)):
        form.from_bytes(form.to_bytes(value))


def _commands(folder: Path) -> dict[str, Callable[[], None]]:
    """Commands on ``a.json`` of the folder, by the name of the step."""
    whole, other = folder / "a.json", folder / "b.json"

    def run(*arguments: object) -> None:
        from whisperdiar.cli import run as run_program

        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            code = run_program([*map(str, arguments)])
        if code not in ((0, 1) if arguments[0] == "check" else (0,)):  # 1: the subtitles break rules
            raise SystemExit(f"{arguments}: {code}")

    outputs = {
        "convert: page (HTML)": ("convert", whole, "-o", folder / "out.html", "--overwrite"),
        "convert: SRT, VTT, ASS at once": ("convert", whole, "-o", folder / "out.srt", "-o", folder / "out.vtt", "-o",
                                           folder / "out.ass", "--overwrite"),
        "convert: SRT, netflix, no overlap": ("convert", whole, "-o", folder / "n.srt", "--profile", "netflix",
                                              "--overwrite"),
        "rename": ("rename", whole, "SPEAKER_00=Anna", "-o", folder / "named.json", "--overwrite"),
        "edit": ("edit", whole, "-o", folder / "edited.txt", "--overwrite"),
        "apply": ("apply", folder / "a.txt", "--transcript", whole, "-o", folder / "applied.json", "--overwrite"),
        "check": ("check", folder / "a.srt"),
        "minutes": ("minutes", whole, "-o", folder / "minutes.md", "--overwrite"),
        "plot: all": ("plot", whole, "-o", folder / "all.svg", "--kind", "all", "--overwrite"),
        "align": ("align", whole, folder / "a.rttm", "-o", folder / "joined.json", "--overwrite"),
        "score: DER, WER, cpWER": ("score", whole, other),
    }  # fmt: skip
    return {name: partial(run, *arguments) for name, arguments in outputs.items()}


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds and MiB of resident memory above what is there before, in a process of its own."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # of another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)  # what the process has, but does not use, would hide what the step takes
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
            before, begun = _resident("VmRSS"), time.process_time()
            work()
            children = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = time.process_time() - begun + children.ru_utime + children.ru_stime
            os.write(sending, f"{spent} {_resident('VmHWM') - before}".encode())
            os._exit(0)
        except BaseException:  # the parent must not go on in the child
            traceback.print_exc()
            os._exit(1)
    os.close(sending)
    with os.fdopen(receiving) as file:
        told = file.read().split()
    os.waitpid(child, 0)
    if not told:
        raise SystemExit("a step failed")
    return float(told[0]), float(told[1])


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return float(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) / 1024


def steps(built: Built, folder: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    identify_language(["what is read once"])
    transcript = built.join()
    write(transcript, folder / "a.json")
    write(transcript, folder / "a.rttm")
    write(transcript, folder / "a.srt")
    shifted = tuple(Turn(Span(turn.start + 0.2, turn.end + 0.2), turn.speaker) for turn in built.turns.turns[:-1])
    other = join(built.words.words[3:], shifted, origin=built.origin())
    write(other, folder / "b.json")
    write_text(folder / "a.txt", write_form(transcript))
    found: dict[str, Callable[[], object]] = {
        "filters and gaps": partial(_refine, built),
        "join": built.join,
        "the cache": partial(_keep, built),
    }
    for name in sorted(FORMATS):
        form = by_name(name)
        path = folder / f"formats{form.suffix}"
        if form.read_only or form.needs == "emotions":
            continue
        found[f"writing {name}"] = partial(write, transcript, path, format_name=name)
        if form.read is not None:
            found[f"reading {name}"] = partial(read, path, format_name=name)
    return {**found, **_commands(folder)}


def main() -> None:
    """A row for each step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[3.0, 10.0, 24.0])
    parser.add_argument("--only", default="", help="steps that have this in their name")
    parser.add_argument("--without", default="\0", help="steps that do not")
    chosen = parser.parse_args()
    print(f"| step | {' | '.join(f'{hours:g} h' for hours in chosen.hours)} | an hour, longest to shortest |")
    print(f"|---|{'---|' * len(chosen.hours)}---|", flush=True)
    rows: dict[str, list[str]] = {}
    rates: dict[str, list[float]] = {}
    for hours in chosen.hours:
        with tempfile.TemporaryDirectory() as folder:
            built = build(hours)
            print(f"{hours:g} h: {len(built.words.words)} words", file=sys.stderr, flush=True)
            for name, work in steps(built, Path(folder)).items():
                if chosen.only in name and chosen.without not in name:
                    spent, memory = measure(work)
                    rows.setdefault(name, []).append(f"{spent:.1f} s, {memory:.0f} MiB")
                    rates.setdefault(name, []).append(spent / hours)
                    print(f"{hours:g} h: {name}: {rows[name][-1]}", file=sys.stderr, flush=True)
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(row)} | {rates[name][-1] / max(rates[name][0], 1e-9):.1f} |", flush=True)


if __name__ == "__main__":
    main()
