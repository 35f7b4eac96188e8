"""Evidence selection: scores → the strongest utterances, and those that belong together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from whisperdiar.minutes.extract.features import Vector
from whisperdiar.minutes.units import Utterance

Places = NDArray[np.int64]


def select_strongest(scores: Vector, n_words: Vector, budget: float) -> Places:
    """The places of the utterances with the highest scores whose words come nearest to `budget`, ascending.

    With equal scores the earlier one is taken; a budget above zero takes at least one.
    """
    if budget <= 0 or not len(scores):
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(-scores, kind="stable")
    sums = np.cumsum(n_words[order])
    last = int(np.argmin(np.abs(sums - min(budget, float(sums[-1])))))
    return np.sort(order[: last + 1])


def group_runs(
    places: Sequence[int] | Places, utterances: Sequence[Utterance], *, gap: int, longest: int
) -> list[list[int]]:
    """Chosen places that make one item: of one speaker, with at most `gap` others in between, up to `longest` words."""
    found: list[list[int]] = []
    open_: dict[str | None, list[int]] = {}
    for place in map(int, places):
        item = utterances[place]
        run = open_.get(item.speaker)
        words = 0 if run is None else sum(len(utterances[i].words) for i in run)
        same = run is not None and item.whole == utterances[run[-1]].whole
        if run is None or place - run[-1] > gap + 1 or (words + len(item.words) > longest and not same):
            run = []
            found.append(run)
            open_[item.speaker] = run
        run.append(place)
    return sorted(found)


_LONGEST_WHOLE = 45


def complete_sentences(places: Iterable[int], utterances: Sequence[Utterance]) -> list[int]:
    """Places with the rest of their sentences, ascending; of a long sentence what lies between the chosen ones.

    Half a sentence (``which includes the battery``) tells a reader little.
    """
    chosen = set(map(int, places))
    wanted = {utterances[place].whole for place in chosen}
    sentences: dict[int, list[int]] = {}
    for place, item in enumerate(utterances):
        if item.whole in wanted:
            sentences.setdefault(item.whole, []).append(place)
    found: list[int] = []
    for sentence in sentences.values():
        own = [place for place in sentence if place in chosen]
        if sum(len(utterances[place].words) for place in sentence) > _LONGEST_WHOLE:
            sentence = [place for place in sentence if own[0] <= place <= own[-1]]
        found += sentence
    return sorted(found)
