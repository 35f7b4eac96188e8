"""What is tried by night alone: the other examples of a property, and further instances of what a test shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

BY_DEFAULT = 100
"""Examples of a property that names no number, in the profiles that try all."""
FEWEST = 5


def examples(number: int) -> int:
    """The share of `number` that the profile in use tries; `tests/conftest.py` chooses the profile."""
    return max(min(number, FEWEST), number * settings.default.max_examples // BY_DEFAULT)


def by_night(*values: Any, id: str | None = None) -> Any:
    """Values of a parametrised test that are tried by night (``pytest --nightly``); others show the same by day."""
    return pytest.param(*values, marks=pytest.mark.nightly, id=id)


def few_by_day(values: Iterable[Any], *, every: int) -> list[Any]:
    """One of so many values by day, from the first on, and all of them by night; each value is one argument."""
    return [value if number % every == 0 else by_night(value) for number, value in enumerate(values)]
