"""Resegmentation: every cluster's mixture of Gaussians bids for every frame, and changes move into pauses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from whisperdiar.diarization._shared.gaussians import Array, Features
from whisperdiar.diarization._shared.mixtures import likelihoods, thin, train
from whisperdiar.diarization._shared.speech_frames import Labels, SpeechFrames
from whisperdiar.diarization._shared.viterbi import decode, longest_run, pin_states
from whisperdiar.types import ActivityValues

_FAINTEST = -60_000.0  # log-likelihood that fits into 16 bits


class DecodingSettings(Protocol):
    """How mixtures are trained and what a change of speaker costs.

    Attributes:
        gaussians: components of a speaker's mixture.
        iterations: of training after each doubling of the components.
        change_penalty: log-likelihood that a change of speaker within running speech costs.
        pause_penalty: the same where a pause lies between.
    """

    @property
    def gaussians(self) -> int: ...
    @property
    def iterations(self) -> int: ...
    @property
    def change_penalty(self) -> float: ...
    @property
    def pause_penalty(self) -> float: ...


def resegment(
    features: Features,
    labels: Labels,
    frames: SpeechFrames,
    values: ActivityValues | None,
    *,
    settings: DecodingSettings,
    at_least: int,
) -> tuple[Labels, ActivityValues | None]:
    """Speaker of each place when every cluster's mixture bids for every frame; and `values` of the speakers.

    A cluster that wins no frame is gone, unless that would leave fewer than `at_least`: then the lost ones
    keep their longest stretch.

    Args:
        features: float32 (n_places, d), of variance about 1.
        labels: int64 (n_places,), the cluster of each place, 0 … n_clusters - 1; -1 for a place that no mixture learns
            from.
        values: zeros (n_frames, n_clusters), to be filled with the likelihoods of the frames; None to do without.
    """
    n_clusters = int(labels.max()) + 1
    if n_clusters < 2:
        return np.zeros_like(labels), values
    mixtures = [
        train(
            features[thin(np.flatnonzero(labels == i))], components=settings.gaussians, iterations=settings.iterations
        )
        for i in range(n_clusters)
    ]
    costs = np.full(len(labels), settings.change_penalty)
    costs[frames.edges[1:-1]] = settings.pause_penalty
    kept = np.full(len(labels), -1, dtype=np.int32)
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


def _copy_blocks(blocks: Iterator[Array], values: ActivityValues, frames: SpeechFrames) -> Iterator[Array]:
    """The same blocks of log-likelihoods, float64 (n, n_clusters), of which `values` get what they are short of the
    best."""
    first = 0
    for block in blocks:
        here = frames.numbers[first : first + len(block)]
        values[here] = np.maximum(block - block.max(axis=1, keepdims=True), _FAINTEST)
        first += len(block)
        yield block


def move_to_pauses(labels: Labels, energy: Features, frames: SpeechFrames, reach: int) -> Labels:
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
