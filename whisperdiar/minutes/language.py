"""Language data: stop words, fillers, and cue phrases by category.

A phrase is words separated by spaces, ``*`` at the end of a word stands for any ending, so that a stem does for the
forms of an inflected language. The categories mean the same in every language: what is learnt of them in one can be
used in another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from whisperdiar.text.language_data import read_language_data

UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_MARKS = re.compile(r"^[^\w'’-]+|[^\w'’]+$")


@dataclass(frozen=True, slots=True)
class Language:
    """Attributes:
    code: ISO 639-1; empty for any language without a file.
    stopwords: words without a topic of their own, lower case.
    fillers: words without meaning, which are left out where text is shown.
    cues: category → the pattern that finds one of its phrases in ``" word word word "``.
    data: further entries of the file.
    """

    code: str
    stopwords: frozenset[str] = frozenset()
    fillers: frozenset[str] = frozenset()
    cues: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def starters(self) -> frozenset[str]:
        """Small words that have a capital at the beginning of a sentence only."""
        return self.stopwords - frozenset(self.data.get("capital_words", ()))

    def count(self, category: str, line: str) -> int:
        """How many phrases of a category are in a line of tokens; see `token_line`."""
        pattern = self.cues.get(category)
        return 0 if pattern is None else len(pattern.findall(line))


NEUTRAL = Language("")


def tokens_of(text: str) -> list[str]:
    """Lower-case words without the punctuation around them; apostrophes are made straight.

    What is written without spaces (Chinese, Japanese) is taken character by character.
    """
    text = UNSPACED.sub(r" \g<0> ", text.lower().replace("’", "'"))
    found = (_MARKS.sub("", item) for item in text.split())
    return [item for item in found if item]


def n_words(text: str) -> int:
    """How many words a text has; two characters count as one where no spaces are written."""
    unspaced = len(UNSPACED.findall(text))
    return unspaced // 2 if unspaced else len(text.split())


def token_line(tokens: Iterable[str]) -> str:
    """Tokens as one line in which phrases can be searched: a space before, between and after."""
    return f" {' '.join(tokens)} "


@lru_cache(maxsize=16)
def language(code: str | None) -> Language:
    """The language with this ISO 639-1 code, with or without a region; `NEUTRAL` where there is no file for it."""
    data = read_language_data("minutes/languages", code)
    if data is None or code is None:
        return NEUTRAL
    return Language(
        code=re.split("[-_]", code.strip().lower())[0],
        stopwords=frozenset(data["stopwords"].split()),
        fillers=frozenset(data["fillers"]),
        cues={name: pattern_of(phrases) for name, phrases in data["cues"].items()},
        data=data,
    )


def pattern_of(phrases: Iterable[str]) -> re.Pattern[str]:
    """One pattern for all phrases; longer ones first, so that they win."""
    parts = [re.escape(phrase).replace(r"\*", r"\S*").replace(r"\ ", " ") for phrase in phrases]
    return re.compile(f"(?<= )(?:{'|'.join(sorted(parts, key=len, reverse=True))})(?= )")
