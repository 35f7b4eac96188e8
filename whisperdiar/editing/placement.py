"""Time placement: the times of corrected words, and the old words that stay inside a changed block.

When the words of a corrected text are spoken.

Words that stay keep their times. New ones take the time of those that they replace, each as much as it has of the
characters; words that replace nothing last as long as their characters take, where there is room. Nothing overlaps
its neighbours in the turn.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple
from unicodedata import category

from whisperdiar.editing.matching import Block, Matching
from whisperdiar.editing.passages import PlacedWord, TranscriptLayout
from whisperdiar.editing.text_form import CorrectedTokens, CorrectedTurn, is_unspaced
from whisperdiar.errors import FormatError
from whisperdiar.options import EditOptions
from whisperdiar.text.messages import _
from whisperdiar.types import Span, Word

_LARGEST_BLOCK = 4_000_000
"""Old times new characters up to which words written without spaces are sought in a block."""


class _Chunk(NamedTuple):
    """New text: a token (or a part of it, from its character `start` on)."""

    token: int
    start: int
    text: str


def place_block(old: TranscriptLayout, new: CorrectedTokens, block: Block) -> dict[int, list[PlacedWord]]:
    """For every new token of a block its words; those that replace old ones have their time."""
    units = [unit for unit, _ in groupby(old.unit_of[i] for i in block.old)]
    gone = [word for unit in units for word in old.visible(old.units[unit])]
    kept: dict[_Chunk, int] = {}
    if block.new and any(len(old.visible(old.units[unit])) > 1 for unit in units):
        kept = _find_kept(old, new, block, units)
    made: dict[int, list[PlacedWord]] = {j: [] for j in block.new}
    for words, chunks in _pair_gaps(new, block, gone, kept):
        spans = _spread_times(
            [old.words[i] for i in words], [old.texts[i].strip() for i in words], [c.text for c in chunks]
        )
        for chunk, span in zip(chunks, spans, strict=True):
            made[chunk.token].append(
                PlacedWord(None, chunk.text, chunk.start > 0, tuple(words), span, start=chunk.start)
            )
    for chunk, word in kept.items():
        made[chunk.token].append(
            PlacedWord(word, chunk.text, chunk.start > 0, (), old.words[word].span, start=chunk.start)
        )
    return {j: sorted(found, key=lambda item: item.start) for j, found in made.items()}


def _find_kept(old: TranscriptLayout, new: CorrectedTokens, block: Block, units: Sequence[int]) -> dict[_Chunk, int]:
    """Words that are written without spaces between them and stay: same characters, same edges. In order."""
    text_old, places = _join_units(old, units)
    text_new = " ".join(new.tokens[j] for j in block.new)
    if len(text_old) * len(text_new) > _LARGEST_BLOCK:
        return {}
    offsets = list(accumulate((len(new.tokens[j]) + 1 for j in block.new), initial=0))[:-1]
    runs = SequenceMatcher(None, text_old, text_new, autojunk=False).get_matching_blocks()
    found: dict[_Chunk, int] = {}
    for word, (first, last, (begins, may_begin), (ends, may_end)) in places.items():
        run = next((run for run in runs if run.a <= first and last <= run.a + run.size), None)
        if run is None or " " in text_old[first:last]:
            continue
        at = run.b + first - run.a
        number = bisect_right(offsets, at) - 1
        token, start = block.new[number], at - offsets[number]
        end = start + last - first
        starts_token, ends_token = start == 0, end == len(new.tokens[token])
        if (begins == starts_token or (may_begin if begins else token in new.begins and starts_token)) and (
            ends == ends_token or (may_end if ends else token in new.ends and ends_token)
        ):
            found[_Chunk(token, start, text_old[first:last])] = word
    return found


_Edge = tuple[bool, bool]
"""Whether a word stands at the edge of its unit, and whether that is the edge of its paragraph."""


def _join_units(old: TranscriptLayout, units: Sequence[int]) -> tuple[str, dict[int, tuple[int, int, _Edge, _Edge]]]:
    """The units as text, and for every visible word where it stands there."""
    text = ""
    places: dict[int, tuple[int, int, _Edge, _Edge]] = {}
    for unit in units:
        text += " " if text else ""
        words = old.visible(old.units[unit])
        for word in words:
            part = old.texts[word].strip()
            begins, ends = word == words[0], word == words[-1]
            places[word] = (len(text), len(text) + len(part), (begins, unit in old.opens), (ends, unit in old.closes))
            text += part
    return text, places


def _pair_gaps(
    new: CorrectedTokens, block: Block, gone: Sequence[int], kept: dict[_Chunk, int]
) -> Iterator[tuple[list[int], list[_Chunk]]]:
    """Old words that are gone and the new text in their place, from one word that stays to the next."""
    stays = [*sorted(kept.items()), None]
    words, chunks = list(gone), [chunk for j in block.new for chunk in _split_chunks(j, new.tokens[j], kept)]
    for item in stays:
        upto = len(words) if item is None else words.index(item[1])
        until = len(chunks) if item is None else bisect_right(chunks, item[0])
        if chunks[:until]:
            yield words[:upto], chunks[:until]
        words, chunks = words[upto + 1 :], chunks[until:]


def _split_chunks(token: int, text: str, kept: dict[_Chunk, int]) -> list[_Chunk]:
    """A token without what stays, cut into words: whole, or sign by sign where no spaces are written."""
    found: list[_Chunk] = []
    at = 0
    for item in [*sorted(chunk for chunk in kept if chunk.token == token), _Chunk(token, len(text), "")]:
        for part in _split_signs(text[at : item.start]):
            found.append(_Chunk(token, at, part))
            at += len(part)
        at = item.start + len(item.text)
    return found


def _split_signs(text: str) -> list[str]:
    """Characters of a script without spaces one by one, with the punctuation that belongs to them; others together."""
    parts: list[str] = []
    before = ""
    for sign in text:
        kind, last = category(sign), category(before) if before else ""
        alone = kind[0] != "P" and kind[0] != "M" and (is_unspaced(sign) or (before and is_unspaced(before)))
        if (
            parts
            and last not in ("Ps", "Pi")
            and (alone or kind in ("Ps", "Pi"))
            and (is_unspaced(sign) or is_unspaced(before))
        ):
            parts.append(sign)
        elif parts:
            parts[-1] += sign
        else:
            parts = [sign]
        before = sign
    return parts


def _spread_times(words: Sequence[Word], texts: Sequence[str], chunks: Sequence[str]) -> list[Span | None]:
    """Times for new words over the old ones that they replace: as much of it as they have of the characters."""
    if not words:
        return [None] * len(chunks)
    if len(words) == len(chunks):
        return [word.span for word in words]
    ends_old = list(accumulate(map(len, texts)))
    ends_new = list(accumulate(map(len, chunks), initial=0))
    scale = ends_old[-1] / (ends_new[-1] or 1)
    found: list[Span | None] = []
    floor = words[0].span.start
    for first, last in pairwise(ends_new):
        start = max(floor, _time_at(words, texts, ends_old, first * scale, begins=True))
        floor = max(start, _time_at(words, texts, ends_old, last * scale, begins=False))
        found.append(Span(start, floor))
    return found


def _time_at(words: Sequence[Word], texts: Sequence[str], ends: Sequence[int], at: float, *, begins: bool) -> float:
    """When a character position of the old words is spoken; between two words the start or the end is taken."""
    at = round(at, 9)
    number = min((bisect_right if begins else bisect_left)(ends, at), len(words) - 1)
    inside = (at - (ends[number] - len(texts[number]))) / (len(texts[number]) or 1)
    span = words[number].span
    return span.start + span.duration * min(1.0, max(0.0, inside))


def place(
    old: TranscriptLayout, new: CorrectedTokens, matching: Matching, options: EditOptions
) -> list[list[PlacedWord]]:
    """The words of every new turn, all with times.

    Raises:
        FormatError: a new turn's time lies after the end of the recording.
    """
    pieces = {j: found for block in matching.blocks for j, found in place_block(old, new, block).items()}
    turns: list[list[PlacedWord]] = []
    j = 0
    for turn in new.turns:
        words: list[PlacedWord] = []
        for number, part in enumerate(turn.parts):
            for _each in part:
                found = pieces[j] if j not in matching.old_of else _place_match(old, new, matching, j)
                words += [replace(item, part=number) for item in found]
                j += 1
        turns.append(words)
    return _assign_times(old, new.turns, matching, turns, options)


def _place_match(old: TranscriptLayout, new: CorrectedTokens, matching: Matching, j: int) -> list[PlacedWord]:
    i = matching.old_of[j]
    unit = old.units[old.unit_of[i]]
    if old.tokens[i] != new.tokens[j]:  # other case or punctuation; such a unit is a single word
        (word,) = old.visible(unit)
        return [PlacedWord(None, new.tokens[j], False, (word,), old.words[word].span)]
    if i and old.unit_of[i - 1] == old.unit_of[i]:
        return []  # the unit came with its first token
    first, *_ = old.visible(unit)
    return [
        PlacedWord(
            word,
            old.texts[word].strip(),
            glued=word > first,
            span=old.words[word].span,
            stray=old.speaker(word) != old.speaker(first) and not old.texts[word].strip(),
        )
        for word in unit.words
    ]


def _assign_times(
    old: TranscriptLayout,
    turns: Sequence[CorrectedTurn],
    matching: Matching,
    placed: list[list[PlacedWord]],
    options: EditOptions,
) -> list[list[PlacedWord]]:
    """All turns with times for all words; `placed` has them for old words and corrected ones."""
    known = [next((item.span.start for item in words if item.span is not None), None) for words in placed]
    done: list[list[PlacedWord]] = []
    before = 0.0  # where the turn before ends
    for number, words in enumerate(placed):
        following = next((start for start in known[number + 1 :] if start is not None), math.inf)
        opening = before
        if known[number] is None and turns[number].stamp is not None and matching.origin[number] is None:
            opening = float(turns[number].stamp or 0)
            if opening > old.transcript.duration:
                raise FormatError(
                    _(
                        "line {line}: the recording ends at {duration:.1f} s, before the time of this turn; write "
                        "when it is said, or leave the time out"
                    ).format(line=turns[number].line, duration=old.transcript.duration)
                )
        limit = min((x for x in (following, old.transcript.duration) if x >= opening), default=opening)
        words = _fill_times(_clip(words), opening, limit, options)
        before = words[-1].time.end if words else before
        done.append(words)
    return done


def _clip(words: Sequence[PlacedWord]) -> list[PlacedWord]:
    """Corrected words between the old ones around them."""
    made: list[PlacedWord] = []
    floor = 0.0
    ceilings = _latest_ends(words)
    for item, ceiling in zip(words, ceilings, strict=True):
        if item.word is not None:
            floor = item.time.end
        elif item.span is not None:
            low = min(floor, ceiling)
            start = min(max(item.span.start, low), ceiling)
            item = replace(item, span=Span(start, min(max(item.span.end, start), ceiling)))
            floor = item.time.end
        made.append(item)
    return made


def _latest_ends(words: Sequence[PlacedWord]) -> list[float]:
    """For every word the start of the next old one."""
    found, ceiling = [], math.inf
    for item in reversed(words):
        found.append(ceiling)
        ceiling = item.time.start if item.word is not None else ceiling
    return found[::-1]


def _fill_times(words: Sequence[PlacedWord], opening: float, limit: float, options: EditOptions) -> list[PlacedWord]:
    """Times for inserted words: after the word before them, or ending where the word after them begins."""
    made: list[PlacedWord] = []
    for empty, group in groupby(enumerate(words), key=lambda pair: pair[1].span is None):
        run = list(group)
        if not empty:
            made += [item for _, item in run]
            continue
        last = run[-1][0] + 1
        texts = [item.text for _, item in run]
        wanted = options.seconds_per_character * sum(map(len, texts))
        after = words[last].time.start if last < len(words) else limit
        if made:
            start = min(made[-1].time.end, after) if last < len(words) else made[-1].time.end
            end = min(start + wanted, max(after, start))
        elif last < len(words):
            end = after
            start = max(after - wanted, min(opening, after), 0.0)
        else:
            start, end = opening, min(opening + wanted, max(limit, opening))
        spans = _divide_span(Span(start, end), texts)
        made += [replace(item, span=span) for (_, item), span in zip(run, spans, strict=True)]
    return made


def _divide_span(span: Span, texts: Sequence[str]) -> list[Span]:
    """A span divided by the number of characters."""
    total = sum(map(len, texts)) or 1
    cuts = [span.start + span.duration * done / total for done in accumulate(map(len, texts), initial=0)]
    return [Span(min(left, span.end), min(max(left, right), span.end)) for left, right in pairwise(cuts)]
