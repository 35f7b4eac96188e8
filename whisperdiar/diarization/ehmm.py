"""Top-down diarization without a trained model: one speaker after another is taken out of the speech.

The method is the evolutive hidden Markov model of Meignier, Bonastre and Igounet (2001), as the ALIZÉ toolkit runs it:
a state holds all speech → a stretch of it begins a new speaker → mixtures of all states are trained and Viterbi
decoding shares out the speech, again and again until nothing moves → who keeps too little is taken back → until no
stretch is left. Where it departs from ALIZÉ, measurement said so: a stretch lies between two likely changes of
speaker, so that it is one voice; changes cost more within running speech, as in `bic`; and what the search has split
is joined by the criterion of `bic` before the last decoding, since a search that only ever adds cannot take back.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress
from whisperdiar.diarization._shared.activity import empty_values
from whisperdiar.diarization._shared.bic_clustering import Criterion, effective_parameters, merge_closest
from whisperdiar.diarization._shared.cepstral_diarizer import CepstralDiarizer
from whisperdiar.diarization._shared.change_detection import change_points
from whisperdiar.diarization._shared.gaussians import Array, Features, standardise
from whisperdiar.diarization._shared.mixtures import Mixture, likelihoods, train
from whisperdiar.diarization._shared.resegmentation import move_to_pauses, resegment
from whisperdiar.diarization._shared.speech_frames import Labels, SpeechFrames
from whisperdiar.diarization._shared.viterbi import decode
from whisperdiar.diarization._shared.voice_features import VoiceFeatures
from whisperdiar.options import EhmmSettings
from whisperdiar.types import (
    ActivityValues,
    BackendInfo,
    SpeakerCount,
)

_STILL = 5.0
"""Log-likelihood of the path; with a smaller gain decoding is done."""
_SHARE = 0.01
"""Of the speech: stretches of long recordings are this long, up to the setting."""
_FINEST_S = 0.5
"""Seconds; stretches are not taken shorter than that to reach a number of speakers."""


class Backend(CepstralDiarizer[EhmmSettings]):
    """Takes one speaker after another out of the speech, with what the recording itself tells."""

    name: ClassVar[str] = "ehmm"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="top-down search by an evolutive hidden Markov model, no trained model: a second opinion beside bic",
        licence="MIT",
        activity="likelihood",
        caution="one speaker at a time, and often a single one on half a minute of far-field speech",
    )
    settings_type: ClassVar[type] = EhmmSettings

    def _label(
        self, cepstra: Features, frames: SpeechFrames, n_frames: int, speakers: SpeakerCount, progress: Progress
    ) -> tuple[Labels, ActivityValues]:
        settings, minimum = self.settings, speakers.minimum or 1
        energy = cepstra[:, 0].copy()
        features = standardise(cepstra, out=cepstra)
        changes = change_points(features, window=round(settings.window / frames.hop), threads=self.runtime.threads)
        edges = np.union1d(frames.edges, changes)
        progress("diarization", 0.3)
        stretch = min(max(settings.stretch, _SHARE * len(frames) * frames.hop), settings.longest_stretch)
        search = _Search(features, edges, settings, hop=frames.hop)
        search.add_speakers(stretch, progress=lambda done: progress("diarization", 0.3 + 0.5 * done))
        while search.n_speakers < minimum and stretch > _FINEST_S:
            stretch /= 2
            search.forget_tried()
            search.add_speakers(stretch, at_most=minimum)
        labels = search.labels()
        voice = VoiceFeatures(features[:, 1:], energy >= np.quantile(energy, settings.quiet_share))
        criterion = Criterion.correlated(
            effective_parameters(voice.features, edges.tolist()),
            weight=settings.cluster_lambda,
            tolerance=settings.tolerance,
        )
        merged = merge_closest(
            voice.cluster_sums(labels), criterion=criterion, minimum=minimum, maximum=speakers.maximum
        )
        labels = merged[labels]
        progress("diarization", 0.85)
        values = empty_values(n_frames, int(labels.max()) + 1)
        labels, found = resegment(features, labels, frames, values, settings=settings, at_least=minimum)
        return move_to_pauses(labels, energy, frames, round(settings.boundary_reach / frames.hop)), (
            values if found is None else found
        )


class _Search:
    """States and their speech, in blocks between likely changes of speaker; state 0 is the speech of nobody yet.

    The likelihoods of a state are computed anew only where its speech has changed.
    """

    def __init__(self, features: Features, edges: NDArray[np.int64], settings: EhmmSettings, *, hop: float) -> None:
        """
        Args:
            features: float32 (n_places, d), of variance about 1.
            edges: places where the voice may change, the first and the last included.
            settings: of the diarizer.
            hop: seconds from place to place.
        """
        self._features, self._settings, self._hop = features, settings, hop
        size = max(1, round(settings.block / hop))
        pieces = [
            np.linspace(first, last, max(1, round((last - first) / size)) + 1).astype(np.int64)[:-1]
            for first, last in pairwise(edges)
        ]
        self._starts = np.concatenate(pieces)
        self._sizes = np.diff(np.append(self._starts, edges[-1]))
        self._at_edge = np.isin(self._starts, edges)
        self._costs = np.where(self._at_edge, settings.search_pause_penalty, settings.search_change_penalty)
        self._states: Labels = np.zeros(len(self._starts), dtype=np.int64)
        self._tried = np.zeros(len(self._starts), dtype=bool)
        self._modelled: dict[int, tuple[Labels, Array]] = {}  # blocks of a state and what its mixture bids
        self.n_speakers = 1

    def labels(self) -> Labels:
        """The state of each place, int64 (n_places,), numbered without a gap."""
        found = np.unique(self._states, return_inverse=True)[1]
        return np.asarray(np.repeat(found.reshape(-1), self._sizes), dtype=np.int64)

    def forget_tried(self) -> None:
        """Let stretches that were tried once be tried again."""
        self._tried[:] = False

    def add_speakers(
        self, stretch: float, *, at_most: int | None = None, progress: Callable[[float], None] | None = None
    ) -> None:
        """Begin a speaker with the longest stretch of nobody, until none of `stretch` seconds is left.

        Args:
            stretch: seconds that a speaker begins with, and has to keep.
            at_most: states that are enough; None for no end.
            progress: hears of the share of the speech that needs no further look.
        """
        least = round(stretch / self._hop)
        while at_most is None or self.n_speakers < at_most:
            found = [part for part in self._stretches() if self._sizes[part].sum() >= least]
            if progress is not None:
                left = sum(int(self._sizes[part].sum()) for part in found)
                progress(1.0 - left / max(1, int(self._sizes.sum())))
            if not found:
                return
            longest = max(found, key=lambda part: int(self._sizes[part].sum()))
            self._tried[longest] = True
            states = self._settle(longest)
            kept = np.bincount(states, weights=self._sizes, minlength=self.n_speakers + 1)
            if kept.min() > 0 and kept[-1] >= least:
                self._states, self.n_speakers = states, self.n_speakers + 1

    def _stretches(self) -> list[slice]:
        """Runs of blocks of nobody between two likely changes that were not tried yet."""
        free = (self._states == 0) & ~self._tried
        begins = free & (self._at_edge | ~np.concatenate([[False], free[:-1]]))
        ends = free & (np.append(self._at_edge[1:], True) | ~np.append(free[1:], False))
        return [
            slice(int(first), int(last) + 1)
            for first, last in zip(np.flatnonzero(begins), np.flatnonzero(ends), strict=True)
        ]

    def _settle(self, seed: slice) -> Labels:
        """States of the blocks when the stretch has begun a new one and nothing moves any more."""
        newest = self.n_speakers
        for state in range(1, newest):  # kept for the next stretch, whatever becomes of this one
            self._model(state, self._states, self._modelled)
        modelled = dict(self._modelled)
        states: Labels = self._states.copy()
        states[seed] = newest
        best = -np.inf
        for _round in range(self._settings.rounds):
            if len(np.unique(states)) <= newest:
                return states
            bids = np.column_stack([self._model(state, states, modelled, newest) for state in range(newest + 1)])
            path = decode([bids], self._costs, n_states=newest + 1)
            score = float(bids[np.arange(len(path)), path].sum() - self._costs[1:][np.diff(path) != 0].sum())
            still = bool((path == states).all())
            states = path
            if still or abs(score - best) <= _STILL:
                break
            best = score
        return states

    def _model(
        self, state: int, states: Labels, modelled: dict[int, tuple[Labels, Array]], newest: int | None = None
    ) -> Array:
        """What the mixture of a state bids for every block; trained anew where its blocks are others than before."""
        own = np.flatnonzero(states == state)
        if state not in modelled or not np.array_equal(modelled[state][0], own):
            settings = self._settings
            mixture = train(
                self._features[np.repeat(states == state, self._sizes)],
                components=settings.newest_gaussians if state == newest else settings.gaussians,
                iterations=settings.iterations,
            )
            modelled[state] = own, self._bids(mixture)
        return modelled[state][1]

    def _bids(self, mixture: Mixture) -> Array:
        """Log-likelihood of each block, float64 (n_blocks,)."""
        scores = np.concatenate([block[:, 0] for block in likelihoods(self._features, [mixture])])
        return np.asarray(np.add.reduceat(scores, self._starts))
