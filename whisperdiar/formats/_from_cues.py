"""Cues that were read from a subtitle file → a transcript: words with times, speakers, segments and turns."""

from __future__ import annotations

from collections.abc import Sequence

from whisperdiar.formats._heard import shared, tokens
from whisperdiar.formats._recordings import NO_ID
from whisperdiar.segmentation import segments
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Cue, Span, Turn, Word


def transcript_of(cues: Sequence[Cue], *, recording_id: str = NO_ID, language: str | None = None) -> Transcript:
    """The transcript that these cues show.

    A word's time is its cue's, shared out by the length of the words; where the file times its words, those times
    count. Words of one speaker become segments, as those of a recogniser do; a cue that begins before the one before
    it has ended begins a new segment. Names of the file become labels as they are. Turns are the segments' times.
    """
    ordered = sorted(cues, key=lambda cue: cue.span.start)
    made: list[Segment] = []
    group: list[Word] = []
    last_end = float("-inf")
    for cue in ordered:
        if cue.span.start < last_end - 1e-6:
            made += segments(group)
            group = []
        group += _words(cue)
        last_end = max(last_end, cue.span.end)
    made += segments(group)
    turns = tuple(Turn(item.span, item.speaker) for item in made if item.speaker is not None)
    return Transcript(
        recording_id=recording_id,
        duration=max((cue.span.end for cue in cues), default=0.0),
        language=language,
        speakers=tuple(Speaker(name, name) for name in dict.fromkeys(turn.speaker for turn in turns)),
        segments=tuple(made),
        turns=turns,
    )


def _words(cue: Cue) -> list[Word]:
    speakers = cue.line_speakers or (cue.speaker,) * len(cue.lines)
    rows = [tokens(line) for line in cue.lines]
    texts = [text for row in rows for text in row]
    known = _timed_letters(cue)
    # What is timed must be what is shown, letter by letter; cues that others have made need not keep to that.
    timed = bool(known) and len(known) == sum(not letter.isspace() for text in texts for letter in text)
    times = iter(known if timed else shared(texts, cue.span.start, cue.span.end))
    words = []
    for row, speaker in zip(rows, speakers, strict=True):
        label = (speaker or "").strip() or None
        for text in row:
            spans = [next(times) for _ in range(len("".join(text.split())) if timed else 1)]
            span = Span(spans[0].start, max(spans[0].start, spans[-1].end))
            words.append(Word(span, text, 1.0, label, None if label is None else 1.0))
    return words


def _timed_letters(cue: Cue) -> list[Span]:
    """When each letter that is no space is spoken: its share of the piece that it stands in."""
    found: list[Span] = []
    for piece in (piece for row in cue.timed for piece in row):
        found += shared(list("".join(piece.text.split())), piece.span.start, piece.span.end)
    return found
