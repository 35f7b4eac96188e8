"""Normalisation of texts before their words are compared: which differences count as errors.

    whisper-english   spelling, contractions, numbers and fillers of English (Radford et al., 2022, appendix C)
    whisper-basic     case, marks and punctuation, as the same paper does it for all other languages
    multilingual      NFKC, case and punctuation; marks of letters stay, which whisper-basic takes away
    russian           multilingual, ё as е, and numbers in words as digits
    none              white space alone

In languages without spaces every character counts as a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import regex

from whisperdiar.errors import BackendMissing, InvalidOption
from whisperdiar.text.messages import _

Normalise = Callable[[str], str]

WITHOUT_SPACES = ("ja", "lo", "my", "th", "yue", "zh")
"""Languages whose errors are counted by the character, because their words are not written apart."""


def choose_normaliser(name: str, language: str | None) -> str:
    """The name that ``auto`` or ``whisper`` stands for in a language; any other name as it is."""
    if name == "whisper":
        return "whisper-english" if language == "en" else "whisper-basic"
    if name != "auto":
        return name
    return {"en": "whisper-english", "ru": "russian"}.get(language or "", "multilingual")


@lru_cache
def make_normaliser(name: str, language: str | None = None) -> Normalise:
    """The function that normalises a text.

    Raises:
        InvalidOption: there is none of that name.
        BackendMissing: whisper-normalizer is not installed.
    """
    split = language in WITHOUT_SPACES
    if name == "none":
        return lambda text: " ".join(_split_characters(text) if split else text.split())
    if name == "multilingual":
        return lambda text: normalise_letters(text, split=split)
    if name == "russian":
        return normalise_russian
    if name not in ("whisper-english", "whisper-basic"):
        raise InvalidOption(
            _("normaliser {name!r}: choose whisper-english, whisper-basic, multilingual, russian or none").format(
                name=name
            )
        )
    try:
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise BackendMissing(
            _(
                "the normaliser {name} needs whisper-normalizer: run pip install 'whisperdiar[score]', or "
                "take --normaliser multilingual"
            ).format(name=name)
        ) from error
    made: Any = EnglishTextNormalizer() if name == "whisper-english" else BasicTextNormalizer(split_letters=split)
    return lambda text: " ".join(made(text).split())


def normalise_letters(text: str, *, split: bool = False) -> str:
    """Letters with their marks and digits of a text, in lower case; an apostrophe within a word goes without a gap."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = regex.sub(r"(?<=\p{L})['’ʼ](?=\p{L})", "", text)
    text = regex.sub(r"[^\p{L}\p{M}\p{N}]+", " ", text)
    return " ".join(_split_characters(text) if split else text.split())


def _split_characters(text: str) -> list[str]:
    return [found for found in regex.findall(r"\X", text) if not found.isspace()]


_UNITS = {
    0: "ноль ноля нолю нолем нуль нуля", 1: "один одна одно одного одной одному одним одну одною",
    2: "два две двух двум двумя", 3: "три трех трем тремя", 4: "четыре четырех четырем четырьмя",
    5: "пять пяти пятью", 6: "шесть шести шестью", 7: "семь семи семью", 8: "восемь восьми восемью восьмью",
    9: "девять девяти девятью",
}  # fmt: skip
_TEENS = {
    10: "десять десяти десятью", 11: "одиннадцать", 12: "двенадцать", 13: "тринадцать", 14: "четырнадцать",
    15: "пятнадцать", 16: "шестнадцать", 17: "семнадцать", 18: "восемнадцать", 19: "девятнадцать",
}  # fmt: skip
_TENS = {
    20: "двадцать двадцати двадцатью", 30: "тридцать тридцати тридцатью", 40: "сорок сорока",
    50: "пятьдесят пятидесяти пятьюдесятью", 60: "шестьдесят шестидесяти шестьюдесятью",
    70: "семьдесят семидесяти семьюдесятью", 80: "восемьдесят восьмидесяти восемьюдесятью",
    90: "девяносто девяноста",
}  # fmt: skip
_HUNDREDS = {
    100: "сто ста", 200: "двести двухсот двумстам двумястами двухстах",
    300: "триста трехсот тремстам тремястами трехстах",
    400: "четыреста четырехсот четыремстам четырьмястами четырехстах",
    500: "пятьсот пятисот пятистам пятьюстами пятистах", 600: "шестьсот шестисот шестистам шестьюстами шестистах",
    700: "семьсот семисот семистам семьюстами семистах", 800: "восемьсот восьмисот восьмистам восемьюстами восьмистах",
    900: "девятьсот девятисот девятистам девятьюстами девятистах",
}  # fmt: skip
_GROUPS = {
    1_000: "тысяча тысячи тысяч тысяче тысячу тысячей тысячью тысячам тысячами тысячах",
    1_000_000: "миллион миллиона миллионов миллиону миллионом миллионе миллионы миллионам миллионами миллионах",
    1_000_000_000: "миллиард миллиарда миллиардов миллиарду миллиардом миллиарде миллиарды миллиардам миллиардами",
}


def _forms() -> dict[str, tuple[int, int]]:
    """Form of a cardinal → its value and the power of ten below which another one may follow."""
    found = {}
    for table, room in ((_UNITS, 1), (_TEENS, 1), (_TENS, 10), (_HUNDREDS, 100)):
        for value, text in table.items():
            own = text.split()
            if table is _TEENS and len(own) == 1:
                own += [own[0][:-1] + end for end in ("и", "ью")]
            found.update(dict.fromkeys(own, (value, 1 if value == 0 else room)))
    return found


_CARDINALS = _forms()
_MULTIPLIERS = {form: value for value, text in _GROUPS.items() for form in text.split()}


def normalise_russian(text: str) -> str:
    """A Russian text in lower case without punctuation, ё as е, cardinal numbers as digits whatever their case."""
    text = re.sub(r"(?<=\d)[\u00a0\u202f](?=\d{3}\b)", "", text)
    words = normalise_letters(text.replace("ё", "е").replace("Ё", "Е")).replace("ё", "е").split()
    return " ".join(_join_numbers(words))


def _join_numbers(words: list[str]) -> list[str]:
    """Runs of numerals as one number each: сто двадцать пять тысяч → 125000; two in a row stay two."""
    found: list[str] = []
    total = part = 0
    room, multiplier, open_ = 10_000, 10**12, False

    def close() -> None:
        nonlocal total, part, room, multiplier, open_
        if open_:
            found.append(str(total + part))
        total = part = 0
        room, multiplier, open_ = 10_000, 10**12, False

    for word in words:
        if word in _CARDINALS:
            value, next_room = _CARDINALS[word]
            if open_ and (value >= room or value == 0 or room == 1):
                close()
            part, room, open_ = part + value, next_room, True
        elif word in _MULTIPLIERS:
            value = _MULTIPLIERS[word]
            if open_ and value >= multiplier:
                close()
            total += (part or 1) * value
            part, room, multiplier, open_ = 0, 1000, value, True
        elif word.isdecimal() and not open_:
            part, room, open_ = int(word), 1, True
            if word.startswith("0"):  # 007 is a name
                found.append(word)
                part, room, open_ = 0, 10_000, False
        else:
            close()
            if word.isdecimal() and not word.startswith("0"):
                part, room, open_ = int(word), 1, True
            else:
                found.append(word)
    close()
    return found
