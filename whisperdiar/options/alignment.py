"""Settings of the alignment of words with speakers."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_numbers
from whisperdiar.options.command_line import UNCERTAIN_BELOW
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentOptions:
    """How doubtful a speaker must be to be listed.

    Attributes:
        uncertain_below: words whose speaker confidence is lower are listed as uncertain.

    Raises:
        InvalidOption: that is no probability.
    """

    uncertain_below: float = UNCERTAIN_BELOW

    def __post_init__(self) -> None:
        if not 0.0 <= self.uncertain_below <= 1.0:
            raise InvalidOption(
                _("uncertain-below {uncertain_below}: give a probability, 0 to 1").format(
                    uncertain_below=self.uncertain_below
                )
            )
        check_numbers(self)
