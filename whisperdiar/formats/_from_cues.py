"""Cues that were read from a subtitle file → a transcript: words with times, speakers, segments and turns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

from whisperdiar.graphemes import columns
from whisperdiar.segmentation import segments
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Cue, Span, Turn, Word, speaker_label

_LABEL = re.compile(r"SPEAKER_\d+")
# Scripts that put no spaces between words: every character is a word of its own, so that it can be cut anywhere.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "IDEOGRAPHIC", "FULLWIDTH")


def transcript_of(cues: Sequence[Cue], *, recording_id: str = "recording", language: str | None = None) -> Transcript:
    """The transcript that these cues show.

    A word's time is its cue's, shared out by the length of the words; where the file times its words, those times
    count. Words of one speaker become segments, as those of a recogniser do; a cue that begins before the one before
    it has ended begins a new segment. Speakers are numbered in the order of first appearance and keep their names;
    names that are labels already (``SPEAKER_03``) stay labels. Turns are the segments' times.
    """
    ordered = sorted(cues, key=lambda cue: cue.span.start)
    labels = _labels(ordered)
    made: list[Segment] = []
    group: list[Word] = []
    last_end = float("-inf")
    for cue in ordered:
        if cue.span.start < last_end - 1e-6:
            made += segments(group)
            group = []
        group += _words(cue, labels)
        last_end = max(last_end, cue.span.end)
    made += segments(group)
    return Transcript(
        recording_id=recording_id,
        duration=max((cue.span.end for cue in cues), default=0.0),
        language=language,
        speakers=tuple(Speaker(label, name) for name, label in labels.items()),
        segments=tuple(made),
        turns=_turns(made),
    )


def _labels(cues: Iterable[Cue]) -> dict[str, str]:
    """Name → label."""
    names = dict.fromkeys(
        name for cue in cues for name in (cue.speaker, *cue.line_speakers) if name is not None and name.strip()
    )
    taken = {name for name in names if _LABEL.fullmatch(name)}
    free = (label for label in map(speaker_label, range(len(names) + len(taken))) if label not in taken)
    return {name: name if name in taken else next(free) for name in names}


def _words(cue: Cue, labels: dict[str, str]) -> list[Word]:
    speakers = cue.line_speakers or (cue.speaker,) * len(cue.lines)
    rows: list[list[str]] = []
    for line in cue.lines:
        rows.append(_tokens(line, after=rows[-1][-1][-1:] if rows and rows[-1] else ""))
    letters = sum(not letter.isspace() for row in rows for text in row for letter in text)
    known = _timed_letters(cue)
    timed = bool(known) and len(known) == letters
    times = iter(known if timed else _shared_out(cue.span, [text for row in rows for text in row]))
    words = []
    for row, speaker in zip(rows, speakers, strict=True):
        label = labels.get(speaker or "")
        for text in row:
            spans = [next(times) for _ in range(len(text.strip()) if timed else 1)]
            span = Span(spans[0].start, max(spans[0].start, spans[-1].end))
            words.append(Word(span, text, 1.0, label, None if label is None else 1.0))
    return words


def _shared_out(span: Span, texts: Sequence[str]) -> list[Span]:
    """A part of the time for each text, as long as the text is wide."""
    weights = [max(1, columns(text)) for text in texts]
    total = sum(weights) or 1
    edges = [span.start + span.duration * done / total for done in accumulate(weights, initial=0)]
    return [Span(start, max(start, end)) for start, end in pairwise(edges)]


def _timed_letters(cue: Cue) -> list[Span]:
    """When each letter that is no space is spoken: its share of the piece that it stands in."""
    found: list[Span] = []
    for piece in (piece for row in cue.timed for piece in row):
        letters = [letter for letter in piece.text if not letter.isspace()]
        found += _shared_out(piece.span, letters)
    return found


def _tokens(line: str, *, after: str) -> list[str]:
    """Words, each with a space before it where the language writes one; `after` is the character before them."""
    tokens: list[str] = []
    for word in line.split():
        pieces = _pieces(word)
        close = _unspaced(pieces[0][0]) and (not after or _unspaced(after))
        tokens += [pieces[0] if close else " " + pieces[0], *pieces[1:]]
        after = word[-1]
    return tokens


def _pieces(word: str) -> list[str]:
    """A word as it is; between characters that need no space, each with the marks and punctuation that follow."""
    pieces = [word[0]]
    for letter in word[1:]:
        if _unspaced(letter) and unicodedata.category(letter)[0] == "L":
            pieces.append(letter)
        else:
            pieces[-1] += letter
    return pieces


@lru_cache(maxsize=8192)
def _unspaced(letter: str) -> bool:
    return not letter.isascii() and unicodedata.name(letter, "").startswith(_UNSPACED)


def _turns(made: Iterable[Segment]) -> tuple[Turn, ...]:
    return tuple(Turn(item.span, item.speaker) for item in made if item.speaker is not None)
