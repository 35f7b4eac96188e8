"""Accuracy of the backends that need no download: what they score on the samples is what it was."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest

pytest.importorskip("meeteval", reason="words are scored by MeetEval")
pytest.importorskip("jiwer", reason="words are scored by jiwer")

from benchmarks.reference_figures import FIGURES, ROWS, TOLERANCE, Row, compare, compute

KNOWN = json.loads(FIGURES.read_text("utf-8"))
BY_NAME = {row.name: row for row in ROWS}


def skip_where_absent(row: Row) -> None:
    if row.package and find_spec(row.package) is None:
        pytest.skip(f"{row.package} is not installed")


def test_every_row_has_figures_and_none_is_left_over() -> None:
    assert list(KNOWN) == list(BY_NAME)
    assert all(list(KNOWN[row.name]) == list(row.recordings) for row in ROWS)


@pytest.mark.model
@pytest.mark.parametrize("name", BY_NAME)
def test_no_rate_differs_from_the_reference_figures(name: str) -> None:
    skip_where_absent(BY_NAME[name])
    now = compute([BY_NAME[name]])
    assert list(now) == [name]
    assert compare(KNOWN, now) == [], "if the change is meant: python benchmarks/reference_figures.py --renew"


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vad silero", {"threshold": 0.9}),
        ("vad energy", {"padding": 0.4}),
        ("bic, vad silero", {"cluster_lambda": 5.0}),
        ("channels, vad silero", {"padding": 0.3}),
    ],
)
def test_a_constant_that_is_changed_turns_its_row_red(name: str, settings: dict[str, Any]) -> None:
    """On one recording of the row, to be quick."""
    row = replace(BY_NAME[name], recordings=("call",))
    known = {name: {"call": KNOWN[name]["call"]}}
    assert compare(known, compute([row], settings))


@pytest.mark.parametrize("name", BY_NAME)
def test_a_rate_that_is_worse_or_better_or_missing_is_told(name: str) -> None:
    for recording, rates in KNOWN[name].items():
        for measure in rates:
            for change in (2 * TOLERANCE, -2 * TOLERANCE):
                other = copy.deepcopy(KNOWN)
                other[name][recording][measure] += change
                (line,) = compare(KNOWN, other)
                assert line.startswith(f"{name}, {recording}, {measure}: ")
            other[name][recording][measure] = rates[measure] + TOLERANCE / 2
            assert compare(KNOWN, other) == []
        del other[name][recording]
        assert len(compare(KNOWN, other)) == len(rates)
