"""Topic segmentation: where the talk turns to something else, and what it is called. Pure.

The boundaries are those of the most probable segmentation in the model of Utiyama and Isahara (A statistical model for
domain-independent text segmentation, ACL 2001): each topic has words of its own, with Laplace's probabilities, and a
boundary costs the logarithm of the number of words. It has nothing to be trained. Boundaries lie between blocks of
utterances, so that ten hours are done in a moment.

Titles are the noun phrases that a topic has more of than the rest of the meeting: weighted log-odds with the meeting as
the prior (Monroe, Colaresi and Quinn, Fightin' Words, 2008). Phrases that the agenda named at the beginning come first.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence, Set
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whisperdiar.minutes.content import Topic
from whisperdiar.minutes.extract.phrases import Key, Phrases, find_phrases
from whisperdiar.minutes.language import UNSPACED, Language, tokens_of
from whisperdiar.minutes.units import Utterance
from whisperdiar.types import Span

_BLOCK_SECONDS = 20.0
_SHORTEST = 90.0
"""Seconds; a shorter topic is no heading in the minutes."""
_LONGEST = 1500.0
_TITLE_TERMS = 3
_PRIOR = 20.0
_LONGER, _ON_AGENDA = 1.25, 1.5
"""What the weights of phrases of several words, and of those of the agenda, are multiplied by."""
_OPENING_SECONDS, _OPENING_SHARE = 180.0, 0.1
"""How long a meeting begins, in which its agenda is told."""


def find_topics(
    utterances: Sequence[Utterance], language: Language, *, small_talk: Set[int] = frozenset()
) -> tuple[Topic, ...]:
    """Topics in the order of time, from the first utterance to the last end.

    Args:
        small_talk: sentences that name no topic, such as greetings.
    """
    if not utterances:
        return ()
    tokens = [_content(item, language) for item in utterances]
    blocks = _make_blocks(utterances)
    edges = _segment(utterances, tokens, blocks)
    parts = [range(blocks[i][0], blocks[j - 1][-1] + 1) for i, j in pairwise(edges)]
    phrases = find_phrases(utterances, language)
    agenda = _find_agenda(utterances, phrases, language)
    everywhere = Counter(key for found in phrases.of for key in found)
    starts = [utterances[part[0]].span.start for part in parts]
    end = max(item.span.end for item in utterances)
    made = []
    for part, start, stop in zip(parts, starts, [*starts[1:], end], strict=True):
        here = Counter(key for i in part if utterances[i].whole not in small_talk for key in phrases.of[i])
        shown = [phrases.show(key) for key in _key_terms(here, everywhere, agenda, phrases)]
        made.append(Topic(Span(start, max(start, stop)), _make_title(shown), tuple(shown)))
    return tuple(made)


def _content(item: Utterance, language: Language) -> list[str]:
    """Tokens; those without a topic are empty strings, so that neighbours stay neighbours."""
    weak = language.data.get("weak", ())
    empty = language.stopwords | language.fillers
    return ["" if token in empty or token in weak or _is_small(token) else token for token in tokens_of(item.text)]


def _is_small(token: str) -> bool:
    """Whether a token is too short to name anything: a letter, a number (an ideograph is long enough)."""
    return token.replace("'", "").isdigit() or (len(token) < 3 and token.isascii())


def _make_blocks(utterances: Sequence[Utterance]) -> list[list[int]]:
    blocks: list[list[int]] = []
    opened = -math.inf
    for i, item in enumerate(utterances):
        if item.span.start - opened >= _BLOCK_SECONDS:
            blocks.append([])
            opened = item.span.start
        blocks[-1].append(i)
    return blocks


def _segment(
    utterances: Sequence[Utterance], tokens: Sequence[Sequence[str]], blocks: Sequence[Sequence[int]]
) -> list[int]:
    """Edges of the best segmentation, as numbers of blocks: 0, …, n_blocks."""
    frequent = Counter(term for found in tokens for term in set(found) if term)
    vocabulary = {term: k for k, term in enumerate(term for term, count in frequent.items() if count >= 2)}
    counts = np.zeros((len(blocks) + 1, len(vocabulary)), dtype=np.float32)
    for row, block in enumerate(blocks, start=1):
        for i in block:
            for term in tokens[i]:
                if term in vocabulary:
                    counts[row, vocabulary[term]] += 1
    sums = counts.cumsum(axis=0)
    starts = [utterances[block[0]].span.start for block in blocks]
    starts.append(max(item.span.end for item in utterances))
    price = math.log(max(2.0, float(sums[-1].sum())))
    best = [0.0] + [math.inf] * len(blocks)
    come_from = [0] * (len(blocks) + 1)
    for first in range(len(blocks)):
        if not math.isfinite(best[first]):
            continue
        reach = [
            last
            for last in range(first + 1, len(blocks) + 1)
            if starts[last] - starts[first] <= _LONGEST or last == first + 1
        ]
        costs = best[first] + price + _costs(sums[reach] - sums[first])
        for last, cost in zip(reach, costs, strict=True):
            short = starts[last] - starts[first] < min(_SHORTEST, starts[-1] - starts[0])
            if cost + (1e6 if short else 0.0) < best[last]:
                best[last], come_from[last] = float(cost) + (1e6 if short else 0.0), first
    edges = [len(blocks)]
    while edges[-1]:
        edges.append(come_from[edges[-1]])
    return edges[::-1]


def _costs(counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n_candidates, n_terms) → (n_candidates,): minus the logarithm of the probability of the words of each."""
    totals = counts.sum(axis=1, dtype=np.float64)
    inside = (counts * np.log1p(counts)).sum(axis=1, dtype=np.float64)
    return np.asarray(totals * np.log(totals + counts.shape[1] + 1e-9) - inside)


def _key_terms(here: Counter[Key], everywhere: Counter[Key], agenda: Set[Key], phrases: Phrases) -> list[Key]:
    """The phrases that a topic has more of than the rest of the meeting; those of the agenda come first."""
    n_here, n_all = sum(here.values()), sum(everywhere.values())
    scored = []
    for key, count in here.items():
        if count < 2 or (len(key) == 1 and len(key[0]) == 1 and UNSPACED.match(key[0])):
            continue
        # What is mostly said as part of a longer phrase is named by that one.
        longer = max((n for other, n in here.items() if len(other) > len(key) and _holds(other, key)), default=0)
        if longer > 0.6 * count:
            continue
        expected = _PRIOR * everywhere[key] / max(1, n_all)
        rest = everywhere[key] - count
        odds = math.log((count + expected) / (n_here + _PRIOR)) - math.log(
            (rest + expected) / (n_all - n_here + _PRIOR)
        )
        weight = odds / math.sqrt(1.0 / (count + expected) + 1.0 / (rest + expected))
        weight *= (_LONGER if len(key) > 1 else 1.0) * (_ON_AGENDA if key in agenda else 1.0)
        scored.append((-round(weight, 6), -count, key))
    chosen: list[Key] = []
    for _, _, key in sorted(scored):
        if not any(_is_alike(part, other) for done in chosen for other in done for part in key):
            chosen.append(key)
        if len(chosen) == _TITLE_TERMS:
            break
    if chosen or not here:
        return chosen
    # Hardly anything comes twice: the agenda's words, or else the longest phrase.
    told = [key for key in here if key in agenda] or [max(here, key=lambda key: (here[key], len(key)))]
    return sorted(told, key=lambda key: -len(key))[:1] if phrases.grammar.known else told[:1]


def _holds(longer: Key, key: Key) -> bool:
    return any(longer[start : start + len(key)] == key for start in range(len(longer) - len(key) + 1))


def _find_agenda(utterances: Sequence[Utterance], phrases: Phrases, language: Language) -> Set[Key]:
    """Phrases of the sentences that say, at the beginning, what is to be talked about."""
    patterns = language.data.get("agenda", ())
    if not utterances or not patterns:
        return frozenset()
    first, last = utterances[0].span.start, utterances[-1].span.end
    end = first + max(_OPENING_SECONDS, _OPENING_SHARE * (last - first))
    told = {
        item.whole
        for item in utterances
        if item.span.start <= end and any(re.search(pattern, item.text.lower()) for pattern in patterns)
    }
    return {key for item, keys in zip(utterances, phrases.of, strict=True) if item.whole in told for key in keys}


def _is_alike(a: str, b: str) -> bool:
    """Whether two words are forms of one: the same beginning, and not much more."""
    shared = max(3, min(len(a), len(b)) - 2)
    return a[:shared] == b[:shared]


def _make_title(terms: Sequence[str]) -> str:
    text = ", ".join(terms)
    return text[:1].upper() + text[1:]
