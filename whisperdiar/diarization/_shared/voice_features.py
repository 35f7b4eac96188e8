"""What voices are told apart by in clustering: cepstra without the energy, and without the quietest frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from whisperdiar.diarization._shared.gaussians import Array, Features, likelihood_cost, stretch_sums, total_sums
from whisperdiar.diarization._shared.speech_frames import Labels

_MIN_LOUD = 5  # frames of a stretch that are not among the quietest: with fewer it joins its neighbour
_SECOND = 100  # frames
_LEAST_PAIRS = 3
_SILENCE = 10  # frames
_MIN_PIECE = 25  # frames; stretches are not cut finer than that to reach a number of speakers


def split_at_silences(edges: Sequence[int], energy: Features, *, longest: int, shortest: int) -> list[int]:
    """With stretches that are too long cut at their quietest place, until none is or none can be cut.

    Args:
        edges: places, rising.
        energy: float32 (n_places,).
        longest: places of a stretch that is left whole.
        shortest: places that either piece keeps.
    """
    cut, left = [edges[-1]], list(pairwise(edges))
    while left:
        first, last = left.pop()
        if last - first > max(longest, 2 * shortest):
            low = first + shortest
            middle = low + int(_smooth(energy[low : last - shortest]).argmin())
            left += [(first, middle), (middle, last)]
        else:
            cut.append(first)
    return cut[::-1]


def _smooth(energy: Features) -> Features:
    """The mean over the tenth of a second around each place, so that one faint frame is no silence."""
    return np.asarray(uniform_filter1d(energy, _SILENCE, mode="nearest"))


class VoiceFeatures:
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
        sums = [
            total_sums(self.features, first + np.flatnonzero(self.loud[first:last])) for first, last in pairwise(edges)
        ]
        return np.stack(sums) if sums else np.empty((0, self.features.shape[1] + 1, self.features.shape[1] + 1))

    def cluster_sums(self, labels: Labels) -> Array:
        """Sums over the loud frames of each cluster, or over all where hardly any is loud."""
        clusters = range(int(labels.max()) + 1)
        return np.stack([total_sums(self.features, self._heard_places(labels, cluster)) for cluster in clusters])

    def cluster_features(self, labels: Labels, cluster: int) -> Features:
        """The loud frames of one cluster, or all where hardly any is loud: float32 (n_frames, d)."""
        own: Features = self.features[self._heard_places(labels, cluster)]
        return own

    def _heard_places(self, labels: Labels, cluster: int) -> NDArray[np.int64]:
        own = labels == cluster
        heard = own & self.loud
        return np.flatnonzero(heard if heard.sum() >= _MIN_LOUD else own)

    def chance_gain(self, edges: Sequence[int]) -> float | None:
        """Gain in likelihood of two Gaussians over one for neighbouring seconds of one voice: how far one voice lies
        from itself in this room, by this microphone. The median over the stretches between successive `edges`.

        None where fewer than three stretches hold two seconds of loud frames.
        """
        gains: list[float] = []
        for first, last in pairwise(edges):
            places = first + np.flatnonzero(self.loud[first:last])
            n_pairs = len(places) // (2 * _SECOND)
            if n_pairs:
                cut = [_SECOND * number for number in range(2 * n_pairs + 1)]
                sums = stretch_sums(self.features[places[: cut[-1]]], cut)
                costs, both = likelihood_cost(sums), likelihood_cost(sums[0::2] + sums[1::2])
                gains += (both - costs[0::2] - costs[1::2]).tolist()
        return float(np.median(gains)) if len(gains) >= _LEAST_PAIRS else None
