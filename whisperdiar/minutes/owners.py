"""Who is to do it: the speaker, the one who is spoken to, or somebody who is named. Pure.

Only what is clear is answered. "You" is the one whose name is called, the only other speaker, or the one who says yes
right after; "we" and "somebody" are nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from whisperdiar.minutes.language import Language, token_line, tokens_of
from whisperdiar.minutes.units import Utterance

_ANSWER_SECONDS = 4.0
_CAPITALISED = r"[^\W\d_a-zа-яё][\w.'-]*"


def owner(
    place: int,
    utterances: Sequence[Utterance],
    names: Mapping[str, str],
    language: Language,
    *,
    text: str | None = None,
) -> str | None:
    """The name that people read of who is to do what the utterance at `place` says; None where that is not clear.

    Args:
        names: speaker label → name.
        text: the utterance with its neighbours of the same sentence; its own text if left out.
    """
    rules = language.data.get("owner")
    item = utterances[place]
    if not rules:
        return None
    text = " ".join((text or item.text).split())
    lower = text.lower().replace("’", "'")
    called = named(text, names.values())
    if called is not None and _does(text, called, rules["named"]):
        return called
    if _any(rules["many"], lower):
        return None
    if _any(rules["you"], lower):
        role = _called_role(text, rules) or _somebody(text, rules)
        return called or role or _addressed(place, utterances, names, language)
    if _any(rules["self"], lower) and item.speaker is not None:
        return names.get(item.speaker, item.speaker)
    return called if called is not None and _any(rules["named"], lower) else _somebody(text, rules)


def named(text: str, names: Iterable[str]) -> str | None:
    """The first of these names (or of their first words) that is in a text, in any case of its language."""
    found = []
    for name in filter(str.strip, names):
        match = re.search(_form(name), text, re.IGNORECASE) or re.search(_form(name.split()[0]), text)
        if match is not None:
            found.append((match.start(), name))
    return min(found)[1] if found else None


def _form(name: str) -> str:
    """A pattern for a name: with the endings of inflected languages where it is not in Latin letters."""
    if name.isascii() or len(name) < 4:
        return rf"\b{re.escape(name)}\b"
    stem = name[:-1] if name[-1] in "аяйьеиоуыюё" else name
    return rf"\b{re.escape(stem)}\w{{0,3}}\b"


def _any(patterns: Iterable[str], text: str) -> bool:
    return any(re.search(pattern, text) for pattern in patterns)


def _does(text: str, name: str, verbs: Iterable[str]) -> bool:
    """Whether what is named is the subject of one of the verbs."""
    forms = [_form(name), *([_form(name.split()[0])] if name.split() else [])]
    return any(re.search(rf"{form},?\s*(?:{verb})", text, re.IGNORECASE) for form in forms for verb in verbs)


def _addressed(place: int, utterances: Sequence[Utterance], names: Mapping[str, str], language: Language) -> str | None:
    item = utterances[place]
    others = {other.speaker for other in utterances} - {item.speaker, None}
    if item.speaker is None or not others:
        return None
    if len(others) == 1:
        (only,) = others
        return names.get(only or "", only)
    for other in utterances[place + 1 : place + 4]:
        if other.speaker == item.speaker or other.speaker is None:
            continue
        if other.span.start - item.span.end > _ANSWER_SECONDS:
            return None
        agrees = language.count("agree", token_line(tokens_of(other.text)[:3])) > 0
        return names.get(other.speaker, other.speaker) if agrees else None
    return None


def _called_role(text: str, rules: Mapping[str, Sequence[str]]) -> str | None:
    """A role that is spoken to: ``for our Industrial Designer, you are …``; two capitals, as one may be any word."""
    match = re.search(rf"((?:{_CAPITALISED}\s+){{1,2}}{_CAPITALISED}),?\s+you\b", text)
    words = [] if match is None else match.group(1).rstrip(",").split()
    return " ".join(words) if words and not any(word.strip(",.") in rules["stop"] for word in words) else None


def _somebody(text: str, rules: Mapping[str, Sequence[str]]) -> str | None:
    """A name or a role in capitals that is the subject: ``the Industrial Designer will …``."""
    verbs = "|".join(rules["named"])
    pattern = re.compile(rf"((?:{_CAPITALISED}\s+){{0,2}}{_CAPITALISED})(?:,?\s+|(?='))(?:{verbs})")
    for match in pattern.finditer(text):
        words = match.group(1).split()
        while words and words[0].strip(",.") in rules["stop"]:
            words = words[1:]
        first = match.start() == 0 and len(words) == len(match.group(1).split())
        # A single capital at the beginning of a sentence may be any word.
        if words and not (first and len(words) == 1) and not any(word in rules["stop"] for word in words):
            return " ".join(words)
    return None
