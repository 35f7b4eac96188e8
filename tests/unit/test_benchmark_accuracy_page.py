"""The table of the page of accuracy: made of what bench writes, and the same as the comparisons below it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import accuracy_page

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "accuracy.md").read_text("utf-8")
COUNT = st.integers(0, 99)


def row(*, kind: str = "talk", wrong: int = 1, length: int = 9, error: int = 0) -> dict[str, Any]:
    words = {"substitutions": wrong, "deletions": 0, "insertions": 0, "length": length}
    turns = {"missed detection": wrong, "false alarm": 0, "confusion": 0, "total": length}
    components = {"WER": words, "cpWER": words, "DER": turns, "speaker count": {"error": error, "files": 1}}
    return {"kind": kind, "duration": 20.0, "seconds": 5.0, "components": components}


CELL = {
    "diarizer": "onnx",
    "model": "/models/base",
    "settings": {"vad": "silero", "diarizer_options": {"embedding_model": "/m/x.onnx"}, "device": "cpu", "threads": 0},
    "versions": {"whisperdiar": "1.0"},
}


@given(st.lists(st.tuples(COUNT, COUNT, st.integers(0, 3)), min_size=1, max_size=6))
def test_components_are_added_up_before_anything_is_divided(counts: list[tuple[int, int, int]]) -> None:
    rows = [row(wrong=wrong, length=length, error=error) for wrong, length, error in counts]
    found = dict(zip(accuracy_page.COLUMNS, accuracy_page.make_cells(rows), strict=True))
    wrong, length = (sum(own[place] for own in counts) for place in (0, 1))
    expected = 100 * wrong / length if length else 100.0 * bool(wrong)
    assert found["WER"] == found["DER"] == f"{expected:.1f}"
    assert found["found"] == f"{sum(not own[2] for own in counts)} of {len(counts)}"
    assert (found["recordings"], found["× real"], found["tcpWER"]) == (f"{len(counts)}", "4.0", "–")


def test_kinds_and_all_have_rows_and_no_path_is_shown() -> None:
    rows = [row(), row(kind="call", wrong=3), {**row(kind="call"), "components": {}}]
    lines = accuracy_page.make_table({**CELL, "recordings": rows}).splitlines()
    assert lines[0] == (
        "Model `base`, `--vad silero`, `--diarizer onnx`, `--diarizer-option embedding_model=x.onnx`; cpu, all threads."
    )
    assert [line.split("|")[1].strip() for line in lines[4:7]] == ["talk", "call", "**all, pooled**"]
    assert accuracy_page.find_row("\n".join(lines), "", accuracy_page.ALL)["found"] == "2 of 2"
    assert lines[-1] == "whisperdiar 1.0."


def test_the_table_and_the_comparisons_on_the_page_give_the_same_rates() -> None:
    assert accuracy_page.find_row(PAGE, "", accuracy_page.ALL)["DER"]
    assert accuracy_page.list_differences(PAGE) == []


@pytest.mark.parametrize("column", ["cpWER", "DER", "missed", "found"])
def test_a_rate_that_the_comparisons_do_not_repeat_is_told(column: str) -> None:
    table = next(line for line in PAGE.splitlines() if line.startswith(f"| {accuracy_page.ALL}"))
    cells = table.split("|")
    cells[2 + accuracy_page.COLUMNS.index(column)] = " 99.9 "
    (told,) = accuracy_page.list_differences(PAGE.replace(table, "|".join(cells), 1))
    assert told.startswith(f"{column}: 99.9 in the table")


def test_the_page_is_written_from_what_bench_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    (tmp_path / "bench.json").write_text(json.dumps({"cells": [{**CELL, "recordings": [row()]}]}))
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{accuracy_page.BEGIN}\nold\n{accuracy_page.END}\n\nThe rest.\n")
    given = ["accuracy_page.py", "CORPUS", "--json", str(tmp_path / "bench.json"), "--write", str(page)]
    monkeypatch.setattr(sys, "argv", given)
    assert accuracy_page.main() == 0
    text = page.read_text("utf-8")
    assert "| **all, pooled** | 1 | 20 | 9 | 11.1 |" in text
    assert "old" not in text
    assert text.endswith(f"{accuracy_page.END}\n\nThe rest.\n")
