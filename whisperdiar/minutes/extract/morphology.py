"""Morphology of Russian and Ukrainian words by pymorphy3 (extra `minutes`): what is a noun, and its nominative.

Suffixes alone take ``едим`` or ``люблю`` for a noun, and a title then says "Едим, люблю, поставки". The dictionary of
OpenCorpora tells what a form may be and how often it is that; of a word that it lacks, the ending is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

LANGUAGES = ("ru", "uk")
_NOUNS = frozenset({"NOUN", None})  # None: letters that are no word of the language, such as a name in Latin ones
_MODIFIERS = frozenset({"ADJF", "PRTF"})
_LIKELY = 0.5


class Morphology:
    """What the forms of one language may be.

    Args:
        analyser: a ``pymorphy3.MorphAnalyzer``.
    """

    def __init__(self, analyser: Any) -> None:
        self._parse = lru_cache(maxsize=20_000)(analyser.parse)

    def is_noun(self, word: str) -> bool:
        """Whether a form is mostly a noun."""
        return self._share(word, _NOUNS) >= _LIKELY

    def is_modifier(self, word: str) -> bool:
        """Whether a form is mostly an adjective or a participle that describes a noun."""
        return self._share(word, _MODIFIERS) >= _LIKELY

    def make_nominative(self, words: Sequence[str]) -> list[str]:
        """A noun phrase in the nominative: its adjectives and its first noun; what follows depends on that and stays.

        A phrase that cannot be brought into that case as a whole stays as it is.
        """
        head = next((place for place, word in enumerate(words) if self.is_noun(word)), None)
        if head is None:
            return list(words)
        noun = next(item for item in self._parse(words[head]) if item.tag.POS in _NOUNS)
        number = noun.tag.number
        found = noun.inflect({"nomn"} | ({number} if number else set()))
        if noun.tag.POS is None or found is None:
            return list(words)
        gender = {noun.tag.gender} if number == "sing" and noun.tag.gender else set()
        made = []
        for word in words[:head]:
            parse = next((item for item in self._parse(word) if item.tag.POS in _MODIFIERS), None)
            form = None if parse is None else parse.inflect({"nomn", number or "sing", *gender})
            if form is None:
                return list(words)
            made.append(_like(form.word, word))
        return [*made, _like(found.word, words[head]), *words[head + 1 :]]

    def _share(self, word: str, kinds: frozenset[str | None]) -> float:
        return float(sum(item.score for item in self._parse(word.lower()) if item.tag.POS in kinds))


@lru_cache(maxsize=len(LANGUAGES))
def find_morphology(language: str) -> Morphology | None:
    """The morphology of a language (ISO 639-1); None where it has none here, or the extra is not installed."""
    if language not in LANGUAGES:
        return None
    try:
        import pymorphy3

        return Morphology(pymorphy3.MorphAnalyzer(lang=language))
    except (ImportError, ValueError, OSError):  # ValueError: the dictionary of this language is not installed
        return None


def _like(word: str, original: str) -> str:
    """The word with the capitals of the original."""
    if original.isupper() and len(original) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if original[:1].isupper() else word
