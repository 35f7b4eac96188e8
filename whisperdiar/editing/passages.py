"""Transcript layout for editing: paragraphs, names, and the tokens that words make up.

A *token* is what white space separates in the text. A *unit* is the smallest run of words that is whole tokens: mostly
one word, several where they are written without a space (``well`` ``-known``, Japanese), and words without visible
text are counted to the unit before them.

A word of the corrected text on its way to a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whisperdiar.formats._text import one_line
from whisperdiar.options import EditOptions
from whisperdiar.transcript import Segment, Transcript
from whisperdiar.types import Span, Word


@dataclass(frozen=True, slots=True)
class Unit:
    """Indices of words, and the tokens that they make up."""

    words: tuple[int, ...]
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Segments of one speaker that are shown together.

    Attributes:
        speaker: label.
        stamp: whole seconds, cut off, at which it begins.
        first, last: its units, last exclusive.
    """

    speaker: str | None
    stamp: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TranscriptLayout:
    """A transcript laid out.

    Attributes:
        words: of all segments; `texts` are their cleaned texts.
        segment_of: for every word the index of its segment.
        paragraphs, units: in order; every visible word is in exactly one of each.
        tokens: of all units; `unit_of` and `paragraph_of` say where each belongs.
        opens, closes: the units with which a paragraph begins and ends.
    """

    transcript: Transcript
    words: tuple[Word, ...]
    texts: tuple[str, ...]
    segment_of: tuple[int, ...]
    paragraphs: tuple[Paragraph, ...]
    units: tuple[Unit, ...]
    tokens: tuple[str, ...]
    unit_of: tuple[int, ...]
    paragraph_of: tuple[int, ...]
    opens: frozenset[int]
    closes: frozenset[int]

    def speaker(self, word: int) -> str | None:
        """The speaker under whose name a word is shown: its segment's."""
        return self.transcript.segments[self.segment_of[word]].speaker

    def visible(self, unit: Unit) -> list[int]:
        """The words of a unit that have visible text."""
        return [i for i in unit.words if self.texts[i].strip()]


def clean_text(text: str) -> str:
    """The text as it is written, white space at its ends kept."""
    return one_line(f"|{text}|")[1:-1]


def lay_out(transcript: Transcript, options: EditOptions) -> TranscriptLayout:
    """The transcript as paragraphs, units and tokens."""
    words = transcript.words
    texts = [clean_text(word.text) for word in words]
    paragraphs: list[Paragraph] = []
    units: list[Unit] = []
    unseen: list[int] = []  # words without visible text before anything visible
    first_word = 0
    for group in _group_segments(transcript.segments, options):
        last_word = first_word + sum(len(segment.words) for segment in group)
        made = _make_units(texts, first_word, last_word)
        if made:
            made[0] = Unit((*unseen, *made[0].words), made[0].tokens)
            unseen = []
            stamp = int(max(0.0, round(group[0].span.start, 3)))
            paragraphs.append(Paragraph(group[0].speaker, stamp, len(units), len(units) + len(made)))
            units += made
        elif units:
            units[-1] = Unit((*units[-1].words, *range(first_word, last_word)), units[-1].tokens)
        else:
            unseen += range(first_word, last_word)
        first_word = last_word
    paragraph_of = [number for number, item in enumerate(paragraphs) for _ in range(item.first, item.last)]
    unit_of = [number for number, unit in enumerate(units) for _ in unit.tokens]
    return TranscriptLayout(
        transcript=transcript,
        words=words,
        texts=tuple(texts),
        segment_of=tuple(number for number, segment in enumerate(transcript.segments) for _ in segment.words),
        paragraphs=tuple(paragraphs),
        units=tuple(units),
        tokens=tuple(token for unit in units for token in unit.tokens),
        unit_of=tuple(unit_of),
        paragraph_of=tuple(paragraph_of[unit] for unit in unit_of),
        opens=frozenset(item.first for item in paragraphs),
        closes=frozenset(item.last - 1 for item in paragraphs),
    )


def _group_segments(segments: Sequence[Segment], options: EditOptions) -> list[list[Segment]]:
    """Neighbouring segments of one speaker without a long pause, as many as fit into a paragraph."""
    groups: list[list[Segment]] = []
    for segment in segments:
        first, last = (groups[-1][0], groups[-1][-1]) if groups else (None, None)
        if (
            first
            and last
            and first.speaker == segment.speaker
            and segment.span.end - first.span.start <= options.max_paragraph
            and segment.span.start - last.span.end <= options.max_pause
        ):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups


def _make_units(texts: Sequence[str], first: int, last: int) -> list[Unit]:
    """Units of the words first to last; none where nothing is visible."""
    parts: list[tuple[list[int], str]] = []
    apart = True  # whether white space, or the paragraph's start, comes before the next word
    waiting: list[int] = []
    for index in range(first, last):
        text = texts[index]
        if not text.strip():
            (parts[-1][0] if parts else waiting).append(index)
            apart = apart or bool(text)
            continue
        if apart or text[0].isspace():
            parts.append(([*waiting, index], text))
            waiting = []
        else:
            parts[-1] = ([*parts[-1][0], index], parts[-1][1] + text)
        apart = text[-1].isspace()
    return [Unit(tuple(indices), tuple(text.split())) for indices, text in parts]


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word of the corrected text.

    Attributes:
        word: index of the old word that stays; None for a corrected or an inserted one.
        text: what stands there, without spaces around it.
        glued: no white space comes before it.
        replaced: the old words in whose place a corrected one stands.
        span: when; None until it is known.
        part: number of its paragraph in the turn.
        stray: a word without visible text that belongs to another speaker than the words around it, and stays there.
        start: the character of its token with which it begins.
    """

    word: int | None
    text: str
    glued: bool
    replaced: tuple[int, ...] = ()
    span: Span | None = None
    part: int = 0
    stray: bool = False
    start: int = 0

    @property
    def time(self) -> Span:
        """The span of a word whose time is known."""
        if self.span is None:
            raise ValueError(f"{self.text!r} has no time yet")
        return self.span
