"""The benchmark of agreement: when a number counts as the one that another program printed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.score_agreement import compare, rounds_to

_VALUES = st.floats(0.0, 1e5, allow_nan=False)


@given(_VALUES, st.integers(0, 6))
def test_a_number_agrees_with_what_it_is_printed_as(value: float, digits: int) -> None:
    shown = f"{value:.{digits}f}"
    assert rounds_to(value, shown)
    step = Decimal(1).scaleb(-digits)
    assert not rounds_to(value, str(Decimal(shown) + 2 * step))
    assert not rounds_to(value, str(Decimal(shown) - 2 * step))


def test_numbers_that_differ_are_listed() -> None:
    ours = {"a": {"DER": {"rate": 0.12345, "total": 10.0}}, "b": {"DER": {"rate": 0.5, "total": 2.0}}}
    theirs = {"a": {"rate": "12.35", "total": "10.00", "unknown": "3"}, "b": {"rate": "50.01", "total": "nan"}}
    found = compare("program", "setting", theirs, ours, "DER", percent=True)
    assert found.count == 3
    assert [(own.recording, own.name, own.theirs) for own in found.differences] == [("b", "rate", "50.01")]
    assert found.differences[0].ours == pytest.approx(50.0)
    assert compare("program", "setting", theirs, ours, "DER", percent=True, only=["a"]).differences == ()
