"""Settings of the diarizer `bic`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import TunableRange, check_at_least_one, check_choice, check_numbers
from whisperdiar.text.messages import _

CRITERIA = ("chance", "bic")
CLUSTERINGS = ("bic", "clr", "ilp")


@dataclass(frozen=True, slots=True, kw_only=True)
class BicSettings:
    """Diarization by likelihood ratios, clustering and resegmentation.

    Attributes:
        criterion: what two stretches of one voice may differ by: ``chance``, λ times what two neighbouring seconds of
            one voice differ by in this recording, more for longer ones; or ``bic``, the Bayesian information criterion
            for independent frames.
        coefficients: mel cepstral coefficients that changes are found by and speech is shared out by, the energy
            counted.
        voice_coefficients: the same for clustering.
        voice_energy: whether clusters are told apart by their energy as well.
        clustering: what joins clusters last: ``bic``, the criterion; or after it ``clr``, normalised cross-likelihood
            ratios of mixtures adapted from a background model of the recording, the nearest two first; or ``ilp``,
            the same ratios as distances of an integer linear programme over all clusters at once.
        clr_threshold: ratio from which on two clusters are two voices, with ``clr``; higher finds fewer speakers.
        ilp_distance: δ of the programme: ratio up to which a cluster may go to the centre of another, with ``ilp``;
            higher finds fewer speakers.
        background_gaussians: components of the background model, with ``clr`` and ``ilp``.
        relevance: frames of a component at which a cluster's own mean counts as much as the background's.
        longest_stretch: seconds; longer stretches without a change are cut at their quietest place before they are
            clustered, no piece below 2 s. 0 leaves them.
        window: speech that is compared on either side of a possible change of speaker, seconds.
        neighbour_lambda: λ for joining neighbouring stretches; higher joins more.
        cluster_lambda: λ for joining clusters; higher finds fewer speakers.
        tolerance: by how much λ grows with each second that two stretches share (n₁ n₂ / (n₁ + n₂)), with ``chance``,
            half as much with each beyond five; higher finds fewer speakers.
        joining_lambda: λ for joining clusters that decoding has purified.
        joining_tolerance: the tolerance for them; both find fewer when higher.
        min_share: share of the speech that a speaker holds at least, else it goes to the nearest one.
        min_speech: where that share is longer, as many seconds are enough.
        min_turn: seconds; who holds less than a tenth of the speech, in ten turns or more, is nobody where these are
            shorter, as what people say at once is. Counted is the mean, over the speaker's speech, of the turn that
            it lies in, pauses left out; 0 keeps everybody.
        quiet_share: share of the speech, its quietest frames, that clustering leaves out.
        rounds: times that clusters are modelled and speech is shared out among them anew; 0 keeps the clusters, and
            from the second one on they are compared once more before.
        gaussians: components of a speaker's mixture.
        iterations: of training after each doubling of the components.
        change_penalty: log-likelihood that a change of speaker within running speech costs.
        pause_penalty: the same where a pause lies between.
        boundary_reach: a change moves to the lowest energy within so many seconds; 0 leaves it.
    """

    tunable: ClassVar[Mapping[str, TunableRange]] = {
        "cluster_lambda": TunableRange(1.0, 4.0, 0.1),
        "tolerance": TunableRange(0.0, 1.0, 0.05),
        "joining_lambda": TunableRange(1.0, 4.0, 0.1),
        "joining_tolerance": TunableRange(0.0, 1.0, 0.05),
        "change_penalty": TunableRange(50.0, 500.0, 25.0),
        "pause_penalty": TunableRange(0.0, 200.0, 10.0),
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "conversation": {},
        # As LIUM SpkDiarization has them for broadcast news.
        "broadcast": {
            "criterion": "bic",
            "voice_coefficients": 13,
            "voice_energy": True,
            "neighbour_lambda": 2.0,
            "cluster_lambda": 3.0,
            "quiet_share": 0.0,
            "rounds": 1,
            "change_penalty": 250.0,
            "pause_penalty": 250.0,
            "boundary_reach": 0.25,
        },
    }
    """Settings that belong together, by name; what a preset does not mention keeps its default."""

    criterion: str = "chance"
    coefficients: int = 13
    voice_coefficients: int = 16
    voice_energy: bool = False
    clustering: str = "bic"
    clr_threshold: float = 1.0
    ilp_distance: float = 1.0
    background_gaussians: int = 64
    relevance: float = 15.0
    longest_stretch: float = 0.0
    window: float = 2.5
    neighbour_lambda: float = 0.6
    cluster_lambda: float = 1.75
    tolerance: float = 0.25
    joining_lambda: float = 1.9
    joining_tolerance: float = 0.3
    min_share: float = 0.025
    min_speech: float = 30.0
    min_turn: float = 4.0
    quiet_share: float = 0.2
    rounds: int = 2
    gaussians: int = 8
    iterations: int = 10
    change_penalty: float = 100.0
    pause_penalty: float = 30.0
    boundary_reach: float = 0.2

    def __post_init__(self) -> None:
        if self.criterion not in CRITERIA:
            raise InvalidOption(
                _("criterion {criterion!r} is unknown; choose one of {choices}").format(
                    criterion=self.criterion, choices=", ".join(CRITERIA)
                )
            )
        check_choice("clustering", self.clustering, CLUSTERINGS)
        check_at_least_one(self, "background_gaussians")
        if self.voice_coefficients < 2:
            raise InvalidOption(_("voice_coefficients {count}: give at least 2").format(count=self.voice_coefficients))
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
        if not 0 <= self.min_share < 1 or min(self.min_speech, self.min_turn, self.joining_tolerance) < 0:
            raise InvalidOption(
                _(
                    "min_share {share}, min_speech {speech}, min_turn {turn}, joining_tolerance {tolerance}: "
                    "give a share from 0 to below 1, and none below 0"
                ).format(
                    share=self.min_share,
                    speech=self.min_speech,
                    turn=self.min_turn,
                    tolerance=self.joining_tolerance,
                )
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
