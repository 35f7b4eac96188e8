"""When the words of a corrected text are spoken.

Words that stay keep their times. New ones take the time of those that they replace, each as much as it has of the
characters; words that replace nothing last as long as their characters take, where there is room. Nothing overlaps
its neighbours in the turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise

from whisperdiar.editing._blocks import pieces_of_block
from whisperdiar.editing._matching import Matching
from whisperdiar.editing._new import New
from whisperdiar.editing._old import Old
from whisperdiar.editing._placed import Placed
from whisperdiar.editing.form import NewTurn
from whisperdiar.errors import FormatError
from whisperdiar.options import EditOptions
from whisperdiar.types import Span


def place(old: Old, new: New, matching: Matching, options: EditOptions) -> list[list[Placed]]:
    """The words of every new turn, all with times.

    Raises:
        FormatError: a new turn's time lies after the end of the recording.
    """
    pieces = {j: found for block in matching.blocks for j, found in pieces_of_block(old, new, block).items()}
    turns: list[list[Placed]] = []
    j = 0
    for turn in new.turns:
        words: list[Placed] = []
        for number, part in enumerate(turn.parts):
            for _ in part:
                found = pieces[j] if j not in matching.old_of else _pieces_of_match(old, new, matching, j)
                words += [replace(item, part=number) for item in found]
                j += 1
        turns.append(words)
    return _timed(old, new.turns, matching, turns, options)


def _pieces_of_match(old: Old, new: New, matching: Matching, j: int) -> list[Placed]:
    i = matching.old_of[j]
    unit = old.units[old.unit_of[i]]
    if old.tokens[i] != new.tokens[j]:  # other case or punctuation; such a unit is a single word
        (word,) = old.visible(unit)
        return [Placed(None, new.tokens[j], False, (word,), old.words[word].span)]
    if i and old.unit_of[i - 1] == old.unit_of[i]:
        return []  # the unit came with its first token
    first, *_ = old.visible(unit)
    return [
        Placed(
            word,
            old.texts[word].strip(),
            glued=word > first,
            span=old.words[word].span,
            stray=old.speaker(word) != old.speaker(first) and not old.texts[word].strip(),
        )
        for word in unit.words
    ]


def _timed(
    old: Old, turns: Sequence[NewTurn], matching: Matching, placed: list[list[Placed]], options: EditOptions
) -> list[list[Placed]]:
    """All turns with times for all words; `placed` has them for old words and corrected ones."""
    known = [next((item.span.start for item in words if item.span is not None), None) for words in placed]
    done: list[list[Placed]] = []
    before = 0.0  # where the turn before ends
    for number, words in enumerate(placed):
        following = next((start for start in known[number + 1 :] if start is not None), math.inf)
        opening = before
        if known[number] is None and turns[number].stamp is not None and matching.origin[number] is None:
            opening = float(turns[number].stamp or 0)
            if opening > old.transcript.duration:
                raise FormatError(
                    f"line {turns[number].line}: the recording ends at {old.transcript.duration:.1f} s, before the "
                    "time of this turn; write when it is said, or leave the time out"
                )
        limit = min((x for x in (following, old.transcript.duration) if x >= opening), default=opening)
        words = _filled(_clipped(words), opening, limit, options)
        before = words[-1].time.end if words else before
        done.append(words)
    return done


def _clipped(words: Sequence[Placed]) -> list[Placed]:
    """Corrected words between the old ones around them."""
    made: list[Placed] = []
    floor = 0.0
    ceilings = _ceilings(words)
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


def _ceilings(words: Sequence[Placed]) -> list[float]:
    """For every word the start of the next old one."""
    found, ceiling = [], math.inf
    for item in reversed(words):
        found.append(ceiling)
        ceiling = item.time.start if item.word is not None else ceiling
    return found[::-1]


def _filled(words: Sequence[Placed], opening: float, limit: float, options: EditOptions) -> list[Placed]:
    """Times for inserted words: after the word before them, or ending where the word after them begins."""
    made: list[Placed] = []
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
        spans = _shares(Span(start, end), texts)
        made += [replace(item, span=span) for (_, item), span in zip(run, spans, strict=True)]
    return made


def _shares(span: Span, texts: Sequence[str]) -> list[Span]:
    """A span divided by the number of characters."""
    total = sum(map(len, texts)) or 1
    cuts = [span.start + span.duration * done / total for done in accumulate(map(len, texts), initial=0)]
    return [Span(min(left, span.end), min(max(left, right), span.end)) for left, right in pairwise(cuts)]
