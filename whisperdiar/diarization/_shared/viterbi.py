"""Viterbi decoding where every change of state at one place costs the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization._shared.gaussians import Array

Labels = NDArray[np.int64]

_CERTAIN = 1e9  # log-likelihood that outweighs any other


def decode(likelihoods: Iterable[Array], costs: Array, *, n_states: int) -> Labels:
    """Viterbi over fully connected states.

    Since a change costs the same whichever states it joins, the best way into a state is from itself or from
    the best state of all: one comparison per state and frame.

    Args:
        likelihoods: blocks of float64 (n_frames of the block, n_states), log-likelihoods of the frames.
        costs: float64 (n_frames,), the price of another state at this frame than at the one before.
        n_states: number of states.

    Returns:
        int64 (n_frames,), the state of each frame; of equally good ones the lowest.
    """
    n_frames = len(costs)
    entered = np.zeros((n_frames, n_states), dtype=bool)
    source = np.zeros(n_frames, dtype=np.int32)
    scores = np.zeros(n_states)
    t = 0
    for block in likelihoods:
        for row in block:
            best = scores.argmax()
            source[t] = best
            rival = scores[best] - costs[t]
            np.less(scores, rival, out=entered[t])
            np.maximum(scores, rival, out=scores)
            scores += row
            t += 1
    path = np.empty(n_frames, dtype=np.int64)
    state = int(scores.argmax())
    for t in range(n_frames - 1, -1, -1):
        path[t] = state
        if entered[t, state]:
            state = int(source[t])
    return path


def pin_states(blocks: Iterable[Array], kept: NDArray[np.integer]) -> Iterator[Array]:
    """The likelihoods, with every frame that is `kept` for a state (not -1) out of reach of the others."""
    first = 0
    for block in blocks:
        own = kept[first : first + len(block)]
        frames = np.flatnonzero(own >= 0)
        block[frames, own[frames]] += _CERTAIN
        first += len(block)
        yield block


def longest_run(member: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last place (exclusive) of the longest run of True; twice 0 where there is none."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], member, [False]]).astype(np.int8)))
    starts, ends = changes[::2], changes[1::2]
    if not len(starts):
        return 0, 0
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest])
