"""Benchmarks: every combination of diarizers and models over the recordings of a manifest, scored.

grid.py    which combinations; what is computed already; processes that compute the rest
worker.py  one combination in a process of its own, whose memory is measured
tables.py  what came of it as Markdown, JSON and CSV
"""

from __future__ import annotations

from whisperdiar.benchmarking.grid import Cell, CellResult, Event, Result, make_cells, run_grid
from whisperdiar.benchmarking.tables import format_csv, format_json, format_markdown, list_remarks

__all__ = [
    "Cell",
    "CellResult",
    "Event",
    "Result",
    "format_csv",
    "format_json",
    "format_markdown",
    "list_remarks",
    "make_cells",
    "run_grid",
]
