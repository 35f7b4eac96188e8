"""What came of a grid as tables: Markdown for people, CSV for spreadsheets, JSON with the counts of every recording."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from whisperdiar.benchmarking.grid import CellResult, Result
from whisperdiar.scoring import FEWEST_TO_TELL, Difference, Score, compare_scores
from whisperdiar.text import json

MEASURES = ("DER", "WER", "cpWER", "tcpWER", "WDER")
_PARTS = ("missed detection", "false alarm", "confusion")
_MB = 1e6
_COLUMNS = ("recordings", "s", "words", *MEASURES, "missed", "false", "confused", "found", "× real", "MB")
_LISTED = 3


def format_markdown(cells: Sequence[CellResult]) -> str:
    """A table of all cells; by kind, where recordings have kinds; whether cells differ by chance; versions."""
    rows = [[item.cell.title, item.cell.model_title, *_values(item.results, item.pooled)] for item in cells]
    lines = _table(("diarizer", "model", *_COLUMNS), rows)
    kinds = list(dict.fromkeys(kind for item in cells for kind in item.kinds))
    if len(kinds) > 1 and len(cells) == 1:
        (item,) = cells
        groups = {kind: [own for own in item.results if own.recording.kind == kind] for kind in kinds}
        # The memory of a process is no property of the recordings of one kind.
        rows = [[kind, *_values(own, item.kinds[kind])[:-1]] for kind, own in groups.items()]
        lines += ["", *_table(("", *_COLUMNS[:-1]), rows)]
    for measure in ("DER", "cpWER") if len(kinds) > 1 and len(cells) > 1 else ():
        rows = [
            [item.cell.title, item.cell.model_title]
            + [_percent(score, measure) for score in (*map(item.kinds.get, kinds), item.pooled)]
            for item in cells
        ]
        lines += ["", *_table((f"{measure} of", "", *kinds, "all"), rows)]
    if remarks := list_remarks(cells):
        lines += ["", *(f"* {line}" for line in remarks)]
    if cells:
        lines += ["", ", ".join(f"{name} {version}" for name, version in cells[0].versions.items()) + "."]
    return "\n".join(lines) + "\n"


def list_remarks(cells: Sequence[CellResult]) -> list[str]:
    """What failed, whether all cells have the same recordings, and how the others compare with the best."""
    lines = []
    for item in cells:
        causes: dict[str, list[str]] = {}
        for name, error in item.errors.items():
            causes.setdefault(error, []).append(name)
        lines += [f"{item.cell.name}: {_list_names(names)}: {error}" for error, names in causes.items()]
    if len({frozenset(own.recording.id for own in item.results) for item in cells}) > 1:
        lines.append("not every cell has every recording: rates of different recordings cannot be compared")
    return lines + [_describe(own) for own in compare_cells(cells)]


def compare_cells(cells: Sequence[CellResult]) -> list[Difference]:
    """Each cell held against the best one, in cpWER, or in DER where no words are scored; paired by recording."""
    for measure in ("cpWER", "DER"):
        scores = [
            replace(item.pooled, name=item.cell.name)
            for item in cells
            if item.pooled is not None and measure in item.pooled.pooled
        ]
        if len(scores) > 1:
            best = min(scores, key=lambda own: own.pooled[measure].value)
            pairs = (compare_scores(best, own) for own in scores if own is not best)
            return [found for pair in pairs for found in pair if found.measure == measure]
    return []


def _describe(own: Difference) -> str:
    low, high = (100 * value for value in own.interval)
    text = f"{own.names[1]} has {100 * own.difference:.1f} points more {own.measure} than {own.names[0]}"
    if not own.can_tell:
        return f"{text}; {own.n_recordings} recordings are too few to tell whether by chance, give {FEWEST_TO_TELL}"
    chance = "not by chance" if own.is_significant else "by chance, for all that is known"
    return f"{text} (95 %: {low:+.1f} to {high:+.1f}; p = {own.p:.3f}, {own.n_recordings} recordings): {chance}"


def _list_names(names: Sequence[str]) -> str:
    if len(names) <= _LISTED:
        return ", ".join(names)
    return f"{len(names)} recordings ({', '.join(names[: _LISTED - 1])} and {len(names) - _LISTED + 1} more)"


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
            writer.writerow((item.cell.title, item.cell.model_title, kind, len(own), *rates, *more))
    return out.getvalue()


def format_json(cells: Sequence[CellResult]) -> str:
    """Everything: rates, counts of every recording, seconds, bytes, versions."""
    compared = [{**asdict(own), "difference": own.difference} for own in compare_cells(cells)]
    return json.write({"cells": [_cell_to_dict(item) for item in cells], "comparison": compared})


def _cell_to_dict(item: CellResult) -> dict[str, Any]:
    return {
        "diarizer": item.cell.diarizer,
        "model": item.cell.model,
        "title": item.cell.title,
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
                "kind": own.recording.kind,
                "language": own.recording.language,
                "seconds": round(own.seconds, 3),
                "duration": own.duration,
                "peak_bytes": own.peak_bytes,
                "rates": {name: own.score.rate(name) for name in own.score.components},
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


def _values(results: Sequence[Result], score: Score | None) -> list[str]:
    """The values of `_COLUMNS`, of some of a cell's results."""
    spent, heard = (sum(getattr(own, name) for own in results) for name in ("seconds", "duration"))
    counted = [own.has_right_count for own in results if own.has_right_count is not None]
    words = 0.0 if score is None or "WER" not in score.pooled else score.pooled["WER"].components["length"]
    peak = max((own.peak_bytes for own in results), default=0)
    return [
        *(f"{len(results)}", f"{heard:.0f}", f"{words:.0f}" if words else "–"),
        *(_percent(score, name) for name in MEASURES),
        *_parts(score),
        f"{sum(counted)} of {len(counted)}" if counted else "–",
        f"{heard / spent:.1f}" if spent else "–",
        f"{peak / _MB:.0f}" if peak else "–",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(values).replace("|  |", "| |") + " |"
