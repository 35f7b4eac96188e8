"""What voices are told apart by in clustering: cepstra without the energy, and without the quietest frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.gaussians import Array, Features, stretch_sums
from whisperdiar.diarization._shared.speech_frames import Labels

_MIN_LOUD = 5  # frames of a stretch that are not among the quietest: with fewer it joins its neighbour
_MIN_PIECE = 25  # frames; stretches are not cut finer than that to reach a number of speakers


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
