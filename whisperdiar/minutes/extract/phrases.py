"""Noun phrases without a tagger: what a talk is about, found by the small words around it. Pure.

A chunk is a run of words that are no small ones (articles, prepositions, pronouns, verbs of talking). Whether a word is
a noun is told by what stands before it in the whole meeting: articles and prepositions before nouns (``the battery``),
pronouns and modals before verbs (``we eat``, ``to eat``), in German a capital inside of a sentence, in Russian and
Ukrainian its ending, or a dictionary of forms where there is one (`morphology`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from whisperdiar.minutes.extract.morphology import find_morphology
from whisperdiar.minutes.language import UNSPACED, Language, tokens_of
from whisperdiar.minutes.units import Utterance
from whisperdiar.text.punctuation import CLAUSE_END, SENTENCE_END, last_mark

_LONGEST = 3
_SHORTEST_STEM = 4

Key = tuple[str, ...]
"""Stems of the words of a phrase, by which its forms (battery, batteries) are one."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Noun phrases of a meeting.

    Attributes:
        of: utterance → the phrases in it, longer ones first within a chunk; those inside of others are there too.
        forms: phrase → how often it was said in which form.
        grammar: what the language's file says of nouns.
    """

    of: tuple[tuple[Key, ...], ...]
    forms: Mapping[Key, Counter[str]]
    grammar: Grammar

    def show(self, key: Key) -> str:
        """A phrase in the form that stands for it: no oblique case where another was said, then the commonest."""
        morphology = self.grammar.morphology
        if morphology is not None:
            (commonest, _), *_rest = sorted(self.forms[key].items(), key=lambda item: (-item[1], item[0]))
            return " ".join(morphology.make_nominative(commonest.split()))
        best = min(self.forms[key].items(), key=lambda item: (self.grammar.count_oblique(item[0]), -item[1], item[0]))
        return best[0]


@dataclass(slots=True)
class _Evidence:
    """How often a stem stood where nouns stand, and where verbs stand."""

    noun: Counter[str] = field(default_factory=Counter)
    verb: Counter[str] = field(default_factory=Counter)


class Grammar:
    """What the file of a language says of nouns; without one every word that is not short may be one."""

    def __init__(self, language: Language) -> None:
        data = language.data.get("nouns", {})
        self.known = bool(data)
        self.morphology = find_morphology(language.code) if data else None
        self.before = frozenset(data.get("before", "").split())
        self.verb_before = frozenset(data.get("verb_before", "").split())
        self.links = frozenset(data.get("links", "").split())
        self.head_first = bool(data.get("head_first", False))
        self.capitals = bool(data.get("capitals", False))
        self.no_noun = re.compile(data["no_noun"]) if data.get("no_noun") else None
        self.modifier = re.compile(data["modifier"]) if data.get("modifier") else None
        self.oblique = re.compile(data["oblique"]) if data.get("oblique") else None
        self.endings = sorted(data.get("endings", "").split(), key=len, reverse=True)
        numbers = frozenset(language.data.get("cues", {}).get("number", ()))
        values = frozenset(language.data.get("cues", {}).get("value", ())) if self.before else frozenset[str]()
        names_of_values = frozenset(data.get("values", "").split())
        weak = frozenset(language.data.get("weak", ()))
        self.small = language.stopwords | language.fillers | weak | numbers | (values - names_of_values)

    def is_small(self, token: str) -> bool:
        """Whether a token names nothing: a small word, a letter, a number (an ideograph is long enough)."""
        bare = token.replace("'", "").replace("-", "")
        return token in self.small or not bare or bare[0].isdigit() or (len(token) < 3 and not UNSPACED.match(token))

    def stem(self, token: str) -> str:
        """A word without its ending, as far as four letters are left."""
        for ending in self.endings:
            if token.endswith(ending) and len(token) - len(ending) >= _SHORTEST_STEM:
                return token[: -len(ending)]
        return token

    def may_be_noun(self, token: str) -> bool:
        """Whether its form allows it."""
        if self.morphology is not None:
            return self.morphology.is_noun(token) or self.morphology.is_modifier(token)
        return self.no_noun is None or self.no_noun.search(token) is None

    def is_modifier(self, token: str) -> bool:
        """Whether its form is that of an adjective."""
        if self.morphology is not None:
            return self.morphology.is_modifier(token)
        return self.modifier is not None and self.modifier.search(token) is not None

    def count_oblique(self, shown: str) -> int:
        """How many words of a phrase are in a case that no title has."""
        return 0 if self.oblique is None else sum(self.oblique.search(word) is not None for word in shown.split())


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    shown: str
    small: bool
    first: bool
    """Whether it begins a sentence, so that its capital means nothing."""
    ends: bool
    """Whether a mark follows, over which no phrase goes."""


def find_phrases(utterances: Sequence[Utterance], language: Language) -> Phrases:
    """The noun phrases of all utterances."""
    grammar = Grammar(language)
    lines = [_tokens(item, grammar) for item in utterances]
    chunks = [_chunks(line, grammar) for line in lines]
    cased = any(token.shown[:1].isupper() for line in lines for token in line if not token.first)
    evidence = _weigh(chunks, grammar, cased=cased)
    forms: dict[Key, Counter[str]] = {}
    of = []
    for found in chunks:
        keys: list[Key] = []
        for before, chunk in found:
            for part in _parts(_trim(before, chunk, evidence, grammar, cased=cased), grammar):
                key = tuple(grammar.stem(token.text) for token in part)
                keys.append(key)
                forms.setdefault(key, Counter())[_join([token.shown for token in part])] += 1
        of.append(tuple(keys))
    return Phrases(tuple(of), forms, grammar)


def _tokens(item: Utterance, grammar: Grammar) -> list[_Token]:
    made: list[_Token] = []
    first = True
    for word in item.words:
        mark = last_mark(word.text)
        ends = mark in SENTENCE_END or mark in CLAUSE_END or word.text.rstrip().endswith(("-", "–", "—"))
        found = tokens_of(word.text)
        for place, token in enumerate(found):
            bare = word.text.strip().replace("’", "'")
            start = bare.lower().find(token)
            shown = bare[start : start + len(token)] if start >= 0 else token
            # A capital at the beginning of a sentence means nothing; TV keeps its own.
            if first and not (len(shown) > 1 and shown.isupper()) and not grammar.capitals:
                shown = shown.lower()
            made.append(_Token(token, shown, grammar.is_small(token), first, ends and place == len(found) - 1))
            first = False
        first = first or mark in SENTENCE_END
    return made


def _chunks(line: Sequence[_Token], grammar: Grammar) -> list[tuple[str, list[_Token]]]:
    """(token before, chunk) for each run of words that are not small; a link (``price of the lamp``) joins two."""
    found: list[tuple[str, list[_Token]]] = []
    run: list[_Token] = []
    before = last = ""
    for place, token in enumerate(line):
        after = line[place + 1] if place + 1 < len(line) else None
        linked = run and token.text in grammar.links and after is not None and not after.small and not token.ends
        if token.small and not (linked and not run[-1].ends):
            if run:
                found.append((before, run))
                run = []
            last = "" if token.ends else token.text
            continue
        if not run:
            before = last
        run.append(token)
        last = token.text
        if token.ends:
            found.append((before, run))
            run, last = [], ""
    return [*found, (before, run)] if run else found


def _weigh(chunks: Iterable[Sequence[tuple[str, Sequence[_Token]]]], grammar: Grammar, *, cased: bool) -> _Evidence:
    evidence = _Evidence()
    for found in chunks:
        for before, chunk in found:
            head = chunk[0] if grammar.head_first else chunk[-1]
            if before in grammar.before:
                evidence.noun[grammar.stem(head.text)] += 1
            if before in grammar.verb_before:
                evidence.verb[grammar.stem(chunk[0].text)] += 1
            if grammar.capitals and cased:
                for token in chunk:
                    if not token.first:
                        counter = evidence.noun if token.shown[:1].isupper() else evidence.verb
                        counter[grammar.stem(token.text)] += 1
    return evidence


def _trim(before: str, chunk: Sequence[_Token], evidence: _Evidence, grammar: Grammar, *, cased: bool) -> list[_Token]:
    """A chunk without the verbs at its edges; empty where no noun is left that its phrases could be named by."""
    run = list(chunk)
    if not grammar.known:
        return run

    def is_noun(token: _Token) -> bool:
        stem = grammar.stem(token.text)
        if not grammar.may_be_noun(token.text) or grammar.is_modifier(token.text):
            return False
        if grammar.capitals and cased:
            return token.shown[:1].isupper() and evidence.noun[stem] > 2 * evidence.verb[stem]
        if not grammar.before:
            return True
        return evidence.noun[stem] > 0 and evidence.noun[stem] >= evidence.verb[stem]

    def is_verb(token: _Token) -> bool:
        stem = grammar.stem(token.text)
        if not grammar.may_be_noun(token.text) and not grammar.is_modifier(token.text):
            return True
        return not grammar.capitals and evidence.verb[stem] > evidence.noun[stem]

    if run and before in grammar.verb_before and not is_noun(run[0]):
        run = run[1:]
    verbs = [place for place, token in enumerate(run) if is_verb(token)]
    if verbs:  # the longest part between verbs
        edges = [-1, *verbs, len(run)]
        start, end = max(((a + 1, b) for a, b in pairwise(edges)), key=lambda pair: pair[1] - pair[0])
        run = run[start:end]
    if grammar.head_first:
        while run and (run[0].small or not is_noun(run[0])):
            run = run[1:]
        while run and run[-1].small:
            run = run[:-1]
    else:
        while run and (run[-1].small or not is_noun(run[-1])):
            run = run[:-1]
        while run and run[0].small:
            run = run[1:]
    return run


def _parts(run: Sequence[_Token], grammar: Grammar) -> list[list[_Token]]:
    """The phrases that a chunk holds: its head with nothing, some or all of what describes it."""
    parts = []
    content = sum(not token.small for token in run)
    for size in range(min(len(run), _LONGEST + len(run) - content), 0, -1):
        for start in [0] if grammar.head_first else [len(run) - size] if grammar.known else range(len(run) - size + 1):
            part = list(run[start : start + size])
            inner = sum(not token.small for token in part)
            doubled = len({grammar.stem(token.text) for token in part}) < len(part)
            if not part[0].small and not part[-1].small and inner <= _LONGEST and not doubled:
                parts.append(part)
    return parts


def _join(words: Sequence[str]) -> str:
    return ("" if all(UNSPACED.search(word) for word in words) else " ").join(words)
