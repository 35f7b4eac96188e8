"""Accuracy of the backends that need no download: what they score on the samples is what it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest

pytest.importorskip("meeteval", reason="words are scored by MeetEval")
pytest.importorskip("jiwer", reason="words are scored by jiwer")

from benchmarks.reference_figures import FIGURES, ROWS, TOLERANCE, Row, compare, compute
from tests.examples import by_night

KNOWN = json.loads(FIGURES.read_text("utf-8"))
BY_NAME = {row.name: row for row in ROWS}


def skip_where_absent(row: Row) -> None:
    if row.package and find_spec(row.package) is None:
        pytest.skip(f"{row.package} is not installed")


def test_every_row_has_figures_and_none_is_left_over() -> None:
    assert list(KNOWN) == list(BY_NAME)
    assert all(list(KNOWN[row.name]) == list(row.recordings) for row in ROWS)


BY_DAY = ("call", "dialogue_ru")
"""The recordings on which a pipeline is measured by day; by night it is on all of its row."""
SLOW = ("resemblyzer", "pocketsphinx")


def judged() -> Iterator[Any]:
    """Rows, and on which of their recordings they are computed."""
    for row in ROWS:
        some = tuple(name for name in row.recordings if name in BY_DAY)
        if row.diarizer is None:
            yield pytest.param(row, row.recordings, id=row.name)
        else:
            yield by_night(row, row.recordings, id=row.name)
            if row.package not in SLOW:
                yield pytest.param(row, some, id=f"{row.name}, some")


@pytest.mark.model
@pytest.mark.parametrize(("row", "recordings"), judged())
def test_no_rate_differs_from_the_reference_figures(row: Row, recordings: tuple[str, ...]) -> None:
    skip_where_absent(row)
    now = compute([replace(row, recordings=recordings)])
    assert list(now) == [row.name]
    known = {row.name: {name: KNOWN[row.name][name] for name in recordings}}
    assert compare(known, now) == [], "if the change is meant: python benchmarks/reference_figures.py --renew"


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vad silero", {"threshold": 0.9}),
        ("vad energy", {"padding": 0.4}),
        ("bic, vad silero", {"cluster_lambda": 50.0, "joining_lambda": 50.0}),
        by_night("channels, vad silero", {"padding": 0.3}),
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
