"""Settings of the diarizer `ehmm`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import TunableRange, check_at_least_one, check_numbers
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class EhmmSettings:
    """Top-down diarization by an evolutive hidden Markov model.

    Attributes:
        coefficients: mel cepstral coefficients, the energy counted.
        window: speech that is compared on either side of a possible change of speaker, seconds.
        stretch: seconds without a change from which a new speaker is begun, and that a speaker has to keep.
        longest_stretch: the same in long recordings: a hundredth of the speech, up to so many seconds.
        block: seconds of speech that change speaker together while speakers are added.
        newest_gaussians: components of the newest speaker's mixture.
        rounds: of training and decoding after each new speaker, at most.
        search_change_penalty: log-likelihood that a change within running speech costs while speakers are added.
        search_pause_penalty: the same where a pause or a likely change lies between.
        cluster_lambda: λ of the criterion by which speakers that are one voice join; higher finds fewer speakers.
        tolerance: likelihood per frame by which a voice may differ from itself; higher finds fewer speakers.
        quiet_share: share of the speech, its quietest frames, that the criterion leaves out.
        gaussians: components of a speaker's mixture.
        iterations: of training after each doubling of the components.
        change_penalty: log-likelihood that a change of speaker within running speech costs in the last decoding.
        pause_penalty: the same where a pause lies between.
        boundary_reach: a change moves to the lowest energy within so many seconds; 0 leaves it.
    """

    tunable: ClassVar[Mapping[str, TunableRange]] = {
        "stretch": TunableRange(2.0, 6.0, 0.5),
        "search_change_penalty": TunableRange(20.0, 240.0, 20.0),
        "cluster_lambda": TunableRange(0.1, 1.0, 0.03),
        "tolerance": TunableRange(0.0, 2.0, 0.1),
        "change_penalty": TunableRange(50.0, 500.0, 25.0),
        "pause_penalty": TunableRange(0.0, 200.0, 10.0),
    }

    coefficients: int = 13
    window: float = 2.5
    stretch: float = 3.0
    longest_stretch: float = 6.0
    block: float = 0.3
    newest_gaussians: int = 8
    rounds: int = 10
    search_change_penalty: float = 120.0
    search_pause_penalty: float = 30.0
    cluster_lambda: float = 0.33
    tolerance: float = 0.8
    quiet_share: float = 0.2
    gaussians: int = 16
    iterations: int = 3
    change_penalty: float = 250.0
    pause_penalty: float = 50.0
    boundary_reach: float = 0.25

    def __post_init__(self) -> None:
        check_numbers(self)
        check_at_least_one(self, "newest_gaussians", "rounds", "gaussians", "iterations")
        if self.coefficients < 2:
            raise InvalidOption(_("coefficients {count}: give at least 2").format(count=self.coefficients))
        if min(self.window, self.stretch, self.longest_stretch, self.block) <= 0 or self.quiet_share >= 1:
            raise InvalidOption(
                _(
                    "window, stretch, longest_stretch and block must be positive, and quiet_share below 1; got {values}"
                ).format(
                    values=", ".join(
                        f"{value:g}"
                        for value in (self.window, self.stretch, self.longest_stretch, self.block, self.quiet_share)
                    )
                )
            )
