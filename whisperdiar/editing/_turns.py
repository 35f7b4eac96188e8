"""Turns of the diarizer after a person has said who speaks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from whisperdiar.types import Span, Turn, merge_spans

_JOINED = 0.5
"""Words of one speaker that no turn covers share a new turn up to so many seconds apart."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word: when, who said it before the correction (None: nobody, or there was no word), and who says it now."""

    span: Span
    before: str | None
    after: str | None

    @property
    def middle(self) -> float:
        return (self.span.start + self.span.end) / 2


def corrected_turns(turns: Sequence[Turn], words: Iterable[Said]) -> tuple[Turn, ...]:
    """The turns with every word in a turn of its speaker.

    A turn all of whose words went to another speaker goes there as a whole; one that lost a part is cut in the pauses
    around it. Words that no turn of their speaker covers get a turn of their own. Turns without corrections stay.
    """
    ordered = sorted(words, key=lambda word: word.middle)
    by_speaker: dict[str, list[Said]] = {}
    for word in ordered:
        if word.before is not None:
            by_speaker.setdefault(word.before, []).append(word)
    middles = {speaker: [word.middle for word in said] for speaker, said in by_speaker.items()}
    made: list[Turn] = []
    for turn in turns:
        said = by_speaker.get(turn.speaker, [])
        if said:
            times = middles[turn.speaker]
            said = said[bisect_left(times, turn.span.start) : bisect_left(times, turn.span.end)]
        made += _divided(turn, said)
    return tuple(sorted([*made, *_missing(made, ordered)], key=lambda t: (t.span.start, t.span.end, t.speaker)))


def _divided(turn: Turn, said: Sequence[Said]) -> list[Turn]:
    if all(word.after == turn.speaker for word in said):
        return [turn]
    runs = [(speaker, list(group)) for speaker, group in groupby(said, key=lambda word: word.after)]
    cuts = [turn.span.start]
    for (_, left), (_, right) in pairwise(runs):
        cut = (max(word.span.end for word in left) + right[0].span.start) / 2
        cuts.append(min(max(cut, cuts[-1]), turn.span.end))
    cuts.append(turn.span.end)
    parts = [
        replace(turn, span=Span(start, end), speaker=speaker)
        for (speaker, _), (start, end) in zip(runs, pairwise(cuts), strict=True)
        if speaker is not None and end > start
    ]
    sure = None if turn.confidence is None else 1.0
    return [part if part.speaker == turn.speaker else replace(part, confidence=sure) for part in parts]


def _missing(turns: Sequence[Turn], words: Iterable[Said]) -> list[Turn]:
    """Turns for words that have come to a speaker who has none there."""
    own: dict[str, list[Turn]] = {}
    for turn in turns:
        own.setdefault(turn.speaker, []).append(turn)
    lonely: dict[str, list[Span]] = {}
    for word in words:
        speaker = word.after
        if speaker is None or speaker == word.before or not word.span.duration:
            continue
        if not any(turn.span.start <= word.middle < turn.span.end for turn in own.get(speaker, [])):
            lonely.setdefault(speaker, []).append(word.span)
    return [Turn(span, speaker) for speaker, spans in lonely.items() for span in merge_spans(spans, gap=_JOINED)]
