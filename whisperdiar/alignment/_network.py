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

    def probabilities(self, words: Floats, pairs: Floats, chosen: Indices) -> Floats:
        """Float32 (n, N_SLOTS), 0 where there is nobody, rows adding up to 1.

        Args:
            words: float32 (n, N_WORD_FEATURES).
            pairs: float32 (n, N_SLOTS, N_PAIR_FEATURES).
            chosen: int64 (n, N_SLOTS), the candidates; at least one in each row.
        """
        n = len(chosen)
        there = (chosen != NOBODY).reshape(-1, 1).astype(np.float32)
        around = self._layer("word", self._in_context(words))
        state = self._layer("pair", pairs.reshape(n * N_SLOTS, -1)) * there
        slots = _slots(chosen)
        places = {by: _places(slots, chosen, by) for by in (0, *sorted({*self.near, *self.far}))}
        for name, offsets in (("mix", ()), ("near", self.near), ("far", self.far)):
            seen = state
            if offsets:
                looked_at = np.stack([places[by] for by in (0, *offsets)], axis=1)
                padded = np.concatenate([state, np.zeros((1, state.shape[1]), dtype=np.float32)])
                seen = np.take(padded, looked_at, axis=0).reshape(n * N_SLOTS, -1)
            total = seen @ self.arrays[f"{name}.matrix"] + self.arrays[f"{name}.bias"]
            total += _rivals(state) @ self.arrays[f"{name}.rivals"]
            total.reshape(n, N_SLOTS, -1)[:] += (around @ self.arrays[f"{name}.around"])[:, None]
            state = np.maximum(total, 0.0, out=total) * there
        odds = (state @ self.arrays["out.matrix"] + self.arrays["out.bias"]).reshape(n, N_SLOTS)
        odds = np.where(chosen != NOBODY, odds, -np.inf)
        odds -= odds.max(axis=1, keepdims=True)
        likelihood = np.exp(odds)
        result: Floats = likelihood / likelihood.sum(axis=1, keepdims=True)
        return result

    def _layer(self, name: str, values: Floats) -> Floats:
        total = values @ self.arrays[f"{name}.matrix"] + self.arrays[f"{name}.bias"]
        result: Floats = np.maximum(total, 0.0, out=total)
        return result

    def _in_context(self, words: Floats) -> Floats:
        padded = np.pad(words, ((self.context, self.context), (0, 0)))
        return np.concatenate([padded[i : i + len(words)] for i in range(2 * self.context + 1)], axis=1)


def _slots(chosen: Indices) -> NDArray[np.int8]:
    """Which slot of a word a speaker has, int8 (n, n_speakers + 1), N_SLOTS for none; the last column is NOBODY's."""
    n_speakers = int(chosen.max()) + 1
    table = np.full((len(chosen), n_speakers + 1), N_SLOTS, dtype=np.int8)
    rows = np.arange(len(chosen))
    for slot in range(N_SLOTS):
        table[rows, chosen[:, slot]] = slot
    table[:, NOBODY] = N_SLOTS
    return table


def _places(slots: NDArray[np.int8], chosen: Indices, by: int) -> Indices:
    """Row of the same speaker's state `by` words later, int64 (n * N_SLOTS,); one past the last where he has none."""
    n = len(chosen)
    rows = np.arange(n)[:, None] + by
    inside = (rows >= 0) & (rows < n)
    slot = slots[np.clip(rows, 0, n - 1), chosen]
    found: Indices = np.where((slot < N_SLOTS) & inside, rows * N_SLOTS + slot, n * N_SLOTS).ravel()
    return found


def _rivals(state: Floats) -> Floats:
    """For every candidate, the largest of each number among the word's other candidates."""
    a, b, c, d = np.moveaxis(state.reshape(-1, N_SLOTS, state.shape[1]), 1, 0)
    left, right = np.maximum(a, b), np.maximum(c, d)
    others = (np.maximum(b, right), np.maximum(a, right), np.maximum(left, d), np.maximum(left, c))
    result: Floats = np.stack(others, axis=1).reshape(state.shape)
    return result


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
