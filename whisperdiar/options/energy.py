"""Settings of the speech detector `energy`."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySettings:
    """Speech by loudness (seconds, decibels).

    Attributes:
        threshold_db: speech is at least this much above the noise floor.
        rise_share: … and at least this share of the way from the floor to the loudest frame nearby.
        hysteresis_db: speech goes on down to this much below the threshold.
        silence_db: nothing below it is speech; the recording's speech is taken to lie at -30.
        floor_window: the floor is looked for in this many seconds.
        floor_percentile: it is this percentile of the loudness there.
        min_speech, min_silence, padding: as in VadSettings.

    Raises:
        InvalidOption: a number that is infinite, none, or below 0 (but `silence_db`).
    """

    threshold_db: float = 8.0
    rise_share: float = 0.35
    hysteresis_db: float = 3.0
    silence_db: float = -65.0
    floor_window: float = 20.0
    floor_percentile: float = 10.0
    min_speech: float = 0.1
    min_silence: float = 0.3
    padding: float = 0.1

    def __post_init__(self) -> None:
        check_numbers(self, may_be_negative=("silence_db",))
