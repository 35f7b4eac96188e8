"""From utterances that were read, with or without words and times, to a transcript.

A text without words is cut at white space, and between the characters of Chinese and Japanese; the pieces share the
utterance's time by their length in characters. Words without times share the time between their neighbours so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from whisperdiar.errors import FormatError
from whisperdiar.formats._spoken import UNKNOWN
from whisperdiar.formats.rttm import NO_ID
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

_LARGEST = 1e9  # seconds, as in the JSON of transcripts
_SPACELESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"\s*(?:[{_SPACELESS}][^\w\s]*|[^\s{_SPACELESS}]+)")
# Scripts that put no space between words: Thai, Lao, Tibetan, Burmese and Khmer beside Chinese and Japanese.
_NO_LEAD = re.compile(rf"[{_SPACELESS}\u3000-\u303f\uff00-\uffef\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")


class HeardWord(NamedTuple):
    """A word of an utterance; seconds, or None where the file says none."""

    text: str
    start: float | None = None
    end: float | None = None
    probability: float = 1.0
    speaker: str | None = None


class Heard(NamedTuple):
    """An utterance of a file: seconds, a name (None or `UNKNOWN` for nobody), its text, its words where there are some.

    Where the words are not those of the text (somebody has corrected one of them), the text counts.
    """

    start: float
    end: float
    speaker: str | None
    text: str
    words: Sequence[HeardWord] = ()


def transcript_of(
    heard: Iterable[Heard],
    *,
    recording_id: str = NO_ID,
    duration: float | None = None,
    language: str | None = None,
) -> Transcript:
    """The transcript of utterances, sorted by start; each of a known speaker is a turn, also one without a text.

    Names of the file become labels as they are.

    Args:
        duration: of the recording, seconds; the last end where the file says none.

    Raises:
        FormatError: a time is no number of seconds, or an end lies before its start.
    """
    ordered = sorted(heard, key=lambda item: item.start)
    segments, turns = [], []
    for item in ordered:
        span = _span(item.start, item.end)
        speaker = None if item.speaker in (None, "", UNKNOWN) else item.speaker
        words = _words(item, span, speaker)
        if words:
            segments.append(Segment(words, speaker))
        if speaker is not None:
            turns.append(Turn(span, speaker))
    labels = dict.fromkeys(turn.speaker for turn in turns)
    ends = [item.end for item in ordered] + [duration or 0.0]
    return Transcript(
        recording_id,
        max(ends),
        language,
        speakers=tuple(Speaker(label, label) for label in labels),
        segments=tuple(segments),
        turns=tuple(turns),
    )


def _span(start: float, end: float) -> Span:
    if not (abs(start) <= _LARGEST and abs(end) <= _LARGEST):
        raise FormatError(f"{start} to {end}: these are no times of a recording")
    try:
        return Span(start, end)
    except ValueError as error:
        raise FormatError(str(error)) from error


def _words(item: Heard, span: Span, speaker: str | None) -> tuple[Word, ...]:
    given = [word for word in item.words if word.text.strip()]
    text = item.text.strip()
    texts = [word.text.strip() for word in given]
    if not text:
        pieces = joined(texts)
    else:
        cut = woven(text, texts) if texts else None
        tokens = cut if cut is not None else _TOKEN.findall(text)
        if cut is None and len(tokens) != len(given):
            given = [HeardWord(token) for token in tokens]
        pieces = _led(tokens)
    times = filled([word._replace(text=piece) for word, piece in zip(given, pieces, strict=True)], span)
    return tuple(
        Word(place, piece, min(1.0, max(0.0, word.probability)), word.speaker or speaker)
        for word, piece, place in zip(given, pieces, times, strict=True)
    )


def joined(texts: Sequence[str]) -> list[str]:
    """Words as the recogniser gives them: with a leading space, unless both neighbours' script writes none."""
    pieces = _led(list(texts))[:1]
    for left, right in pairwise(texts):
        close = _NO_LEAD.match(left[-1:]) and _NO_LEAD.match(right)
        pieces.append(right if close else f" {right}")
    return pieces


def tokens(text: str) -> list[str]:
    """A text without words, cut at white space and between the characters of Chinese and Japanese."""
    return _led(_TOKEN.findall(text.strip()))


def _led(pieces: list[str]) -> list[str]:
    """The first one with the space that parts it from the segment before it."""
    return [pieces[0] if _NO_LEAD.match(pieces[0]) else f" {pieces[0]}", *pieces[1:]] if pieces else []


def woven(text: str, words: Sequence[str]) -> list[str] | None:
    """The text cut into one piece for each of its words; None where it does not hold them, and nothing else but
    white space and punctuation, in this order. Joined, the pieces are the text."""
    edges = []
    position = 0
    for word in words:
        found = text.find(word, position)
        if found < 0 or _says_something(text[position:found]):
            return None
        edges.append((found, found + len(word)))
        position = found + len(word)
    if _says_something(text[position:]):
        return None
    cuts = [0]
    for (_, end), (start, _) in pairwise(edges):
        # Punctuation belongs to the word that it touches, a space to the word after it.
        space = re.search(r"\s", text[end:start])
        cuts.append(end + space.start() if space else start)
    return [text[first:last] for first, last in pairwise([*cuts, len(text)])]


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)


def filled(words: Sequence[HeardWord], span: Span) -> list[Span]:
    """Times of all words of an utterance; those that have none share what their neighbours leave, by length.

    Raises:
        FormatError: a word ends before it begins, or its time is none.
    """
    times: list[Span] = []
    waiting: list[str] = []
    for word in words:
        if word.start is None or word.end is None:
            waiting.append(word.text)
            continue
        own = _span(word.start, word.end)
        times += shared(waiting, times[-1].end if times else min(span.start, own.start), own.start)
        times.append(own)
        waiting = []
    return times + shared(waiting, times[-1].end if times else span.start, span.end)


def shared(texts: Sequence[str], start: float, end: float) -> list[Span]:
    """The time from start to end, divided by the lengths of the texts; all at the start where there is none."""
    end = max(start, end)
    total = sum(len(text.strip()) for text in texts) or 1
    edges, done = [start], 0
    for text in texts:
        done += len(text.strip())
        edges.append(end if done == total else start + (end - start) * done / total)
    return [Span(first, max(first, last)) for first, last in pairwise(edges)]
