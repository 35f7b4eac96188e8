"""Settings of the diarizer `bic`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import TunableRange, check_numbers
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class BicSettings:
    """Diarization by likelihood ratios, clustering and resegmentation. A λ of 1 would be the plain criterion
    for frames that were independent of each other.

    Attributes:
        coefficients: mel cepstral coefficients, the energy counted.
        window: speech that is compared on either side of a possible change of speaker, seconds.
        neighbour_lambda: λ for joining neighbouring stretches; higher joins more.
        cluster_lambda: λ for joining clusters; higher finds fewer speakers.
        tolerance: likelihood per frame by which a voice may differ from itself; higher finds fewer speakers.
        joining_lambda: λ for joining clusters that decoding has purified.
        joining_tolerance: after that, the tolerance, without any λ, for joining them; both find fewer when higher.
        min_share: share of the speech that a speaker holds at least, else it goes to the nearest one.
        min_speech: where that share is longer, as many seconds are enough.
        quiet_share: share of the speech, its quietest frames, that clustering leaves out.
        rounds: times that clusters are modelled and speech is shared out among them anew; 0 keeps the clusters.
        gaussians: components of a speaker's mixture.
        iterations: of training after each doubling of the components.
        change_penalty: log-likelihood that a change of speaker within running speech costs.
        pause_penalty: the same where a pause lies between.
        boundary_reach: a change moves to the lowest energy within so many seconds; 0 leaves it.
    """

    tunable: ClassVar[Mapping[str, TunableRange]] = {
        "cluster_lambda": TunableRange(0.1, 1.0, 0.03),
        "tolerance": TunableRange(0.0, 2.0, 0.1),
        "change_penalty": TunableRange(50.0, 500.0, 25.0),
        "pause_penalty": TunableRange(0.0, 200.0, 10.0),
    }

    coefficients: int = 13
    window: float = 2.5
    neighbour_lambda: float = 0.1
    cluster_lambda: float = 0.28
    tolerance: float = 0.7
    joining_lambda: float = 0.33
    joining_tolerance: float = 0.9
    min_share: float = 0.015
    min_speech: float = 30.0
    quiet_share: float = 0.2
    rounds: int = 2
    gaussians: int = 8
    iterations: int = 10
    change_penalty: float = 100.0
    pause_penalty: float = 30.0
    boundary_reach: float = 0.2

    def __post_init__(self) -> None:
        if self.coefficients < 2 or self.gaussians < 1 or self.iterations < 1 or self.rounds < 0:
            raise InvalidOption(
                _(
                    "coefficients {coefficients}, gaussians {gaussians}, iterations {iterations}, rounds {rounds}: "
                    "give at least 2, 1, 1 and 0"
                ).format(
                    coefficients=self.coefficients,
                    gaussians=self.gaussians,
                    iterations=self.iterations,
                    rounds=self.rounds,
                )
            )
        if not self.window > 0 or not 0 <= self.quiet_share < 1:
            raise InvalidOption(
                _(
                    "window {window}, quiet_share {quiet_share}: give a positive window and a share from 0 to below 1"
                ).format(window=self.window, quiet_share=self.quiet_share)
            )
        if not 0 <= self.min_share < 1 or self.min_speech < 0 or self.joining_tolerance < 0:
            raise InvalidOption(
                _(
                    "min_share {share}, min_speech {speech}, joining_tolerance {tolerance}: "
                    "give a share from 0 to below 1, and none below 0"
                ).format(share=self.min_share, speech=self.min_speech, tolerance=self.joining_tolerance)
            )
        if min(self.tolerance, self.change_penalty, self.pause_penalty, self.boundary_reach) < 0:
            raise InvalidOption(
                _(
                    "tolerance {tolerance}, change_penalty {change_penalty}, pause_penalty {pause_penalty}, "
                    "boundary_reach {boundary_reach}: none can be negative"
                ).format(
                    tolerance=self.tolerance,
                    change_penalty=self.change_penalty,
                    pause_penalty=self.pause_penalty,
                    boundary_reach=self.boundary_reach,
                )
            )
        check_numbers(self)
