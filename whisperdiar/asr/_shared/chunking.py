"""Chunking: speech spans → pieces that a recogniser takes at once (pure).

speech   ▇▇▇▇▇ ▇▇▇▇   ▇▇▇▇▇▇▇▇ ▇▇▇            ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
pieces   [────────]   [──────────]            [────────────────][──────────────]
         neighbours travel together;          no pause: cut where it is quietest
         cut at the longest pause
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from whisperdiar.types import Audio, Span, merge_spans

_FRAME_S = 0.01
_SMOOTH_FRAMES = 21
"""About 0.2 s: longer than a stop consonant's closure, so that a word is not cut at its /t/."""


def cut_pieces(
    speech: Iterable[Span], *, limit: float, max_pause: float, cut: Callable[[Span], float]
) -> tuple[Span, ...]:
    """Sorted pieces that together hold all of `speech`, none longer than `limit` seconds.

    Spans with a pause of at most `max_pause` seconds between them share a piece, pause included. What is longer
    than `limit` is cut in the second half of the window: at the longest pause there, or else at `cut(window)`.

    Args:
        speech: spans in any order; they may overlap.
        limit: greatest length of a piece, seconds; positive.
        max_pause: seconds.
        cut: gives the best time inside a window in which nobody pauses.
    """
    found: list[Span] = []
    for run in _runs(merge_spans(span for span in speech if span.duration > 0), max_pause):
        rest = run
        while rest[-1].end - rest[0].start > limit:
            first, rest = _split(rest, limit, cut)
            found.append(first)
        found.append(Span(rest[0].start, rest[-1].end))
    return tuple(found)


def _runs(spans: Sequence[Span], max_pause: float) -> list[list[Span]]:
    runs: list[list[Span]] = []
    for span in spans:
        if runs and span.start - runs[-1][-1].end <= max_pause:
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


def _split(run: list[Span], limit: float, cut: Callable[[Span], float]) -> tuple[Span, list[Span]]:
    start, end = run[0].start, run[-1].end
    # The last quarter of the limit is left to the rest, so that no sliver of a word becomes a piece of its own.
    window = Span(start + limit / 2, min(start + limit, end - limit / 4))
    pauses = [
        (after.start - before.end, before.end)
        for before, after in pairwise(run)
        if before.end <= window.end and after.start >= window.start
    ]
    time = max(max(pauses)[1], window.start) if pauses else min(max(cut(window), window.start), window.end)
    kept = [part for span in run if (part := span.clip(start, time))]
    rest = [part for span in run if (part := span.clip(time, end))]
    return Span(start, kept[-1].end), rest


def find_quietest(audio: Audio, window: Span) -> float:
    """The middle of the longest quiet stretch inside `window`, in seconds of the audio.

    Quiet is what lies within 3 dB of the lowest mean power over about 0.2 s.
    """
    samples = audio.crop(window).mono
    hop = max(1, round(audio.sample_rate * _FRAME_S))
    n_frames = samples.size // hop
    width = min(_SMOOTH_FRAMES, n_frames)
    if width == 0:
        return (window.start + window.end) / 2
    power = np.square(samples[: n_frames * hop], dtype=np.float64).reshape(n_frames, hop).mean(axis=1)
    smooth = np.convolve(power, np.full(width, 1 / width), mode="valid")
    quiet = smooth <= 2 * max(float(smooth.min()), 1e-12)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False]))))
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    centre = (starts[longest] + ends[longest] - 1 + width) / 2
    return float(window.start + centre * hop / audio.sample_rate)
