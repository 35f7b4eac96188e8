"""Settings of the recogniser `pocketsphinx`."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options.refinement import RefinementSettings
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketSphinxSettings(RefinementSettings):
    """CMU PocketSphinx with the English model of its package; all but `max_chunk` is as in `RefinementSettings`.

    Attributes:
        max_chunk: longest piece of sound that is decoded at once, seconds.

    Raises:
        InvalidOption: a number outside its range.
    """

    max_chunk: float = 30.0

    def __post_init__(self) -> None:
        RefinementSettings.__post_init__(self)
        if not 1.0 <= self.max_chunk <= 120.0:
            raise InvalidOption(
                _("max_chunk {max_chunk}: PocketSphinx takes 1 to 120 seconds at once").format(max_chunk=self.max_chunk)
            )
