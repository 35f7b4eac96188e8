"""The words of an utterance held against its text: which piece of the text each of them is, and which ones it lacks.

Files keep both, and people correct one of them. What the text says is cut into tokens, which are aligned with the words
(longest common subsequences, `difflib`), by their letters and digits alone: capitals and punctuation differ where a
program has normalised the one or the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

Word = TypeVar("Word")

_LARGEST = 250_000
"""Pairs of tokens and words that are compared; longer utterances, which no person speaks, are compared as a whole."""


@dataclass(frozen=True, slots=True)
class MatchedWords(Generic[Word]):
    """Tokens of a text with their words.

    Attributes:
        words: one for each token; None where no word is the token's.
        lost: words whose text the tokens do not say, in order.
        free: letters of the tokens that no word says.
    """

    words: tuple[Word | None, ...]
    lost: tuple[Word, ...]
    free: Counter[str]


def match_words(tokens: Sequence[str], texts: Sequence[str], words: Sequence[Word]) -> MatchedWords[Word]:
    """Align tokens with words; a token in place of one word, which it corrects, has the time of that word.

    Args:
        texts: of the words.
    """
    said, known = [letters(token) for token in tokens], [letters(text) for text in texts]
    found: list[Word | None] = [None] * len(tokens)
    lost: list[Word] = []
    free: Counter[str] = Counter()
    for i, i_end, j, j_end in _edits(said, known):
        if i_end - i == j_end - j:
            found[i:i_end] = words[j:j_end]
        if "".join(said[i:i_end]) == "".join(known[j:j_end]):  # the same words, maybe cut otherwise
            continue
        lost += [word for word, text in zip(words[j:j_end], known[j:j_end], strict=True) if text]
        free.update(text for text in said[i:i_end] if text)
    if "".join(said) == "".join(known):
        return MatchedWords(tuple(found), (), Counter())
    return MatchedWords(tuple(found), tuple(lost), free)


def _edits(said: Sequence[str], known: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Stretches (of the tokens, of the words) that belong together, in order; what is alike, one by one or in runs."""
    first = 0
    while first < min(len(said), len(known)) and said[first] == known[first]:
        first += 1
    last = 0
    while last < min(len(said), len(known)) - first and said[-1 - last] == known[-1 - last]:
        last += 1
    i_end, j_end = len(said) - last, len(known) - last
    if (i_end - first) * (j_end - first) > _LARGEST:
        middle = [(first, i_end, first, j_end)]
    else:
        matcher = SequenceMatcher(None, said[first:i_end], known[first:j_end], autojunk=False)
        middle = [(first + a, first + b, first + c, first + d) for _, a, b, c, d in matcher.get_opcodes()]
    return [(0, first, 0, first), *middle, (i_end, len(said), j_end, len(known))]


def letters(text: str) -> str:
    """Letters and digits of a text, without capitals: what tells one word from another one."""
    return "".join(character for character in text.casefold() if character.isalnum())
