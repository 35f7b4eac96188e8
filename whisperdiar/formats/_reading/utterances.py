"""From utterances that were read, with or without words and times, to a transcript.

A text without words is cut at white space, and between the characters of Chinese and Japanese; the pieces share the
utterance's time by their length in characters. Words without times share the time between their neighbours so.

A time that cannot be meant (an end before its start, an end far behind the utterance) is mended from its neighbours,
moves nothing else, and is told in the provenance's warnings.

Where the words of an utterance are not those of its text, the text counts, and its tokens have the times of the words
that they are. What the words say beyond it is kept in `Transcript.dropped`, or refused (see `transcript_of`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.recordings import NO_ID
from whisperdiar.formats._reading.word_matching import MatchedWords, letters, match_words
from whisperdiar.formats._text import NOBODY
from whisperdiar.text.messages import _, join, ngettext
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Dropped, Span, Turn, Word, divide_time

_LARGEST = 1e9  # seconds, as in the JSON of transcripts
_STRAY_S = 10.0
"""A word that ends so much later than its utterance has a wrong end."""
_SLOWEST_S = 1.0
"""Seconds of a word in slow speech; an utterance that lasts longer than its words can, and than any subtitle stays …"""
_LONGEST_S = 7.0
"""… (Netflix, "Timed Text Style Guide"), and into which the next one falls, has a wrong end."""
_LISTED = 3
"""Mended times that a warning names, and words that a note does."""
_PLACEHOLDER = re.compile(r"<[^<>\s]*>")
"""Words in the place of one that a forced aligner does not know: ``<unk>``."""
_SHOWN = 60
"""Characters of a text that an error shows."""
_NOT_IN_TEXT = "a word that is not in the text of its utterance"
"""The reason in `Transcript.dropped`."""
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
    """An utterance of a file: seconds, a name (None or `NOBODY` for nobody), its text, its words where there are some.

    `where` says to people where it stands in the file.
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
    nobody: str | None = NOBODY,
) -> Transcript:
    """The transcript of utterances, sorted by start; each of a known speaker is a turn, also one without a text.

    Names of the file become labels as they are. Where words say who speaks, an utterance ends where
    the speaker changes.

    Args:
        duration: of the recording, seconds; the last end where the file says none.
        notes: sentences for the user about what was read.
        nobody: the name of an utterance of which nobody knows who says it; None where such a one has no name, so that
            whoever is called so is a person.

    Raises:
        FormatError: a time is no number of seconds.
    """
    mended, told = mend_times(list(heard))
    matched = [_match(item) for item in mended]
    lost = _find_lost(mended, matched)
    notes = [*notes, *_note_lost(lost)]
    order = sorted(range(len(mended)), key=lambda index: mended[index].start)
    ordered = [mended[index] for index in order]
    segments, turns = [], []
    for index, item in enumerate(ordered):
        span = Span(item.start, item.end)
        speaker = None if item.speaker in ("", nobody) else item.speaker
        following = ordered[index + 1].start if index + 1 < len(ordered) else item.end
        words = _make_words(item, matched[order[index]], span, speaker, following)
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
        dropped=tuple(Dropped(_span_of(word, item), word.text.strip(), _NOT_IN_TEXT) for item, word in lost),
        provenance=provenance,
    )


def _match(item: ParsedUtterance) -> MatchedWords[ParsedWord] | None:
    """The tokens of a text with its words; None where there is but one of them, or each word is found in the text."""
    given = [word for word in item.words if word.text.strip()]
    if not given or not item.text.strip() or match_text(item.text.strip(), [w.text.strip() for w in given]) is not None:
        return None
    return match_words(_TOKEN.findall(item.text.strip()), [word.text for word in given], given)


def _find_lost(
    heard: Sequence[ParsedUtterance], matched: Sequence[MatchedWords[ParsedWord] | None]
) -> list[tuple[ParsedUtterance, ParsedWord]]:
    """Words that no text says: neither their own utterance's, in any order, nor that of a neighbour of one speaker."""
    free = [Counter() if found is None else Counter(found.free) for found in matched]
    lost = []
    for index, (item, found) in enumerate(zip(heard, matched, strict=True)):
        for word in () if found is None else found.lost:
            if _PLACEHOLDER.fullmatch(word.text.strip()):
                continue
            said = letters(word.text)
            beside = (near for near in (index, index - 1, index + 1) if 0 <= near < len(heard))
            owner = next((n for n in beside if heard[n].speaker == item.speaker and free[n][said] > 0), None)
            if owner is None:
                lost.append((item, word))
            else:
                free[owner][said] -= 1
    return lost


def _note_lost(lost: Sequence[tuple[ParsedUtterance, ParsedWord]]) -> list[str]:
    """The sentence about words that are left out, as the text of their utterance does not say them."""
    places = [f"{item.where} {word.text.strip()!r}".lstrip() for item, word in lost]
    more = _(" and {number} more").format(number=len(places) - _LISTED) if len(places) > _LISTED else ""
    listed = join("", (*places[:1], *(f", {place}" for place in places[1:_LISTED]), more))
    return (
        [_("{listed}: the text does not say this, and the text is taken; JSON keeps it").format(listed=listed)]
        if places
        else []
    )


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _span_of(word: ParsedWord, item: ParsedUtterance) -> Span:
    """When a word is said, or its utterance where it has no time."""
    if word.start is None or word.end is None:
        return Span(item.start, item.end)
    return Span(word.start, word.end)


def _name(speaker: str | None) -> str | None:
    return None if speaker in (None, "", NOBODY) else speaker


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
        where = item.where or _("utterance {index}").format(index=index + 1)
        _check_time(item.start, item.end, where)
        words = []
        for number, word in enumerate(item.words):
            place = f"{item.where}.words[{number}]".lstrip(".")
            mended = _mend_word(word, item, place)
            if mended is not word:
                bad.append(_("{place} ({start:g} to {end:g})").format(place=place, start=word.start, end=word.end))
            words.append(mended)
        start, end = item.start, item.end
        if end < start:
            bad.append(_("{where} ({start:g} to {end:g})").format(where=where, start=start, end=end))
            before = found[-1].end if found else 0.0
            following = heard[index + 1].start if index + 1 < len(heard) else start
            start, end = _mend_utterance(item, words, before, following)
        found.append(item._replace(start=start, end=end, words=words))
    return found, warning_of_times(bad)


def warning_of_times(bad: Sequence[str]) -> str:
    """The sentence about places whose times were mended; empty where there are none."""
    more = _(" and {number} more").format(number=len(bad) - _LISTED) if len(bad) > _LISTED else ""
    places = join(", ", bad[:_LISTED])
    return (
        ngettext(
            "{places}{more}: this time cannot be, so it was mended from the neighbours",
            "{places}{more}: these times cannot be, so they were mended from the neighbours",
            len(bad),
        ).format(places=places, more=more)
        if bad
        else ""
    )


def _check_time(start: float, end: float, where: str) -> None:
    if not (abs(start) <= _LARGEST and abs(end) <= _LARGEST):
        raise FormatError(
            _("{where}: {start} to {end}: these are no times of a recording").format(where=where, start=start, end=end)
        )


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


def _make_words(
    item: ParsedUtterance, matched: MatchedWords[ParsedWord] | None, span: Span, speaker: str | None, following: float
) -> tuple[Word, ...]:
    given = [word for word in item.words if word.text.strip()]
    text = item.text.strip()
    if not text:
        pieces = join_words([word.text.strip() for word in given])
    elif matched is not None or not given:
        tokens = _TOKEN.findall(text)
        own = matched.words if matched is not None else [None] * len(tokens)
        given = _claim_tokens([word or ParsedWord(token) for word, token in zip(own, tokens, strict=True)], tokens)
        pieces = _add_leading_space(tokens)
    else:
        pieces = _add_leading_space(match_text(text, [word.text.strip() for word in given]) or [])
    who = _speakers(given, speaker)
    if not any(word.start is not None and word.end is not None for word in given):
        span = Span(span.start, last_word_end(span.start, span.end, following, len(given)))
    times = fill_times([word._replace(text=piece) for word, piece in zip(given, pieces, strict=True)], span)
    return tuple(
        Word(place, piece, min(1.0, max(0.0, word.probability)), name)
        for word, piece, place, name in zip(given, pieces, times, who, strict=True)
    )


def _claim_tokens(words: Sequence[ParsedWord], tokens: Sequence[str]) -> list[ParsedWord]:
    """Tokens that no word is, behind the last end of a sentence before the next speaker's word, are that speaker's."""
    found = list(words)
    first = 0  # behind the last end of a sentence, or the last word whose speaker is known
    for index, (word, token) in enumerate(zip(words, tokens, strict=True)):
        if word.speaker is not None:
            ended = first > 0 and last_mark(tokens[first - 1]) in SENTENCE_END
            found[first:index] = [item._replace(speaker=word.speaker) if ended else item for item in words[first:index]]
        if word.speaker is not None or last_mark(token) in SENTENCE_END:
            first = index + 1
    return found


def _speakers(words: Sequence[ParsedWord], speaker: str | None) -> list[str | None]:
    """Who says each word: as it says (`NOBODY`: nobody known), else as its neighbour before it or, if none, behind."""
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
    for (_start, end), (start, _end) in pairwise(edges):
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
