"""Owners of actions: the speaker, the one who is spoken to, or somebody who is named. Pure.

Only what is clear is answered. Of several people in a sentence the first one does it. "You" is the one whose name is
called, the only other speaker, or the one who says yes right after; "we" and "somebody" are nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from whisperdiar.minutes.language import Language, token_line, tokens_of
from whisperdiar.minutes.units import Utterance

_ANSWER_SECONDS = 4.0
_CAPITALISED = r"[^\W\d_a-zß-öø-ÿœа-џґ][\w.'-]*"


def find_owner(
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
    called = find_name(text, names.values())
    subjects = {
        "named": None if called is None else _find_subject(text, called, rules["named"]),
        "many": _find_first(rules["many"], lower, rules),
        "you": _find_first(rules["you"], lower, rules),
        "self": None if item.speaker is None else _find_first(rules["self"], lower, rules),
    }
    # Who is spoken of first does it: "I'll make sure that you can …", "could you send it, so that I can …".
    known = [(start, who) for who, start in subjects.items() if start is not None]
    first = min(known, key=lambda found: found[0])[1] if known else None
    if first == "named":
        return called
    if first == "self":
        return names.get(item.speaker or "", item.speaker)
    if first == "many" or subjects["many"] is not None:
        return None
    if first == "you":
        capitals = language.data.get("nouns", {}).get("capitals")
        role = None if capitals else _find_called_role(text, rules) or _find_somebody(text, rules)
        return (
            _find_spoken_to(text, names.values(), language)
            or role
            or _find_addressed(place, utterances, names, language)
        )
    # Where every noun has a capital, one says nothing of a name or a role.
    return None if language.data.get("nouns", {}).get("capitals") else _find_somebody(text, rules)


def _find_first(patterns: Iterable[str], text: str, rules: Mapping[str, Sequence[str]]) -> int | None:
    """Where the first of these patterns begins that is no condition or aside (``if you can``, ``as you said``)."""
    aside = re.compile(rf"\b(?:{'|'.join(rules['aside'])}) $")
    starts = [
        match.start()
        for pattern in patterns
        for match in re.finditer(pattern, text)
        if not aside.search(text[: match.start()])
    ]
    return min(starts, default=None)


def _find_spoken_to(text: str, names: Iterable[str], language: Language) -> str | None:
    """Whose name is called: set off by commas or the text's ends, or at its beginning; no object of the sentence."""
    leading = "|".join(map(re.escape, sorted({*language.data.get("openers", ()), *language.fillers}, key=len)))
    begin = rf"(?:^|[,;:.?!]\s*)(?:(?:{leading}),?\s+){{0,3}}"
    called = []
    for name in filter(str.strip, names):
        form = rf"(?:{re.escape(name)}|{re.escape(name.split()[0])})\b"
        match = re.search(
            rf"{begin}{form}(?=\s*[,;:.?!]|\s*$)|^(?:(?:{leading}),?\s+){{0,3}}{form}", text, re.IGNORECASE
        )
        if match is not None:
            called.append((match.start(), name))
    return min(called)[1] if called else None


def find_name(text: str, names: Iterable[str]) -> str | None:
    """The first of these names (or of their first words) that is in a text, in any case of its language."""
    found = []
    for name in filter(str.strip, names):
        match = re.search(_name_pattern(name), text, re.IGNORECASE) or re.search(_name_pattern(name.split()[0]), text)
        if match is not None:
            found.append((match.start(), name))
    return min(found)[1] if found else None


def _name_pattern(name: str) -> str:
    """A pattern for a name: with the endings of inflected languages where it is not in Latin letters."""
    if name.isascii() or len(name) < 4:
        return rf"\b{re.escape(name)}\b"
    stem = name[:-1] if name[-1] in "аяйьеиоуыюё" else name
    return rf"\b{re.escape(stem)}\w{{0,3}}\b"


def _find_subject(text: str, name: str, verbs: Iterable[str]) -> int | None:
    """Where the name stands as the subject of one of the verbs."""
    forms = [_name_pattern(name), *([_name_pattern(name.split()[0])] if name.split() else [])]
    found = (re.search(rf"{form},?\s*(?:{verb})", text, re.IGNORECASE) for form in forms for verb in verbs)
    return min((match.start() for match in found if match is not None), default=None)


def _find_addressed(
    place: int, utterances: Sequence[Utterance], names: Mapping[str, str], language: Language
) -> str | None:
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


def _find_called_role(text: str, rules: Mapping[str, Sequence[str]]) -> str | None:
    """A role that is spoken to: ``for our Industrial Designer, you are …``; two capitals, as one may be any word."""
    join = "|".join(rules["join"])
    match = re.search(
        rf"((?:{_CAPITALISED}\s+(?:{join})\s+)?(?:{_CAPITALISED}\s+){{1,2}}{_CAPITALISED}),?\s+you\b", text
    )
    words = [] if match is None else match.group(1).rstrip(",").split()
    return " ".join(words) if words and not any(word.strip(",.") in rules["stop"] for word in words) else None


def _find_somebody(text: str, rules: Mapping[str, Sequence[str]]) -> str | None:
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
