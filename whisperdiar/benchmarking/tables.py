"""What came of a grid as tables: Markdown for people, CSV for spreadsheets, JSON with the counts of every recording."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from whisperdiar.benchmarking.grid import CellResult
from whisperdiar.scoring import Score
from whisperdiar.text import json

MEASURES = ("DER", "WER", "cpWER", "tcpWER", "WDER")
_PARTS = ("missed detection", "false alarm", "confusion")
_MB = 1e6


def format_markdown(cells: Sequence[CellResult]) -> str:
    """A table of all cells, one of DER and of cpWER by kind where recordings have kinds, and the versions."""
    head = ("diarizer", "model", "recordings", "s", *MEASURES, "missed", "false", "confused", "× real", "MB")
    lines = [_row(head), "|" + "---|" * len(head)]
    for item in cells:
        seconds = sum(own.duration for own in item.results)
        values = [item.cell.diarizer, item.cell.model, f"{len(item.results)}", f"{seconds:.0f}"]
        values += [*(_percent(item.pooled, name) for name in MEASURES), *_parts(item.pooled)]
        values += [
            f"{item.speed:.1f}" if item.results else "–",
            f"{item.peak_bytes / _MB:.0f}" if item.results else "–",
        ]
        lines.append(_row(values))
    kinds = list(dict.fromkeys(kind for item in cells for kind in item.kinds))
    for measure in ("DER", "cpWER") if len(kinds) > 1 else ():
        lines += [
            "",
            _row((f"{measure} of", "", *kinds, "all")),
            "|" + "---|" * (len(kinds) + 3),
        ]
        for item in cells:
            rates = [_percent(item.kinds.get(kind), measure) for kind in kinds]
            lines.append(_row([item.cell.diarizer, item.cell.model, *rates, _percent(item.pooled, measure)]))
    failed = [f"{item.cell.name}: {name}: {error}" for item in cells for name, error in item.errors.items()]
    if failed:
        lines += ["", *(f"* {line}" for line in failed)]
    if cells:
        lines += ["", ", ".join(f"{name} {version}" for name, version in cells[0].versions.items()) + "."]
    return "\n".join(lines) + "\n"


def format_csv(cells: Sequence[CellResult]) -> str:
    """A line for each cell and kind of recording; the kind of all is empty. Rates as numbers from 0 to 1."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("diarizer", "model", "kind", "recordings", *MEASURES, "speed", "peak_bytes"))
    for item in cells:
        for kind, score in (("", item.pooled), *item.kinds.items()):
            own = [result for result in item.results if not kind or result.recording.kind == kind]
            rates = ["" if (rate := _rate(score, name)) is None else f"{rate:.6f}" for name in MEASURES]
            more = [f"{item.speed:.3f}", item.peak_bytes] if not kind else ["", ""]
            writer.writerow((item.cell.diarizer, item.cell.model, kind, len(own), *rates, *more))
    return out.getvalue()


def format_json(cells: Sequence[CellResult]) -> str:
    """Everything: rates, counts of every recording, seconds, bytes, versions."""
    return json.write({"cells": [_cell_to_dict(item) for item in cells]})


def _cell_to_dict(item: CellResult) -> dict[str, Any]:
    return {
        "diarizer": item.cell.diarizer,
        "model": item.cell.model,
        "settings": dict(item.cell.settings),
        "versions": dict(item.versions),
        "speed": round(item.speed, 3),
        "peak_bytes": item.peak_bytes,
        "rates": _rates_to_dict(item.pooled),
        "kinds": {kind: _rates_to_dict(score) for kind, score in item.kinds.items()},
        "errors": dict(item.errors),
        "recordings": [
            {
                "id": own.recording.id,
                "seconds": round(own.seconds, 3),
                "duration": own.duration,
                "peak_bytes": own.peak_bytes,
                "components": {name: dict(parts) for name, parts in own.score.components.items()},
            }
            for own in item.results
        ],
    }


def _rates_to_dict(score: Score | None) -> dict[str, Any]:
    pooled: Mapping[str, Any] = {} if score is None else score.pooled
    return {name: asdict(rate) for name, rate in pooled.items()}


def _rate(score: Score | None, measure: str) -> float | None:
    return None if score is None or measure not in score.pooled else score.pooled[measure].value


def _percent(score: Score | None, measure: str) -> str:
    rate = _rate(score, measure)
    return "–" if rate is None else f"{100 * rate:.1f}"


def _parts(score: Score | None) -> list[str]:
    if score is None or "DER" not in score.pooled:
        return ["–"] * len(_PARTS)
    parts = score.pooled["DER"].components
    return [f"{100 * parts[name] / parts['total']:.1f}" if parts["total"] else "–" for name in _PARTS]


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(values).replace("|  |", "| |") + " |"
