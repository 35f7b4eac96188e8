"""Settings of the cache of stages."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_numbers
from whisperdiar.options.command_line import CACHE_MB


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOptions:
    """Where results of stages are kept, and how much.

    Attributes:
        folder: None for ``stages`` in the folder that WHISPERDIAR_CACHE names, by default ``~/.cache/whisperdiar``.
        limit_mb: megabytes that it may take; what was not used for the longest time goes first.

    Raises:
        InvalidOption: a limit that is no number, or below 0.
    """

    folder: str | None = None
    limit_mb: int = CACHE_MB

    def __post_init__(self) -> None:
        check_numbers(self)
