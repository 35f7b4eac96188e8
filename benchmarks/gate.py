"""What a speech detector does for recognition: words that are wrong, and words that nobody said.

    python benchmarks/gate.py CORPUS --model base --cache FOLDER [--recordings 'ami_*' 'one_*']
        --gate silero --gate crdnn:model=FOLDER --gate crdnn:model=FOLDER,threshold=0.8,padding=0.2 …
        [--write docs/speech.md]

CORPUS is laid out as for benchmarks/end_to_end.py. Every gate is a detector with settings. Prints for each:

    WER       errors in the words of recordings with a text, after Whisper's normalisation (jiwer), by kind and pooled
    invented  words that are written over 20 s each of six sounds in which nobody speaks (noises and tones, as in
              benchmarks/guards.py), and over five bars of a tune
    missed    speech that the detector left out, of the speech; no collar
    false     other sound that it took for speech, of the speech

The settings of each detector are chosen by one half of the recordings (every other one, by kind and name): those with
the fewest wrong and invented words. The other half is reported; then the halves change places, and errors are added up.
With --cache, gates that find the same speech share the words.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from end_to_end import percent, plus, rate, table, words_of, write_between
from guards import noises
from vad import score

from benchmarks.references import Recording, recordings
from benchmarks.scoring import Errors
from benchmarks.word_cache import Cache, CachedTranscriber
from whisperdiar import load
from whisperdiar.asr.whisper import Backend
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime, WhisperSettings
from whisperdiar.registry import load as load_backend
from whisperdiar.registry import settings_from_text
from whisperdiar.system.files import write_text
from whisperdiar.types import Audio, Span, merge_spans

BEGIN, END = "<!-- gate.py: begin -->", "<!-- gate.py: end -->"
_SECONDS = ("speech", "missed", "false")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of a gate over some recordings: errors in the words, invented words, seconds of `vad.score`."""

    errors: Errors | None = None
    invented: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_SECONDS, 0.0))

    def __add__(self, other: Outcome) -> Outcome:
        seconds = {part: self.seconds[part] + other.seconds[part] for part in _SECONDS}
        return Outcome(plus(self.errors, other.errors), self.invented + other.invented, seconds)

    @property
    def wrong(self) -> int:
        """What is to be small: words that are wrong, missing or too much, and words that nobody said."""
        return (self.errors.count if self.errors is not None else 0) + self.invented


@dataclass(frozen=True, slots=True)
class Gate:
    """A detector with settings, as it is typed: ``crdnn:threshold=0.8,padding=0.2``."""

    name: str
    settings: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Gate:
        name, _, rest = text.partition(":")
        return cls(name, dict(option.split("=", 1) for option in rest.split(",") if option))

    def __str__(self) -> str:
        shown = ", ".join(f"{key} {value}" for key, value in self.settings.items() if key != "model")
        return f"`{self.name}`, {shown}" if shown else f"`{self.name}`"


def tune() -> Audio:
    """Twenty seconds of a tune with harmonics and a beat: music in which nobody sings."""
    rng = np.random.default_rng(1)
    seconds = np.arange(20 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    beat = seconds % 0.5
    pitch = np.repeat(rng.choice([196.0, 220.0, 247.0, 294.0, 330.0], 40), SAMPLE_RATE_HZ // 2)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    notes = sum(np.sin(k * phase) / k for k in range(1, 8)) * np.exp(-4 * beat)
    drum = rng.standard_normal(seconds.size) * np.exp(-40 * beat)
    return Audio((0.1 * notes + 0.05 * drum).astype(np.float32)[None], SAMPLE_RATE_HZ, "tune")


def halves(found: Sequence[Recording]) -> tuple[frozenset[str], frozenset[str]]:
    """Names of every other recording of each kind, by name, and of the rest; kinds with one take turns."""
    sides: tuple[list[str], list[str]] = ([], [])
    for i, recording in enumerate(sorted(found, key=lambda own: (own.kind, own.name))):
        sides[i % 2].append(recording.name)
    return frozenset(sides[0]), frozenset(sides[1])


def chosen_by_halves(
    gates: Sequence[tuple[Gate, dict[str, Outcome]]], sides: Sequence[frozenset[str]]
) -> tuple[Outcome, tuple[Gate, ...]]:
    """What the settings that are best on one side reach on the other, added up, and which they are.

    Args:
        gates: of one detector, each with its outcome for every recording; of equals the first is taken.
        sides: names of the recordings of both halves; sounds without speech belong to both.
    """
    total, picked = Outcome(), []
    for tuned, reported in (sides, sides[::-1]):
        gate, outcome = min(gates, key=lambda own: over(own[1], tuned, noise=True).wrong)
        total += over(outcome, reported, noise=not picked)
        picked.append(gate)
    return total, tuple(picked)


def over(outcome: dict[str, Outcome], names: frozenset[str], *, noise: bool) -> Outcome:
    """The sum over named recordings; with `noise` also over what has no errors in words, only invented ones."""
    total = Outcome()
    for name, own in outcome.items():
        if name in names or (noise and name.startswith("/")):
            total += own
    return total


def measure(gate: Gate, found: Sequence[Recording], transcriber: Any, threads: int) -> dict[str, Outcome]:
    """The outcome for each recording, and for each sound in which nobody speaks (its name begins with ``/``)."""
    backend = load_backend("vad", gate.name)
    detector = backend(settings_from_text(backend, gate.settings), runtime=Runtime(device="cpu", threads=threads))
    detector.prepare()
    outcomes = {}
    for recording in found:
        audio = load(recording.path)
        speech = detector.detect(audio)
        errors, seconds = None, dict.fromkeys(_SECONDS, 0.0)
        if recording.said:
            words = transcriber.transcribe(audio, speech=speech).words
            errors = words_of(recording, "".join(word.text for word in words))
        if recording.turns is not None:
            scored = recording.scored or Span(0.0, audio.duration)
            parts = score(merge_spans(turn.span for turn in recording.turns), speech, scored)
            seconds = {part: parts[part] for part in _SECONDS}
        outcomes[recording.name] = Outcome(errors, 0, seconds)
    for name, audio in {**noises(), "tune": tune()}.items():
        speech = detector.detect(audio)
        n_words = len(transcriber.transcribe(audio, speech=speech, language="en").words) if speech else 0
        outcomes[f"/{name}"] = Outcome(None, n_words)
    return outcomes


def cells(outcome: dict[str, Outcome], found: Sequence[Recording]) -> list[str]:
    total = over(outcome, frozenset(own.name for own in found), noise=True)
    kinds = dict.fromkeys(own.kind for own in found if own.said)
    by_kind = [over(outcome, frozenset(own.name for own in found if own.kind == kind), noise=False) for kind in kinds]
    return [*(rate(own.errors) for own in by_kind), *ends(total)]


def ends(total: Outcome) -> list[str]:
    speech = total.seconds["speech"]
    shares = (percent(total.seconds[part], speech) for part in ("missed", "false"))
    return [rate(total.errors), str(total.invented), *shares]


def markdown(found: Sequence[Recording], measured: Sequence[tuple[Gate, dict[str, Outcome]]]) -> str:
    kinds = list(dict.fromkeys(own.kind for own in found if own.said))
    columns = [*(f"WER, {kind}" for kind in kinds), "WER, pooled", "invented", "missed", "false"]
    rows = [(str(gate), cells(outcome, found)) for gate, outcome in measured]
    for name in dict.fromkeys(gate.name for gate, _ in measured):
        own = [(gate, outcome) for gate, outcome in measured if gate.name == name]
        if len(own) > 1:
            total, picked = chosen_by_halves(own, halves(found))
            labels = " / ".join(str(gate).partition(", ")[2] or "as it is" for gate in picked)
            rows.append((f"`{name}`, chosen on the other half ({labels})", ["–"] * len(kinds) + ends(total)))
    n_words = sum(own.errors.length for own in measured[0][1].values() if own.errors is not None)
    lines = table("", columns, rows)
    return "\n".join([f"{len(found)} recordings, {n_words} words of the reference.", *lines])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--gate", action="append", required=True, metavar="DETECTOR[:KEY=VALUE,…]", type=Gate.parse)
    parser.add_argument("--recordings", nargs="+", default=["*"], metavar="PATTERN", help="names of recordings")
    parser.add_argument("--model", default="base", help="name, repository or folder of a Whisper model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep recognised words there for the next run")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table between the marks of a page")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    found = [own for own in recordings(chosen.corpus, chosen.recordings) if own.said or own.turns is not None]
    runtime = Runtime(device="cpu", threads=chosen.threads)
    transcriber = CachedTranscriber(Backend(WhisperSettings(model=chosen.model), runtime=runtime), Cache(chosen.cache))
    measured = []
    for gate in chosen.gate:
        measured.append((gate, measure(gate, found, transcriber, chosen.threads)))
        print(f"{gate}: {' '.join(cells(measured[-1][1], found))}", flush=True)
    text = markdown(found, measured)
    print(f"\n{text}")
    if chosen.write is not None:
        page = chosen.write.read_text("utf-8")
        write_text(chosen.write, write_between(page, text, BEGIN, END))
    return 0


if __name__ == "__main__":
    sys.exit(main())
