"""Contextual biasing: which terms of the user's vocabulary Whisper is shown with a piece of sound.

They stand in the prompt, which has room for 223 tokens: a vocabulary that is smaller is shown whole. Of a larger one
the first terms are shown, and a piece whose text sounds like others is decoded again with these in view. A model that
recites the list in place of what is said, or falls into a loop over it, hears the piece again without it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from whisperdiar.options import WhisperSettings
from whisperdiar.options.vocabulary import fold_form

MAX_PROMPT_TOKENS = 223
"""Half of the decoder's 448 positions, less one: what faster-whisper keeps of a prompt."""
_SEPARATOR = ", "
_NEAR = 0.72
"""Of letters in common, from which on a text may mean a term: "cube cuttle" and "kubectl" have 0.75."""
_SHARED = 0.4
"""Of its pairs of letters, which a term has to have in common with a text before it is looked at closely."""
_N_LOOKED_AT = 60
"""Terms that are looked at closely in one text, those with the most pairs in common."""
_RECITED = 3
"""Terms in a row, in the order of the prompt, that nobody is taken to have said."""
_SHORTEST = 4
"""Letters of a term that can be near by chance no more often than it is meant."""
_SOUNDS = str.maketrans("cqzwyjёэйои", "kksviiеееае")
"""Letters that sound alike, or do where they are not stressed."""
_SPELLINGS = (("ph", "f"), ("ck", "k"), ("kh", "k"), ("th", "t"), ("gh", "g"), ("x", "ks"), ("ee", "i"), ("oo", "u"))


class Bias:
    """The terms of a vocabulary for one loaded model.

    Args:
        tokenizer: of the model.
        settings: their prompt and hotwords are shown before the terms.
        terms: the most important first.
    """

    def __init__(self, tokenizer: Any, settings: WhisperSettings, terms: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._own = (settings.hotwords or "").strip()
        self._terms = tuple(dict.fromkeys(terms))
        room = MAX_PROMPT_TOKENS - self._n_tokens(f"{settings.prompt or ''} {self._own}".strip())
        # What was said before is shown as well then, and has to find room.
        self._room = room // 2 if settings.condition_on_previous_text else room
        self._costs = {term: self._n_tokens(f"{_SEPARATOR}{term}") for term in self._terms}
        self._first = self._choose(self._terms)

    @property
    def n_terms(self) -> int:
        return len(self._terms)

    @property
    def n_left_out(self) -> int:
        """Terms that do not fit into the prompt with the others."""
        return len(self._terms) - len(self._first)

    @property
    def hotwords(self) -> str:
        """What is shown with every piece: the user's hotwords, and the first terms that fit."""
        return self._write(self._first)

    @property
    def own_hotwords(self) -> str:
        """The user's hotwords alone."""
        return self._own

    def is_recital(self, text: str) -> bool:
        """Whether a text holds terms one after another as they stand in the prompt."""
        said = f" {_only_words(text)} "
        first = [_only_words(term) for term in self._first]
        runs = zip(*(first[at:] for at in range(_RECITED)), strict=False)
        return any(f" {' '.join(run)} " in said for run in runs)

    def hotwords_near(self, text: str, around: str) -> str | None:
        """What to show with a piece whose text may mean terms that it was not shown; None where it means none.

        These come first, then terms that it holds, then those that the text around it may mean. No others fill the
        prompt: the first of the list were shown before, and a full prompt is what a model recites from.

        Args:
            text: of the piece.
            around: of the pieces beside it as well.
        """
        if not self.n_left_out:
            return None
        shown = set(self._first)
        near = rank_terms(self._terms, text)
        if all(term in shown for term in near):
            return None
        held = [term for term in self._first if _holds(text, term)]
        chosen = self._choose(tuple(dict.fromkeys((*near, *held, *rank_terms(self._terms, around)))))
        return self._write(chosen)

    def _choose(self, terms: Sequence[str]) -> tuple[str, ...]:
        """As many terms as there is room for, in their order."""
        chosen: list[str] = []
        left = self._room
        for term in terms:
            if self._costs[term] <= left:
                chosen.append(term)
                left -= self._costs[term]
            if left <= 1:
                break
        while chosen and self._n_tokens(self._write(chosen)) - self._n_tokens(self._own) > self._room:
            chosen.pop()  # tokens of a whole may be other ones than those of its parts
        return tuple(chosen)

    def _write(self, terms: Sequence[str]) -> str:
        return _SEPARATOR.join(filter(None, (self._own, *terms)))

    def _n_tokens(self, text: str) -> int:
        """As faster-whisper counts hotwords."""
        return len(self._tokenizer.encode(f" {text}", add_special_tokens=False).ids) if text else 0


def rank_terms(terms: Sequence[str], text: str) -> tuple[str, ...]:
    """The terms that a text may mean and does not hold, the nearest by its sound first.

    Letters that sound alike count as one, spaces do not count: "cube cuttle" is near to "kubectl".
    """
    words = [key for word in text.split() if (key := _sound_key(word))]
    joined = "".join(words)
    pairs = _pairs(joined)
    shares = []
    for place, term in enumerate(terms):
        key = _sound_key(term)
        if len(key) < _SHORTEST or _holds(text, term):
            continue
        own = _pairs(key)
        share = sum((own & pairs).values()) / max(1, sum(own.values()))
        if share >= _SHARED:
            shares.append((-share, place, term, key))
    near = []
    for _share, place, term, key in sorted(shares)[:_N_LOOKED_AT]:
        likeness = _find_likeness(key, words)
        if likeness >= _NEAR:
            near.append((-likeness, place, term))
    return tuple(term for _likeness, _place, term in sorted(near))


def _find_likeness(key: str, words: Sequence[str]) -> float:
    """How alike a term is to the words in a row that are most like it, 0 to 1."""
    best = 0.0
    matcher = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(key)
    for first in range(len(words)):
        joined = ""
        for word in words[first:]:
            joined += word
            if len(joined) > 1.5 * len(key) + 1:
                break
            if len(joined) < 0.6 * len(key):
                continue
            matcher.set_seq1(joined)
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
                best = max(best, matcher.ratio())
    return best


def _holds(text: str, term: str) -> bool:
    return f" {_only_words(term)} " in f" {_only_words(text)} "


@lru_cache(maxsize=20_000)
def _only_words(text: str) -> str:
    return " ".join("".join(character if character.isalnum() else " " for character in fold_form(text)).split())


@lru_cache(maxsize=20_000)
def _sound_key(text: str) -> str:
    """The letters of a text as they sound, roughly: without accents, doubled letters and spaces."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(character)
    )
    for spelling, sound in _SPELLINGS:
        plain = plain.replace(spelling, sound)
    letters = "".join(character for character in plain.translate(_SOUNDS) if character.isalnum())
    return "".join(letter for at, letter in enumerate(letters) if not at or letters[at - 1] != letter)


@lru_cache(maxsize=20_000)
def _pairs(key: str) -> Counter[str]:
    return Counter(key[at : at + 2] for at in range(len(key) - 1))
