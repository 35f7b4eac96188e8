"""The network of `whisperdiar/alignment/_network.py` in PyTorch, to be trained, and its way into NumPy's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from whisperdiar.alignment._confidence import N_EVIDENCE
from whisperdiar.alignment._turns import N_PAIR_FEATURES, N_SLOTS, NOBODY
from whisperdiar.alignment._words import N_WORD_FEATURES

CONTEXT = 2
NEAR = (-4, -3, -2, -1, 1, 2, 3, 4)
FAR = (-8, -6, -4, -2, -1, 1, 2, 4, 6, 8)


class Gather(torch.autograd.Function):
    """Rows of `state` (n, width) at `places` (n, offsets), n meaning zeros, side by side: (n, offsets * width).

    Offsets come in pairs d and -d, in order, so that a row's gradient is found by the same look-up reversed; PyTorch's
    own backward pass of an index adds row by row, many times slower.
    """

    @staticmethod
    def forward(ctx: Any, state: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        padded = torch.cat([state, state.new_zeros(1, state.shape[1])])
        return torch.index_select(padded, 0, places.reshape(-1)).reshape(places.shape[0], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        n, offsets = places.shape
        rows = gradients[0].reshape(n * offsets, -1)
        rows = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
        reverse = torch.arange(offsets - 1, -1, -1)
        source = torch.where(places < n, places * offsets + reverse, n * offsets)
        return torch.index_select(rows, 0, source.reshape(-1)).reshape(n, offsets, -1).sum(1), None


def same_speaker(chosen: NDArray[np.int64], offsets: Sequence[int]) -> NDArray[np.int64]:
    """int64 (n * N_SLOTS, offsets): the row of the same speaker at each offset, n * N_SLOTS where there is none."""
    n = len(chosen)
    found = np.full((n, N_SLOTS, len(offsets)), n * N_SLOTS)
    for column, by in enumerate(offsets):
        rows = np.arange(max(0, -by), min(n, n - by))
        same = (chosen[rows + by][:, None, :] == chosen[rows][:, :, None]) & (chosen[rows][:, :, None] != NOBODY)
        found[rows, :, column] = np.where(same.any(2), (rows + by)[:, None] * N_SLOTS + same.argmax(2), n * N_SLOTS)
    return found.reshape(n * N_SLOTS, len(offsets))


class Model(nn.Module):
    """See `whisperdiar.alignment._network`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.word = nn.Linear(N_WORD_FEATURES * (2 * CONTEXT + 1), width)
        self.pair = nn.Linear(N_PAIR_FEATURES, width)
        self.layers = nn.ModuleDict(
            {name: _Layer(width, 1 + len(offsets)) for name, offsets in (("mix", ()), ("near", NEAR), ("far", FAR))}
        )
        self.out = nn.Linear(width, 1)

    def forward(self, words: Tensor, pairs: Tensor, there: Tensor, near: Tensor, far: Tensor) -> Tensor:
        """Log odds (n, N_SLOTS) of n words: `there` is bool (n, N_SLOTS), the others as `same_speaker` gives them."""
        n = len(words)
        padded = functional.pad(words, (0, 0, CONTEXT, CONTEXT))
        around = torch.relu(self.word(torch.cat([padded[i : i + n] for i in range(2 * CONTEXT + 1)], dim=1)))
        mask = there.reshape(-1, 1)
        state = torch.relu(self.pair(pairs.reshape(n * N_SLOTS, -1))) * mask
        for name, places in (("mix", None), ("near", near), ("far", far)):
            seen = state if places is None else torch.cat([state, Gather.apply(state, places)], dim=1)
            state = self.layers[name](seen, state, around) * mask
        return self.out(state).reshape(n, N_SLOTS).masked_fill(~there, -1e4)


class _Layer(nn.Module):
    def __init__(self, width: int, views: int) -> None:
        super().__init__()
        self.seen = nn.Linear(views * width, width)
        self.rivals = nn.Linear(width, width, bias=False)
        self.around = nn.Linear(width, width, bias=False)

    def forward(self, seen: Tensor, state: Tensor, around: Tensor) -> Tensor:
        total = self.seen(seen) + self.rivals(_rivals(state))
        return torch.relu(total + self.around(around).repeat_interleave(N_SLOTS, dim=0))


def _rivals(state: Tensor) -> Tensor:
    a, b, c, d = state.reshape(-1, N_SLOTS, state.shape[1]).unbind(1)
    left, right = torch.maximum(a, b), torch.maximum(c, d)
    others = [torch.maximum(b, right), torch.maximum(a, right), torch.maximum(left, d), torch.maximum(left, c)]
    return torch.stack(others, dim=1).reshape(state.shape)


def export(model: Model, path: Path, *, temperature: float = 1.0) -> None:
    """Weights as `whisperdiar.alignment` reads them; log odds are divided by `temperature`.

    Those of the confidence are zero until `training.alignment.confidence` fits them.
    """
    arrays: dict[str, NDArray[Any]] = {
        "context": np.array(CONTEXT), "near_offsets": np.array(NEAR), "far_offsets": np.array(FAR),
        "confidence": np.zeros(N_EVIDENCE, np.float32),
    }  # fmt: skip
    for name, linear in (("word", model.word), ("pair", model.pair), ("out", model.out)):
        scale = 1 / temperature if name == "out" else 1.0
        arrays[f"{name}.matrix"], arrays[f"{name}.bias"] = _matrix(linear) * scale, _bias(linear) * scale
    for name, layer in model.layers.items():
        arrays[f"{name}.matrix"], arrays[f"{name}.bias"] = _matrix(layer.seen), _bias(layer.seen)
        arrays[f"{name}.rivals"], arrays[f"{name}.around"] = _matrix(layer.rivals), _matrix(layer.around)
    np.savez_compressed(path, **arrays)


def _matrix(linear: nn.Linear) -> NDArray[np.float32]:
    return np.ascontiguousarray(linear.weight.detach().numpy().T.astype(np.float32))


def _bias(linear: nn.Linear) -> NDArray[np.float32]:
    return linear.bias.detach().numpy().astype(np.float32)
