"""From utterances that were read, with or without words and times, to a transcript.

A text without words is cut at white space, and between the characters of Chinese and Japanese; the pieces share the
utterance's time by their length in characters. Words without times share the time between their neighbours so.

A time that cannot be meant (an end before its start, an end far behind the utterance) is mended from its neighbours,
moves nothing else, and is told in the provenance's warnings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.recordings import NO_ID
from whisperdiar.formats._writing.runs import UNKNOWN
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word, divide_time

_LARGEST = 1e9  # seconds, as in the JSON of transcripts
_STRAY_S = 10.0
"""A word that ends so much later than its utterance has a wrong end."""
_SLOWEST_S = 1.0
"""Seconds of a word in slow speech; an utterance that lasts longer than its words can, and than any subtitle stays …"""
_LONGEST_S = 7.0
"""… (Netflix, "Timed Text Style Guide"), and into which the next one falls, has a wrong end."""
_LISTED = 3
"""Mended times that a warning names."""
_SPACELESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"\s*(?:[{_SPACELESS}][^\w\s]*|[^\s{_SPACELESS}]+)")
# Scripts that put no space between words: Thai, Lao, Tibetan, Burmese and Khmer beside Chinese and Japanese.
_NO_LEAD = re.compile(rf"[{_SPACELESS}\u3000-\u303f\uff00-\uffef\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")


class ParsedWord(NamedTuple):
    """A word of an utterance; seconds, or None where the file says none."""

    text: str
    start: float | None = None
    end: float | None = None
    probability: float = 1.0
    speaker: str | None = None


class ParsedUtterance(NamedTuple):
    """An utterance of a file: seconds, a name (None or `UNKNOWN` for nobody), its text, its words where there are some.

    Where the words are not those of the text (somebody has corrected one of them), the text counts. `where` says to
    people where it stands in the file.
    """

    start: float
    end: float
    speaker: str | None
    text: str
    words: Sequence[ParsedWord] = ()
    where: str = ""


def transcript_of(
    heard: Iterable[ParsedUtterance],
    *,
    recording_id: str = NO_ID,
    duration: float | None = None,
    language: str | None = None,
    notes: Sequence[str] = (),
) -> Transcript:
    """The transcript of utterances, sorted by start; each of a known speaker is a turn, also one without a text.

    Names of the file become labels as they are. Where words say who speaks, an utterance ends where
    the speaker changes.

    Args:
        duration: of the recording, seconds; the last end where the file says none.
        notes: sentences for the user about what was read.

    Raises:
        FormatError: a time is no number of seconds.
    """
    mended, told = mend_times(list(heard))
    notes = [*notes, *_note_other_words(mended)]
    order = sorted(range(len(mended)), key=lambda index: mended[index].start)
    ordered = [mended[index] for index in order]
    segments, turns = [], []
    for index, item in enumerate(ordered):
        span = Span(item.start, item.end)
        speaker = _name(item.speaker)
        following = ordered[index + 1].start if index + 1 < len(ordered) else item.end
        words = _make_words(item, span, speaker, following)
        runs = [(who, tuple(run)) for who, run in groupby(words, key=lambda word: word.speaker)]
        own = [Segment(run, who) for who, run in runs]
        segments += own
        if len(own) > 1:
            turns += [Turn(segment.span, segment.speaker) for segment in own if segment.speaker is not None]
        elif (who := own[0].speaker if own else speaker) is not None:
            turns.append(Turn(span, who))
    labels = dict.fromkeys(turn.speaker for turn in turns)
    ends = [item.end for item in ordered] + [duration or 0.0]
    provenance: dict[str, Any] = {}
    if told:
        provenance["warnings"] = [told]
    if notes:
        provenance["notes"] = list(notes)
    return Transcript(
        recording_id,
        max(ends),
        language,
        speakers=tuple(Speaker(label, label) for label in labels),
        segments=tuple(segments),
        turns=tuple(turns),
        provenance=provenance,
    )


def _note_other_words(heard: Sequence[ParsedUtterance]) -> list[str]:
    """The sentence about utterances whose words are not those of their text, which are left out."""
    places = [
        item.where or f"utterance {index + 1}"
        for index, item in enumerate(heard)
        if _letters(item.text) and item.words and _letters(item.text) != _letters("".join(w.text for w in item.words))
    ]
    more = f" and {len(places) - _LISTED} more" if len(places) > _LISTED else ""
    listed = ", ".join(places[:_LISTED]) + more
    return [f"{listed}: the words are not those of the text; the text is taken"] if places else []


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _name(speaker: str | None) -> str | None:
    return None if speaker in (None, "", UNKNOWN) else speaker


def mend_times(heard: Sequence[ParsedUtterance]) -> tuple[list[ParsedUtterance], str]:
    """Utterances of a file in its order → the same with times that can be, and a sentence about what was mended.

    An utterance whose end lies before its start lasts as long as its words, or up to the next one. A word whose times
    cannot be has none any more, so that it gets what its neighbours leave.

    Raises:
        FormatError: a time is no time of a recording.
    """
    found: list[ParsedUtterance] = []
    bad: list[str] = []
    for index, item in enumerate(heard):
        where = item.where or f"utterance {index + 1}"
        _check_time(item.start, item.end, where)
        words = []
        for number, word in enumerate(item.words):
            place = f"{item.where}.words[{number}]".lstrip(".")
            mended = _mend_word(word, item, place)
            if mended is not word:
                bad.append(f"{place} ({word.start:g} to {word.end:g})")
            words.append(mended)
        start, end = item.start, item.end
        if end < start:
            bad.append(f"{where} ({start:g} to {end:g})")
            before = found[-1].end if found else 0.0
            following = heard[index + 1].start if index + 1 < len(heard) else start
            start, end = _mend_utterance(item, words, before, following)
        found.append(item._replace(start=start, end=end, words=words))
    return found, warning_of_times(bad)


def warning_of_times(bad: Sequence[str]) -> str:
    """The sentence about places whose times were mended; empty where there are none."""
    more = f" and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    times = "this time cannot be, so it was" if len(bad) == 1 else "these times cannot be, so they were"
    return f"{', '.join(bad[:_LISTED])}{more}: {times} mended from the neighbours" if bad else ""


def _check_time(start: float, end: float, where: str) -> None:
    if not (abs(start) <= _LARGEST and abs(end) <= _LARGEST):
        raise FormatError(f"{where}: {start} to {end}: these are no times of a recording")


def _mend_word(word: ParsedWord, item: ParsedUtterance, where: str) -> ParsedWord:
    if word.start is None or word.end is None:
        return word
    _check_time(word.start, word.end, where)
    stray = word.end > max(item.start, item.end) + _STRAY_S and word.start <= item.end
    return word._replace(start=None, end=None) if word.end < word.start or stray else word


def _mend_utterance(
    item: ParsedUtterance, words: Sequence[ParsedWord], before: float, following: float
) -> tuple[float, float]:
    timed = [(word.start, word.end) for word in words if word.start is not None and word.end is not None]
    if timed:
        return min(start for start, _ in timed), max(end for _, end in timed)
    longest = max(1, len(_TOKEN.findall(item.text))) * _SLOWEST_S
    if item.start < before <= item.end:  # the start is the wrong one
        return max(before, item.end - longest), item.end
    limit = following if following > item.start else item.start + longest
    return item.start, min(limit, item.start + longest)


def last_word_end(start: float, end: float, following: float, n_words: int) -> float:
    """Where words that share an utterance's time end: at `following`, the next start, where `end` is absurdly late."""
    absurd = end - start > max(_LONGEST_S, n_words * _SLOWEST_S)
    return following if absurd and start < following < end else end


def _make_words(item: ParsedUtterance, span: Span, speaker: str | None, following: float) -> tuple[Word, ...]:
    given = [word for word in item.words if word.text.strip()]
    text = item.text.strip()
    texts = [word.text.strip() for word in given]
    who = _speakers(given, speaker)
    if not text:
        pieces = join_words(texts)
    else:
        cut = match_text(text, texts) if texts else None
        tokens = cut if cut is not None else _TOKEN.findall(text)
        if cut is None and len(tokens) != len(given):
            who = [who[index * len(who) // len(tokens)] for index in range(len(tokens))] if who else []
            given = [ParsedWord(token) for token in tokens]
        pieces = _add_leading_space(tokens)
    if not any(word.start is not None and word.end is not None for word in given):
        span = Span(span.start, last_word_end(span.start, span.end, following, len(given)))
    times = fill_times([word._replace(text=piece) for word, piece in zip(given, pieces, strict=True)], span)
    return tuple(
        Word(place, piece, min(1.0, max(0.0, word.probability)), name)
        for word, piece, place, name in zip(given, pieces, times, who or [speaker] * len(given), strict=True)
    )


def _speakers(words: Sequence[ParsedWord], speaker: str | None) -> list[str | None]:
    """Who says each word: as it says (`UNKNOWN`: nobody known), else as its neighbour before it or, if none, behind."""
    named = [word.speaker for word in words if word.speaker is not None]
    if not named:
        return [speaker] * len(words)
    found: list[str | None] = []
    last = named[0]
    for word in words:
        last = last if word.speaker is None else word.speaker
        found.append(_name(last))
    return found


def join_words(texts: Sequence[str]) -> list[str]:
    """Words as the recogniser gives them: with a leading space, unless both neighbours' script writes none."""
    pieces = _add_leading_space(list(texts))[:1]
    for left, right in pairwise(texts):
        close = _NO_LEAD.match(left[-1:]) and _NO_LEAD.match(right)
        pieces.append(right if close else f" {right}")
    return pieces


def split_words(text: str) -> list[str]:
    """A text without words, cut at white space and between the characters of Chinese and Japanese."""
    return _add_leading_space(_TOKEN.findall(text.strip()))


def _add_leading_space(pieces: list[str]) -> list[str]:
    """The first one with the space that parts it from the segment before it."""
    return [pieces[0] if _NO_LEAD.match(pieces[0]) else f" {pieces[0]}", *pieces[1:]] if pieces else []


def match_text(text: str, words: Sequence[str]) -> list[str] | None:
    """The text cut into one piece for each of its words; None where it does not hold them, and nothing else but
    white space and punctuation, in this order. Joined, the pieces are the text."""
    edges = []
    position = 0
    for word in words:
        found = text.find(word, position)
        if found < 0 or _has_text(text[position:found]):
            return None
        edges.append((found, found + len(word)))
        position = found + len(word)
    if _has_text(text[position:]):
        return None
    cuts = [0]
    for (_, end), (start, _) in pairwise(edges):
        # Punctuation belongs to the word that it touches, a space to the word after it.
        space = re.search(r"\s", text[end:start])
        cuts.append(end + space.start() if space else start)
    return [text[first:last] for first, last in pairwise([*cuts, len(text)])]


def _has_text(text: str) -> bool:
    return any(character.isalnum() for character in text)


def fill_times(words: Sequence[ParsedWord], span: Span) -> list[Span]:
    """Times of all words of an utterance; those that have none share what their neighbours leave, by length."""
    times: list[Span] = []
    waiting: list[str] = []
    for word in words:
        if word.start is None or word.end is None:
            waiting.append(word.text)
            continue
        own = Span(word.start, word.end)
        times += divide_by_length(waiting, times[-1].end if times else min(span.start, own.start), own.start)
        times.append(own)
        waiting = []
    return times + divide_by_length(waiting, times[-1].end if times else span.start, span.end)


def divide_by_length(texts: Sequence[str], start: float, end: float) -> list[Span]:
    """The time from start to end, divided by the lengths of the texts."""
    lengths = [len(text.strip()) for text in texts]
    return [Span(*times) for times in divide_time(start, max(start, end), lengths)]
