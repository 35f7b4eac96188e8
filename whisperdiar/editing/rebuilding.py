"""Transcript rebuilding: words, segments and uncertain places of the corrected transcript.

Turns of the diarizer after a person has said who speaks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from whisperdiar.editing.passages import PlacedWord, TranscriptLayout
from whisperdiar.options import SegmentationOptions
from whisperdiar.segmentation import segments as cut_words
from whisperdiar.transcript import Segment, Uncertain
from whisperdiar.types import Span, Turn, Word, merge_spans

_JOINED = 0.5
"""Words of one speaker that no turn covers share a new turn up to so many seconds apart."""


@dataclass(frozen=True, slots=True)
class WordSpeaker:
    """A word: when, who said it before the correction (None: nobody, or there was no word), and who says it now."""

    span: Span
    before: str | None
    after: str | None

    @property
    def middle(self) -> float:
        return (self.span.start + self.span.end) / 2


def correct_turns(turns: Sequence[Turn], words: Iterable[WordSpeaker]) -> tuple[Turn, ...]:
    """The turns with every word in a turn of its speaker.

    A turn all of whose words went to another speaker goes there as a whole; one that lost a part is cut in the pauses
    around it. Words that no turn of their speaker covers get a turn of their own. Turns without corrections stay.
    """
    ordered = sorted(words, key=lambda word: word.middle)
    by_speaker: dict[str, list[WordSpeaker]] = {}
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
        made += _divide_turn(turn, said)
    return tuple(
        sorted([*made, *_make_missing_turns(made, ordered)], key=lambda t: (t.span.start, t.span.end, t.speaker))
    )


def _divide_turn(turn: Turn, said: Sequence[WordSpeaker]) -> list[Turn]:
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


def _make_missing_turns(turns: Sequence[Turn], words: Iterable[WordSpeaker]) -> list[Turn]:
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


@dataclass(frozen=True, slots=True)
class RebuiltTranscript:
    """What corrected words make up.

    Attributes:
        segments: in the order of the text.
        uncertain: those whose words stay as they were.
        said: every word, and who says it now and said it before.
        reassigned: number of old words with another speaker.
    """

    segments: tuple[Segment, ...]
    uncertain: tuple[Uncertain, ...]
    said: tuple[WordSpeaker, ...]
    reassigned: int


@dataclass(frozen=True, slots=True)
class _WordDraft:
    """A word in the making: where it came from, and what it is now."""

    placed: PlacedWord
    word: Word
    speaker: str | None
    home: int | None
    """The old segment that it was in, or that the words it replaces were in."""


def rebuild(
    old: TranscriptLayout, turns: Sequence[Sequence[PlacedWord]], speakers: Sequence[str | None]
) -> RebuiltTranscript:
    """Put the words of the corrected turns together; `speakers` are their labels."""
    segments: list[Segment] = []
    unchanged: dict[int, int] = {}
    said: list[WordSpeaker] = []
    reassigned = count = 0
    spaced = 2 * sum(text[:1].isspace() for text in old.texts) > len(old.texts)
    for placed, speaker in zip(turns, speakers, strict=True):
        made = list(_make_words(old, placed, speaker, spaced=spaced))
        for item in made:
            index = item.placed.word
            if index is not None and old.speaker(index) == item.speaker:
                unchanged[index] = count
            reassigned += index is not None and old.speaker(index) != item.speaker
            before = None if item.home is None else old.transcript.segments[item.home].speaker
            said.append(WordSpeaker(item.word.span, before, item.speaker))
            count += 1
        for piece in _split_turn(old, made):
            segments += _make_segments(old, piece)
    uncertain = tuple(
        replace(item, word_index=unchanged[item.word_index])
        for item in old.transcript.uncertain
        if item.word_index in unchanged
    )
    return RebuiltTranscript(
        tuple(segments), tuple(sorted(uncertain, key=lambda item: item.word_index)), tuple(said), reassigned
    )


def _make_words(
    old: TranscriptLayout, placed: Sequence[PlacedWord], speaker: str | None, *, spaced: bool
) -> Iterator[_WordDraft]:
    before = ""
    for item in placed:
        source = item.word if item.word is not None else next(iter(item.replaced), None)
        home = None if source is None else old.segment_of[source]
        own = old.speaker(item.word) if item.stray and item.word is not None else speaker
        word = _keep_word(old, item.word, own) if item.word is not None else _make_word(old, item, speaker)
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
        yield _WordDraft(item, word, own, home)


def _keep_word(old: TranscriptLayout, index: int, speaker: str | None) -> Word:
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


def _make_word(old: TranscriptLayout, item: PlacedWord, speaker: str | None) -> Word:
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


def _split_turn(old: TranscriptLayout, made: Sequence[_WordDraft]) -> Iterator[list[_WordDraft]]:
    """A turn's words, divided where a segment ends."""
    piece: list[_WordDraft] = []
    for item in made:
        if piece and _is_boundary(old, piece[-1], item):
            yield piece
            piece = []
        piece.append(item)
    if piece:
        yield piece


def _is_boundary(old: TranscriptLayout, left: _WordDraft, right: _WordDraft) -> bool:
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


def _make_segments(old: TranscriptLayout, piece: Sequence[_WordDraft]) -> list[Segment]:
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
