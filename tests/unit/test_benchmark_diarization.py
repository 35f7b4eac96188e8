"""The benchmark of diarizers: what it says of counts."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

with pytest.MonkeyPatch.context() as environment:
    environment.setenv("OMP_NUM_THREADS", "1")  # which it sets for itself
    benchmark: Any = importlib.import_module("benchmarks.diarization")

ROW = st.fixed_dictionaries(
    {
        "speakers": st.integers(1, 8),
        "found": st.integers(1, 8),
        "least_alone_s": st.floats(0.0, 100.0),
        "s": st.floats(1.0, 1e4),
        "parts": st.just({"total": 1.0, "missed detection": 0.25, "false alarm": 0.0, "confusion": 0.25}),
    }
)


@given(st.lists(ROW, min_size=1))
def test_every_recording_is_counted_once_by_length_and_once_by_who_is_alone(rows: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        lines: list[str] = []
        patched.setattr("builtins.print", lines.append)
        benchmark.print_counts({str(i): row for i, row in enumerate(rows)})
    for words in ("everybody alone for", "length of"):
        mine = [line.partition(": ")[2].split() for line in lines if line.startswith(words)]
        right, n = (sum(int(line[at]) for line in mine) for at in (0, 2))
        fewer, more = (sum(int(line[at]) for line in mine) for at in (5, 8))
        assert n == len(rows)
        assert right == sum(row["found"] == row["speakers"] for row in rows)
        assert fewer == sum(row["found"] < row["speakers"] for row in rows)
        assert more == sum(row["found"] > row["speakers"] for row in rows)
        assert all(line[-2:] == ["50.0", "%"] for line in mine)
