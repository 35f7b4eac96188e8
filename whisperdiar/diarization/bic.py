"""Diarization without a trained model: likelihood ratios, clustering and resegmentation.

The chain is that of LIUM SpkDiarization (Meignier and Merlin, 2010): cepstra → changes of speaker at the peaks of a
likelihood ratio → neighbouring stretches of one voice join → clusters of one voice join, closest first → each
cluster is modelled by a mixture of Gaussians and Viterbi decoding shares out the speech anew → changes move to the
lowest energy near by. Where it departs from LIUM, measurement said so: what two stretches of one voice may differ by is
measured on the recording (see `whisperdiar.diarization._shared.bic_clustering`), clustering leaves out the energy,
which tells distances to the microphone rather than voices, and the quietest frames, which tell the room; a change in a
pause costs less than one in running speech; and clusters are compared once more after decoding has purified them,
without those that are heard little and only in passing: in an hour what people say at once looks like a voice of its
own.
LIUM's last stage, which compares clusters by adapted mixtures, is there to be chosen: it did not help.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whisperdiar.contracts import Progress
from whisperdiar.diarization._shared.activity import empty_values
from whisperdiar.diarization._shared.bic_clustering import (
    Criterion,
    absorb_small,
    effective_parameters,
    merge_closest,
    merge_neighbours,
)
from whisperdiar.diarization._shared.cepstral_diarizer import CepstralDiarizer
from whisperdiar.diarization._shared.change_detection import change_points
from whisperdiar.diarization._shared.clusters import drop_fleeting, map_labels
from whisperdiar.diarization._shared.cross_likelihood import Clusters, merge_by_cross_likelihood, warp
from whisperdiar.diarization._shared.gaussians import Features, sizes, standardise
from whisperdiar.diarization._shared.integer_clustering import choose_centres
from whisperdiar.diarization._shared.resegmentation import move_to_pauses, resegment
from whisperdiar.diarization._shared.speech_frames import Labels, SpeechFrames
from whisperdiar.diarization._shared.voice_features import VoiceFeatures, split_at_silences
from whisperdiar.options import BicSettings
from whisperdiar.types import (
    ActivityValues,
    BackendInfo,
    SpeakerCount,
)

_CHANCE_PER_PARAMETER = 0.43
"""Gain by chance for each effective parameter, as usual: for recordings without two seconds that are no pause."""
_SHORTEST_PIECE_S = 2.0
_HARDLY_HEARD_SHARE = 0.1
"""Of the speech: who holds less is asked for longer turns."""
_STRETCHES_PER_SPEAKER = 4  # are left by the joining of neighbours, which cannot undo its mistakes


class Backend(CepstralDiarizer[BicSettings]):
    """Clusters speech by voice, with what the recording itself tells."""

    name: ClassVar[str] = "bic"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="likelihood ratios and clustering, no model: fast, best on a minute or more of clean speech",
        licence="MIT",
        activity="likelihood",
        caution="one speaker at a time, and often a single one on half a minute of far-field speech",
    )
    settings_type: ClassVar[type] = BicSettings

    @property
    def _n_coefficients(self) -> int:
        return max(self.settings.coefficients, self.settings.voice_coefficients)

    def _label(
        self, cepstra: Features, frames: SpeechFrames, n_frames: int, speakers: SpeakerCount, progress: Progress
    ) -> tuple[Labels, ActivityValues | None]:
        settings, minimum = self.settings, speakers.minimum or 1
        energy = cepstra[:, 0].copy()
        every = standardise(cepstra, out=cepstra)
        features = every[:, : settings.coefficients]
        voice = VoiceFeatures(
            every[:, 0 if settings.voice_energy else 1 : settings.voice_coefficients],
            energy >= np.quantile(energy, settings.quiet_share),
        )
        window = round(settings.window / frames.hop)
        changes = change_points(features, window=window, threads=self.runtime.threads)
        edges = np.union1d(frames.edges, changes).tolist()
        if settings.longest_stretch > 0.0:
            edges = split_at_silences(
                edges,
                energy,
                longest=round(settings.longest_stretch / frames.hop),
                shortest=round(_SHORTEST_PIECE_S / frames.hop),
            )
        progress("diarization", 0.5)
        alike = _Alike(voice, edges, settings, frames.hop)
        early = speakers.maximum if settings.rounds < 2 else None
        labels = self._clusters(voice, edges, alike, minimum=minimum, maximum=early)
        progress("diarization", 0.7)
        values: ActivityValues | None = None
        by_models = settings.clustering != "bic"
        rounds = settings.rounds + (1 if by_models and settings.rounds else 0)
        if by_models and not settings.rounds:
            labels = self._join_by_models(voice, labels, speakers)
        for number in range(rounds):
            if 0 < number < settings.rounds:
                labels = self._join_clusters(voice, labels, alike, speakers, frames.hop)
            elif number > 0:
                labels = self._join_by_models(voice, labels, speakers)
            last = number == rounds - 1
            labels, values = self._decode(features, labels, frames, n_frames if last else None, minimum)
            progress("diarization", 0.7 + 0.25 * (number + 1) / rounds)
        if settings.rounds > 1:
            # Who is left with no more than what people say at once is known only now.
            left = self._drop_fleeting(labels, minimum, frames.hop)
            if (left < 0).any():
                values = None  # makes room for those that follow
                labels, values = self._decode(features, left, frames, n_frames, minimum)
        return move_to_pauses(labels, energy, frames, round(self.settings.boundary_reach / frames.hop)), values

    def _decode(
        self, features: Features, labels: Labels, frames: SpeechFrames, n_frames: int | None, minimum: int
    ) -> tuple[Labels, ActivityValues | None]:
        """Speaker of each place by the mixtures of the clusters; and the likelihoods, where told of how many frames."""
        values = None if n_frames is None else empty_values(n_frames, int(labels.max()) + 1)
        return resegment(features, labels, frames, values, settings=self.settings, at_least=minimum)

    def _drop_fleeting(self, labels: Labels, minimum: int, hop: float) -> Labels:
        shortest = self.settings.min_turn / hop
        return drop_fleeting(labels, shortest=shortest, share=_HARDLY_HEARD_SHARE, minimum=minimum)

    def _join_clusters(
        self, voice: VoiceFeatures, labels: Labels, alike: _Alike, speakers: SpeakerCount, hop: float
    ) -> Labels:
        """The same clusters, without those that are no speaker's, and with those of one voice joined.

        int64 (n_places,); -1 where the cluster is gone, so that decoding gives its speech to the others, which do not
        learn from it.
        """
        minimum = speakers.minimum or 1
        labels = self._drop_fleeting(labels, minimum, hop)
        sums = voice.cluster_sums(labels)
        least = min(self.settings.min_share * float(sizes(sums).sum()), self.settings.min_speech / hop)
        labels = map_labels(absorb_small(sums, least=least, minimum=minimum), labels)
        joined = merge_closest(
            voice.cluster_sums(labels),
            criterion=alike.criterion(self.settings.joining_lambda, self.settings.joining_tolerance),
            minimum=minimum,
            maximum=speakers.maximum,
        )
        return map_labels(joined, labels)

    def _join_by_models(self, voice: VoiceFeatures, labels: Labels, speakers: SpeakerCount) -> Labels:
        """The same clusters, with those joined whose mixtures explain each other's speech."""
        settings, n_clusters = self.settings, int(labels.max()) + 1
        if n_clusters < 2:
            return labels
        parts = [warp(voice.cluster_features(labels, cluster)) for cluster in range(n_clusters)]
        clusters = Clusters(parts, components=settings.background_gaussians, relevance=settings.relevance)
        least, most = speakers.minimum or 1, speakers.maximum
        if settings.clustering == "clr":
            joined = merge_by_cross_likelihood(clusters, threshold=settings.clr_threshold, minimum=least, maximum=most)
        else:
            ratios = np.maximum(clusters.distances(), 0.0)
            joined = choose_centres(ratios, threshold=settings.ilp_distance, minimum=least, maximum=most)
        return joined[labels]

    def _clusters(
        self, voice: VoiceFeatures, edges: list[int], alike: _Alike, *, minimum: int, maximum: int | None
    ) -> Labels:
        """Cluster of each place, from the stretches between successive `edges`."""
        edges = voice.halve_longest(voice.drop_quiet_edges(edges), at_least=minimum)
        sums = voice.stretch_sums(edges)
        starts = merge_neighbours(
            sums,
            criterion=alike.criterion(self.settings.neighbour_lambda, self.settings.tolerance),
            at_least=_STRETCHES_PER_SPEAKER * minimum if minimum > 1 else 1,
        )
        joined = np.add.reduceat(sums, starts[:-1], axis=0)
        criterion = alike.criterion(self.settings.cluster_lambda, self.settings.tolerance)
        labels = merge_closest(joined, criterion=criterion, minimum=minimum, maximum=maximum)
        lengths = np.diff([edges[start] for start in starts])
        clusters: Labels = np.repeat(labels, lengths)
        return clusters


class _Alike:
    """What two stretches of one voice may differ by, in one recording."""

    def __init__(self, voice: VoiceFeatures, edges: list[int], settings: BicSettings, hop: float) -> None:
        """
        Args:
            voice: what the stretches are told apart by.
            edges: places where the voice may change.
            settings: of the diarizer.
            hop: seconds from place to place.
        """
        self._hop = hop
        self._dimensions = voice.features.shape[1]
        self._chance: float | None = None
        if settings.criterion == "chance":
            found = voice.chance_gain(edges)
            self._chance = (
                found if found is not None else _CHANCE_PER_PARAMETER * effective_parameters(voice.features, edges)
            )

    def criterion(self, weight: float, tolerance: float) -> Criterion:
        """For a λ, and for what it grows by with each second that both share."""
        if self._chance is None:
            return Criterion.plain(self._dimensions, weight=weight)
        return Criterion.chance(self._chance, weight=weight, tolerance=tolerance * self._hop)
