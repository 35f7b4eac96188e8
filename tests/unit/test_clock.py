"""Clock times are those that the standard library reads, at every length."""

from __future__ import annotations

import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.text.clock import format_clock, format_hours, format_minutes
from whisperdiar.types import divide_time

SECONDS = st.integers(0, 400 * 3600)


@given(SECONDS)
def test_hours_minutes_and_seconds_add_up(whole: int) -> None:
    hours, minutes, seconds = map(int, format_hours(whole).split(":"))
    assert datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds() == whole
    assert max(minutes, seconds) < 60
    assert format_hours(whole, digits=2) == ("0" if hours < 10 else "") + format_hours(whole)
    assert format_minutes(whole) == (format_hours(whole) if hours else f"{minutes}:{seconds:02d}")


@given(SECONDS, st.integers(0, 999), st.sampled_from(".,"))
def test_milliseconds_follow_the_point(whole: int, rest_ms: int, point: str) -> None:
    assert format_clock(1000 * whole + rest_ms, point) == f"{format_hours(whole, digits=2)}{point}{rest_ms:03d}"


@given(
    st.floats(0, 36_000),
    st.floats(0, 600),
    st.lists(st.integers(0, 40), min_size=1, max_size=12),
)
def test_parts_of_a_time_follow_each_other_and_fill_it(start: float, duration: float, weights: list[int]) -> None:
    end = start + duration
    parts = divide_time(start, end, weights)
    assert len(parts) == len(weights)
    assert parts[0][0] == start
    assert parts[-1][1] == (end if any(weights) else start)
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    assert all(first <= last for first, last in parts)
