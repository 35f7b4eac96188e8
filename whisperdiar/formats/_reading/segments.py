"""Segments with their words inside, as the JSON of most recognisers has them: whisperX, whisper.cpp, faster-whisper,
whisper-timestamped, the command line of openai-whisper.

``{"start", "end", "text", "speaker", "words": [{"word", "start", "end", "score", "speaker"}]}``; a word's text may be
called ``text``, its probability ``probability`` or ``confidence``; speakers and times of words may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.utterances import ParsedUtterance, ParsedWord
from whisperdiar.formats._text import NOBODY

_WORD_KEYS = ("word", "text")
_SCORE_KEYS = ("score", "probability", "confidence")
_PAUSE_S = 1.0


def segments(value: Any, where: str = "segments") -> list[ParsedUtterance]:
    """Utterances from a list of segments, in its order.

    Raises:
        FormatError: it is no such list, or a segment has neither a text nor words; the message says where.
    """
    heard = []
    for index, item in enumerate(fields.objects(value, where)):
        place = f"{where}[{index}]"
        words = words_of(item, place)
        said = fields.text(item, "text", place) if words else fields.required_text(item, ("text",), place)
        start, end = fields.time(item, "start", place), fields.time(item, "end", place)
        heard.append(ParsedUtterance(start, end, fields.text(item, "speaker", place) or None, said, words, place))
    return heard


def words_of(item: Mapping[str, Any], where: str, *, keys: Sequence[str] = _WORD_KEYS) -> list[ParsedWord]:
    """The words of a segment, or of any object that has a list of ``words``.

    Args:
        keys: under one of which each word has its text.

    Raises:
        FormatError: an object among them has none of the keys, or a field of another kind; the message says where.
    """
    found = []
    for number, word in enumerate(fields.objects(item.get("words"), f"{where}.words".lstrip("."))):
        place = f"{where}.words[{number}]".lstrip(".")
        scores = [fields.number(word, key, place) for key in _SCORE_KEYS if word.get(key) is not None]
        who = fields.text(word, "speaker", place)
        found.append(
            ParsedWord(
                fields.required_text(word, keys, place),
                fields.number(word, "start", place),
                fields.number(word, "end", place),
                1.0 if not scores or scores[0] is None else scores[0],
                None if who in ("", NOBODY) else who,
            )
        )
    return found


def utterances_of(words: Sequence[ParsedWord], speaker: str | None, where: str) -> list[ParsedUtterance]:
    """Utterances of words that have none: a new one after a pause of more than a second.

    Words without a time belong to the utterance of the word before them; where no word has one, there is no telling
    when anything is said, and the only utterance has no length.
    """
    groups: list[list[ParsedWord]] = []
    last: float | None = None
    for word in words:
        if not groups or (last is not None and word.start is not None and word.start - last > _PAUSE_S):
            groups.append([])
        groups[-1].append(word)
        last = word.end if word.end is not None else last
    heard = []
    reached = 0.0
    for group in groups:
        starts = [word.start for word in group if word.start is not None]
        ends = [word.end for word in group if word.end is not None]
        start = min(starts, default=reached)
        reached = max(start, max(ends, default=start))
        heard.append(ParsedUtterance(start, reached, speaker, "", group, where))
    return heard
