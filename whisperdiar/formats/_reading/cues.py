"""Cues that were read from a subtitle file → a transcript: words with times, speakers, segments and turns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from whisperdiar.formats._reading.finished import keep_finished
from whisperdiar.formats._reading.recordings import NO_ID
from whisperdiar.formats._reading.rolling import unroll
from whisperdiar.formats._reading.utterances import divide_by_length, last_word_end, split_words, warning_of_times
from whisperdiar.segmentation import segments
from whisperdiar.text.messages import _
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Cue, Span, Turn, Word


def transcript_of(
    cues: Sequence[Cue], *, shown: Sequence[Cue] = (), recording_id: str = NO_ID, language: str | None = None
) -> Transcript:
    """The transcript that these cues show.

    A word's time is its cue's, shared out by the length of the words; where the file times its words, those times
    count. Words of one speaker become segments, as those of a recogniser do; a cue that begins before the one before
    it has ended begins a new segment. Names of the file become labels as they are. Turns are the segments' times.

    Args:
        shown: the same cues with their lines as viewers see them: they stay with the transcript as finished subtitles.
    """
    spans, told = mend_spans(cues)
    timed = [replace(cue, span=span) for cue, span in zip(cues, spans, strict=True)]
    seen = [replace(cue, span=span) for cue, span in zip(shown, spans, strict=False)]
    ordered = sorted(timed, key=lambda cue: cue.span.start)
    starts = [cue.span.start for cue in ordered]
    made: list[Segment] = []
    group: list[Word] = []
    last_end = float("-inf")
    for index, cue in enumerate(ordered):
        if cue.span.start < last_end - 1e-6:
            made += segments(group)
            group = []
        words = _words(cue, starts[index + 1] if index + 1 < len(starts) else cue.span.end)
        group += words
        last_end = max(last_end, max((word.end for word in words), default=cue.span.end))
    made += segments(group)
    turns = tuple(Turn(item.span, item.speaker) for item in made if item.speaker is not None)
    return Transcript(
        recording_id=recording_id,
        duration=max((cue.span.end for cue in timed), default=0.0),
        language=language,
        speakers=tuple(Speaker(name, name) for name in dict.fromkeys(turn.speaker for turn in turns)),
        segments=tuple(made),
        turns=turns,
        provenance={"warnings": [told]} if told else {},
        cues=keep_finished(timed, seen),
    )


def read_finished(text: str, read_cues: ReadCues, *, language: str | None = None) -> Transcript:
    """The transcript that a subtitle file shows, each line of rolling captions once; other cues stay as they are."""
    cues = read_cues(text)
    once = unroll(cues)
    shown = read_cues(text, labels=False) if tuple(once) == tuple(cues) else ()
    return transcript_of(once, shown=shown, language=language)


class ReadCues(Protocol):
    """Reads the cues of a subtitle file; `labels` takes speakers out of the text."""

    def __call__(self, text: str, *, labels: bool = True) -> tuple[Cue, ...]: ...


def mend_spans(cues: Sequence[Cue]) -> tuple[list[Span], str]:
    """Times of cues in the order of the file, and a sentence about those that were mended.

    A cue without length (readers give one to a cue whose end lies before its start) shows that its start or its end is
    wrong. Where a start there, or of the next cue, breaks the order that most starts keep, it is put between its
    neighbours, who share the time by the length of their texts. Cues that are merely out of order stay.
    """
    spans = [cue.span for cue in cues]
    broken = {index for index, cue in enumerate(cues) if not cue.span.duration and any(cue.lines)}
    if not broken:
        return spans, ""
    kept = _rising([span.start for span in spans])
    wrong = [i for i in range(len(spans)) if i not in kept and (i in broken or i - 1 in broken)]
    order = sorted(kept)
    for index in wrong:
        place = bisect_right(order, index)
        end = spans[order[place]].start if place < len(order) else spans[index].end
        if not place or spans[order[place - 1]].start > end:
            continue
        before = order[place - 1]
        parts = divide_by_length(["".join(cue.lines) for cue in cues[before : index + 1]], spans[before].start, end)
        spans[index] = Span(parts[-1].start, end)
        spans[index - 1] = Span(spans[index - 1].start, max(spans[index - 1].start, parts[-1].start))
        order.insert(place, index)
    # An end before the start whose start is right: up to the next cue, if that follows soon.
    for index in broken - set(wrong):
        following = spans[index + 1].start if index + 1 < len(spans) else spans[index].start
        longest = spans[index].start + max(1, sum(len(split_words(line)) for line in cues[index].lines))
        if following > spans[index].start == spans[index].end:
            spans[index] = Span(spans[index].start, min(following, longest))
    places = [
        _("cue {index}").format(index=index + 1)
        for index in sorted(broken | set(wrong))
        if spans[index] != cues[index].span
    ]
    return spans, warning_of_times(places)


def _rising(starts: Sequence[float]) -> set[int]:
    """Places of the longest sequence of starts that never falls, and of these the one that ends earliest."""
    tails: list[int] = []
    before: list[int] = []
    for index, start in enumerate(starts):
        place = bisect_right(tails, start, key=starts.__getitem__)
        before.append(tails[place - 1] if place else -1)
        tails[place : place + 1] = [index]
    found: set[int] = set()
    index = tails[-1] if tails else -1
    while index >= 0:
        found.add(index)
        index = before[index]
    return found


def _words(cue: Cue, following: float) -> list[Word]:
    speakers = cue.line_speakers or (cue.speaker,) * len(cue.lines)
    rows = [split_words(line) for line in cue.lines]
    texts = [text for row in rows for text in row]
    known = _timed_letters(cue)
    # What is timed must be what is shown, letter by letter; cues that others have made need not keep to that.
    timed = bool(known) and len(known) == sum(not letter.isspace() for text in texts for letter in text)
    end = last_word_end(cue.span.start, cue.span.end, following, len(texts))
    times = iter(known if timed else divide_by_length(texts, cue.span.start, end))
    words = []
    for row, speaker in zip(rows, speakers, strict=True):
        label = (speaker or "").strip() or None
        for text in row:
            spans = [next(times) for _each in range(len("".join(text.split())) if timed else 1)]
            span = Span(spans[0].start, max(spans[0].start, spans[-1].end))
            words.append(Word(span, text, 1.0, label, None if label is None else 1.0))
    return words


def _timed_letters(cue: Cue) -> list[Span]:
    """When each letter that is no space is spoken: its share of the piece that it stands in."""
    found: list[Span] = []
    for piece in (piece for row in cue.timed for piece in row):
        found += divide_by_length(list("".join(piece.text.split())), piece.span.start, piece.span.end)
    return found
