"""Target presenter: which stretches of speech are a person whose voice is known from a sample.

A Gaussian mixture of many voices, the universal background model, is adapted to the sample by maximum a posteriori
(Reynolds, Quatieri and Dunn, 2000). Speech is the presenter's where, over some seconds, his model explains it better
than the background and than the models of a cohort of other people. The models are made by `training/sound_classes`.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from whisperdiar.diarization._shared.features import CepstrumSettings, mfcc
from whisperdiar.errors import InvalidOption
from whisperdiar.sound_classes import grammar
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Span

Frames = NDArray[np.float32]

MODELS = "sound_voices.npz"
LEAST_S = 3.0
"""Seconds of speech that a sample holds at least."""

_FRAME_S = 0.01
_CEPSTRUM = CepstrumSettings(coefficients=20, filters=32)
_RELEVANCE = 16.0
_WINDOW_FRAMES = 200
_TRUST = 0.05
"""Weight of one frame's gain: neighbours hear the same voice."""
_PENALTY = 2.0
_SHORTEST_STEPS = 10
_BLOCK_FRAMES = 8192


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice as a mixture: means of the background model, adapted to it, float32 (n_gaussians, n_coefficients)."""

    means: Frames


@dataclass(frozen=True, slots=True)
class Background:
    """The universal background model, and voices of other people.

    Attributes:
        weights: (n_gaussians,).
        means, variances: (n_gaussians, n_coefficients).
        cohort: means of each voice, (n_voices, n_gaussians, n_coefficients).
    """

    weights: Frames
    means: Frames
    variances: Frames
    cohort: Frames

    def log_densities(self, frames: Frames, means: Frames) -> Frames:
        """Logarithm of weight and density of each Gaussian: float32 (n_frames, n_gaussians)."""
        precision = 1 / self.variances
        constant = np.log(self.weights) - 0.5 * np.sum(
            np.log(2 * np.pi * self.variances) + means**2 * precision, axis=1
        )
        return np.asarray(constant + frames @ (means * precision).T - 0.5 * (frames**2) @ precision.T, dtype=np.float32)

    def adapt(self, frames: Frames) -> Voice:
        """The voice of frames, whose means move away from the background's as far as there are frames for it."""
        densities = self.log_densities(frames, self.means)
        shares = np.exp(densities - np.logaddexp.reduce(densities, axis=1, keepdims=True))
        counts = shares.sum(axis=0)[:, None]
        centres = shares.T @ frames / np.maximum(counts, 1e-6)
        pull = counts / (counts + _RELEVANCE)
        return Voice(np.asarray(pull * centres + (1 - pull) * self.means, dtype=np.float32))

    def gains(self, frames: Frames, voice: Voice) -> Frames:
        """How much better each model explains each frame than the background: float32 (n, 1 + n_voices).

        The first column is that of the voice, the others are those of the cohort.
        """
        found = np.empty((len(frames), 1 + len(self.cohort)), dtype=np.float32)
        for first in range(0, len(frames), _BLOCK_FRAMES):
            part = frames[first : first + _BLOCK_FRAMES]
            base = np.logaddexp.reduce(self.log_densities(part, self.means), axis=1)
            for number, means in enumerate((voice.means, *self.cohort)):
                likelihood = np.logaddexp.reduce(self.log_densities(part, means), axis=1)
                found[first : first + len(part), number] = likelihood - base
        return found


@functools.cache
def load_background() -> Background:
    """The models that are shipped."""
    source = importlib.resources.files("whisperdiar.data").joinpath(MODELS)
    with source.open("rb") as file, np.load(file) as arrays:
        names = ("weights", "means", "variances", "cohort")
        return Background(*(arrays[name].astype(np.float32) for name in names))


def cepstra(audio: Audio, *, threads: int = 1) -> Frames:
    """Cepstra without the energy, on frames of 10 ms: float32 (n, n_coefficients)."""
    return mfcc(audio, settings=_CEPSTRUM, threads=threads)[:, 1:]


def enrol_speech(audio: Audio, speech: Sequence[Span]) -> Voice:
    """The voice of a sample.

    Raises:
        InvalidOption: it holds less than `LEAST_S` seconds of speech.
    """
    seconds = sum(span.duration for span in speech)
    if seconds < LEAST_S:
        raise InvalidOption(
            _("{seconds:.1f} s of speech are too little to know a voice by; give at least {least:g} s").format(
                seconds=seconds, least=LEAST_S
            )
        )
    frames = cepstra(audio)
    return load_background().adapt(np.concatenate([frames[_rows(span)] for span in speech]))


def find_voice(audio: Audio, speech: Sequence[Span], voice: Voice) -> tuple[Span, ...]:
    """The parts of speech in which the voice is heard, to the tenth of a second; one lasts a second at least."""
    found = []
    for span in speech:
        gains = load_background().gains(cepstra(audio.crop(span)), voice)
        if not len(gains):
            continue
        smooth = uniform_filter1d(gains, min(_WINDOW_FRAMES, len(gains)), axis=0, mode="nearest")
        ahead = smooth[:, 0] - np.maximum(smooth[:, 1:].max(axis=1), 0.0)
        starts = np.arange(0, len(ahead), grammar.STEP_FRAMES)
        worth = np.add.reduceat(ahead.astype(np.float64), starts) * _TRUST
        scores = np.stack([np.zeros(len(worth)), worth], axis=1).astype(np.float32)
        classes = grammar.decide(scores, shortest=(_SHORTEST_STEPS, _SHORTEST_STEPS), penalty=_PENALTY)
        for low, high, heard in grammar.list_runs(classes):
            if heard:
                step = grammar.STEP_FRAMES * _FRAME_S
                found.append(Span(span.start + low * step, min(span.end, span.start + high * step)))
    return tuple(found)


def _rows(span: Span) -> slice:
    return slice(round(span.start / _FRAME_S), round(span.end / _FRAME_S))
