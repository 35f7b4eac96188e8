"""Speaker activity storage: values of as many bits as hours allow, and the labels of their columns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from whisperdiar.types import ActivityValues, Turn

_MOST_FLOATS = 1 << 22
"""Values that have 32 bits, 16 MB; more have 16, whose three digits are more than any of these numbers is worth."""
_BLOCK_FRAMES = 100_000
_LARGEST = 60_000.0
"""Within what 16 bits hold."""


def empty_values(n_frames: int, n_columns: int) -> ActivityValues:
    """Zeros (n_frames, n_columns), float32 or, for hours, float16."""
    return np.zeros((n_frames, n_columns), np.float16 if n_frames * n_columns > _MOST_FLOATS else np.float32)


def compact(values: NDArray[np.floating], *, divisors: NDArray[np.floating] | None = None) -> ActivityValues:
    """The same values (n_frames, n_columns) as they are kept, divided by float (n_frames,) where that is given."""
    found = empty_values(*values.shape)
    for first in range(0, len(values), _BLOCK_FRAMES):
        here = slice(first, first + _BLOCK_FRAMES)
        block = values[here] if divisors is None else values[here] / divisors[here, None]
        found[here] = np.clip(block, -_LARGEST, _LARGEST)
    return found


def pad_columns(values: ActivityValues, n_columns: int) -> ActivityValues:
    """At least so many columns; the new ones are zeros."""
    missing = n_columns - values.shape[1]
    if missing <= 0:
        return values
    padded: ActivityValues = np.zeros((len(values), n_columns), values.dtype)
    padded[:, : values.shape[1]] = values
    return padded


def labels_of_columns(labels: Iterable[str], turns: Iterable[Turn]) -> tuple[str, ...]:
    """The label of each column, empty for those without turns."""
    heard = {turn.speaker for turn in turns}
    return tuple(label if label in heard else "" for label in labels)
