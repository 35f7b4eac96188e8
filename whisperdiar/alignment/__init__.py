"""Speaker assignment: words joined with turns, each word with its speaker and how sure that is.

    words    |--we--| |-agree-|          |-yes-|     |so|
    turns    [----- SPEAKER_00 -----]  [S_01]  [-- SPEAKER_00 --

A recogniser's words and a diarizer's turns are both a little wrong, at the same places: turns begin early and end
late, short ones are missing or belong to somebody else, words are stretched over pauses. So each word's speakers are
weighed by a small trained network on what surrounds it: whose turns are near and how they lie, pauses, ends of
sentences, and the words around. No language is assumed and no vocabulary used; without punctuation it works too.
`docs/alignment.md` has the method and its figures.

Pure: no clock, no other file than the weights. n words and m turns take O((n + m) log m), as long as the number
of speakers who talk within a few minutes is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from threadpoolctl import threadpool_limits

from whisperdiar.alignment._confidence import confidence, evidence
from whisperdiar.alignment._network import load_shipped
from whisperdiar.alignment._turns import (
    NOBODY,
    SpeakerTurns,
    candidates,
    coverage_of,
    distance_of,
    log_scale,
    pair_features,
    seconds_of,
)
from whisperdiar.alignment._words import Doubles, Floats, Indices, WordTimes, word_features
from whisperdiar.options import AlignmentOptions
from whisperdiar.transcript import Uncertain
from whisperdiar.types import Turn, Word

__all__ = ["ALONE_S", "OUT_OF_REACH_S", "Decision", "align", "decide", "uncertain_words"]

OUT_OF_REACH_S = 30.0
"""A word whose nearest turn is further away has no speaker: nobody was heard there."""

ALONE_S = 10.0
"""A word further than this from every turn goes to the nearest one: so far away the network, which learnt from words
near turns, has nothing to go by. Nearer ones it may well give to somebody else, whose short turn the diarizer missed:
taking the nearest beyond 2 s already makes more words wrong (`benchmarks/alignment.py`)."""

_BLOCK = 2048
"""Words that are worked on at a time: so few that memory does not grow with the recording."""

_OVERLAP = 0.5
"""Two people's turns that each cover this part of a word make it overlapping speech."""

_NEGLIGIBLE = 0.01
"""A second-best speaker that is less probable is not worth naming."""

(
    _SET_SPAN,
    _SET_TEXT,
    _SET_PROBABILITY,
    _SET_SPEAKER,
    _SET_CONFIDENCE,
    _SET_SECOND,
    _SET_OVERLAP,
    _SET_EDITED,
) = (vars(Word)[field.name].__set__ for field in fields(Word))


def align(words: Sequence[Word], turns: Iterable[Turn], *, exclusive: Iterable[Turn] = ()) -> tuple[Word, ...]:
    """The same words in the same order, each with speaker, confidence, second-best speaker and overlap.

    Text, time and probability of a word are never changed. Without turns no word gets a speaker, nor does one further
    than `OUT_OF_REACH_S` from the nearest turn. The result does not depend on the order of turns; exact ties go to
    the speaker whose turns begin first.

    Args:
        words: in order of time.
        turns: who speaks when.
        exclusive: the same speech, one speaker at a time, where the diarizer tells who is in front in an overlap
            (`Diarization.exclusive_turns`). Speakers are chosen by these, and `turns` say who talks beside them.
    """
    turns, exclusive = tuple(turns), tuple(exclusive)
    if not words or not turns:
        return tuple(
            replace(word, speaker=None, speaker_confidence=None, second_speaker=None, overlap=False) for word in words
        )
    joined: list[Word] = []
    for part in decide(words, exclusive or turns):
        joined += _assign_speakers(words[part.first : part.first + len(part.chosen)], part)
    return tuple(_mark_overlap(joined, turns) if exclusive else joined)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is known of n words that follow each other.

    Attributes:
        first: number of the first of them.
        labels: all speakers.
        chosen: int64 (n, N_SLOTS), the candidates, by their place in `labels`; NOBODY for none.
        probability: float32 (n, N_SLOTS), of the candidates; rows add up to 1.
        pairs: float32 (n, N_SLOTS, N_PAIR_FEATURES), how each of them talks around the word.
    """

    first: int
    labels: tuple[str, ...]
    chosen: Indices
    probability: Floats
    pairs: Floats

    @property
    def confidence(self) -> Doubles:
        """float64 (n,): the probability that the most probable candidate spoke the word."""
        return confidence(load_shipped().confidence, evidence(self.probability, self.chosen, self.pairs))


def decide(words: Sequence[Word], turns: Sequence[Turn]) -> Iterator[Decision]:
    """How probable each word's candidates are, block by block; `words` and `turns` are not empty."""
    origin = min(words[0].span.start, min(turn.span.start for turn in turns))
    times, speakers = WordTimes.of(words, origin), SpeakerTurns.of(turns, origin)
    features, network = word_features(words, times), load_shipped()
    n = len(features)
    # Threads gain nothing on matrices this small, and where the processor is busy they wait for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        for first in range(0, n, _BLOCK):
            last = min(n, first + _BLOCK)
            low, high = max(0, first - network.reach), min(n, last + network.reach)
            part = times.part(low, high)
            chosen = candidates(part, speakers)
            pairs = pair_features(part, speakers, chosen)
            kept = slice(first - low, last - low)
            probability = network.probabilities(features[low:high], pairs, chosen, kept)
            chosen, pairs = chosen[kept], pairs[kept]
            yield Decision(first, speakers.labels, chosen, _prefer_near(probability, pairs, chosen), pairs)


def _prefer_near(probability: Floats, pairs: Floats, chosen: Indices) -> Floats:
    """The same, but of a word far from all turns no candidate is more probable than the nearest one.

    Both then are equally probable, at most half each, so that such a word is uncertain; exact ties go to the first
    candidate, which is the nearest one.
    """
    away = np.where(chosen == NOBODY, np.inf, seconds_of(distance_of(pairs).astype(np.float64)))
    is_far = (away[:, :1] > ALONE_S) & (away > away[:, :1])
    rows = np.arange(len(probability))
    wrong = is_far[rows, probability.argmax(axis=1)]
    shared = (probability[:, 0] + probability.max(axis=1)) / 2
    result: Floats = probability.copy()
    result[:, 0] = np.where(wrong, shared, result[:, 0])
    np.minimum(result, shared[:, None], where=wrong[:, None] & is_far, out=result)
    return result


def uncertain_words(words: Sequence[Word], *, options: AlignmentOptions | None = None) -> tuple[Uncertain, ...]:
    """The words whose speaker confidence is below `options.uncertain_below`."""
    bound = (options or AlignmentOptions()).uncertain_below
    return tuple(
        Uncertain(index, word.span, word.speaker, word.second_speaker, word.speaker_confidence)
        for index, word in enumerate(words)
        if word.speaker_confidence is not None and word.speaker_confidence < bound
    )


def _assign_speakers(words: Sequence[Word], part: Decision) -> Iterator[Word]:
    chosen, probability, cover = part.chosen, part.probability, coverage_of(part.pairs)
    rows = np.arange(len(chosen))
    best = probability.argmax(axis=1)
    rest = probability.copy()
    rest[rows, best] = -1.0
    # Where another turn covers the word as well, that one's speaker is the rival, however improbable.
    beside = (cover >= _OVERLAP) & (rest >= 0.0) & (chosen != NOBODY)
    overlap = beside.any(axis=1) & (cover[rows, best] >= _OVERLAP)
    second = np.where(overlap, np.where(beside, rest, -1.0).argmax(axis=1), rest.argmax(axis=1))
    named = overlap | (rest[rows, second] > _NEGLIGIBLE)
    # The first candidate is the nearest one.
    heard = distance_of(part.pairs)[:, 0] <= np.float32(log_scale(np.float64(OUT_OF_REACH_S)))
    found = zip(
        words,
        np.where(heard, chosen[rows, best], NOBODY).tolist(),
        part.confidence.tolist(),
        np.where(heard & named, chosen[rows, second], NOBODY).tolist(),
        overlap.tolist(),
        strict=True,
    )
    names: tuple[str | None, ...] = (*part.labels, None)  # NOBODY is the last one
    for word, speaker, sure, rival, both in found:
        value = None if speaker == NOBODY else sure
        # As `Word(…)` sets them, without looking each field up by its name: that is a tenth of the whole alignment.
        joined = object.__new__(Word)
        _SET_SPAN(joined, word.span)
        _SET_TEXT(joined, word.text)
        _SET_PROBABILITY(joined, word.probability)
        _SET_SPEAKER(joined, names[speaker])
        _SET_CONFIDENCE(joined, value)
        _SET_SECOND(joined, names[rival])
        _SET_OVERLAP(joined, both)
        _SET_EDITED(joined, word.edited)
        yield joined


def _mark_overlap(words: Sequence[Word], turns: Sequence[Turn]) -> Iterator[Word]:
    """Each word, with whoever talks beside its speaker, by turns that may overlap."""
    origin = min(words[0].span.start, min(turn.span.start for turn in turns))
    times, speakers = WordTimes.of(words, origin), SpeakerTurns.of(turns, origin)
    place = {label: number for number, label in enumerate(speakers.labels)}
    own = np.array([NOBODY if word.speaker is None else place.get(word.speaker, NOBODY) for word in words])
    for first in range(0, len(words), _BLOCK):
        here = slice(first, first + _BLOCK)
        part = times.part(here.start, here.stop)
        chosen = candidates(part, speakers)
        cover = np.where(chosen == NOBODY, 0.0, coverage_of(pair_features(part, speakers, chosen)))
        is_own = (chosen == own[here, None]) & (chosen != NOBODY)
        beside = np.where(is_own, 0.0, cover)
        rival = beside.argmax(axis=1)
        rows = np.arange(len(chosen))
        both = (np.where(is_own, cover, 0.0).max(axis=1) >= _OVERLAP) & (beside[rows, rival] >= _OVERLAP)
        for word, overlap, second in zip(words[here], both.tolist(), chosen[rows, rival].tolist(), strict=True):
            yield replace(word, second_speaker=speakers.labels[second], overlap=True) if overlap else word
