"""Settings of the editor's round trip and of carrying corrections over."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_numbers
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOptions:
    """The editor's round trip.

    Attributes:
        max_paragraph: neighbouring segments of one speaker share a paragraph up to this many seconds.
        max_pause: a longer pause (seconds) begins a new paragraph.
        mark_uncertain: whether doubtful words are followed by ``(?)``.
        doubtful_below: a word is doubtful where the recogniser's probability is lower (or its speaker is uncertain).
        seconds_per_character: how long inserted words last, where there is room for them.
    """

    max_paragraph: float = 60.0
    max_pause: float = 4.0
    mark_uncertain: bool = False
    doubtful_below: float = 0.5
    seconds_per_character: float = 0.065

    def __post_init__(self) -> None:
        if not self.max_paragraph > 0:
            raise InvalidOption(
                _("paragraphs of {max_paragraph} seconds: give a positive number").format(
                    max_paragraph=self.max_paragraph
                )
            )
        if not self.seconds_per_character > 0:
            raise InvalidOption(
                _("{seconds_per_character} seconds per character: give a positive number").format(
                    seconds_per_character=self.seconds_per_character
                )
            )
        check_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepOptions:
    """How corrections are carried over to the transcript of a later run.

    Attributes:
        join_gap: corrected words up to this many seconds apart are carried over together.
        context: seconds on each side of a correction in which both transcripts are compared.
        tolerance: seconds by which the time of one and the same word may differ.
        min_agreement: share of the words around a correction that the new transcript must have at the same time.
        min_context: with fewer words around it, a correction is carried over unchecked.
        slack: between the two words beside a correction, so many words more than twice its own may be replaced by it.

    Raises:
        InvalidOption: a number that is infinite, none, or below 0.
    """

    join_gap: float = 0.3
    context: float = 6.0
    tolerance: float = 0.7
    min_agreement: float = 0.34
    min_context: int = 4
    slack: int = 3

    def __post_init__(self) -> None:
        check_numbers(self)
