"""Language identification of a text: by its script, by a classifier where one is installed, by its commonest words.

    letters → script → its only language, or the languages that are written in it
            → py3langid among these (extra ``language``: M. Lui, T. Baldwin, "langid.py", ACL 2012; retrained for 139
              languages), or letters and words that only one of them has

The core does without a package, since most scripts and the letters of most Cyrillic and Arabic alphabets tell their
language; the classifier is for Latin script beyond the seven languages whose commonest words are listed here.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

_MOST_LETTERS = 20_000
_FEWEST_LETTERS = 4
_LEAST_SHARE = 0.6
"""Of the letters that must be of one script."""
_LEAST_PROBABILITY = 0.5
_LEAST_WORDS = 4
_LEAST_COMMON = 0.15
"""Of the words that must be among the commonest; of running text they are a third to a half."""

_LATIN = """
en de fr es it pt nl pl cs sk sl hr bs hu ro sv da no nn fi et lv lt is fo ga cy br eu ca gl oc la lb mt sq tr az uz tk
id ms jw su tl vi sw so ha yo sn ln mg mi haw ht af
"""
_SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Kana": ("\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d", ("ja",)),
    "Han": ("\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff", ("zh",)),
    "Hangul": ("\u1100-\u11ff\u3130-\u318f\uac00-\ud7af", ("ko",)),
    "Cyrillic": ("\u0400-\u052f", ("ru", "uk", "bg", "sr", "mk", "be", "kk", "mn", "tg", "tt", "ba")),
    "Arabic": ("\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f", ("ar", "fa", "ur", "ps", "sd")),
    "Hebrew": ("\u05d0-\u05ea", ("he", "yi")),
    "Greek": ("\u0370-\u03ff\u1f00-\u1fff", ("el",)),
    "Devanagari": ("\u0900-\u097f", ("hi", "mr", "ne", "sa")),
    "Bengali": ("\u0980-\u09ff", ("bn", "as")),
    "Gurmukhi": ("\u0a00-\u0a7f", ("pa",)),
    "Gujarati": ("\u0a80-\u0aff", ("gu",)),
    "Tamil": ("\u0b80-\u0bff", ("ta",)),
    "Telugu": ("\u0c00-\u0c7f", ("te",)),
    "Kannada": ("\u0c80-\u0cff", ("kn",)),
    "Malayalam": ("\u0d00-\u0d7f", ("ml",)),
    "Sinhala": ("\u0d80-\u0dff", ("si",)),
    "Thai": ("\u0e00-\u0e7f", ("th",)),
    "Lao": ("\u0e80-\u0eff", ("lo",)),
    "Tibetan": ("\u0f00-\u0fff", ("bo",)),
    "Burmese": ("\u1000-\u109f", ("my",)),
    "Georgian": ("\u10a0-\u10ff\u1c90-\u1cbf", ("ka",)),
    "Ethiopic": ("\u1200-\u137f", ("am",)),
    "Khmer": ("\u1780-\u17ff", ("km",)),
    "Armenian": ("\u0530-\u058f", ("hy",)),
    "Latin": (
        "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
        tuple(_LATIN.split()),
    ),
}
"""Script → its letters, and the languages among Whisper's that are written in it, the commonest first."""

_PATTERNS = {name: re.compile(f"[{letters}]") for name, (letters, _) in _SCRIPTS.items()}
_LETTERS: dict[str, tuple[tuple[str, str], ...]] = {
    "Cyrillic": (
        ("ў", "be"),
        ("[ҳҷӣӯ]", "tg"),
        ("[қғңұ]", "kk"),
        ("[ҙҫҡ]", "ba"),
        ("[әҗ]", "tt"),
        ("[өү]", "mn"),
        ("[ѓќѕ]", "mk"),
        ("[ђћџљњј]", "sr"),
        ("[їєґі]", "uk"),
        ("[ыэё]", "ru"),
        ("ъ", "bg"),
    ),
    "Arabic": (("[ټډړږښګڼۍ]", "ps"), ("[ڀٺڦڪڳ]", "sd"), ("[ٹڈڑںے]", "ur"), ("[پچژگ]", "fa")),
    "Bengali": (("[ৰৱ]", "as"),),
}
"""Letters that only one of a script's languages has, the rarer alphabets first."""

_COMMON: dict[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the and to of that is it you for on with was this be have are not we they what do at but so i",
        "de": "der die das und ist nicht ich ein eine zu mit sie wir es auf den auch für von dass wie aber noch dem",
        "fr": "le les et est pas je une un des vous que qui dans nous il pour ce sur elle mais avec au très oui",
        "es": "el los y es que no una un las por con para lo está pero como más yo muy del su qué si al",
        "it": "il di che è non un una per sono con lo gli ma anche come del questo più della io si ci ho mi",
        "pt": "o os e é que não uma um para com por mas do da em isso você eu mais como na no foi muito ao",
        "nl": "de het een en is niet ik van dat op te zijn we maar met voor er ook naar wat je die aan nog",
    }.items()
}


def identify_language(texts: Iterable[str]) -> str | None:
    """The ISO 639-1 code of the language of texts, by their first 20,000 letters; None where it cannot be told.

    The guess is among the languages that Whisper knows.
    """
    sample = _sample(texts)
    counts = Counter({name: len(pattern.findall(sample)) for name, pattern in _PATTERNS.items()})
    total = sum(counts.values())
    if total < _FEWEST_LETTERS and not (counts["Kana"] or counts["Hangul"]):
        return None
    if counts["Kana"] and counts["Kana"] + counts["Han"] >= _LEAST_SHARE * total:
        return "ja"
    script, count = counts.most_common(1)[0]
    if count < _LEAST_SHARE * total:
        return None
    candidates = _SCRIPTS[script][1]
    if len(candidates) == 1:
        return candidates[0]
    return _by_letters(sample, script) or _by_classifier(sample, candidates) or _by_words(sample, script)


def has_classifier() -> bool:
    """Whether the package of the extra ``language`` is there."""
    return importlib.util.find_spec("py3langid") is not None


def _sample(texts: Iterable[str]) -> str:
    parts: list[str] = []
    length = 0
    for text in texts:
        parts.append(text[: _MOST_LETTERS - length])
        length += len(parts[-1]) + 1
        if length >= _MOST_LETTERS:
            break
    return " ".join(parts).lower()


def _by_letters(sample: str, script: str) -> str | None:
    """The language of a letter that is its own, and stands in the sample more than by accident (a foreign name)."""
    total = len(_PATTERNS[script].findall(sample))
    for letters, code in _LETTERS.get(script, ()):
        if len(re.findall(letters, sample)) * 200 >= total:
            return code
    return None


def _by_classifier(sample: str, candidates: tuple[str, ...]) -> str | None:
    if not has_classifier():
        return None
    among = {code: share for code, share in _classifier().rank(sample) if code in candidates}
    code = max(among, key=among.__getitem__, default=None)
    return code if code is not None and among[code] >= _LEAST_PROBABILITY * sum(among.values()) else None


@lru_cache(maxsize=1)
def _classifier() -> Any:
    module = importlib.import_module("py3langid.langid")
    return module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)


def _by_words(sample: str, script: str) -> str | None:
    """The script's commonest language; in Latin script the one whose commonest words stand out."""
    if script != "Latin":
        return _SCRIPTS[script][1][0]
    words = re.findall(r"[^\W\d_]+", sample)
    if len(words) < _LEAST_WORDS:
        return None
    counts = Counter({code: sum(word in common for word in words) for code, common in _COMMON.items()})
    (code, most), (_, second) = counts.most_common(2)
    return code if most >= _LEAST_COMMON * len(words) and most >= 1.5 * second else None
