"""Lists of words as recognisers give them, to be joined with turns: of words, or of segments with words inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.segments import words_of
from whisperdiar.formats._reading.utterances import (
    ParsedUtterance,
    ParsedWord,
    fill_times,
    join_words,
    match_text,
    mend_times,
)
from whisperdiar.text.messages import _
from whisperdiar.types import Span, Word

_KEYS = ("text", "word")


def read_words(value: Sequence[Any]) -> tuple[tuple[Word, ...], str]:
    """The words of a list in its order, nobody's, and a sentence about times that were mended (empty: none).

    Texts keep their spaces, unless no word begins with one: then each is a whole word, and gets the space that the
    script writes.

    Raises:
        FormatError: an object is no word and has none inside, a word has no time, or a text holds several words, whose
            speakers could not be told apart; the message says where.
    """
    items = fields.objects(value, "words")
    if any("words" in item for item in items):
        heard = [
            _utterance(words_of(item, f"words[{index}]", keys=_KEYS), f"words[{index}]")
            for index, item in enumerate(items)
        ]
        for index, own in enumerate(heard):
            # Without words the text must be there to be compared: under another key it would be lost.
            read = fields.text if own.words else _require_text
            said = read(items[index], "text", f"words[{index}]")
            if said and match_text(said, [word.text for word in own.words if word.text]) is None:
                raise FormatError(
                    _("words[{index}].words: the text of this segment has other words than these").format(index=index)
                )
        raw = [text for item in items for text in _raw_texts(item.get("words") or ())]
    else:
        heard = [_utterance(words_of({"words": value}, "", keys=_KEYS), "")]
        raw = _raw_texts(items)
    mended, told = mend_times(heard)
    texts = iter(raw if any(text[:1].isspace() for text in raw) else join_words([text.strip() for text in raw]))
    words: list[Word] = []
    for item in mended:
        kept = [word._replace(text=next(texts)) for word in item.words]
        times = fill_times(kept, Span(item.start, item.end))
        words += [Word(span, word.text, word.probability) for word, span in zip(kept, times, strict=True)]
    return tuple(words), told


def _require_text(item: Mapping[str, Any], key: str, where: str) -> str:
    return fields.required_text(item, (key,), where)


def _utterance(words: Sequence[ParsedWord], where: str) -> ParsedUtterance:
    for index, word in enumerate(words):
        place = f"{where}.words[{index}]".lstrip(".")
        parts = [part for part in word.text.split() if any(letter.isalpha() for letter in part)]
        if len(parts) > 1:
            raise FormatError(
                _("{place}: {word!r} holds several words; give each with its own times").format(
                    place=place, word=word.text[:60]
                )
            )
        if word.start is None or word.end is None:
            raise FormatError(
                _("{place}.{key}: this time is missing").format(
                    place=place, key="start" if word.start is None else "end"
                )
            )
    bounds = [(word.start or 0.0, word.end or 0.0) for word in words]
    start = min((min(pair) for pair in bounds), default=0.0)
    return ParsedUtterance(start, max((max(pair) for pair in bounds), default=start), None, "", words, where)


def _raw_texts(items: Sequence[Mapping[str, Any]]) -> list[str]:
    found = (next(item[key] for key in _KEYS if key in item) for item in items)
    return ["" if text is None else str(text) for text in found]
