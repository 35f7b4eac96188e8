"""Citation check: what a language model wrote, held against what it cites, sentence by sentence. Pure.

A sentence is kept if every utterance that it cites exists and enough of its words are in these utterances. What is
struck is reported with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whisperdiar.minutes.language import Language, tokens_of
from whisperdiar.minutes.units import Utterance
from whisperdiar.text.messages import _

SECTIONS = ("summary", "decisions", "actions", "questions")

_BRACKETS = re.compile(r"\s*\[\s*(\d{1,7}(?:\s*(?:[-–,;]|to|and)\s*\d{1,7}|\s\d{1,7})*)\s*[,;]?\s*\]")
_KEY = re.compile(r'"(summary|decisions|actions|questions)"\s*:')
_RANGE = re.compile(r"(\d{1,7})(?:\s*[-–]\s*(\d{1,7}))?")
_SENTENCES = re.compile(r"(?<=[.?!。？！])(?=\s+\S)(?!\s*\[)")
_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|$)", re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(r"^\W*(summary|decisions?|actions?(?: items?)?|(?:open )?questions?)\W*$", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_WIDEST_RANGE = 40


@dataclass(frozen=True, slots=True)
class Claim:
    """One item as a model wrote it.

    Attributes:
        section: one of `SECTIONS`.
        sentences: text and the numbers of the utterances that it cites, sentence by sentence.
        owner, due: of an action, as the model says.
    """

    section: str
    sentences: tuple[tuple[str, tuple[int, ...]], ...]
    owner: str | None = None
    due: str | None = None

    @property
    def text(self) -> str:
        return " ".join(text for text, _ in self.sentences)

    @property
    def cited(self) -> tuple[int, ...]:
        return tuple(sorted({number for _, numbers in self.sentences for number in numbers}))


@dataclass(frozen=True, slots=True)
class StruckSentence:
    """A sentence that was left out, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckedClaims:
    """What is left of claims, and what is not."""

    kept: tuple[Claim, ...]
    struck: tuple[StruckSentence, ...] = field(default=())


def parse(answer: str) -> tuple[Claim, ...]:
    """Claims from a model's answer: a JSON object, also between other text, or headings with bullet points.

    What is neither gives no claims; nothing raises.
    """
    answer = _THINKING.sub("", answer)
    for data in _find_objects(answer):
        claims = tuple(_parse_json(data))
        if claims or any(section in data for section in SECTIONS):
            return claims
    return tuple(_parse_broken_json(answer)) or tuple(_parse_lines(answer))


def _parse_broken_json(text: str) -> Iterator[Claim]:
    """Of an answer that was cut off: its items that are whole."""
    keys = [(found.start(), found[1]) for found in _KEY.finditer(text)]
    for place, (start, section) in enumerate(keys):
        end = keys[place + 1][0] if place + 1 < len(keys) else len(text)
        items = [dict(data) for data in _find_objects(text[start:end]) if "text" in data]
        yield from _parse_json({section: items})


def _find_objects(text: str) -> Iterator[Mapping[str, Any]]:
    decoder = json.JSONDecoder()
    start = text.find("{")
    tries = 0
    while start >= 0 and tries < 500:
        tries += 1
        try:
            data, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if isinstance(data, dict):
                yield data
        start = text.find("{", end)


def _parse_json(data: Mapping[str, Any]) -> Iterator[Claim]:
    for section in SECTIONS:
        items = data.get(section)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, str):
                item = {"text": item}
            if not isinstance(item, dict) or not isinstance(item.get("text"), str):
                continue
            numbers = _parse_numbers(
                next((item[key] for key in ("cite", "cites", "citations", "evidence") if key in item), [])
            )
            claim = _make_claim(section, item["text"], numbers, _string(item.get("owner")), _string(item.get("due")))
            if claim is not None:
                yield claim


def _parse_numbers(value: Any) -> tuple[int, ...]:
    """Of a list of numbers, or of a text with numbers in it."""
    if isinstance(value, bool):
        return ()
    if isinstance(value, int):
        return (value,)
    if isinstance(value, str):
        return _split_citations(value)
    if isinstance(value, list):
        return tuple(number for item in value if not isinstance(item, list) for number in _parse_numbers(item))
    return ()


def _string(value: Any) -> str | None:
    text = _clean_line(value) if isinstance(value, str) else ""
    return text if text.lower() not in ("", "null", "none") else None


def _clean_line(text: str) -> str:
    """One line without what steers terminals or turns the direction of text."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _parse_lines(text: str) -> Iterator[Claim]:
    section = "summary"
    for line in text.splitlines():
        heading = _HEADING.match(line.strip())
        if heading:
            word = heading.group(1).lower()
            section = next(name for name in SECTIONS if name[:6] in word or word.startswith(name[:6]))
        elif _BRACKETS.search(line) and '"text"' not in line:
            claim = _make_claim(section, _BULLET.sub("", line), (), None, None)
            if claim is not None:
                yield claim


def _make_claim(section: str, text: str, numbers: tuple[int, ...], owner: str | None, due: str | None) -> Claim | None:
    """Sentences with the citations inside them; those of the whole item stand for a sentence without any."""
    sentences = []
    for part in _SENTENCES.split(_clean_line(text)):
        own = tuple(number for found in _BRACKETS.findall(part) for number in _split_citations(found))
        shown = re.sub(r"\s+([.?!,;:])", r"\1", _BRACKETS.sub("", part)).strip()
        if any(character.isalnum() for character in shown):
            sentences.append((shown, own or numbers))
    return Claim(section, tuple(sentences), owner, due) if sentences else None


def _split_citations(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for first, last in _RANGE.findall(text):
        low, high = int(first), int(last or first)
        found += range(low, high + 1) if low <= high <= low + _WIDEST_RANGE else [low, high]
    return tuple(found)


def check(
    claims: Sequence[Claim], utterances: Sequence[Utterance], language: Language, names: Mapping[str, str], bound: float
) -> CheckedClaims:
    """Keeps the sentences that what they cite supports.

    Args:
        names: speaker label → name; a speaker's name needs no other support than that the speaker is cited.
        bound: share of a sentence's content words that must be in the utterances that it cites, 0 to 1.
    """
    kept, struck = [], []
    for claim in claims:
        good = []
        for text, numbers in claim.sentences:
            reason = _find_fault(text, numbers, utterances, language, names, bound)
            if reason is None:
                good.append((text, numbers))
            else:
                struck.append(StruckSentence(text, reason))
        if good:
            kept.append(Claim(claim.section, tuple(good), claim.owner, claim.due))
    return CheckedClaims(tuple(kept), tuple(struck))


def _find_fault(
    text: str,
    numbers: Sequence[int],
    utterances: Sequence[Utterance],
    language: Language,
    names: Mapping[str, str],
    bound: float,
) -> str | None:
    if not numbers:
        return _("cites nothing")
    missing = next((number for number in numbers if not 1 <= number <= len(utterances)), None)
    if missing is not None:
        return _("cites [{missing}], which does not exist").format(missing=missing)
    cited = [utterances[number - 1] for number in numbers]
    share = measure_support(text, cited, language, names)
    if share < bound or share == 0.0:
        shown = ", ".join(map(str, numbers[:4])) + (", …" if len(numbers) > 4 else "")
        return _("is not supported by [{shown}] ({share:.0%} of its words)").format(shown=shown, share=share)
    return None


def measure_support(text: str, cited: Sequence[Utterance], language: Language, names: Mapping[str, str]) -> float:
    """Which share of a sentence's content words is in what it cites, 0 to 1; forms of one word count as one."""
    people = {token for name in names.values() for token in tokens_of(name)}
    tokens = [token for token in tokens_of(text) if token not in language.fillers]
    content = [token for token in tokens if token not in language.stopwords and token not in people] or [
        token for token in tokens if token not in people
    ]
    if not content:
        return 0.0
    said = {token for item in cited for token in tokens_of(item.text)}
    return sum(any(_is_same_word(token, other) for other in said) for token in content) / len(content)


def _is_same_word(a: str, b: str) -> bool:
    """Whether two words are forms of one: equal, or with a long common beginning."""
    if a == b:
        return True
    shared = max(4, min(len(a), len(b)) - 2)
    return len(a) >= shared and len(b) >= shared and a[:shared] == b[:shared]
