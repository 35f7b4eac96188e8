"""Grammar of sound classes: the most probable sequence in which every stretch lasts long enough (Viterbi).

Each class is a chain of states that has to be run through before another class may begin, which is how a hidden Markov
model holds a shortest duration (Rabiner, 1989, section IV.D). Classes are decided on a grid of 0.1 s; then every change
moves to the frame of 10 ms where the evidence turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Classes = NDArray[np.int64]

STEP_FRAMES = 10
"""Frames of 10 ms that are decided together."""

_SNAP_FRAMES = 25
"""How far a change may move to each side, in frames of 10 ms."""


def decide(scores: Scores, *, shortest: Sequence[int], penalty: float) -> Classes:
    """The best class of each step: int64 (n_steps,).

    The first and the last stretch may be shorter than the others: the recording cuts them.

    Args:
        scores: log-likelihood of each class in each step, (n_steps, n_classes).
        shortest: least number of steps of each class, 1 or more.
        penalty: what a change costs.
    """
    n_steps, n_classes = scores.shape
    if not n_steps:
        return np.empty(0, dtype=np.int64)
    lengths = np.asarray(shortest, dtype=np.int64)
    ends = np.cumsum(lengths) - 1  # the state of each class in which it may go on, and be left
    starts = ends - lengths + 1
    owner = np.repeat(np.arange(n_classes), lengths)
    n_states = len(owner)
    best = scores[0].astype(np.float64)[owner]  # any state may be the first
    came = np.empty((n_steps, n_classes), dtype=np.int8)  # the class before, of a first state
    stayed = np.empty((n_steps, n_classes), dtype=bool)  # whether the last state was there already
    before = np.empty(n_states)
    apart = np.where(np.eye(n_classes, dtype=bool), -np.inf, -penalty)
    for step in range(1, n_steps):
        leaving = best[ends]
        entering = leaving[None, :] + apart
        came[step] = entering.argmax(axis=1)
        before[1:] = best[:-1]
        before[starts] = entering[np.arange(n_classes), came[step]]
        stayed[step] = leaving >= before[ends]
        before[ends] = np.maximum(leaving, before[ends])
        best = before + scores[step][owner]
        before = np.empty(n_states)
    return _trace_back(int(best.argmax()), came, stayed, starts, ends, owner)


def _trace_back(
    state: int, came: NDArray[np.int8], stayed: NDArray[np.bool_], starts: Classes, ends: Classes, owner: Classes
) -> Classes:
    """The classes of the path that ends in `state`."""
    path = np.empty(len(came), dtype=np.int64)
    first, last, owners = starts.tolist(), ends.tolist(), owner.tolist()
    for step in range(len(came) - 1, -1, -1):
        here = owners[state]
        path[step] = here
        if step == 0 or (state == last[here] and stayed[step, here]):
            continue
        state = last[int(came[step, here])] if state == first[here] else state - 1
    return path


def list_runs(classes: Classes) -> list[tuple[int, int, int]]:
    """First step, step behind the last, and class of each run of one class."""
    if not len(classes):
        return []
    changes = np.flatnonzero(np.diff(classes)) + 1
    bounds = [0, *changes.tolist(), len(classes)]
    return [(low, high, int(classes[low])) for low, high in pairwise(bounds)]


def snap(runs: Sequence[tuple[int, int, int]], frame_scores: Scores) -> list[tuple[int, int, int]]:
    """Runs in frames of 10 ms, each change where the evidence for what comes overtakes that for what was.

    Args:
        runs: from `list_runs`, in steps.
        frame_scores: log-likelihood of each class in each frame of 10 ms.
    """
    n_frames = len(frame_scores)
    bounds = [min(n_frames, low * STEP_FRAMES) for low, _high, _class in runs]
    found = [0]
    for (low, _low_end, before), (_start, high, after), bound in zip(runs, runs[1:], bounds[1:], strict=False):
        # Half of a neighbour at most: the next change moves as well.
        first = max(bound - _SNAP_FRAMES, (low * STEP_FRAMES + bound) // 2, found[-1] + 1)
        last = min(bound + _SNAP_FRAMES, (bound + min(n_frames, high * STEP_FRAMES)) // 2, n_frames - 1)
        if first >= last:
            found.append(bound)
            continue
        gain = frame_scores[first:last, before] - frame_scores[first:last, after]
        found.append(first + int(np.argmax(np.concatenate([[0.0], np.cumsum(gain, dtype=np.float64)]))))
    ends = [*found[1:], n_frames]
    return [(low, high, kind) for low, high, (_a, _b, kind) in zip(found, ends, runs, strict=True)]
