"""Break prices between two words, by the language's own rules.

The words are data: breaks.json, ours, and abbreviations.json, from CLDR (`scripts/cldr_abbreviations.py`).
"""

from __future__ import annotations

import importlib.resources
import json
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

from whisperdiar.text.word_bounds import is_unspaced

NEUTRAL = 2.0
"""Of a break between two words about which nothing is known."""
CLAUSE = 0.6
GOOD = 1.2
RATHER_NOT = 3.2
NEVER = 5.0
FORBIDDEN = 60.0
"""Inside a word, or where the script forbids it: only where nothing else is left."""

_CLOSING = "\"'»”’)]}」』）》】〉〕”’"
_OPENING = "\"'«“‘([{「『（《【〈〔¿¡"
NO_LINE_START = frozenset(
    "!%),.:;?]}¢°·’”†‡›»‼⁇⁈⁉℃、。〃々〆〕〉》」』】〗〙〛〞︰︱︳﹐﹑﹒﹔﹕﹖﹗！％），．：；？］｝～ヽヾー"
    "ァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎゕゖㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ・…‥،؛؟।॥๏ๆฯะาำๅ"
)
"""Characters that may not begin a line: JIS X 4051 and Unicode UAX #14 (classes CL, CP, EX, IS, NS)."""
_NO_LINE_END = frozenset("$([{£¥‘“‹«〈《「『【〔〖〘〚〝（［｛￡￥＄เแโใไ")
"""Characters that may not end a line: opening brackets and quotes, Thai vowels that belong to the next letter."""

_POINTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")
"""Abbreviations with points inside: e.g, Ph.D, т.е."""
_HIRAGANA = re.compile("[\u3041-\u3096]")
_LETTERS = re.compile("[a-zA-Z\u00c0-\u024f\u0400-\u052f]+")
"""Of the scripts that write vowels as letters of their own and have short forms with a point."""
_VOWEL = re.compile("[aeiouyæœøıаеёиоуыэюяіїєўѣ]")
_LONGEST_VOWELLESS = 4
_INTERJECTIONS = frozenset("hm hmm mm mmm mhm sh shh pst psst brr tsk хм гм мм ммм мгм тс тсс ш шш брр".split())  # noqa: SIM905 - a list of words reads best so
"""Words without a vowel that may end a sentence."""


@dataclass(frozen=True, slots=True)
class BreakRules:
    """Break rules of one language; words in lower case.

    `vowelless`: whether a short word without a vowel is an abbreviation (Dr, bzw, кв), as its own words all have one.
    """

    sentence_end: frozenset[str]
    clause_end: frozenset[str]
    names: bool
    vowelless: bool
    abbreviations: frozenset[str] = frozenset()
    never_after: frozenset[str] = frozenset()
    rather_not_after: frozenset[str] = frozenset()
    good_before: frozenset[str] = frozenset()
    never_before: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


@lru_cache(maxsize=64)
def language_rules(code: str | None) -> BreakRules:
    """Rules of a language by its ISO 639-1 code, neutral ones where there are none."""
    language = (code or "").lower().replace("_", "-").partition("-")[0]
    data, listed = _read_data("breaks.json"), _read_data("abbreviations.json")["languages"]
    own = {**data[""], **data.get(language, {})}
    letters = {"sentence_end", "clause_end"}
    rules = BreakRules(
        names=own.pop("names"),
        vowelless=own.pop("vowelless"),
        **{key: frozenset(value if key in letters else value.split()) for key, value in own.items()},
    )
    # What is seen by its form is no matter of a list: no break stands behind it, which a list does not say.
    more = (word for word in listed.get(language, "").split() if not _is_abbreviation(word, rules))
    return replace(rules, abbreviations=rules.abbreviations.union(more))


def _read_data(name: str) -> dict[str, Any]:
    found = importlib.resources.files("whisperdiar").joinpath("data").joinpath(name)
    data: dict[str, Any] = json.loads(found.read_text("utf-8"))
    return data


def ends_sentence(text: str, language: BreakRules, following: str = "") -> bool:
    """Whether a word ends a sentence; the point of an abbreviation, an initial or a number's unit does not.

    Args:
        following: the next word; a sentence does not begin with a small letter, and hardly with a digit.
    """
    core = text.strip().rstrip(_CLOSING)
    if core[-1:] not in language.sentence_end or not core:
        return False
    if core[-1] != "." or core.endswith(".."):
        return True
    first = following.strip().lstrip(_OPENING)[:1]
    if first.islower() or first.isdigit():
        return False
    bare = core.rstrip(".").lstrip(_OPENING)
    return bare.lower() not in language.abbreviations and not _is_abbreviation(bare, language)


def _is_abbreviation(bare: str, language: BreakRules) -> bool:
    """Whether a word before a point is an abbreviation by its form: ``B``, ``z``, ``Ph.D``, ``Dr``, ``кв``."""
    if _POINTED.fullmatch(bare):
        return True
    if not _LETTERS.fullmatch(bare) or (len(bare) > 1 and bare.isupper()) or bare.lower() in _INTERJECTIONS:
        return False
    if len(bare) == 1 and bare.isupper():
        return True
    return language.vowelless and len(bare) <= _LONGEST_VOWELLESS and not _VOWEL.search(_without_marks(bare))


def _without_marks(text: str) -> str:
    return unicodedata.normalize("NFD", text.lower())


def break_price(left: str, right: str, language: BreakRules, *, starts_sentence: bool = False) -> float:
    """What a break between two words costs, pauses left out.

    Args:
        starts_sentence: `left` is the first word of a sentence, so that its capital says nothing.
    """
    before, after = left.strip(), right.strip()
    if after[:1] in NO_LINE_START or before[-1:] in _NO_LINE_END or _is_glued(left, right):
        return FORBIDDEN
    if ends_sentence(left, language, right):
        return 0.0
    core = before.rstrip(_CLOSING)
    if core.endswith(".") and not core.endswith(".."):
        bare, number = core.rstrip(".").lstrip(_OPENING), after.lstrip(_OPENING)[:1].isdigit()
        known = bare.lower() in language.abbreviations
        if (number and len(bare) <= _LONGEST_VOWELLESS) or (not known and _is_abbreviation(bare, language)):
            return NEVER
    if core[-1:] in language.clause_end:
        return CLAUSE
    if _HIRAGANA.match(right) and left and is_unspaced(left[-1]):
        # An ending or a particle belongs to what stands before, most of all where that is one as well.
        return NEVER if _HIRAGANA.match(left[-1]) else RATHER_NOT
    last, first = core.strip(_OPENING).rstrip(".").lower(), after.strip(_OPENING + _CLOSING + ".,;:?!…").lower()
    if last in language.never_after or first in language.never_before:
        return NEVER
    if _is_one_number(last, first, language) or (language.names and _is_one_name(core, after, starts_sentence)):
        return NEVER
    if last in language.rather_not_after:
        return RATHER_NOT
    return GOOD if first in language.good_before else NEUTRAL


def _is_glued(left: str, right: str) -> bool:
    """One word in two tokens: no space between them, in a script that writes spaces between words."""
    if not left or not right or left[-1].isspace() or right[0].isspace():
        return False
    return not is_unspaced(left[-1]) and not is_unspaced(right[0])


def _is_one_number(last: str, first: str, language: BreakRules) -> bool:
    numeric = last[-1:].isdigit() or last in language.numbers
    return numeric and (first[:1].isdigit() or first in language.numbers)


def _is_one_name(left: str, right: str, starts_sentence: bool) -> bool:
    """Two capitalised words in a row, the first of which owes its capital to nothing else."""
    if starts_sentence or left in ("I", "I'm", "I've", "I'll", "I'd"):
        return False
    right = right.lstrip(_OPENING)
    return left.lstrip(_OPENING)[:1].isupper() and right[:1].isupper() and right.rstrip(".,?!;:…") != "I"


def cut_points(clusters: list[str]) -> list[bool]:
    """Whether a token may be cut before each of its clusters, as far as its script allows it at all."""
    found = [False]
    for left, right in pairwise(clusters):
        found.append(right[0] not in NO_LINE_START and left[-1] not in _NO_LINE_END)
    return found
