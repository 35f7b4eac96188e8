"""Settings of segmentation: where words are divided into segments."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationOptions:
    """How words become segments.

    Attributes:
        max_pause: a longer pause (seconds) ends a segment.
        max_segment: a longer segment (seconds) is split at its best place.

    Raises:
        InvalidOption: a number that is infinite, none, or below 0.
    """

    max_pause: float = 1.0
    max_segment: float = 30.0

    def __post_init__(self) -> None:
        check_numbers(self)
