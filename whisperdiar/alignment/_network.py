"""Speaker assignment network: evidence per word → a probability for each candidate speaker.

Every candidate of a word has a state of `width` numbers. It begins with what the turns say of him, hears what they
say of his strongest rivals and how the words around pause and end (one layer), and then, twice, looks at the same
speaker's states at words before and after (a convolution along the speaker, over 4 and then 8 words to each side).
The last layer's values, one a candidate, are log odds: softmax makes probabilities of them. As all candidates pass
through the same weights, their order and their names mean nothing.

Weights are made by `training/alignment`; NumPy alone runs them.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.alignment._turns import N_SLOTS, NOBODY
from whisperdiar.alignment._words import Floats, Indices

WEIGHTS = "alignment.npz"

_PIECE = 128
"""Words whose neighbours' states are gathered at a time: few enough for the processor's second cache."""


@dataclass(frozen=True, slots=True)
class AssignmentNetwork:
    """Weights, float32; a layer maps (n, inputs) by `x @ matrix + bias`.

    Attributes:
        context: words to each side that the word layer sees.
        near, far: offsets, in words, at which the two convolutions look.
        arrays: matrices and biases by name.
        confidence: float32 (N_EVIDENCE,), the weights of `whisperdiar.alignment._confidence`.
    """

    context: int
    near: tuple[int, ...]
    far: tuple[int, ...]
    arrays: dict[str, Floats]
    confidence: Floats

    @property
    def reach(self) -> int:
        """Words to each side that can change a word's probabilities."""
        return self.context + max(self.near) + max(self.far)

    def probabilities(self, words: Floats, pairs: Floats, chosen: Indices, kept: slice = slice(None)) -> Floats:
        """Float32 (n_kept, N_SLOTS), 0 where there is nobody, rows adding up to 1.

        Args:
            words: float32 (n, N_WORD_FEATURES).
            pairs: float32 (n, N_SLOTS, N_PAIR_FEATURES).
            chosen: int64 (n, N_SLOTS), the candidates; at least one in each row.
            kept: words whose probabilities are wanted; the others are what surrounds them.
        """
        first, last, _ = kept.indices(len(chosen))
        width = self.arrays["pair.bias"].size
        places, n_places = _lay_out(chosen, max(*self.near, *self.far))
        there = (chosen != NOBODY).astype(np.float32)[:, :, None]
        around = self._layer("word", self._in_context(words))
        state = self._layer("pair", pairs)
        state *= there
        # What rivals say lies behind the states, so that one product hears both.
        table = np.zeros((n_places + chosen.size, width), dtype=np.float32)
        rivals = n_places + np.arange(chosen.size).reshape(chosen.shape)
        begun = 0  # the word whose states come first
        # Each layer is computed for those words only that the next one looks at.
        for name, offsets, reach in (
            ("mix", (), len(chosen)),
            ("near", self.near, max(self.far)),
            ("far", self.far, 0),
        ):
            here = slice(max(0, first - reach), min(len(chosen), last + reach))
            table[places[begun : begun + len(state)]] = state
            state = state[here.start - begun : here.stop - begun]
            n_here = len(state)
            _fill_rivals(state, table[n_places : n_places + n_here * N_SLOTS].reshape(state.shape))
            state = self._hear(name, table, places[here], offsets, rivals[:n_here], around[here])
            state *= there[here]
            begun = here.start
        odds = (state @ self.arrays["out.matrix"] + self.arrays["out.bias"])[:, :, 0]
        odds = np.where(chosen[here] != NOBODY, odds, -np.inf)
        odds -= odds.max(axis=1, keepdims=True)
        likelihood = np.exp(odds, out=odds)
        result: Floats = likelihood / likelihood.sum(axis=1, keepdims=True)
        return result

    def _hear(
        self, name: str, table: Floats, places: Indices, offsets: tuple[int, ...], rivals: Indices, around: Floats
    ) -> Floats:
        """The next states, float32 (n, N_SLOTS, width).

        Args:
            table: float32 (n_rows, width), states.
            places: int64 (n, N_SLOTS), the candidates' rows of it; those `offsets` away are heard as well.
            rivals: int64 (n, N_SLOTS), the rows of what their rivals say.
            around: float32 (n, width), of the words.
        """
        n, width = around.shape
        matrix = np.concatenate([self.arrays[f"{name}.matrix"], self.arrays[f"{name}.rivals"]])
        index = np.empty((_PIECE, N_SLOTS, len(offsets) + 2), dtype=np.int64)
        seen = np.empty((*index.shape, width), dtype=np.float32)
        result = np.empty((n, N_SLOTS, width), dtype=np.float32)
        for first in range(0, n, _PIECE):
            here = slice(first, min(n, first + _PIECE))
            size = here.stop - first
            np.add(places[here, :, None], (0, *offsets), out=index[:size, :, :-1])
            index[:size, :, -1] = rivals[here]
            # All rows exist; without a mode that says so NumPy would write to a copy of its own first.
            np.take(table, index[:size], axis=0, out=seen[:size], mode="clip")
            flat = seen[:size].reshape(size * N_SLOTS, -1)
            np.matmul(flat, matrix, out=result[here].reshape(size * N_SLOTS, width))
        result += (around @ self.arrays[f"{name}.around"] + self.arrays[f"{name}.bias"])[:, None]
        np.maximum(result, 0.0, out=result)
        return result

    def _layer(self, name: str, values: Floats) -> Floats:
        flat = values.reshape(-1, values.shape[-1])
        total = flat @ self.arrays[f"{name}.matrix"]
        total += self.arrays[f"{name}.bias"]
        result: Floats = np.maximum(total, 0.0, out=total).reshape(*values.shape[:-1], -1)
        return result

    def _in_context(self, words: Floats) -> Floats:
        padded = np.pad(words, ((self.context, self.context), (0, 0)))
        return np.concatenate([padded[i : i + len(words)] for i in range(2 * self.context + 1)], axis=1)


def _lay_out(chosen: Indices, reach: int) -> tuple[Indices, int]:
    """Places for the states of all candidates, and how many there are, so that a convolution is a shift.

    Int64 (n, N_SLOTS): the state of the same speaker at a word up to `reach` words away is so many places away; a
    place that no candidate has stands for a word of which he is none. NOBODY's own share places.
    """
    speaker, word = chosen.ravel(), np.arange(len(chosen)).repeat(N_SLOTS)
    order = np.argsort(speaker, kind="stable")
    # Longer gaps are cut short, so that the room needed does not grow with the number of speakers.
    step = np.minimum(np.diff(word[order]), reach + 1)
    step[np.diff(speaker[order]) != 0] = reach + 1
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.cumsum(np.concatenate([[reach], step]))
    return places.reshape(chosen.shape), int(places[order[-1]]) + reach + 1


def _fill_rivals(state: Floats, others: Floats) -> None:
    """For every candidate, the largest of each number among the word's other candidates."""
    a, b, c, d = np.moveaxis(state, 1, 0)
    left, right = np.maximum(a, b), np.maximum(c, d)
    for slot, (one, two) in enumerate(((b, right), (a, right), (left, d), (left, c))):
        np.maximum(one, two, out=others[:, slot])


@functools.cache
def load_shipped() -> AssignmentNetwork:
    """The network that comes with whisperdiar."""
    source = importlib.resources.files("whisperdiar.data").joinpath(WEIGHTS)
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    names = ("context", "near_offsets", "far_offsets", "confidence")
    context, near, far, sure = (arrays.pop(name) for name in names)
    return AssignmentNetwork(int(context), _integers(near), _integers(far), arrays, sure)


def _integers(values: Sequence[int] | NDArray[np.generic]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
