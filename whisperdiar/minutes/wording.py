"""Text clean-up: spoken words → a sentence to be read. Pure.

Only what no reader misses is left out: fillers, words said twice, words broken off, and connectives that lean on what
was said before. Nothing is put in other words, except the few spoken forms that a language's file lists. Quotes of
evidence never come here: they stay word by word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from whisperdiar.minutes.language import UNSPACED, Language, tokens_of
from whisperdiar.text.punctuation import SENTENCE_END

_TRAILING = re.compile(r"[\s,;:\-–—…]+$")
_LEADING = re.compile(r"^[\s,;:.\-–—…!?]+")
_CAPITAL = re.compile(r"(\w{2}[.?!]\s+)([^\W\d_])")
_LONGEST_REPEAT = 7


def make_readable(text: str, language: Language) -> str:
    """A clean sentence: a capital, an end; empty where nothing is left."""
    words = text.split()
    words = _remove_fillers(words, language)
    words = _remove_repeats(words)
    words = _remove_fragments(words, language)
    words = _remove_phrases(words, language)
    words = _remove_restarts(_remove_repeats(words), language)
    words = _remove_connectives(words, language)
    shown = _LEADING.sub("", " ".join(_apply_spelling(words, language)))
    shown = re.sub(r"\s+([,.?!;:])", r"\1", shown)
    return format_sentence(_CAPITAL.sub(lambda found: found[1] + found[2].upper(), shown))


def format_sentence(text: str) -> str:
    """With a capital at the beginning and a mark at the end; empty stays empty."""
    text = _LEADING.sub("", text)
    closed = text.rstrip()[-1:] in SENTENCE_END and not text.rstrip().endswith("…")
    text = text.rstrip() if closed else _TRAILING.sub("", text)
    if not text or not any(character.isalnum() for character in text):
        return ""
    end = "" if closed else "。" if UNSPACED.search(text[-1]) else "."
    return text[:1].upper() + text[1:] + end


@lru_cache(maxsize=16384)
def key_of(word: str) -> str:
    """The bare word, for comparisons; empty for a mark alone."""
    return " ".join(tokens_of(word))


def _remove_fillers(words: Sequence[str], language: Language) -> list[str]:
    kept: list[str] = []
    for word in words:
        if key_of(word) in language.fillers:
            mark = word[-1:]
            # The end of a sentence stays, on the word before.
            if mark in SENTENCE_END and kept and kept[-1][-1:] not in SENTENCE_END:
                kept[-1] = _TRAILING.sub("", kept[-1]) + mark
            continue
        kept.append(word)
    return kept


def _remove_repeats(words: Sequence[str]) -> list[str]:
    """Of a phrase that is said twice in a row, the second one stays; it may end with a comma that counts."""
    kept: list[str] = []
    for word in words:
        kept.append(word)
        for length in range(min(_LONGEST_REPEAT, len(kept) // 2), 0, -1):
            first = [key_of(item) for item in kept[-2 * length : -length]]
            if first == [key_of(item) for item in kept[-length:]] and all(first):
                # A sentence that is said twice is no slip.
                if any(item[-1:] in SENTENCE_END for item in kept[-2 * length : -length]):
                    continue
                if kept[-2 * length].islower():  # a new start is written with a capital
                    kept[-length] = kept[-length][:1].lower() + kept[-length][1:]
                kept[-2 * length : -length] = []
                break
    return kept


def _remove_fragments(words: Sequence[str], language: Language) -> list[str]:
    """Without beginnings of the word that follows (``w we``, ``ex existing``), and of words that never came."""
    kept: list[str] = []
    known = language.data.get("fragments", ())
    cased = any(word[:1].isupper() for word in words)
    for place, word in enumerate(words):
        token = key_of(word)
        after = key_of(words[place + 1]) if place + 1 < len(words) else ""
        broken = (
            bool(token)
            # Where "I" is written, a small i is the beginning of something.
            and (token not in language.stopwords or (cased and word in language.data.get("capitals", ())))
            and len(token) <= 5
            and not token.isdigit()
            and word[-1:] not in SENTENCE_END
            and len(after) > len(token)
            and after.startswith(token)
            and token.isascii() == after.isascii()
        )
        broken = broken or (bool(token) and after.startswith(f"{token}'") and word[-1:] not in SENTENCE_END)
        # A capital letter alone names something: plan B. The first word of a sentence has one anyway.
        cut_off = token in known and (word.islower() or len(token) > 1)
        articles = language.data.get("articles", ())  # "an a separate menu"
        broken = broken or (word.lower() in articles and after in articles)
        if not broken and not cut_off and not (word.endswith("-") and len(word) > 1):
            kept.append(word)
    return kept


def _remove_phrases(words: Sequence[str], language: Language) -> list[str]:
    """Without phrases that say nothing (``you know``), unless the word before needs them (``do you know``)."""
    phrases = {tuple(phrase.split()): before for phrase, before in language.data.get("inline", {}).items()}
    lengths = sorted({len(phrase) for phrase in phrases}, reverse=True)
    kept: list[str] = []
    place = 0
    while place < len(words):
        for length in lengths:
            part = words[place : place + length]
            needed = phrases.get(tuple(key_of(item) for item in part))
            ends = bool(part) and part[-1][-1:] in SENTENCE_END
            after = key_of(words[place + length]) if place + length < len(words) else ""
            leans = after in language.data.get("inline_after", ())  # "kind of thing"
            if needed is not None and not ends and not leans and not (kept and key_of(kept[-1]) in needed):
                place += length
                break
        else:
            kept.append(words[place])
            place += 1
    return kept


def _remove_restarts(words: Sequence[str], language: Language) -> list[str]:
    """Of a phrase that is begun again with its first word (``from a from the``) the beginning is left out."""
    small = language.data.get("restarts", ())
    kept: list[str] = []
    for word in words:
        if kept and _is_restart(kept, word, language):
            kept = kept[:-4] + kept[-1:]
            if len(kept) == 1:
                kept[0] = kept[0][:1].upper() + kept[0][1:]
        token = key_of(word)
        if (
            len(kept) >= 2
            and token in language.stopwords
            and key_of(kept[-2]).partition("'")[0] == token.partition("'")[0]
            and key_of(kept[-1]) in small
            and ((token not in small and token.partition("'")[0] not in small) or "'" in token)
            and kept[-2][-1:] not in SENTENCE_END
            and kept[-1][-1:] not in SENTENCE_END
        ):
            kept = kept[:-2]
        kept.append(word)
    return kept


def _is_restart(kept: Sequence[str], word: str, language: Language) -> bool:
    """Whether the two small words before a third one are said again: ``we have to we`` and ``have``."""
    keys = [key_of(item) for item in (*kept[-4:], word)]
    return (
        len(keys) == 5
        and keys[:2] == keys[3:]
        and all(key in language.stopwords for key in keys)
        and keys[2] in language.data.get("restarts", ())
        and not any(item[-1:] in SENTENCE_END for item in kept[-4:])
    )


def _remove_connectives(words: Sequence[str], language: Language) -> list[str]:
    """Without words at either end that lean on another sentence: ``so``, ``and then``, ``you know``."""
    found = list(words)
    openers = [phrase.split() for phrase in language.data.get("openers", ())]
    inverting, inverted = (language.data.get("inverts", {}).get(key, ()) for key in ("before", "after"))
    closers = [phrase.split() for phrase in language.data.get("closers", ())]
    while len(found) > 3:
        keys = [key_of(item) for item in found[:4]]
        cut = max((len(item) for item in openers if keys[: len(item)] == item), default=0)
        if not cut or (keys[0] in inverting and keys[2] in inverted):  # "Nehmen wir …" would be a proposal
            break
        found = found[cut:]
    tails = language.data.get("tails", ())
    while len(found) > 3 and key_of(found[-1]) in tails and found[-1][-1:] != "?":
        mark = found.pop()[-1:]
        if mark in SENTENCE_END and found[-1][-1:] not in SENTENCE_END:
            found[-1] = _TRAILING.sub("", found[-1]) + mark
    while len(found) > 3 and found[-1][-1:] not in SENTENCE_END:  # what ends as a sentence is whole
        keys = [key_of(item) for item in found[-4:]]
        cut = max((len(item) for item in closers if keys[-len(item) :] == item), default=0)
        if not cut:
            break
        found = found[:-cut]
    return found


def _apply_spelling(words: Sequence[str], language: Language) -> list[str]:
    spoken: dict[str, str] = language.data.get("written", {})
    return [_replace(word, spoken) for word in words]


def _replace(word: str, spoken: dict[str, str]) -> str:
    token = key_of(word)
    if token not in spoken:
        return word
    start = word.lower().replace("’", "'").find(token)
    if start < 0:
        return word
    shown = spoken[token]
    if word[start : start + 1].isupper():
        shown = shown[:1].upper() + shown[1:]
    return word[:start] + shown + word[start + len(token) :]
