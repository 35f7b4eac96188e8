"""Diarization without a trained model: likelihood ratios, clustering and resegmentation.

The chain is that of LIUM SpkDiarization (Meignier and Merlin, 2010): cepstra → changes of speaker at the peaks of a
likelihood ratio → neighbouring stretches of one voice join → clusters of one voice join, closest first → each
cluster is modelled by a mixture of Gaussians and Viterbi decoding shares out the speech anew → changes move to the
lowest energy near by. Where it departs from LIUM, measurement said so: the criterion knows that frames are not
independent (see `whisperdiar.diarization._shared.bic_clustering`), clustering leaves out the energy, which tells
distances to the microphone rather than voices, and the quietest frames, which tell the room; a change in a pause
costs less than one in running speech; and clusters are compared once more after decoding has purified them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.diarization._shared.activity import empty_values
from whisperdiar.diarization._shared.bic_clustering import Criterion, merge_closest, merge_neighbours
from whisperdiar.diarization._shared.change_detection import change_points
from whisperdiar.diarization._shared.features import CepstrumSettings, FrameGrid, mfcc
from whisperdiar.diarization._shared.gaussians import Features, standardise
from whisperdiar.diarization._shared.resegmentation import move_to_pauses, resegment
from whisperdiar.diarization._shared.speech_frames import Labels, SpeechFrames, speakers_by_appearance
from whisperdiar.diarization._shared.voice_features import VoiceFeatures
from whisperdiar.options import BicSettings
from whisperdiar.text.messages import _
from whisperdiar.types import (
    ANY_SPEAKERS,
    ActivityValues,
    Audio,
    BackendInfo,
    Diarization,
    Span,
    SpeakerActivity,
    SpeakerCount,
)

_GRID = FrameGrid()
_STRETCHES_PER_SPEAKER = 4  # are left by the joining of neighbours, which cannot undo its mistakes


class Backend(BaseBackend[BicSettings]):
    """Clusters speech by voice, with what the recording itself tells."""

    name: ClassVar[str] = "bic"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="likelihood ratios and clustering, no model: fast, best on a minute or more of clean speech",
        licence="MIT",
        activity="likelihood",
        caution="one speaker at a time, and often a single one on half a minute of far-field speech",
    )
    settings_type: ClassVar[type] = BicSettings

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount = ANY_SPEAKERS,
        progress: Progress = no_progress,
    ) -> Diarization:
        """One speaker at a time throughout `speech`; a note where there is too little speech for `speakers`.

        The activity is the log-likelihood of each frame of 0.01 s for each speaker's mixture, less that of the best
        one, as the last decoding has it; without any (``rounds=0``) there is none.
        """
        progress("diarization", 0.0)
        frames = SpeechFrames.of(speech, audio, hop=_GRID.hop, n_frames=_GRID.count(audio))
        labels, activity = np.empty(0, dtype=np.int64), None
        if len(frames):
            settings = CepstrumSettings(coefficients=self.settings.coefficients)
            cepstra = mfcc(audio, settings=settings, grid=_GRID, threads=self.runtime.threads)[frames.numbers]
            progress("diarization", 0.3)
            labels, values = self._labels(cepstra, frames, _GRID.count(audio), speakers, progress)
            if values is not None:
                names = speakers_by_appearance(labels, values.shape[1])
                activity = SpeakerActivity(values, names, _GRID.hop, kind="likelihood")
        found = int(labels.max()) + 1 if len(labels) else 0
        notes = []
        if not speakers.allows(found):
            notes.append(
                _("{speakers} speakers were asked for, but there is only enough speech to tell {found} apart").format(
                    speakers=speakers, found=found
                )
            )
        progress("diarization", 1.0)
        return Diarization(audio.recording_id, frames.turns(labels), tuple(notes), activity=activity)

    def _labels(
        self, cepstra: Features, frames: SpeechFrames, n_frames: int, speakers: SpeakerCount, progress: Progress
    ) -> tuple[Labels, ActivityValues | None]:
        """Speaker of each place, int64 (n_places,), and the likelihood of each frame for each speaker."""
        minimum = speakers.minimum or 1
        energy = cepstra[:, 0].copy()
        features = standardise(cepstra)
        voice = VoiceFeatures(features[:, 1:], energy >= np.quantile(energy, self.settings.quiet_share))
        window = round(self.settings.window / frames.hop)
        changes = change_points(features, window=window, threads=self.runtime.threads)
        edges = np.union1d(frames.edges, changes).tolist()
        progress("diarization", 0.5)
        criterion = Criterion.measure(
            voice.features, edges, weight=self.settings.cluster_lambda, tolerance=self.settings.tolerance
        )
        early = speakers.maximum if self.settings.rounds < 2 else None
        labels = self._clusters(voice, edges, criterion, minimum=minimum, maximum=early)
        progress("diarization", 0.7)
        values: ActivityValues | None = None
        for number in range(self.settings.rounds):
            if number > 0:
                merged = merge_closest(
                    voice.cluster_sums(labels), criterion=criterion, minimum=minimum, maximum=speakers.maximum
                )
                labels = merged[labels]
            values = empty_values(n_frames, int(labels.max()) + 1) if number == self.settings.rounds - 1 else None
            labels, values = resegment(features, labels, frames, values, settings=self.settings, at_least=minimum)
            progress("diarization", 0.7 + 0.25 * (number + 1) / self.settings.rounds)
        return move_to_pauses(labels, energy, frames, round(self.settings.boundary_reach / frames.hop)), values

    def _clusters(
        self, voice: VoiceFeatures, edges: list[int], criterion: Criterion, *, minimum: int, maximum: int | None
    ) -> Labels:
        """Cluster of each place, from the stretches between successive `edges`."""
        edges = voice.halve_longest(voice.drop_quiet_edges(edges), at_least=minimum)
        sums = voice.stretch_sums(edges)
        starts = merge_neighbours(
            sums,
            criterion=criterion.weighing(self.settings.neighbour_lambda),
            at_least=_STRETCHES_PER_SPEAKER * minimum if minimum > 1 else 1,
        )
        joined = np.add.reduceat(sums, starts[:-1], axis=0)
        labels = merge_closest(joined, criterion=criterion, minimum=minimum, maximum=maximum)
        lengths = np.diff([edges[start] for start in starts])
        clusters: Labels = np.repeat(labels, lengths)
        return clusters
