"""Settings of tuning, and ranges in which settings of diarizers are searched."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_at_least_one, check_numbers, check_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    """A search for the settings of a diarizer that suit recordings with references.

    Attributes:
        trials: settings that are tried in each search, the diarizer's own defaults besides.
        folds: of the outer cross-validation; there are as many searches, and one over all recordings.
        seed: of the search, the folds and the confidence interval.

    Raises:
        InvalidOption: a number outside its range.
    """

    trials: int = 30
    folds: int = 5
    seed: int = 42

    def __post_init__(self) -> None:
        check_at_least_one(self, "trials")
        check_ranges(self, ("folds", 2, 100))
        check_numbers(self)
