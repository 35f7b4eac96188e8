"""Token alignment: which words of a corrected text are which words of the transcript.

The tokens of both are aligned as sequences. What was moved is found by the time above its turn, and by runs of words
that are nowhere else. What is left over on both sides between two matches is a `Block`: these old words were replaced
by those new ones.

Alignment of two sequences of tokens.

A cheapest alignment first (Levenshtein distance by rapidfuzz, bit-parallel: Hyyrö 2003), then, inside what differs,
the longest common runs (difflib): of the tokens as they are, and without regard to case and punctuation.

Words that were cut out at one place of the text and put in at another.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from whisperdiar.editing.passages import TranscriptLayout
from whisperdiar.editing.speakers import fold_text
from whisperdiar.editing.text_form import CorrectedTokens, CorrectedTurn

_LARGEST_REFINED = 400_000
"""Old times new tokens up to which a block is searched for common runs, whose search may take quadratic time."""

Pairs = list[tuple[int, int]]


def match_key(token: str) -> str:
    """A token without regard to case, typography and the punctuation around it."""
    text = fold_text(unicodedata.normalize("NFC", token))
    bare = "".join(c for c in text if unicodedata.category(c)[0] not in "PS")
    return bare or text


def align_tokens(old: Sequence[str], new: Sequence[str]) -> Pairs:
    """Pairs of equal tokens (or nearly equal ones, see `match_key`), increasing on both sides."""
    from rapidfuzz.distance import Levenshtein  # at its first use: most commands need none

    pairs: Pairs = []
    at_old = at_new = 0
    for operation in Levenshtein.opcodes(old, new):
        if operation.tag != "equal":
            continue
        pairs += _refine(old, new, (at_old, operation.src_start), (at_new, operation.dest_start))
        pairs += zip(
            range(operation.src_start, operation.src_end), range(operation.dest_start, operation.dest_end), strict=True
        )
        at_old, at_new = operation.src_end, operation.dest_end
    return pairs + _refine(old, new, (at_old, len(old)), (at_new, len(new)))


def _refine(old: Sequence[str], new: Sequence[str], a: tuple[int, int], b: tuple[int, int]) -> Pairs:
    """Common runs inside old[a] and new[b]: a cheapest alignment need not hold all words that are the same."""
    if not 0 < (a[1] - a[0]) * (b[1] - b[0]) <= _LARGEST_REFINED:
        return []
    exact = _common(old, new, a, b)
    pairs: Pairs = []
    keys_old = [match_key(token) for token in old[a[0] : a[1]]]
    keys_new = [match_key(token) for token in new[b[0] : b[1]]]
    for (i, j), (i_next, j_next) in pairwise([(a[0] - 1, b[0] - 1), *exact, (a[1], b[1])]):
        gap = _common(keys_old, keys_new, (i + 1 - a[0], i_next - a[0]), (j + 1 - b[0], j_next - b[0]))
        pairs += [(x + a[0], y + b[0]) for x, y in gap]
        if i_next < a[1]:
            pairs.append((i_next, j_next))
    return pairs


def _common(old: Sequence[str], new: Sequence[str], a: tuple[int, int], b: tuple[int, int]) -> Pairs:
    if a[0] >= a[1] or b[0] >= b[1]:
        return []
    matcher = SequenceMatcher(None, old[a[0] : a[1]], new[b[0] : b[1]], autojunk=False)
    return [(a[0] + run.a + k, b[0] + run.b + k) for run in matcher.get_matching_blocks() for k in range(run.size)]


def longest_nondecreasing(values: Sequence[int]) -> list[int]:
    """Indices of a longest subsequence that never falls (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        place = bisect_right(tails, value)
        before.append(ends[place - 1] if place else -1)
        tails[place : place + 1] = [value]
        ends[place : place + 1] = [index]
    found: list[int] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        found.append(at)
        at = before[at]
    return found[::-1]


RUN = 4
"""Words in a row that are found wherever they went; fewer are too often the same by chance."""
_NEAR = 3
"""Paragraphs beside the place of a turn in which fewer words are looked for."""


def find_homes(old: TranscriptLayout, origin: Sequence[int | None], in_order: set[int]) -> tuple[list[int], list[int]]:
    """For every new turn the first and the last old paragraph that its words may well come from."""
    low, last = [], 0
    for turn, paragraph in enumerate(origin):
        low.append(last)
        last = paragraph if turn in in_order and paragraph is not None else last
    high, last = [], len(old.paragraphs)
    for turn in range(len(origin) - 1, -1, -1):
        paragraph = origin[turn]
        high.append(last)
        last = paragraph if turn in in_order and paragraph is not None else last
    return low, high[::-1]


def find_moved(
    old: TranscriptLayout,
    new: CorrectedTokens,
    used_old: set[int],
    used_new: set[int],
    near: tuple[Sequence[int], Sequence[int]],
) -> Iterator[Pairs]:
    """Runs of words that are left over on both sides: long ones from anywhere, short ones from nearby.

    Args:
        used_old, used_new: tokens that have found each other; those of long runs are added.
        near: see `find_homes`.
    """
    for pairs in list(_find_long_runs(old, new, used_old, used_new)):
        used_old |= {i for i, _ in pairs}
        used_new |= {j for _, j in pairs}
        yield pairs
    yield from list(_find_short_runs(old, new, used_old, used_new, near))


def _find_long_runs(
    old: TranscriptLayout, new: CorrectedTokens, used_old: set[int], used_new: set[int]
) -> Iterator[Pairs]:
    """Runs of `RUN` words and more whose first words are nowhere else among what is left over."""
    places: dict[tuple[str, ...], list[int]] = {}
    for i in range(len(old.tokens) - RUN + 1):
        if used_old.isdisjoint(range(i, i + RUN)):
            places.setdefault(old.tokens[i : i + RUN], []).append(i)
    taken: set[int] = set()
    j = 0
    while places and j <= len(new.tokens) - RUN:
        (i, *others) = places.get(new.tokens[j : j + RUN], [-1, -1])
        length = 0
        while (
            not others
            and i + length < len(old.tokens)
            and j + length < len(new.tokens)
            and old.tokens[i + length] == new.tokens[j + length]
            and new.turn_of[j + length] == new.turn_of[j]
            and i + length not in used_old
            and i + length not in taken
            and j + length not in used_new
        ):
            length += 1
        if length >= RUN:
            taken |= set(range(i, i + length))
            yield [(i + k, j + k) for k in range(length)]
        j += max(1, length)


def _find_short_runs(
    old: TranscriptLayout,
    new: CorrectedTokens,
    used_old: set[int],
    used_new: set[int],
    near: tuple[Sequence[int], Sequence[int]],
) -> Iterator[Pairs]:
    """Whole runs of left over words, such as an interjection that was moved behind the next turn; the nearest first."""
    places: dict[tuple[str, ...], list[range]] = {}
    for gone in _find_unmatched(len(old.tokens), used_old, old.paragraph_of):
        places.setdefault(old.tokens[gone.start : gone.stop], []).append(gone)
    low, high = near
    for come in _find_unmatched(len(new.tokens), used_new, new.turn_of):
        turn = new.turn_of[come.start]
        candidates = places.get(new.tokens[come.start : come.stop], [])
        fitting = [
            gone for gone in candidates if low[turn] - _NEAR <= old.paragraph_of[gone.start] <= high[turn] + _NEAR
        ]
        best = min(
            fitting, key=lambda gone: abs(2 * old.paragraph_of[gone.start] - low[turn] - high[turn]), default=None
        )
        if best is not None:
            candidates.remove(best)
            yield list(zip(best, come, strict=True))


def _find_unmatched(count: int, used: set[int], group_of: Sequence[int]) -> Iterable[range]:
    """Runs of tokens of one paragraph that have found none, as long as can be."""
    first: int | None = None
    for at in range(count + 1):
        inside = at < count and at not in used
        if first is not None and (not inside or group_of[at] != group_of[first]):
            yield range(first, at)
            first = None
        if inside and first is None:
            first = at


_MOVED_SHARE = 0.5
"""Of a moved turn's words, so many must be those of the turn whose time it bears."""


@dataclass(frozen=True, slots=True)
class Block:
    """Old tokens that are gone, and new ones that stand in their place; both in order, one side may be empty."""

    old: tuple[int, ...]
    new: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """What was found.

    Attributes:
        old_of: new token → old token.
        blocks: all other tokens of both sides.
        origin: for every new turn the old paragraph whose time it bears; None where it bears none.
        retimed: old tokens that are in the new text, at a place where they cannot keep their times.
    """

    old_of: dict[int, int]
    blocks: tuple[Block, ...]
    origin: tuple[int | None, ...]
    retimed: frozenset[int]


@dataclass(slots=True)
class _Chain:
    """A stretch of the old text and the new one that it became, as indices; the pairs run upwards on both sides."""

    old: Sequence[int]
    new: Sequence[int]
    pairs: Pairs


def match(old: TranscriptLayout, new: CorrectedTokens) -> Matching:
    """Match the tokens of two texts."""
    origin = _find_origins(old, new)
    in_order, moved = _split_moved(old, new, origin)
    chains = _find_moved_chains(old, new, {turn: origin[turn] for turn in sorted(moved)}, {origin[t] for t in in_order})
    chains.insert(0, _find_main_chain(old, new, origin, in_order, chains))
    used_old = {i for chain in chains for i, _ in chain.pairs}
    used_new = {j for chain in chains for _, j in chain.pairs}
    for run in find_moved(old, new, used_old, used_new, find_homes(old, origin, in_order)):
        chains.append(_Chain([i for i, _ in run], [j for _, j in run], run))
    for chain in chains:
        chain.pairs = _keep_whole_units(old, new, chain.pairs)
    retimed = _keep_time_order(old, new, chains)
    used = retimed.union(*({i for i, _ in chain.pairs} for chain in chains))
    old_of = {j: i for chain in chains for i, j in chain.pairs}
    anchors = _find_anchors(old, new, origin, in_order)
    blocks = [
        block
        for number, chain in enumerate(chains)
        for block in _find_blocks(chain, used, old_of, anchors if number == 0 else [])
    ]
    return Matching(old_of, tuple(blocks), tuple(origin), frozenset(retimed))


def _find_origins(old: TranscriptLayout, new: CorrectedTokens) -> list[int | None]:
    """For every new turn the old paragraph with its time; of several the one that is most like it."""
    by_stamp: dict[int, list[int]] = {}
    for number, paragraph in enumerate(old.paragraphs):
        by_stamp.setdefault(paragraph.stamp, []).append(number)
    used: set[int] = set()
    found: list[int | None] = []
    for turn in new.turns:
        candidates = by_stamp.get(-1 if turn.stamp is None else turn.stamp, [])
        best = max(candidates, key=lambda q: (_count_shared(old, q, turn), q not in used), default=None)
        if best is not None:
            used.add(best)
        found.append(best)
    return found


def _paragraph_tokens(old: TranscriptLayout, paragraph: int) -> range:
    return range(bisect_left(old.paragraph_of, paragraph), bisect_right(old.paragraph_of, paragraph))


def _count_shared(old: TranscriptLayout, paragraph: int, turn: CorrectedTurn) -> int:
    tokens = _paragraph_tokens(old, paragraph)
    return (Counter(old.tokens[tokens.start : tokens.stop]) & Counter(turn.tokens)).total()


def _split_moved(
    old: TranscriptLayout, new: CorrectedTokens, origin: Sequence[int | None]
) -> tuple[set[int], set[int]]:
    """The turns whose paragraphs follow each other as before, and those that were moved.

    Moved are turns that stand elsewhere and hold the words of the paragraph that their time names.
    """
    stamped = [(turn, paragraph) for turn, paragraph in enumerate(origin) if paragraph is not None]
    in_order = {stamped[i][0] for i in longest_nondecreasing([paragraph for _, paragraph in stamped])}
    moved = {
        turn
        for turn, paragraph in stamped
        if turn not in in_order
        and _count_shared(old, paragraph, new.turns[turn]) >= _MOVED_SHARE * len(new.turns[turn].tokens)
    }
    return in_order, moved


def _turn_tokens(new: CorrectedTokens, turn: int) -> range:
    return range(bisect_left(new.turn_of, turn), bisect_right(new.turn_of, turn))


def _find_moved_chains(
    old: TranscriptLayout, new: CorrectedTokens, moved: dict[int, int | None], in_place: set[int | None]
) -> list[_Chain]:
    """Each moved turn with its old paragraph; of one that is also in its place only the words that are found."""
    chains: list[_Chain] = []
    taken: set[int] = set()
    for turn, paragraph in moved.items():
        source = [i for i in _paragraph_tokens(old, paragraph or 0) if i not in taken]
        target = _turn_tokens(new, turn)
        pairs = _align_at(old, new, source, target)
        source = [i for i, _ in pairs] if paragraph in in_place else source
        taken |= set(source)
        chains.append(_Chain(source, target, pairs))
    return chains


def _align_at(old: TranscriptLayout, new: CorrectedTokens, source: Sequence[int], target: Sequence[int]) -> Pairs:
    found = align_tokens([old.tokens[i] for i in source], [new.tokens[j] for j in target])
    return [(source[i], target[j]) for i, j in found]


def _find_main_chain(
    old: TranscriptLayout,
    new: CorrectedTokens,
    origin: Sequence[int | None],
    in_order: set[int],
    moved: Sequence[_Chain],
) -> _Chain:
    """Everything that was not moved, in order; a few words far from where their turn belongs are the same by chance."""
    gone = {i for chain in moved for i in chain.old}
    elsewhere = {j for chain in moved for j in chain.new}
    source = [i for i in range(len(old.tokens)) if i not in gone]
    target = [j for j in range(len(new.tokens)) if j not in elsewhere]
    low, high = find_homes(old, origin, in_order)
    pairs: Pairs = []
    for run in _split_runs(_align_at(old, new, source, target)):
        near = [low[new.turn_of[j]] <= old.paragraph_of[i] <= high[new.turn_of[j]] for i, j in run]
        pairs += run if len(run) >= RUN else [pair for pair, fits in zip(run, near, strict=True) if fits]
    return _Chain(source, target, pairs)


def _split_runs(pairs: Pairs) -> Iterator[Pairs]:
    """Stretches in which both sides go on word by word."""
    first = 0
    for at in range(1, len(pairs) + 1):
        if at == len(pairs) or pairs[at] != (pairs[at - 1][0] + 1, pairs[at - 1][1] + 1):
            yield pairs[first:at]
            first = at


def _keep_whole_units(old: TranscriptLayout, new: CorrectedTokens, pairs: Pairs) -> Pairs:
    """Without those that hold a part of a unit only, or one of several words that reads differently now."""
    kept: Pairs = []
    at = 0
    while at < len(pairs):
        unit = old.units[old.unit_of[pairs[at][0]]]
        count = len(unit.tokens)
        part = pairs[at : at + count]
        i, j = part[0]
        together = (
            len(part) == count
            and all(pair == (i + k, j + k) for k, pair in enumerate(part))
            and old.unit_of[i] == old.unit_of[part[-1][0]]
            and new.turn_of[j] == new.turn_of[part[-1][1]]
        )
        exact = together and unit.tokens == new.tokens[j : j + count]
        if exact or (count == 1 and len(old.visible(unit)) == 1):
            kept += part
            at += count
        else:
            at += 1
    return kept


def _keep_time_order(old: TranscriptLayout, new: CorrectedTokens, chains: Sequence[_Chain]) -> set[int]:
    """Part with pairs whose words would run backwards inside their new turn; returns their old tokens."""
    by_turn: dict[int, Pairs] = {}
    for i, j in sorted((pair for chain in chains for pair in chain.pairs), key=lambda pair: pair[1]):
        by_turn.setdefault(new.turn_of[j], []).append((i, j))
    lost: set[int] = set()
    for pairs in by_turn.values():
        rising = all(left[0] < right[0] for left, right in pairwise(pairs))
        if rising and old.paragraph_of[pairs[0][0]] == old.paragraph_of[pairs[-1][0]]:
            continue  # as before
        starts = [round(old.words[old.units[old.unit_of[i]].words[0]].span.start * 1000) for i, _ in pairs]
        kept = set(longest_nondecreasing(starts))
        lost |= {i for at, (i, _) in enumerate(pairs) if at not in kept}
    if lost:
        for chain in chains:
            chain.pairs = _keep_whole_units(old, new, [pair for pair in chain.pairs if pair[0] not in lost])
    return lost


def _find_anchors(
    old: TranscriptLayout, new: CorrectedTokens, origin: Sequence[int | None], in_order: set[int]
) -> Pairs:
    """Where an old paragraph and the new turn that bears its time begin, as tokens; increasing on both sides."""
    seen: set[int | None] = set()
    found: Pairs = []
    for turn in sorted(in_order):
        paragraph = origin[turn]
        if paragraph is not None and paragraph not in seen:
            found.append((_paragraph_tokens(old, paragraph).start, _turn_tokens(new, turn).start))
        seen.add(paragraph)
    return found


def _find_blocks(chain: _Chain, used: set[int], old_of: dict[int, int], anchors: Pairs) -> Iterator[Block]:
    """What lies between the pairs of a chain, divided where a turn that bears an old time begins."""
    lefts, rights = [i for i, _ in chain.pairs], [j for _, j in chain.pairs]
    # An anchor whose words were found on the other side of it divides nothing.
    points = {(i, j) for i, j in anchors if bisect_left(lefts, i) == bisect_left(rights, j)}
    end = (max(chain.old, default=-1) + 1, max(chain.new, default=-1) + 1)
    old = [i for i in chain.old if i not in used]
    new = [j for j in chain.new if j not in old_of]
    at_old = at_new = 0
    for upto_old, upto_new in [*sorted({*chain.pairs, *points}), end]:
        to_old, to_new = bisect_left(old, upto_old, at_old), bisect_left(new, upto_new, at_new)
        if to_old > at_old or to_new > at_new:
            yield Block(tuple(old[at_old:to_old]), tuple(new[at_new:to_new]))
        at_old, at_new = to_old, to_new
