"""Settings that `sortformer` and `nemotron` share: streaming, and how activity of speakers becomes turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from whisperdiar.options._ranges import check_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class PostProcessing:
    """How probabilities become turns; NeMo's PostProcessingParams, with its defaults.

    Attributes:
        onset: a speaker starts where the probability is above it.
        offset: a speaker ends where the probability is below it.
        pad_onset, pad_offset: seconds put before and after each turn.
        min_duration_on: shorter turns (seconds, padding included) are dropped.
        min_duration_off: shorter pauses (seconds, after padding) are filled.
    """

    onset: float = 0.5
    offset: float = 0.5
    pad_onset: float = 0.0
    pad_offset: float = 0.0
    min_duration_on: float = 0.0
    min_duration_off: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """How a streaming model goes through a recording, in its frames of 0.08 s.

    Attributes:
        chunk_len: frames that are decided at once.
        chunk_left_context, chunk_right_context: frames before and after them that are looked at as well.
        fifo_len: frames before those that are kept as they were.
        spkcache_update_period: frames that move on from there into the speaker cache at once.
        spkcache_len: frames of all speakers that the cache holds.
    """

    chunk_len: int
    chunk_right_context: int
    fifo_len: int
    spkcache_update_period: int
    spkcache_len: int = 188
    chunk_left_context: int = 1

    def __post_init__(self) -> None:
        check_numbers(self)


STREAMING_NAMES = tuple(field.name for field in fields(Streaming))
POSTPROCESSING_NAMES = tuple(field.name for field in fields(PostProcessing))
TURN_RANGES = (
    ("onset", 0.0, 1.0),
    ("offset", 0.0, 1.0),
    ("pad_onset", 0.0, 10.0),
    ("pad_offset", 0.0, 10.0),
    ("min_duration_on", 0.0, 60.0),
    ("min_duration_off", 0.0, 60.0),
)
"""Of `PostProcessing`."""


def collect_chosen(settings: Any, names: Sequence[str]) -> dict[str, Any]:
    """The settings of these names that are not None: what somebody set by itself."""
    return {name: value for name in names if (value := getattr(settings, name)) is not None}
