"""Tables of a batch: what became of each recording, for a spreadsheet, and of all of them, for a person."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from whisperdiar.batch.manifest import Row
from whisperdiar.batch.results import BatchResult
from whisperdiar.outcome import defuse_cell
from whisperdiar.text.clock import format_hours
from whisperdiar.text.messages import _, mark

COLUMNS = (
    "path",
    "state",
    "reason",
    "attempts",
    "seconds",
    "words",
    "speakers",
    "language",
    "elapsed",
    "begun",
    "ended",
    "outputs",
    "warnings",
)


def format_csv(rows: Sequence[Row]) -> str:
    """Rows as comma-separated values; texts stand on one line, and none of them is a formula."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = []
        for name in COLUMNS:
            value = getattr(row, name)
            cells.append(defuse_cell("; ".join(value) if isinstance(value, tuple) else value))
        writer.writerow(["" if cell is None else cell for cell in cells])
    return made.getvalue()


_TITLES = (
    mark("done"),
    mark("failed"),
    mark("without words"),
    mark("done before"),
    mark("left as they are"),
    mark("sound"),
    mark("time"),
    mark("speed"),
)


def format_table(result: BatchResult) -> str:
    """How many recordings there were of each kind, how much sound, how long it took, as lines of a table."""
    values: list[str | None] = [
        str(result.n_done),
        str(result.n_failed),
        str(result.n_empty) if result.n_empty else None,
        str(result.n_there) if result.n_there else None,
        str(result.n_left) if result.n_left else None,
        format_hours(round(result.seconds)),
        format_hours(round(result.elapsed)),
        _("{factor:.1f} times as fast as the sound").format(factor=result.seconds / result.elapsed)
        if result.elapsed and result.seconds
        else None,
    ]
    rows = [(_(title), value) for title, value in zip(_TITLES, values, strict=True) if value is not None]
    width = max(len(title) for title, _value in rows)
    return "\n".join(f"  {title:<{width}}  {value}" for title, value in rows)
