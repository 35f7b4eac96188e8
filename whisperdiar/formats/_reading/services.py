"""Transcripts of other recognisers' JSON: tables of keys → words → utterances → a transcript with our labels.

Each service gives words with times, a score and a speaker under keys of its own; `WordKeys` names them. All text of the
file arrives, or the error says where it stands (``results.channels[0]``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.utterances import ParsedUtterance, ParsedWord, match_text, transcript_of
from whisperdiar.formats._reading.word_matching import letters
from whisperdiar.formats._text import NOBODY, one_line
from whisperdiar.text import json
from whisperdiar.text.languages import WHISPER_LANGUAGES, find_code, is_same_language
from whisperdiar.text.messages import _
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Dropped, Span, Turn, Word, speaker_label

PAUSE_S = 1.0
"""A longer pause ends a segment, as in recognisers' own utterances."""
_ALIGNED_WORDS = 400
"""Words of an utterance whose text says more, up to which the two are aligned; a whole recording in one is not."""
_UNNAMED = re.compile(r"(spk|speaker|guest|person|channel|ch|s)?[\s_-]*(\d+|[a-z])", re.IGNORECASE)
"""Labels that only number the speakers: ``spk_0``, ``Guest-1``, ``S2``, ``A``, ``3``."""
_TIME_DIGITS = 7
"""Decimals of seconds: those of ticks of 100 nanoseconds."""
_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)s")
_ISO_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_NOT_IN_WORDS = "a text that no word of the file says"
"""The reason in `Transcript.dropped`."""
_SHOWN = 30
"""Characters of such a text that a note shows."""
_SEPARATOR = "\x1f"
"""Between a channel and a speaker's label; no text of a file has it, as `one_line` removes control characters."""


class WordKeys(NamedTuple):
    """Under which keys a word has what; of several, the first one that holds something.

    `duration` counts where there is no end; `unit` is the length in seconds of what the times count.
    """

    text: Sequence[str] = ("word",)
    start: Sequence[str] = ("start",)
    end: Sequence[str] = ("end",)
    duration: Sequence[str] = ()
    score: Sequence[str] = ("confidence",)
    speaker: Sequence[str] = ("speaker",)
    unit: float = 1.0


def read_object(text: str, *keys: str, title: str) -> Mapping[str, Any]:
    """The JSON object that a file of a service is.

    Args:
        keys: of which it has one at least.
        title: the service, as users know it.

    Raises:
        FormatError: it is another thing.
    """
    data = json.read(text)
    if not isinstance(data, Mapping) or not any(key in data for key in keys):
        refuse_form("/".join(keys), title=title)
    return data


def refuse_form(keys: str, *, title: str) -> NoReturn:
    """Raises FormatError: a file has not the keys of a service."""
    raise FormatError(_("expected a JSON object with {keys}, as {title} writes it").format(keys=keys, title=title))


def child(item: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """The object under a key; an empty one where there is none.

    Raises:
        FormatError: it is another thing.
    """
    value = item.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FormatError(_("{where}.{key}: expected an object").format(where=where, key=key))
    return value


def items(item: Mapping[str, Any], key: str, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and value of each object of the list under a key; none where there is no list."""
    place = f"{where}.{key}".lstrip(".")
    for index, value in enumerate(fields.objects(item.get(key), place)):
        yield f"{place}[{index}]", value


def first_item(item: Mapping[str, Any], key: str, where: str) -> tuple[str, Mapping[str, Any]] | None:
    """Place and value of the first object of the list under a key, such as the best of several hypotheses."""
    return next(items(item, key, where), None)


def read_best(item: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """The best of the hypotheses under a key.

    Raises:
        FormatError: there is none.
    """
    found = first_item(item, key, where)
    if found is None:
        refuse_text(where, key)
    return found[1]


def seconds(item: Mapping[str, Any], keys: Sequence[str], where: str, unit: float = 1.0) -> float | None:
    """The time under the first key that has one: a number of units, ``"1.200s"`` or ``PT1.2S``; None for none.

    Raises:
        FormatError: it is another thing.
    """
    for key in keys:
        value = item.get(key)
        if value is None:
            continue
        if isinstance(value, str):
            if found := _DURATION.fullmatch(value.strip()):
                return float(found[1])
            if (iso := _ISO_DURATION.fullmatch(value.strip())) and any(iso.groups()):
                hours, minutes, rest = (float(part or 0) for part in iso.groups())
                return hours * 3600 + minutes * 60 + rest
        found_number = fields.number(item, key, where)
        return None if found_number is None else round(found_number * unit, _TIME_DIGITS)
    return None


def first_text(item: Mapping[str, Any], keys: Sequence[str], where: str) -> str:
    """The first text under these keys that is not empty; empty where none is."""
    return next((found for key in keys if (found := fields.text(item, key, where))), "")


def score(item: Mapping[str, Any], keys: Sequence[str], where: str) -> float:
    """The probability under the first key that has one; 1 where none has."""
    for key in keys:
        if (found := fields.number(item, key, where)) is not None:
            return found
    return 1.0


def read_word(item: Mapping[str, Any], where: str, keys: WordKeys) -> ParsedWord:
    """One word.

    Raises:
        FormatError: it has no text, or a field of another kind.
    """
    text = first_text(item, keys.text, where)
    if not text and not any(item.get(key) is not None for key in keys.text):
        refuse_text(where, keys.text[0])
    start, end = seconds(item, keys.start, where, keys.unit), seconds(item, keys.end, where, keys.unit)
    if end is None and start is not None:
        length = seconds(item, keys.duration, where, keys.unit)
        end = None if length is None else start + length
    speaker = first_text(item, keys.speaker, where)
    return ParsedWord(text, start, end, score(item, keys.score, where), speaker or None)


def refuse_text(where: str, key: str) -> NoReturn:
    """Raises FormatError: an object has no text."""
    raise FormatError(_("{where}.{key}: this text is missing").format(where=where, key=key))


def read_words(item: Mapping[str, Any], key: str, where: str, keys: WordKeys) -> list[ParsedWord]:
    """The words of the list under a key.

    Raises:
        FormatError: it is no such list; the message says where.
    """
    return [read_word(word, place, keys) for place, word in items(item, key, where)]


def attach_punctuation(words: list[ParsedWord], mark: str) -> None:
    """A mark joins the word before it; at the very beginning, or with letters, it is a word without a time."""
    if words and not letters(mark):
        words[-1] = words[-1]._replace(text=words[-1].text + mark)
    else:
        words.append(ParsedWord(mark))


def utterance(
    words: Sequence[ParsedWord],
    where: str,
    *,
    text: str = "",
    speaker: str | None = None,
    channel: str | None = None,
    start: float | None = None,
    end: float | None = None,
) -> list[ParsedUtterance]:
    """What one stretch of a file says: none where it says nothing.

    Args:
        text: with the punctuation; where its letters are not those of the words, the one that says more counts.
        speaker: of the words that name none.
        channel: which tells speakers of one label apart.
        start, end: of the stretch, seconds; None takes those of the words.

    Raises:
        FormatError: nothing says when it is spoken.
    """
    if not text and not any(word.text for word in words):
        return []
    starts = [word.start for word in words if word.start is not None]
    ends = [word.end for word in words if word.end is not None]
    first = min(starts, default=start) if start is None else start
    last = max(ends, default=end) if end is None else end
    if first is None or last is None:
        raise FormatError(_("{where}: it has a text and no time that says when it is spoken").format(where=where))
    named = [
        word._replace(speaker=_in_channel(word.speaker, channel)) if word.speaker is not None else word
        for word in words
    ]
    return [ParsedUtterance(first, last, _in_channel(speaker, channel), text, named, where)]


def _in_channel(speaker: str | None, channel: str | None) -> str | None:
    if channel is None:
        return speaker
    return f"{channel}{_SEPARATOR}{'' if speaker in (None, NOBODY) else speaker}"


def read_utterances(
    item: Mapping[str, Any], key: str, where: str, keys: WordKeys, *, text: str = "text"
) -> list[ParsedUtterance]:
    """The utterances of the list under a key, each with its words, text, speaker, channel and times.

    Args:
        keys: of the words; an utterance has its times under the same ones.
        text: the key of an utterance's text.
    """
    spoken = list(items(item, key, where))
    several = has_channels(spoken)
    heard = []
    for place, own in spoken:
        heard += utterance(
            read_words(own, "words", place, keys),
            place,
            text=fields.text(own, text, place),
            speaker=fields.text(own, "speaker", place) or None,
            channel=channel_of(fields.text(own, "channel", place), several),
            start=seconds(own, keys.start, place, keys.unit),
            end=seconds(own, keys.end, place, keys.unit),
        )
    return heard


def has_channels(spoken: Sequence[tuple[str, Mapping[str, Any]]], *keys: str) -> bool:
    """Whether what is said names several channels, under the first of these keys (``channel``) that it has."""
    return len({first_text(item, keys or ("channel",), where) for where, item in spoken}) > 1


def channel_of(number: str, several: bool) -> str | None:
    """A channel's number where there are several; None where there is one, which tells nobody apart."""
    return number if several else None


def make_transcript(
    heard: Sequence[ParsedUtterance],
    *,
    language: str = "",
    duration: float | None = None,
    whole: str = "",
    dropped: Sequence[Dropped] = (),
) -> Transcript:
    """The transcript of utterances, cut at pauses, under our labels in the order in which speakers appear.

    Args:
        language: a code, with or without a region, or a name.
        whole: the text of the whole file, where it has one; what no utterance says of it is told and kept as dropped.

    Raises:
        FormatError: a time is no time of a recording.
    """
    chosen = [_choose_text(item) for item in heard]
    lost = [*(part for _item, found in chosen for part in found), *_find_unsaid(heard, whole)]
    notes = [
        _("no word of the file says {text!r}, so that its time is unknown; JSON keeps it").format(
            text=item.text[:_SHOWN]
        )
        for item in lost
    ]
    made = transcript_of(
        [item for item, _lost in chosen], language=base_language(language), duration=duration, notes=notes
    )
    segments = sorted(
        (part for segment in made.segments for part in _split_at_pauses(segment)), key=lambda item: item.span.start
    )
    labels = dict.fromkeys(item.speaker for item in segments if item.speaker is not None)
    ours = {theirs: speaker_label(index) for index, theirs in enumerate(labels)}
    named = tuple(_relabel(segment, ours) for segment in segments)
    return replace(
        made,
        speakers=tuple(Speaker(label, _name_of(theirs, label)) for theirs, label in ours.items()),
        segments=named,
        turns=tuple(Turn(item.span, item.speaker) for item in named if item.speaker is not None),
        dropped=(*made.dropped, *dropped, *lost),
    )


def base_language(language: str) -> str | None:
    """The code of a language without its region (``en-US`` → ``en``), or of its name; None for none."""
    told = re.split("[-_]", language.strip())[0].casefold()
    same = (code for code in WHISPER_LANGUAGES if len(told) == 3 and is_same_language(told, code))
    found = next(same, find_code(told))
    return found if found is not None and re.fullmatch("[a-z]{2,3}", found) else None


def _choose_text(item: ParsedUtterance) -> tuple[ParsedUtterance, list[Dropped]]:
    """The utterance with its text, where that says something beyond the words or where its pieces are the words'."""
    words = [word.text.strip() for word in item.words if word.text.strip()]
    if not words or not item.text or match_text(item.text, words) is not None:
        return item, []
    more = Counter(map(letters, item.text.split())) - Counter(map(letters, words))
    del more[""]
    if not more or "".join(map(letters, item.text.split())) == "".join(map(letters, words)):
        return item._replace(text=""), []
    if len(words) <= _ALIGNED_WORDS:
        return item, []
    said = " ".join(token for token in item.text.split() if letters(token) in more)
    return item._replace(text=""), [Dropped(Span(item.start, max(item.start, item.end)), said, _NOT_IN_WORDS)]


def _find_unsaid(heard: Sequence[ParsedUtterance], whole: str) -> list[Dropped]:
    """What the text of the whole file says beyond all utterances, as one passage."""
    said: Counter[str] = Counter()
    for item in heard:
        in_text = Counter(map(letters, item.text.split()))
        said += in_text | Counter(part for word in item.words for part in map(letters, word.text.split()))
    more = Counter(map(letters, whole.split())) - said
    del more[""]
    if not more:
        return []
    end = max((item.end for item in heard), default=0.0)
    text = " ".join(token for token in whole.split() if letters(token) in more)
    return [Dropped(Span(0.0, max(0.0, end)), text, _NOT_IN_WORDS)]


def _split_at_pauses(segment: Segment) -> list[Segment]:
    parts: list[list[Word]] = [[segment.words[0]]]
    for before, word in pairwise(segment.words):
        if word.start - before.end > PAUSE_S:
            parts.append([])
        parts[-1].append(word)
    return [Segment(tuple(part), segment.speaker) for part in parts]


def _relabel(segment: Segment, ours: Mapping[str, str]) -> Segment:
    words = tuple(replace(word, speaker=ours.get(word.speaker or "")) for word in segment.words)
    return replace(segment, words=words, speaker=ours.get(segment.speaker or ""))


def _name_of(theirs: str, label: str) -> str:
    """The service's own label, where it says more than a number."""
    channel, separator, speaker = theirs.rpartition(_SEPARATOR)
    own = speaker or (channel if separator else "")
    return label if not own or own == NOBODY or _UNNAMED.fullmatch(own) else one_line(own)
