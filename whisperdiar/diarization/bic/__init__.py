"""Diarization without a trained model: likelihood ratios, clustering and resegmentation.

The chain is that of LIUM SpkDiarization (Meignier and Merlin, 2010): cepstra → changes of speaker at the peaks of a
likelihood ratio → neighbouring stretches of one voice join → clusters of one voice join, closest first → each
cluster is modelled by a mixture of Gaussians and Viterbi decoding shares out the speech anew → changes move to the
lowest energy near by. Where it departs from LIUM, measurement said so: the criterion knows that frames are not
independent (see `clustering`), clustering leaves out the energy, which tells distances to the microphone rather
than voices, and the quietest frames, which tell the room; a change in a pause costs less than one in running
speech; and clusters are compared once more after decoding has purified them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.diarization._shared.activity import empty_values
from whisperdiar.diarization._shared.features import CepstrumSettings, FrameGrid, mfcc
from whisperdiar.diarization._shared.gaussians import Array, Features, standardise, stretch_sums
from whisperdiar.diarization._shared.speech_frames import Labels, SpeechFrames, speakers_by_appearance
from whisperdiar.diarization._shared.viterbi import decode, longest_run, pin_states
from whisperdiar.diarization.bic.change_detection import change_points
from whisperdiar.diarization.bic.clustering import Criterion, merge_closest, merge_neighbours
from whisperdiar.diarization.bic.mixtures import likelihoods, train
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
_MIN_LOUD = 5  # frames of a stretch that are not among the quietest: with fewer it joins its neighbour
_MIN_PIECE = 25  # frames; stretches are not cut finer than that to reach a number of speakers
_FAINTEST = -60_000.0  # log-likelihood that fits into 16 bits
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
        voice = _VoiceFeatures(features[:, 1:], energy >= np.quantile(energy, self.settings.quiet_share))
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
            labels, values = self._resegment(features, labels, frames, values, at_least=minimum)
            progress("diarization", 0.7 + 0.25 * (number + 1) / self.settings.rounds)
        return _move_to_pauses(labels, energy, frames, round(self.settings.boundary_reach / frames.hop)), values

    def _clusters(
        self, voice: _VoiceFeatures, edges: list[int], criterion: Criterion, *, minimum: int, maximum: int | None
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

    def _resegment(
        self, features: Features, labels: Labels, frames: SpeechFrames, values: ActivityValues | None, *, at_least: int
    ) -> tuple[Labels, ActivityValues | None]:
        """Speaker of each place when every cluster's mixture bids for every frame; and `values` of the speakers.

        A cluster that wins no frame is gone, unless that would leave fewer than `at_least`: then the lost ones
        keep their longest stretch.

        Args:
            values: zeros (n_frames, n_clusters), to be filled with the likelihoods of the frames; None to do without.
        """
        n_clusters = int(labels.max()) + 1
        if n_clusters < 2:
            return labels, values
        mixtures = [
            train(features[labels == i], components=self.settings.gaussians, iterations=self.settings.iterations)
            for i in range(n_clusters)
        ]
        costs = np.full(len(labels), self.settings.change_penalty)
        costs[frames.edges[1:-1]] = self.settings.pause_penalty
        kept = np.full(len(labels), -1)
        while True:
            bids = likelihoods(features, mixtures)
            bids = bids if values is None else _copy_blocks(bids, values, frames)
            path = decode(pin_states(bids, kept), costs, n_states=n_clusters)
            lost = np.setdiff1d(np.arange(n_clusters), path)
            if n_clusters - len(lost) >= min(at_least, n_clusters):
                if values is not None and len(lost):
                    values = np.delete(values, lost, axis=1)
                    values -= values.max(axis=1, keepdims=True)
                return np.unique(path, return_inverse=True)[1].astype(np.int64), values
            for cluster in lost:
                first, last = longest_run(labels == cluster)
                kept[first:last] = cluster


class _VoiceFeatures:
    """What clusters are told apart by.

    Attributes:
        features: float32 (n_places, d), of variance 1.
        loud: bool (n_places,), False for the quietest, which tell the room rather than the voice.
    """

    def __init__(self, features: Features, loud: NDArray[np.bool_]) -> None:
        self.features = features
        self.loud = loud
        self._heard = np.concatenate([[0], np.cumsum(loud)])

    def drop_quiet_edges(self, edges: Sequence[int]) -> list[int]:
        """Without the edges that would leave hardly a loud frame to a stretch."""
        kept = [edges[0]]
        for edge in edges[1:-1]:
            if self._heard[edge] - self._heard[kept[-1]] >= _MIN_LOUD:
                kept.append(edge)
        if len(kept) > 1 and self._heard[edges[-1]] - self._heard[kept[-1]] < _MIN_LOUD:
            kept.pop()
        return [*kept, edges[-1]]

    def halve_longest(self, edges: Sequence[int], *, at_least: int) -> list[int]:
        """With the longest stretches halved until there are as many, or none is left that can be halved."""
        cut = list(edges)
        while len(cut) - 1 < at_least:
            loud = np.diff(self._heard[cut])
            longest = int(loud.argmax())
            if loud[longest] < 2 * _MIN_PIECE:
                break
            middle = self._heard[cut[longest]] + loud[longest] // 2
            cut.insert(longest + 1, int(np.searchsorted(self._heard, middle)))
        return cut

    def stretch_sums(self, edges: Sequence[int]) -> Array:
        """Sums over the loud frames of the stretches between successive `edges`, each of which has some."""
        return stretch_sums(self.features[self.loud], self._heard[np.asarray(edges)].tolist())

    def cluster_sums(self, labels: Labels) -> Array:
        """Sums over the loud frames of each cluster, or over all where hardly any is loud."""
        sums = []
        for cluster in range(int(labels.max()) + 1):
            own = labels == cluster
            heard = own & self.loud
            chosen = self.features[heard if heard.sum() >= _MIN_LOUD else own]
            sums.append(stretch_sums(chosen, [0, len(chosen)])[0])
        return np.stack(sums)


def _copy_blocks(blocks: Iterator[Array], values: ActivityValues, frames: SpeechFrames) -> Iterator[Array]:
    """The same blocks of log-likelihoods, float64 (n, n_clusters), of which `values` get what they are short of the
    best."""
    first = 0
    for block in blocks:
        here = frames.numbers[first : first + len(block)]
        values[here] = np.maximum(block - block.max(axis=1, keepdims=True), _FAINTEST)
        first += len(block)
        yield block


def _move_to_pauses(labels: Labels, energy: Features, frames: SpeechFrames, reach: int) -> Labels:
    """Changes inside a region move to the quietest frame within `reach`; none passes another or the region's end."""
    moved: Labels = labels.copy()
    for first, last in zip(frames.edges[:-1], frames.edges[1:], strict=True):
        changes = [int(first), *(first + 1 + np.flatnonzero(np.diff(labels[first:last]))), int(last)]
        begin = int(first)
        for before, change, after in zip(changes[:-2], changes[1:-1], changes[2:], strict=True):
            low = max(change - reach, (before + change) // 2 + 1)
            high = min(change + reach, (change + after) // 2)
            place = low + int(energy[low : high + 1].argmin())
            moved[begin:place] = labels[before]
            begin = place
        moved[begin:last] = labels[last - 1]
    return moved
