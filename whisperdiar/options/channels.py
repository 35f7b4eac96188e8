"""Settings of the diarizer `channels`."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_numbers
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsSettings:
    """One speaker per channel.

    Attributes:
        above_noise: decibels above a channel's noise at which its speaker begins.
        crosstalk: decibels below the loudest other channel at which a channel's own speaker can still begin; what
            is fainter counts as the other's voice in this microphone.
        hysteresis: a speaker who has begun goes on at so many decibels less than it took to begin.
        min_turn: shorter turns are dropped, seconds.
        min_pause: shorter pauses are filled, seconds.
        padding: added to both ends of each turn, seconds.
    """

    above_noise: float = 12.0
    crosstalk: float = 6.0
    hysteresis: float = 4.0
    min_turn: float = 0.15
    min_pause: float = 0.3
    padding: float = 0.05

    def __post_init__(self) -> None:
        values = (self.above_noise, self.crosstalk, self.hysteresis, self.min_turn, self.min_pause, self.padding)
        if not min(values) >= 0:
            raise InvalidOption(
                _(
                    "above_noise {above_noise}, crosstalk {crosstalk}, hysteresis {hysteresis}, "
                    "min_turn {min_turn}, min_pause {min_pause}, padding {padding}: none can be negative"
                ).format(
                    above_noise=self.above_noise,
                    crosstalk=self.crosstalk,
                    hysteresis=self.hysteresis,
                    min_turn=self.min_turn,
                    min_pause=self.min_pause,
                    padding=self.padding,
                )
            )
        check_numbers(self)
