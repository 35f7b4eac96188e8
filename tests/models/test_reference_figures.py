"""Accuracy of the backends that need no download: what they score on the samples is what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("meeteval", reason="words are scored by MeetEval")
pytest.importorskip("jiwer", reason="words are scored by jiwer")

from benchmarks.reference_figures import FIGURES, TOLERANCE, compare, compute

KNOWN = json.loads(FIGURES.read_text("utf-8"))


@pytest.mark.model
def test_no_rate_differs_from_the_reference_figures(tmp_path: Path) -> None:
    differences = compare(KNOWN, compute(tmp_path))
    assert not differences, "if the change is meant: python benchmarks/reference_figures.py --renew"


def test_a_rate_that_is_worse_or_better_or_missing_is_told() -> None:
    cell, name = "bic, vad silero", "call"
    for change in (2 * TOLERANCE, -2 * TOLERANCE):
        other = json.loads(json.dumps(KNOWN))
        other[cell][name]["DER"] += change
        assert len(compare(KNOWN, other)) == 1
    other = json.loads(json.dumps(KNOWN))
    other[cell][name]["DER"] += TOLERANCE / 2
    assert compare(KNOWN, other) == []
    del other[cell][name]
    assert len(compare(KNOWN, other)) == 3
