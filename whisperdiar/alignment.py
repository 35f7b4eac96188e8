"""Words and turns joined: who said each word, and how sure that is.

The words are the observations of a hidden Markov model whose state is the speaker. A word sees the turns in its
neighbourhood; each gives its speaker evidence, the more of the word it covers the more. Between two words
the speaker seldom changes inside a clause, and easily at a pause or after the end of a sentence. Every word then
takes the speaker with the highest posterior probability (forward-backward: Rabiner 1989, section III),
which is also its confidence.

    words    |--we--| |-agree-|          |-yes-|     |so|
    turns    [----- SPEAKER_00 -----]  [S_01]  [-- SPEAKER_00 --

Pure: no file, clock or model. n words and m turns take O((n + m) log (n + m)), as long as the number of
speakers who talk at one time is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from whisperdiar.options import AlignmentOptions
from whisperdiar.transcript import Uncertain
from whisperdiar.types import Turn, Word

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_SENTENCE_END = frozenset(".?!…。？！؟।")
_CLOSING = "\"'»”’)]}」』）"


def align(words: Sequence[Word], turns: Iterable[Turn], *, options: AlignmentOptions | None = None) -> tuple[Word, ...]:
    """The same words in the same order, each with speaker, confidence and second-best speaker.

    Text, time and probability of a word are never changed. Without turns no word gets a speaker. The result
    does not depend on the order of `turns`; exact ties go to the label that sorts first.
    """
    options = options or AlignmentOptions()
    ordered = sorted(turns, key=lambda t: (t.span.start, t.span.end, t.speaker))
    if not words or not ordered:
        return tuple(replace(w, speaker=None, speaker_confidence=None, second_speaker=None) for w in words)
    labels = sorted({turn.speaker for turn in ordered})
    candidates = _evidence(words, ordered, labels, options)
    posteriors = _posteriors(candidates, _switches(words, options))
    return tuple(_labelled(word, posterior, labels) for word, posterior in zip(words, posteriors, strict=True))


def uncertain_words(words: Sequence[Word], *, options: AlignmentOptions | None = None) -> tuple[Uncertain, ...]:
    """The words whose speaker confidence is below `options.uncertain_below`."""
    bound = (options or AlignmentOptions()).uncertain_below
    return tuple(
        Uncertain(index, word.span, word.speaker, word.second_speaker, word.speaker_confidence)
        for index, word in enumerate(words)
        if word.speaker_confidence is not None and word.speaker_confidence < bound
    )


def _labelled(word: Word, posterior: dict[int, float], labels: Sequence[str]) -> Word:
    # Built directly: dataclasses.replace() would take a third of the whole alignment's time.
    if len(posterior) == 1:
        (best,) = posterior
        return Word(word.span, word.text, word.probability, labels[best], 1.0)
    (best, value), (second, rest) = sorted(posterior.items(), key=lambda item: (-item[1], item[0]))[:2]
    runner_up = labels[second] if rest > 0.01 else None
    return Word(word.span, word.text, word.probability, labels[best], value, runner_up)


def _spoken_part(words: Sequence[Word], options: AlignmentOptions) -> tuple[Floats, Floats]:
    """(start, end) of each word, float64 (n,), without the pause that a recogniser stretched it over.

    A word that is longer than its characters explain is nearly always one whose start was pulled back into
    the pause before it: its last part is where it is spoken.
    """
    start = np.array([word.span.start for word in words])
    end = np.array([word.span.end for word in words])
    letters = np.array([len(word.text.strip()) for word in words])
    longest = options.longest_word_base + options.longest_word_per_character * letters
    return np.maximum(start, end - longest), end


def _evidence(
    words: Sequence[Word], turns: Sequence[Turn], labels: Sequence[str], options: AlignmentOptions
) -> list[dict[int, float]]:
    """For every word the likelihood of each speaker with a turn near it (at least one speaker a word)."""
    start, end = _spoken_part(words, options)
    turn_start = np.array([turn.span.start for turn in turns])
    turn_end = np.array([turn.span.end for turn in turns])
    index = {label: i for i, label in enumerate(labels)}
    speaker = np.array([index[turn.speaker] for turn in turns])
    word_of, turn_of = _neighbours(start, end, turn_start, turn_end, options.reach)
    padding = options.padding
    low = np.maximum(start[word_of] - padding, turn_start[turn_of])
    high = np.minimum(end[word_of] + padding, turn_end[turn_of])
    covered = np.clip(high - low, 0.0, None) / (end[word_of] - start[word_of] + 2 * padding)
    distance = np.clip(np.maximum(turn_start[turn_of] - end[word_of], start[word_of] - turn_end[turn_of]), 0.0, None)
    score = options.overlap_weight * np.minimum(covered, 1.0) - options.distance_weight * distance
    # A turn as long as the word and in its place is there because the diarizer heard this very word: inside a
    # long turn of somebody else it is an interjection, not noise.
    shared = np.clip(
        np.minimum(end[word_of], turn_end[turn_of]) - np.maximum(start[word_of], turn_start[turn_of]), 0, None
    )
    either = (end - start)[word_of] + (turn_end - turn_start)[turn_of] - shared
    score += options.match_weight * shared / np.maximum(either, 1e-3)
    return _best_per_speaker(len(words), word_of, speaker[turn_of], score, options)


def _neighbours(
    start: Floats, end: Floats, turn_start: Floats, turn_end: Floats, reach: float
) -> tuple[Indices, Indices]:
    """Pairs (word, turn) that lie within `reach` seconds, and for each lonely word its nearest turns.

    Words are sorted by their middle first, so that the words near a turn are one run of indices.
    """
    middle = (start + end) / 2
    half = (end - start).max(initial=0.0) / 2
    order = np.argsort(middle, kind="stable")
    sorted_middle = middle[order]
    first = np.searchsorted(sorted_middle, turn_start - reach - half, side="left")
    last = np.searchsorted(sorted_middle, turn_end + reach + half, side="right")
    count = last - first
    turn_of = np.repeat(np.arange(len(turn_start)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    word_of = order[np.repeat(first, count) + offset]
    near = (turn_start[turn_of] <= end[word_of] + reach) & (turn_end[turn_of] >= start[word_of] - reach)
    word_of, turn_of = word_of[near], turn_of[near]
    lonely = np.setdiff1d(np.arange(len(start)), word_of)
    if not len(lonely):
        return word_of, turn_of
    # The last turn to end before the word (by running maximum) and the first to start after it.
    latest = np.maximum.accumulate(turn_end)
    holder = np.maximum.accumulate(np.where(turn_end == latest, np.arange(len(turn_end)), 0))
    after = np.searchsorted(turn_start, middle[lonely])
    before = holder[np.maximum(after - 1, 0)]
    after = np.minimum(after, len(turn_start) - 1)
    gap_before = np.abs(start[lonely] - turn_end[before])
    gap_after = np.abs(turn_start[after] - end[lonely])
    nearest = np.where((gap_before <= gap_after) & (turn_start[before] <= middle[lonely]), before, after)
    return np.concatenate([word_of, lonely]), np.concatenate([turn_of, nearest])


def _best_per_speaker(
    n_words: int, word_of: Indices, speaker_of: Indices, score: Floats, options: AlignmentOptions
) -> list[dict[int, float]]:
    order = np.lexsort((-score, speaker_of, word_of))
    word_of, speaker_of, score = word_of[order], speaker_of[order], score[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (word_of[1:] != word_of[:-1]) | (speaker_of[1:] != speaker_of[:-1])
    # A floor keeps a word's own evidence from ever being certain against all its neighbours.
    likelihood = np.exp(np.maximum(score[new], -options.evidence_range))
    found: list[dict[int, float]] = [{} for _ in range(n_words)]
    for word, speaker, value in zip(word_of[new].tolist(), speaker_of[new].tolist(), likelihood.tolist(), strict=True):
        found[word][speaker] = value
    return found


def _switches(words: Sequence[Word], options: AlignmentOptions) -> list[float]:
    """Probability that the speaker changes before each word: low inside a clause, higher after a pause or sentence."""
    start, end = _spoken_part(words, options)
    pause = np.zeros(len(words))
    pause[1:] = np.clip(start[1:] - end[:-1], 0.0, None)
    after_sentence = np.zeros(len(words))
    after_sentence[1:] = [_ends_sentence(word.text) for word in words[:-1]]
    odds = (
        options.switch_base
        + options.switch_pause * np.minimum(pause, options.longest_pause)
        + options.switch_sentence * after_sentence
    )
    probability: list[float] = (1.0 / (1.0 + np.exp(-odds))).tolist()
    return probability


def _ends_sentence(text: str) -> bool:
    text = text.strip().rstrip(_CLOSING)
    return bool(text) and text[-1] in _SENTENCE_END


def _posteriors(candidates: list[dict[int, float]], switch: list[float]) -> list[dict[int, float]]:
    """P(speaker of word i | all words), by scaled forward-backward over each word's candidates."""
    forward: list[dict[int, float]] = []
    previous: dict[int, float] = {}
    for evidence, p in zip(candidates, switch, strict=True):
        if len(evidence) == 1:  # most words: nothing to weigh, and Python loops are what costs here
            previous = dict.fromkeys(evidence, 1.0)
        else:
            shared, keep = p / len(evidence), 1.0 - p
            step = {s: e * (keep * previous.get(s, 0.0) + shared) for s, e in evidence.items()}
            previous = _normalised(step)
        forward.append(previous)
    result = forward.copy()
    backward = dict.fromkeys(forward[-1], 1.0)
    for i in range(len(candidates) - 2, -1, -1):
        ahead = forward[i]
        if len(ahead) == 1:
            backward = dict.fromkeys(ahead, 1.0)
            continue
        p, evidence = switch[i + 1], candidates[i + 1]
        message = {s: evidence[s] * value for s, value in backward.items()}
        shared, keep = p / len(evidence) * sum(message.values()), 1.0 - p
        backward = _normalised({s: keep * message.get(s, 0.0) + shared for s in ahead})
        result[i] = _normalised({s: value * backward[s] for s, value in ahead.items()})
    return result


def _normalised(values: dict[int, float]) -> dict[int, float]:
    total = sum(values.values())
    return {key: value / total for key, value in values.items()}
