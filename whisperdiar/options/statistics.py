"""Settings of statistics: how speech is counted as turns, answers and interruptions."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_numbers, check_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsOptions:
    """What counts as one utterance, one turn, one answer (seconds).

    Attributes:
        max_pause: somebody who goes on after a pause up to this long has not stopped; as segments are cut.
        max_silence: after a longer silence nobody answers anybody, and a new turn begins.
        min_overlap: who talks over another one for at least this long, and keeps the floor, has interrupted. Less is
            how people take turns: most changes of speaker overlap by a quarter of a second (Heldner and Edlund,
            Pauses, gaps and overlaps in conversations, Journal of Phonetics 38, 2010).

    Raises:
        InvalidOption: a number outside its range.
    """

    max_pause: float = 1.0
    max_silence: float = 5.0
    min_overlap: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(self, ("max_pause", 0.0, 60.0), ("max_silence", 0.0, 3600.0), ("min_overlap", 0.0, 60.0))
        check_numbers(self)
