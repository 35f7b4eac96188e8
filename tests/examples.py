"""How many examples a property is tried on: all of them by night, a share of them where a change is judged."""

from __future__ import annotations

from hypothesis import settings

BY_DEFAULT = 100
"""Examples of a property that names no number, in the profiles that try all."""
FEWEST = 5


def examples(number: int) -> int:
    """The share of `number` that the profile in use tries; `tests/conftest.py` chooses the profile."""
    return max(min(number, FEWEST), number * settings.default.max_examples // BY_DEFAULT)
