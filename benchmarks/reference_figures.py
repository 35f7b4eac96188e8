"""Reference figures: what the backends that need no download score on the recordings in samples/.

    python benchmarks/reference_figures.py [--renew]

Computes samples/figures.json anew, and says what differs; with --renew it is written. Rows are whole pipelines (DER,
WER, cpWER), and detectors alone (detection: missed speech and false alarm). The voices of all but `walk` are synthetic
and whisper-nano knows them: the figures say nothing about recordings of people, and change where the program does. Rows
of a backend whose package is not installed are left as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from whisperdiar import load, open_pipeline
from whisperdiar.datasets import Recording, read_turns
from whisperdiar.options import Runtime
from whisperdiar.scoring import MEASURES, document_of, read_reference, score_document, score_turns
from whisperdiar.selection import Choice, ignore_message, select
from whisperdiar.system.files import write_text
from whisperdiar.types import Audio, Span, Turn

Figures = dict[str, dict[str, dict[str, float]]]
"""Row → recording → measure → rate."""

SAMPLES = Path(__file__).parents[1] / "samples"
FIGURES = SAMPLES / "figures.json"
TOLERANCE = 0.01
"""Of a rate from 0 to 1: other processors round otherwise, and a word more or less is no change of accuracy."""

_RUNTIME = Runtime(device="cpu", threads=2, offline=True)
_WHISPER = {"model": str(SAMPLES / "whisper-nano")}
_WHOLE = ("DER", "WER", "cpWER")
_ALL = ("call", "dialogue_de", "dialogue_fr", "dialogue_ru", "standup", "walk")


@dataclass(frozen=True, slots=True)
class Row:
    """What is computed: a whole pipeline, or the detector of one alone.

    Attributes:
        recordings: by their ids; a pipeline has one language, so that those of another one are told nothing.
        package: that a backend needs beside the core; empty for none.
        settings: of the stage that the row is about.
    """

    vad: str
    recordings: tuple[str, ...]
    diarizer: str | None = None
    asr: str = "whisper"
    package: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        if self.diarizer is None:
            return f"vad {self.vad}"
        recogniser = "" if self.asr == "whisper" else f", {self.asr}"
        return f"{self.diarizer}{recogniser}, vad {self.vad}"


ROWS = (
    Row("silero", _ALL),
    Row("energy", _ALL),
    Row("silero", _ALL, diarizer="bic"),
    Row("energy", ("call",), diarizer="bic"),
    Row("silero", ("call",), diarizer="channels"),
    Row("silero", ("call",), diarizer="embedding", package="resemblyzer", settings={"embedding": "resemblyzer"}),
    Row("silero", ("walk",), diarizer="none", asr="pocketsphinx", package="pocketsphinx"),
)


def find_recording(name: str) -> Recording:
    """A sample with its references."""
    if name == "walk":
        folder = references = SAMPLES / "natural"
    else:
        folder, references = SAMPLES, SAMPLES / "reference"
    (sound,) = (path for path in folder.glob(f"{name}.*") if path.suffix not in (".rttm", ".stm"))
    language = name.partition("_")[2] or "en"
    turns, words = references / f"{name}.rttm", references / f"{name}.stm"
    return Recording(id=name, audio=sound, turns=turns, words=words, language=language)


def compute(rows: Iterable[Row] = ROWS, settings: Mapping[str, Any] | None = None) -> Figures:
    """The rates of rows whose packages are installed.

    Args:
        settings: others of the stage that a row is about, to see what they change.
    """
    found: Figures = {}
    for row in rows:
        if not row.package or find_spec(row.package) is not None:
            own = {**row.settings, **(settings or {})}
            measure = _measure_detector if row.diarizer is None else _measure_pipeline
            found[row.name] = measure(row, own)
    return found


def _measure_detector(row: Row, settings: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    choice = Choice(name=row.vad, settings={key: str(value) for key, value in settings.items()})
    detector = select("vad", choice, runtime=_RUNTIME).backend
    found = {}
    for name in row.recordings:
        audio = _load_mono(name)
        reference = read_turns(find_recording(name))
        heard = [Turn(span, "somebody") for span in detector.detect(audio)]
        whole = (Span(0.0, audio.duration),)
        parts = score_turns(() if reference is None else reference.turns, heard, uem=whole)["detection"]
        found[name] = {"detection": round(MEASURES["detection"].rate(parts), 4)}
    return found


def _measure_pipeline(row: Row, settings: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    pipeline = open_pipeline(
        asr=row.asr,
        vad=row.vad,
        diarizer=row.diarizer or "none",
        asr_options=_WHISPER if row.asr == "whisper" else None,
        diarizer_options=settings,
        device=_RUNTIME.device,
        threads=_RUNTIME.threads,
        offline=True,
        notify=ignore_message,
        inform=ignore_message,
    )
    found = {}
    for name in row.recordings:
        recording = find_recording(name)
        transcript = pipeline(recording.audio, recording_id=name)
        whole = (Span(0.0, transcript.duration),)
        score = score_document(read_reference(recording), document_of(transcript), uem=whole, notify=ignore_message)
        # What whisper-nano makes of voices that it does not know is noise.
        wanted = ("DER",) if (row.asr, name) == ("whisper", "walk") else _WHOLE
        found[name] = {key: round(score.rate(key), 4) for key in wanted if key in score.components}
    return found


@cache
def _load_mono(name: str) -> Audio:
    return load(find_recording(name).audio)


def compare(known: Figures, now: Figures) -> list[str]:
    """A line for each rate that differs by more than the tolerance, or that one side lacks; rows of both sides."""
    lines = []
    for row in sorted(known.keys() & now.keys()):
        sides = [
            {(name, measure): rate for name, own in side[row].items() for measure, rate in own.items()}
            for side in (known, now)
        ]
        for key in sorted({*sides[0], *sides[1]}):
            before, after = (side.get(key) for side in sides)
            if before is None or after is None or abs(after - before) > TOLERANCE:
                lines.append(f"{', '.join((row, *key))}: {before} before, {after} now")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renew", action="store_true", help="write samples/figures.json")
    chosen = parser.parse_args()
    now = compute()
    known: Figures = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    if chosen.renew:
        names = [row.name for row in ROWS if row.name in {**known, **now}]
        write_text(FIGURES, json.dumps({name: now.get(name, known.get(name)) for name in names}, indent=1) + "\n")
        return 0
    lines = compare(known, now)
    print("\n".join(lines) or "all as before")
    for row in ROWS:
        if row.name not in now:
            print(f"{row.name}: left out, because {row.package} is not installed")
    return 1 if lines or known.keys() - {row.name for row in ROWS} else 0


if __name__ == "__main__":
    sys.exit(main())
