"""Reference figures: what the backends that need no download score on the recordings in samples/.

    python benchmarks/reference_figures.py [--renew]

Computes samples/figures.json anew, and says what differs; with --renew it is written. The voices are synthetic and the
model knows them: the figures say nothing about recordings of people, and change where the program does.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from whisperdiar.benchmarking import make_cells, run_grid
from whisperdiar.datasets import Recording
from whisperdiar.system.files import write_text

SAMPLES = Path(__file__).parents[1] / "samples"
FIGURES = SAMPLES / "figures.json"
MEASURES = ("DER", "WER", "cpWER")
TOLERANCE = 0.01
"""Of a rate from 0 to 1: other processors round otherwise, and a word more or less is no change of accuracy."""

_RECORDINGS = ("call.flac", "dialogue_de.m4a", "standup.mp4")
_CELLS = (("bic", "silero", _RECORDINGS), ("bic", "energy", ("call.flac",)), ("channels", "silero", ("call.flac",)))


def compute(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Cell → recording → measure → rate; results are kept in `folder`."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for diarizer, vad, names in _CELLS:
        recordings = [
            Recording(
                id=Path(name).stem,
                audio=SAMPLES / name,
                turns=SAMPLES / "reference" / f"{Path(name).stem}.rttm",
                words=SAMPLES / "reference" / f"{Path(name).stem}.stm",
                language="de" if "_de" in name else "en",
            )
            for name in names
        ]
        model = str(SAMPLES / "whisper-nano")
        cells = make_cells([diarizer], [model], vad=vad, threads=2, device="cpu", offline=True)
        (cell,) = run_grid(recordings, cells, folder)
        if cell.errors:
            raise SystemExit(f"{diarizer}: {cell.errors}")
        found[f"{diarizer}, vad {vad}"] = {
            item.recording.id: {name: round(item.score.rate(name), 4) for name in MEASURES} for item in cell.results
        }
    return found


def compare(known: dict[str, dict[str, dict[str, float]]], now: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """A line for each rate that differs by more than the tolerance, or that one side lacks."""
    sides = [
        {(cell, name, measure): rate for cell, rows in side.items() for name, own in rows.items()
         for measure, rate in own.items()}
        for side in (known, now)
    ]  # fmt: skip
    lines = []
    for key in sorted({*sides[0], *sides[1]}):
        before, after = (side.get(key) for side in sides)
        if before is None or after is None or abs(after - before) > TOLERANCE:
            lines.append(f"{', '.join(key)}: {before} before, {after} now")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renew", action="store_true", help="write samples/figures.json")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        now = compute(Path(folder))
    if chosen.renew:
        write_text(FIGURES, json.dumps(now, indent=1) + "\n")
        return 0
    lines = compare(json.loads(FIGURES.read_text("utf-8")), now)
    print("\n".join(lines) or "all as before")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
