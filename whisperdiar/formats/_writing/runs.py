"""What is said, made ready to be written as lists of utterances: whole milliseconds, clean texts, order of time."""

from __future__ import annotations

from typing import NamedTuple

from whisperdiar.formats._text import NOBODY, make_distinct, one_line, speaker_names, to_milliseconds
from whisperdiar.transcript import Transcript
from whisperdiar.types import Word


class SpokenWord(NamedTuple):
    """A word with text: 0 ≤ start_ms ≤ end_ms, stripped text on one line, and the word that it comes from."""

    start_ms: int
    end_ms: int
    text: str
    word: Word


class SpokenSegment(NamedTuple):
    """A segment with text: 0 ≤ start_ms ≤ end_ms, its label, its text on one line, its words that have a text."""

    start_ms: int
    end_ms: int
    speaker: str | None
    text: str
    words: tuple[SpokenWord, ...]


def prepare_segments(transcript: Transcript) -> list[SpokenSegment]:
    """Segments sorted by start (those of one start keep their order); what has no visible text is left out."""
    found = []
    for segment in transcript.segments:
        words = tuple(_word(word, text) for word in segment.words if (text := one_line(word.text)))
        text = one_line("".join(word.text for word in segment.words))
        if words:
            start_ms, end_ms = min(word.start_ms for word in words), max(word.end_ms for word in words)
            found.append(SpokenSegment(start_ms, end_ms, segment.speaker, text, words))
    return sorted(found, key=lambda item: item.start_ms)


def _word(word: Word, text: str) -> SpokenWord:
    start_ms = max(0, to_milliseconds(word.start))
    return SpokenWord(start_ms, max(start_ms, to_milliseconds(word.end)), text, word)


def distinct_names(transcript: Transcript) -> dict[str | None, str]:
    """Label → the name that people read, on one line, never empty, no two the same; None → `NOBODY`."""
    known = speaker_names(transcript)
    labels = dict.fromkeys(item.id for item in transcript.speakers)
    for segment in transcript.segments:
        labels.update(dict.fromkeys(word.speaker for word in segment.words if word.speaker is not None))
        if segment.speaker is not None:
            labels[segment.speaker] = None
    labels.update(dict.fromkeys(turn.speaker for turn in transcript.turns))
    wanted: dict[str | None, str] = {None: NOBODY}  # the first, so that nobody else gets this name
    for label in labels:
        wanted[label] = one_line(known.get(label, label)) or one_line(label) or "speaker"
    return make_distinct(wanted)
