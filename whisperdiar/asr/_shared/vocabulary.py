"""Vocabulary in recognised words: exact forms are replaced by the user's terms (pure).

words        the  cube   control,  please         the  Kubernetes,  please
                  └─── form ────┘         →            └── term ─┘
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from whisperdiar.asr._shared.words import is_silent_sign
from whisperdiar.options.vocabulary import Vocabulary, fold_form
from whisperdiar.types import Replacement, Span, Word, divide_time

_MAX_PAUSE_S = 1.5
"""Between words of one term; people pause for longer between what they say, and others answer."""
_N_ROUNDS = 10
"""What was written may make a form with what stands beside it; as often is looked once more."""


@dataclass(frozen=True, slots=True)
class ReplacedWords:
    """Words as the vocabulary writes them, and what they were before."""

    words: tuple[Word, ...]
    replacements: tuple[Replacement, ...] = ()


def replace_forms(words: Sequence[Word], vocabulary: Vocabulary) -> ReplacedWords:
    """The words with every form of the vocabulary as its term; the others as they are.

    Forms match whole words, without regard to case, the longest first. Punctuation around them stays, and punctuation
    between words parts them. A term of as many words as its form keeps their times, another one shares the time by
    length. A term in lower case takes over a capital at the beginning, or capitals alone. Doing it again changes
    nothing.

    Args:
        words: in order of time.
    """
    longest = max(map(len, vocabulary.forms))
    done: list[Replacement] = []
    now = tuple(words)
    for _round in range(_N_ROUNDS):
        changed: list[Word] = []
        found: list[Replacement] = []
        index = 0
        while index < len(now):
            match = _find_form(now, index, vocabulary, longest)
            if match is None:
                changed.append(now[index])
                index += 1
                continue
            matched = now[index : match.last]
            written = match.write(matched)
            if "".join(word.text for word in written) != "".join(word.text for word in matched):
                found.append(Replacement(_cover(matched), _join(matched), _join(written)))
                changed += written
            else:
                changed += matched
            index = match.last
        if not found:
            break
        now, done = tuple(changed), done + found
    return ReplacedWords(now, tuple(sorted(done, key=lambda item: item.span)))


@dataclass(frozen=True, slots=True)
class _Match:
    """A form in the words.

    Attributes:
        last: the word behind it.
        before, after: punctuation around it.
        core: what it reads as.
        term: what is to be written.
    """

    last: int
    before: str
    after: str
    core: str
    term: str

    def write(self, matched: Sequence[Word]) -> list[Word]:
        """The term in place of the matched words."""
        parts = _fit_case(self.term, self.core).split()
        parts[0] = self.before + parts[0]
        parts[-1] += self.after
        texts = [f" {part}" for part in parts]
        if not matched[0].text[:1].isspace():
            texts[0] = texts[0][1:]
        if len(texts) == len(matched):
            return [replace(word, text=text) for word, text in zip(matched, texts, strict=True)]
        whole = _cover(matched)
        times = divide_time(whole.start, whole.end, [len(part) for part in parts])
        probability = sum(word.probability for word in matched) / len(matched)
        return [
            replace(matched[0], span=Span(start, max(start, end)), text=text, probability=probability)
            for text, (start, end) in zip(texts, times, strict=True)
        ]


def _find_form(words: Sequence[Word], first: int, vocabulary: Vocabulary, longest: int) -> _Match | None:
    """The longest form that begins with a word; None where none does."""
    best: _Match | None = None
    if first and not _is_border(words[first - 1], words[first]):
        return None
    joined = ""
    for last in range(first + 1, len(words) + 1):
        word = words[last - 1]
        if last - 1 > first and word.start - words[last - 2].end > _MAX_PAUSE_S:
            break
        joined += word.text
        if last < len(words) and not _is_border(word, words[last]):
            continue
        text = " ".join(joined.split())
        before, after = _edges(text)
        if len(text) - before - after > 2 * longest:  # letters may fold into two
            break
        for left in dict.fromkeys((0, before)):
            for right in dict.fromkeys((0, after)):
                core = text[left : len(text) - right]
                term = vocabulary.forms.get(fold_form(core)) if core else None
                if term is not None and (best is None or len(core) > len(best.core)):
                    best = _Match(last, text[:left], text[len(text) - right :], core, term)
    return best


def _is_border(word: Word, following: Word) -> bool:
    """Whether a word ends before the next: languages without spaces have one between any two characters."""
    if word.text[-1:].isspace() or following.text[:1].isspace():
        return True
    return not (_is_spaced(word.text) and _is_spaced(following.text))


def _is_spaced(text: str) -> bool:
    """Whether a text is in a script that puts spaces between words."""
    return any(character.isalnum() and not _is_unspaced(character) for character in text)


def _is_unspaced(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "MYANMAR"))


def _edges(text: str) -> tuple[int, int]:
    """How many characters of punctuation a text begins and ends with."""
    before = next((at for at, sign in enumerate(text) if not is_silent_sign(sign)), len(text))
    after = next((at for at, sign in enumerate(reversed(text)) if not is_silent_sign(sign)), len(text))
    return before, min(after, len(text) - before)


def _fit_case(term: str, core: str) -> str:
    """A term in lower case with the capitals of what it stands for; any other as it is."""
    if term != term.lower():
        return term
    letters = [character for character in core if character.isalpha()]
    if len(letters) > 1 and all(character.isupper() for character in letters):
        return term.upper()
    if letters and letters[0].isupper():
        at = next((at for at, character in enumerate(term) if character.isalpha()), 0)
        return term[:at] + term[at : at + 1].upper() + term[at + 1 :]
    return core if fold_form(core) == fold_form(term) else term


def _cover(words: Sequence[Word]) -> Span:
    start = words[0].start
    return Span(start, max(start, *(word.end for word in words)))


def _join(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words).strip()
