"""Words, segments and uncertain places of the corrected transcript."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from whisperdiar.editing._old import Old
from whisperdiar.editing._placed import Placed
from whisperdiar.editing._turns import Said
from whisperdiar.options import SegmentationOptions
from whisperdiar.segmentation import segments as cut_words
from whisperdiar.transcript import Segment, Uncertain
from whisperdiar.types import Word


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What corrected words make up.

    Attributes:
        segments: in the order of the text.
        uncertain: those whose words stay as they were.
        said: every word, and who says it now and said it before.
        reassigned: number of old words with another speaker.
    """

    segments: tuple[Segment, ...]
    uncertain: tuple[Uncertain, ...]
    said: tuple[Said, ...]
    reassigned: int


@dataclass(frozen=True, slots=True)
class _Made:
    """A word in the making: where it came from, and what it is now."""

    placed: Placed
    word: Word
    speaker: str | None
    home: int | None
    """The old segment that it was in, or that the words it replaces were in."""


def rebuild(old: Old, turns: Sequence[Sequence[Placed]], speakers: Sequence[str | None]) -> Rebuilt:
    """Put the words of the corrected turns together; `speakers` are their labels."""
    segments: list[Segment] = []
    unchanged: dict[int, int] = {}
    said: list[Said] = []
    reassigned = count = 0
    spaced = 2 * sum(text[:1].isspace() for text in old.texts) > len(old.texts)
    for placed, speaker in zip(turns, speakers, strict=True):
        made = list(_words(old, placed, speaker, spaced=spaced))
        for item in made:
            index = item.placed.word
            if index is not None and old.speaker(index) == item.speaker:
                unchanged[index] = count
            reassigned += index is not None and old.speaker(index) != item.speaker
            before = None if item.home is None else old.transcript.segments[item.home].speaker
            said.append(Said(item.word.span, before, item.speaker))
            count += 1
        for piece in _pieces(old, made):
            segments += _segments(old, piece)
    uncertain = tuple(
        replace(item, word_index=unchanged[item.word_index])
        for item in old.transcript.uncertain
        if item.word_index in unchanged
    )
    return Rebuilt(tuple(segments), tuple(sorted(uncertain, key=lambda item: item.word_index)), tuple(said), reassigned)


def _words(old: Old, placed: Sequence[Placed], speaker: str | None, *, spaced: bool) -> Iterator[_Made]:
    before = ""
    for item in placed:
        source = item.word if item.word is not None else next(iter(item.replaced), None)
        home = None if source is None else old.segment_of[source]
        own = old.speaker(item.word) if item.stray and item.word is not None else speaker
        word = _kept(old, item.word, own) if item.word is not None else _fresh(old, item, speaker)
        shown = old.texts[item.word] if item.word is not None else item.text
        opens = not before
        if item.word is None:
            first = old.texts[source][:1].isspace() if source is not None else spaced
            word = replace(word, text=f" {item.text}" if (first if opens else not item.glued) else item.text)
        elif not opens and shown.strip() and not item.glued and not (shown[0].isspace() or before[-1:].isspace()):
            word = replace(word, text=" " + word.text)  # two paragraphs became one
        elif not opens and shown.strip() and item.glued and shown[0].isspace():
            word = replace(word, text=word.text.lstrip())
        before = shown or before
        yield _Made(item, word, own, home)


def _kept(old: Old, index: int, speaker: str | None) -> Word:
    word, before = old.words[index], old.speaker(index)
    if before == speaker:
        return word
    second = word.second_speaker if word.second_speaker != speaker else before
    return replace(
        word,
        speaker=speaker,
        speaker_confidence=None if speaker is None else 1.0,
        second_speaker=second if word.overlap else None,
        overlap=word.overlap and second is not None,
        edited=True,
    )


def _fresh(old: Old, item: Placed, speaker: str | None) -> Word:
    """A corrected or inserted word; its speaker is as sure as that of the words it replaces, or set by the person."""
    replaced = [old.words[i] for i in item.replaced]
    same = [
        word.speaker_confidence for i, word in zip(item.replaced, replaced, strict=True) if old.speaker(i) == speaker
    ]
    confidences = [value for value in same if value is not None]
    second = next((word.second_speaker for word in replaced if word.overlap and word.second_speaker != speaker), None)
    return Word(
        item.time,
        item.text,
        1.0,
        speaker,
        None if speaker is None else min(confidences, default=1.0),
        second,
        overlap=second is not None,
        edited=True,
    )


def _pieces(old: Old, made: Sequence[_Made]) -> Iterator[list[_Made]]:
    """A turn's words, divided where a segment ends."""
    piece: list[_Made] = []
    for item in made:
        if piece and _divides(old, piece[-1], item):
            yield piece
            piece = []
        piece.append(item)
    if piece:
        yield piece


def _divides(old: Old, left: _Made, right: _Made) -> bool:
    """At a paragraph's end; where a segment of one speaker ended before; and at a pause where anything is new."""
    if left.placed.part != right.placed.part or left.speaker != right.speaker:
        return True
    if left.home is not None and right.home is not None:
        if left.home == right.home and left.placed.word is not None and right.placed.word == left.placed.word + 1:
            return False
        before = [old.transcript.segments[home].speaker for home in (left.home, right.home)]
        if left.home != right.home and before[0] == before[1]:
            return True
    return right.word.span.start - left.word.span.end > SegmentationOptions().max_pause


def _segments(old: Old, piece: Sequence[_Made]) -> list[Segment]:
    """The old segment where nothing in it changed; a new one otherwise, or several where it became too long."""
    words, speaker = tuple(item.word for item in piece), piece[0].speaker
    homes = [old.transcript.segments[home] for home, _ in groupby(item.home for item in piece) if home is not None]
    for segment in homes[:1]:
        if segment.words == words and segment.speaker == speaker:
            return [segment]
    both = any(segment.simultaneous for segment in homes)
    whole = Segment(words, speaker, both, edited=True)
    if whole.span.duration <= SegmentationOptions().max_segment:
        return [whole]
    parts = [part.words for part in cut_words([replace(word, speaker=speaker) for word in words])]
    cuts = [0]
    for part in parts:
        cuts.append(cuts[-1] + len(part))
    return [Segment(words[first:last], speaker, both, edited=True) for first, last in pairwise(cuts)]
