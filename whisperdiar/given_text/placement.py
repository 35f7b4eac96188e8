"""Placement of a given text: which of its words are spoken, and when (pure, but for the judge that it is given)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from whisperdiar.asr._shared.word_times import repair_spans
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.given_text.judging import LONGEST_PIECE_S, Judge, JudgedItem, keep
from whisperdiar.given_text.matching import Item, MatchedText
from whisperdiar.text.messages import _, mark
from whisperdiar.types import Audio, Dropped, Samples, Span, Word

NOT_SPOKEN = mark("it stands in the given text, and nobody speaks it")
NOT_IN_TEXT = mark("it is spoken, and does not stand in the given text")
"""Reasons of what a transcript of a given text leaves out."""

_PIECE_S = 20.0
"""Pieces that are judged and aligned at once end at an anchor before this, where there is one."""

Align = Callable[[Samples, Sequence[str]], Sequence[tuple[float, float] | None]]
"""Sound of a piece, float32 (n_samples,), and its words → their times in seconds from its start."""


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A text on its recording.

    Attributes:
        words: those that are spoken, in order, with times that rise.
        unspoken: text of a word that is not, and the time at which it would be.
        added: words that were heard and do not stand in the text.
        n_added: how many these are.
    """

    words: tuple[Word, ...]
    unspoken: tuple[tuple[str, float], ...]
    added: tuple[Dropped, ...]
    n_added: int


def place(
    matched: MatchedText, judge: Judge, *, align: Align | None = None, progress: Progress = no_progress
) -> PlacedText:
    """The words of a matched text that are spoken, with times.

    Args:
        judge: tells which of the open words are spoken, and when.
        align: forced alignment of the words that are spoken; None keeps the times of the recogniser.
    """
    words: list[Word] = []
    unspoken: list[tuple[str, float]] = []
    added: list[Word] = []
    duration = judge.audio.duration
    pieces = list(_divide(matched.items, duration))
    for number, (items, span) in enumerate(pieces, start=1):
        kept = judge.judge(items, span) if any(item.is_open for item in items) else [keep(item) for item in items]
        if align is not None and span.duration <= LONGEST_PIECE_S:
            kept = _align_again(kept, span, judge.audio, align)
        latest = span.start
        spoken = [item for item in kept if item.is_spoken]
        times = repair_spans(
            [item.time for item in spoken],
            [item.text for item in spoken],
            piece=span,
            speech=judge.speech_in(span),
        )
        placed = dict(zip(map(id, spoken), times, strict=True))
        for item in kept:
            if item.is_spoken:
                latest = placed[id(item)].end
                speaker = item.given.speaker if item.given is not None else None
                words.append(Word(placed[id(item)], item.text, item.probability, speaker))
            elif item.given is not None:
                unspoken.append((item.text, latest))
                added += item.heard
            else:
                added += item.heard
        progress("asr", number / len(pieces))
    added.sort(key=lambda word: word.span)
    return PlacedText(tuple(words), tuple(unspoken), tuple(_join_added(added, words)), len(added))


def list_dropped(placed: PlacedText, audio: Audio) -> list[Dropped]:
    """What a placed text leaves out, for the transcript: words next to each other in one."""
    found = list(placed.added)
    for time, run in groupby(placed.unspoken, key=lambda item: item[1]):
        at = min(time, audio.duration)
        found.append(Dropped(Span(at, at), "".join(text for text, _time in run).strip(), _(NOT_SPOKEN)))
    return found


def _join_added(added: Sequence[Word], words: Sequence[Word]) -> Iterator[Dropped]:
    """Added words as passages, which end where a word of the text begins."""
    starts = [word.start for word in words]
    run: list[Word] = []
    at = 0
    for word in added:
        before = at
        while at < len(starts) and starts[at] < word.start:
            at += 1
        if run and at != before:
            yield _drop(run)
            run = []
        run.append(word)
    if run:
        yield _drop(run)


def _drop(run: Sequence[Word]) -> Dropped:
    text = "".join(word.text for word in run).strip()
    return Dropped(Span(run[0].start, max(word.end for word in run)), text, _(NOT_IN_TEXT))


def _divide(items: Sequence[Item], duration: float) -> Iterator[tuple[tuple[Item, ...], Span]]:
    """Pieces that begin and end beside words whose times are known, and that share no time."""
    cuts: list[tuple[int, float]] = [(0, 0.0)]
    latest = 0.0
    for index, (left, right) in enumerate(pairwise(items), start=1):
        if left.span is not None:
            latest = max(latest, left.span.end)
        if left.span is None or right.span is None or left.is_open or right.is_open:
            continue
        at = max((left.span.end + right.span.start) / 2, cuts[-1][1])
        if right.span.start >= latest and at <= right.span.start:
            cuts.append((index, at))
    cuts.append((len(items), duration))
    first = 0
    while first < len(cuts) - 1:
        last = first + 1
        while last + 1 < len(cuts) and cuts[last + 1][1] - cuts[first][1] <= _PIECE_S:
            last += 1
        yield tuple(items[cuts[first][0] : cuts[last][0]]), Span(cuts[first][1], max(cuts[first][1], cuts[last][1]))
        first = last


def _align_again(kept: Sequence[JudgedItem], span: Span, audio: Audio, align: Align) -> list[JudgedItem]:
    """The items at the times of forced alignment, in which words that were heard beside the text take part."""
    sounding = [item for item in kept if item.is_spoken or item.heard]
    times = align(audio.crop(span).mono, [item.text if item.is_spoken else item.heard_text for item in sounding])
    found = dict(zip(map(id, sounding), times, strict=True))
    moved = []
    for item in kept:
        time = found.get(id(item))
        moved.append(item if time is None else replace(item, time=(span.start + time[0], span.start + time[1])))
    return moved
