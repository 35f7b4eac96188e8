"""Packing: speech spans → pieces of speech with short pauses, and times back to the recording's (pure).

speech   ▇▇▇▇▇ ▇▇▇▇      ▇▇▇▇▇▇          ▇▇▇            ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
pieces   [────────]─[──────]─[───]                     [────────────────][────────────]
         one piece: Whisper pays for 30 s              no pause: cut where it is quietest
         of sound, however little is spoken in it
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from whisperdiar.types import Audio, Samples, Span, clip_spans, merge_spans

_EARLIEST_END = 0.35
"""A piece ends at a pause from this share of its limit on; with less in it, the speech after the pause is cut."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Stretches of a recording that are decoded as one sound.

    Attributes:
        clips: sorted and apart; the sound is these, one after another.
    """

    clips: tuple[Span, ...]
    _starts: tuple[float, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        starts = [0.0]
        for clip in self.clips[:-1]:
            starts.append(starts[-1] + clip.duration)
        object.__setattr__(self, "_starts", tuple(starts))

    @property
    def span(self) -> Span:
        """From the first clip to the last, in the recording."""
        return Span(self.clips[0].start, self.clips[-1].end)

    @property
    def duration(self) -> float:
        """Of the sound, seconds."""
        return self._starts[-1] + self.clips[-1].duration

    def spoken(self, speech: Sequence[Span]) -> list[Span]:
        """The parts of sorted `speech` that lie in the clips."""
        return [part for clip in self.clips for part in clip_spans(speech, clip.start, clip.end)]

    def read_sound(self, audio: Audio) -> Samples:
        """float32 (n_samples,): a copy of the clips, mixed to mono."""
        return np.concatenate([audio.crop(clip).mono for clip in self.clips])

    def time(self, seconds: float) -> float:
        """Where a moment of the sound lies in the recording."""
        index = max(0, bisect_right(self._starts, seconds) - 1)
        clip = self.clips[index]
        return min(max(clip.start, clip.start + seconds - self._starts[index]), clip.end)


def pack(
    speech: Iterable[Span], *, limit: float, max_pause: float, kept_pause: float, cut: Callable[[Span], float]
) -> tuple[Piece, ...]:
    """Sorted pieces that together hold all of `speech`, none of more than `limit` seconds of sound.

    A piece ends at a pause where the next span does not fit in. Of longer pauses `kept_pause` seconds stay. Speech
    without a pause is cut at `cut(window)`, in the second half of what is left of the limit.

    Args:
        speech: spans in any order; they may overlap.
        limit: greatest length of a piece's sound, seconds; positive.
        max_pause: a longer pause always ends a piece, seconds.
        kept_pause: what stays of a pause, seconds.
        cut: gives the best time inside a window in which nobody pauses.
    """
    pieces: list[list[Span]] = []
    current: list[Span] = []
    filled = 0.0
    todo = deque(merge_spans(span for span in speech if span.duration > 0))
    while todo:
        span = todo.popleft()
        gap = span.start - current[-1].end if current else 0.0
        if current and (gap > max_pause or _is_full(filled, gap, span, limit, kept_pause)):
            pieces.append(current)
            current, filled, gap = [], 0.0, 0.0
        lead = min(gap, kept_pause)
        room = limit - filled - lead
        if span.duration <= room:
            current.append(span)
            filled += lead + span.duration
            continue
        low = span.start + max(0.0, limit / 2 - filled - lead)
        # The last quarter of the limit is left to the rest, so that no sliver of a word becomes a piece of its own.
        high = max(low, min(span.start + room, span.end - limit / 4))
        time = min(max(cut(Span(low, high)), low), high)
        pieces.append([*current, Span(span.start, time)])
        current, filled = [], 0.0
        todo.appendleft(Span(time, span.end))
    if current:
        pieces.append(current)
    return tuple(_make_piece(spans, kept_pause) for spans in pieces)


def _is_full(filled: float, gap: float, span: Span, limit: float, kept_pause: float) -> bool:
    room = limit - filled - min(gap, kept_pause)
    if span.duration <= room:
        return False
    return room <= 0 or filled >= _EARLIEST_END * limit or span.duration <= limit / 4


def _make_piece(spans: list[Span], kept_pause: float) -> Piece:
    """The spans with half of a kept pause on either side."""
    clips = [spans[0]]
    for span in spans[1:]:
        last = clips[-1]
        if span.start - last.end <= kept_pause:
            clips[-1] = Span(last.start, span.end)
        else:
            clips[-1] = Span(last.start, last.end + kept_pause / 2)
            clips.append(Span(span.start - kept_pause / 2, span.end))
    return Piece(tuple(clips))
