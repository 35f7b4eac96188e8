"""Timeline: where decoded sound lies in time, with timestamps, gaps, and the part that was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from whisperdiar.media.store import SampleStore
from whisperdiar.types import Samples

TOLERANCE = 0.05
"""Seconds by which timestamps may wander before they are believed: containers round, clocks drift."""

_EXACT_TOLERANCE = 0.002  # Matroska and Flash round to the millisecond
_SHORTEST_JUMP = 1.0  # of those that are told
_LONGEST_GAP_UNKNOWN = 600.0
_LONGEST_GAP = 86_400.0
_SILENCE_BLOCK = 2**20


class FrameClock:
    """Decides from a frame's timestamp where its first sample lies.

    Sound whose timestamps run on stays in one piece. Later timestamps mean a gap, earlier ones that the
    sound overlaps what is there. Timestamps that start again or cannot be meant are shifted so that they run on.

    Args:
        longest: seconds that the recording lasts according to its container; None where unknown.
        longest_jump: gaps from here on (seconds) are discontinuities of the clock, not silence, unless bytes of
            the file account for them.
        jumps: list to which (time, seconds) of gaps that are taken for discontinuities are added.
    """

    def __init__(
        self,
        *,
        longest: float | None,
        longest_jump: float = math.inf,
        jumps: list[tuple[float, float]] | None = None,
    ) -> None:
        self.jumps = [] if jumps is None else jumps
        self._longest = longest
        self._longest_jump = longest_jump
        self._shift = 0.0  # added to timestamps since a discontinuity
        self._last: float | None = None
        self._dropped = 0.0
        self._trusted = True

    def extend(self, longest: float) -> None:
        """The recording may last up to this time, in seconds."""
        if self._longest is not None:
            self._longest = max(self._longest, longest)

    def place(
        self,
        stamp: float | None,
        expected: float,
        *,
        following: float | None = None,
        after_loss: bool = False,
        is_hole: Callable[[float], bool] = lambda gap: False,  # noqa: ARG005 (no bytes are known to be missing)
    ) -> float:
        """Start of a frame in seconds: `expected` itself where the sound runs on.

        Args:
            stamp: the frame's timestamp in seconds.
            expected: where the frame before it ended.
            following: timestamp of the next frame.
            after_loss: a packet between the two could not be decoded.
            is_hole: tells of a gap of that many seconds whether the file is damaged there.
        """
        if stamp is None or not self._trusted or (following is not None and following < stamp):
            return expected  # the last: a single timestamp ahead of its neighbours, or the last one before a restart
        first, restarted = self._last is None, self._last is not None and stamp <= self._last
        self._last = stamp
        gap = stamp + self._shift - expected
        if restarted:
            self._shift -= gap
        elif gap > (_EXACT_TOLERANCE if after_loss else TOLERANCE):
            if self._is_plausible(gap, expected, first=first, is_hole=is_hole):
                return expected + gap
            self._shift -= gap
            if gap >= _SHORTEST_JUMP:
                self.jumps.append((expected, gap))
        elif gap < -TOLERANCE:
            self._dropped -= gap
            # Timestamps that are slower than the sound would remove all of it bit by bit.
            self._trusted = self._dropped <= 1.0 + 0.02 * expected
            return expected + gap if self._trusted else expected
        return expected

    def _is_plausible(self, gap: float, expected: float, *, first: bool, is_hole: Callable[[float], bool]) -> bool:
        if self._longest is None:
            return gap <= _LONGEST_GAP_UNKNOWN
        within = expected + gap <= self._longest + 1.0 and gap <= _LONGEST_GAP
        return within and (first or gap <= self._longest_jump or is_hole(gap))


class Timeline:
    """Takes blocks of samples at their places and keeps those inside [first, last).

    Args:
        n_channels: channels to keep; blocks may have others, see `add`.
        first: index of the first sample to keep.
        last: index after the last sample to keep; None for no end.
    """

    def __init__(self, n_channels: int, *, first: int = 0, last: int | None = None) -> None:
        self.position = 0
        self._n_channels = n_channels
        self._first = first
        self._last = last
        self._skip = 0
        self.store = SampleStore(n_channels)

    @property
    def complete(self) -> bool:
        return self._last is not None and self.position >= self._last

    def move_to(self, index: int) -> None:
        """The next block begins at this sample: silence fills a gap; of an overlap the earlier sound stays."""
        self._skip = max(0, self.position - index)
        while self.position < index and not self.complete:
            n_samples = min(index - self.position, _SILENCE_BLOCK)
            self._keep(np.zeros((self._n_channels, n_samples), dtype=np.float32))

    def add(self, block: Samples) -> None:
        """Append float32 (n, n_samples).

        All channels become one by their mean, one is copied into all. Where another number of channels than
        `n_channels` has no such answer (streams may change half-way), the first are taken, missing ones are silent.
        """
        skipped = min(self._skip, block.shape[1])
        self._skip -= skipped
        block = block[:, skipped:]
        if self._n_channels == 1:
            block = block.mean(axis=0, dtype=np.float32, keepdims=True)
        elif block.shape[0] != self._n_channels:
            wanted = np.zeros((self._n_channels, block.shape[1]), dtype=np.float32)
            common = self._n_channels if block.shape[0] == 1 else min(block.shape[0], self._n_channels)
            wanted[:common] = block[:common]
            block = wanted
        self._keep(block)

    def add_all(self, blocks: Iterable[Samples]) -> None:
        """`add` for each block."""
        for block in blocks:
            self.add(block)

    def _keep(self, block: Samples) -> None:
        low = max(0, self._first - self.position)
        high = block.shape[1] if self._last is None else min(block.shape[1], self._last - self.position)
        self.position += block.shape[1]
        if high > low:
            self.store.append(block[:, low:high])
