"""What several settings classes check of their numbers."""

from __future__ import annotations

from typing import Any

from whisperdiar.errors import InvalidOption


def check_at_least_one(settings: Any, *names: str) -> None:
    """Raises InvalidOption where one of these is a number below 1; None means that nothing was chosen."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise InvalidOption(f"{name} {value}: it must be at least 1")


def check_ranges(settings: Any, *ranges: tuple[str, float, float]) -> None:
    """Raises InvalidOption where a setting is not between its bounds, such as one that is no number."""
    for name, low, high in ranges:
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise InvalidOption(f"{name} {value}: it must lie between {low:g} and {high:g}")
