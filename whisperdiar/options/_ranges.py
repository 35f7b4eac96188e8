"""Checks of numbers and names that several settings classes share."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import fields
from numbers import Real
from typing import Any, NamedTuple

from whisperdiar.errors import InvalidOption
from whisperdiar.text.messages import _


class TunableRange(NamedTuple):
    """Where `whisperdiar tune` looks for a setting: from `low` to `high` by steps."""

    low: float
    high: float
    step: float


def check_numbers(settings: Any, *, may_be_negative: Collection[str] = ()) -> None:
    """Refuse numbers that cannot be meant: every class of settings ends its ``__post_init__`` with this.

    A comparison such as ``value < 1`` lets NaN through.

    Args:
        settings: an instance of a settings class, a dataclass.
        may_be_negative: fields that may lie below 0, such as logarithms.

    Raises:
        InvalidOption: a number is NaN, infinite, or below 0.
    """
    for item in fields(settings):
        value = getattr(settings, item.name)
        if not isinstance(value, Real) or isinstance(value, bool):
            continue
        if not math.isfinite(value):
            raise InvalidOption(_("{item} {value}: give a finite number").format(item=item.name, value=value))
        if value < 0 and item.name not in may_be_negative:
            raise InvalidOption(_("{item} {value}: it cannot be negative").format(item=item.name, value=value))


def check_at_least_one(settings: Any, *names: str) -> None:
    """Raises InvalidOption where one of these is a number below 1; None means that nothing was chosen."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise InvalidOption(_("{name} {value}: it must be at least 1").format(name=name, value=value))


def check_choice(name: str, value: str | None, choices: Iterable[str]) -> None:
    """Raises InvalidOption where a name is none of `choices`; None means that nothing was chosen."""
    known = tuple(choices)
    if value is not None and value not in known:
        raise InvalidOption(
            _("{name} {value!r}: choose one of {choices}").format(name=name, value=value, choices=", ".join(known))
        )


def check_ranges(settings: Any, *ranges: tuple[str, float, float]) -> None:
    """Raises InvalidOption where a setting is not between its bounds, such as one that is no number."""
    for name, low, high in ranges:
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise InvalidOption(
                _("{name} {value}: it must lie between {low:g} and {high:g}").format(
                    name=name, value=value, low=low, high=high
                )
            )
