"""Utterance features: numbers that mean the same in any meeting and any language. Pure.

No word is a feature, so that nothing is learnt of what a meeting is about. Words count through their weight in the
meeting (`lexical`) and through the categories of a language's cue phrases, if it has any.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.minutes.extract.lexical import Terms
from whisperdiar.minutes.language import NEUTRAL, Language, token_line, tokens_of
from whisperdiar.minutes.units import Utterance
from whisperdiar.text.punctuation import SENTENCE_END, last_mark

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

CATEGORIES = (
    "decision", "we_will", "i_will", "you_will", "modal", "future", "task", "when", "number", "question", "hedge",
    "opinion", "agree", "disagree", "opening", "summary", "reason", "value", "problem", "want", "meeting", "i", "we",
    "you", "they", "this", "filler", "connective", "be", "chat", "vague",
)  # fmt: skip
"""Of cue phrases, in the order of the columns."""

_NEIGHBOURS = (-2, -1, 1, 2)
_WINDOWS = (2, 6, 20)
_AROUND = 15
"""Utterances on either side among which a speaker's share is the local one."""
_SMOOTHED = ("n_words", "n_content", "idf_sum", "centroid", "lexrank", "answered", "speaker_run")
_SMOOTHED_CUES = (
    "decision", "we_will", "you_will", "task", "future", "agree", "question", "hedge", "summary", "number", "chat",
    "meeting", "problem", "opinion", "value", "when",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Features:
    """Attributes:
    names: of the columns.
    matrix: float64 (n_utterances, n_features).
    """

    names: tuple[str, ...]
    matrix: Matrix


def extract(utterances: Sequence[Utterance], language: Language = NEUTRAL) -> Features:
    """The features of all utterances of a meeting, in their order.

    With a language without cue phrases the columns of the categories are left out.
    """
    columns = Columns()
    tokens = [tokens_of(item.text) for item in utterances]
    _length(columns, utterances, tokens)
    _weight(columns, tokens, language)
    _place(columns, utterances)
    _speaker(columns, utterances)
    cues = _cues(columns, tokens, language) if language.cues else ()
    smoothed = [*_SMOOTHED, *(f"cue_{name}" for name in _SMOOTHED_CUES if name in cues)]
    for name in smoothed:
        columns.neighbours(name)
    return Features(tuple(columns.values), columns.matrix(len(utterances)))


class Columns:
    """Features by name while they are made."""

    def __init__(self) -> None:
        self.values: dict[str, Vector] = {}

    def add(self, name: str, values: Sequence[float] | Vector) -> None:
        self.values[name] = np.asarray(values, dtype=np.float64)

    def relative(self, name: str) -> None:
        """The rank of a feature within the meeting, 0 to 1: meetings differ in what is much."""
        self.add(f"{name}_rank", rank_values(self.values[name]))

    def neighbours(self, name: str) -> None:
        """The same of the utterances around, one by one and as means of windows."""
        values = self.values[name]
        for offset in _NEIGHBOURS:
            self.add(f"{name}{offset:+d}", shift_values(values, offset))
        for reach in _WINDOWS:
            self.add(f"{name}~{reach}", window_mean(values, reach))

    def matrix(self, n: int) -> Matrix:
        return np.stack(list(self.values.values()), axis=1) if n else np.zeros((0, len(self.values)))


def rank_values(values: Vector) -> Vector:
    """(n,) → (n,): place in ascending order, 0 to 1; equal values share one."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return np.asarray(below / max(1, 2 * len(values)), dtype=np.float64)


def shift_values(values: Vector, offset: int) -> Vector:
    """(n,) → (n,): the value `offset` places on, 0 beyond the ends."""
    out = np.zeros_like(values)
    if abs(offset) < len(values):
        if offset > 0:
            out[:-offset] = values[offset:]
        else:
            out[-offset:] = values[:offset]
    return out


def window_mean(values: Vector, reach: int) -> Vector:
    """(n,) → (n,): mean of the values up to `reach` places away, itself included, over those that exist."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    n = len(values)
    low = np.maximum(np.arange(n) - reach, 0)
    high = np.minimum(np.arange(n) + reach + 1, n)
    return np.asarray((sums[high] - sums[low]) / (high - low), dtype=np.float64)


def _length(columns: Columns, utterances: Sequence[Utterance], tokens: list[list[str]]) -> None:
    n_words = np.array([len(item.words) for item in utterances], dtype=np.float64)
    seconds = np.array([item.span.duration for item in utterances], dtype=np.float64)
    columns.add("n_words", np.log1p(n_words))
    columns.add("n_characters", [np.log1p(sum(map(len, found))) for found in tokens])
    columns.add("word_length", [float(np.mean([len(token) for token in found])) if found else 0.0 for found in tokens])
    columns.add("seconds", np.log1p(np.maximum(seconds, 0.0)))
    columns.add("rate", n_words / np.maximum(seconds, 0.3))
    columns.add("distinct", [len(set(found)) / max(1, len(found)) for found in tokens])
    columns.add("digits", [sum(token[0].isdigit() for token in found) for found in tokens])
    columns.add("asks", [float(item.asks) for item in utterances])
    columns.add("ends", [float(last_mark(item.words[-1].text) in SENTENCE_END) for item in utterances])
    sentence_words = Counter[int]()
    for item in utterances:
        sentence_words[item.sentence] += len(item.words)
    columns.add("sentence_words", [np.log1p(sentence_words[item.sentence]) for item in utterances])
    columns.relative("n_words")


def _weight(columns: Columns, tokens: list[list[str]], language: Language) -> None:
    stop = language.stopwords
    terms = Terms([[token for token in found if token not in stop] for found in tokens])
    total = terms.idf_sums()
    columns.add("n_content", np.log1p(np.asarray(terms.counts.sum(axis=1)).ravel()))
    columns.add("idf_sum", total)
    columns.add("idf_max", terms.idf_maxima())
    columns.add("idf_mean", total / np.maximum([len(found) for found in tokens], 1.0))
    columns.add("centroid", terms.centroid_similarity())
    columns.add("cohesion", terms.local_similarity(8))
    columns.add("lexrank", terms.lexrank())
    new, later = terms.novelty()
    columns.add("new", new)
    columns.add("later", later)
    columns.add("new_share", new / np.maximum(total, 1e-9))
    columns.add("later_share", later / np.maximum(total, 1e-9))
    for name in ("idf_sum", "centroid", "lexrank", "later"):
        columns.relative(name)


def _place(columns: Columns, utterances: Sequence[Utterance]) -> None:
    n = len(utterances)
    starts = np.array([item.span.start for item in utterances], dtype=np.float64)
    ends = np.array([item.span.end for item in utterances], dtype=np.float64)
    first, last = (float(starts.min()), float(ends.max())) if n else (0.0, 0.0)
    place = (starts - first) / max(last - first, 1e-9)
    columns.add("place", place)
    columns.add("from_middle", np.abs(place - 0.5))
    columns.add("minutes_from_start", np.log1p((starts - first) / 60.0))
    columns.add("minutes_to_end", np.log1p((last - ends).clip(0.0) / 60.0))
    columns.add("minutes_in_all", np.full(n, np.log1p((last - first) / 60.0)))
    silence_before = np.concatenate([[0.0], starts[1:] - np.maximum.accumulate(ends)[:-1]]) if n else starts
    columns.add("silence_before", silence_before.clip(-3.0, 5.0))
    columns.add("silence_after", np.concatenate([silence_before[1:], [0.0]]).clip(-3.0, 5.0) if n else starts)
    place_in, words_in = _runs(utterances)
    columns.add("place_in_run", np.log1p(place_in))
    columns.add("speaker_run", np.log1p(words_in))
    columns.add("answered", _answers(utterances))


def _runs(utterances: Sequence[Utterance]) -> tuple[Vector, Vector]:
    """How many utterances of its speaker's run lie before each, and the words of the run; short ones do not end it."""
    place, words = np.zeros(len(utterances)), np.zeros(len(utterances))
    run: list[int] = []
    for i, item in enumerate(utterances):
        holder = utterances[run[-1]].speaker if run else None
        if run and item.speaker != holder and len(item.words) > 3:
            words[run] = sum(len(utterances[k].words) for k in run)
            run = []
        if not run or item.speaker == utterances[run[-1]].speaker:
            place[i] = len(run)
            run.append(i)
        else:
            words[i] = len(item.words)
    if run:
        words[run] = sum(len(utterances[k].words) for k in run)
    return place, words


def _answers(utterances: Sequence[Utterance]) -> Vector:
    """How many of the next four utterances are short ones of others: a nod, a yes."""
    found = np.zeros(len(utterances))
    for i, item in enumerate(utterances):
        following = utterances[i + 1 : i + 5]
        found[i] = sum(other.speaker != item.speaker and len(other.words) <= 3 for other in following)
    return found


def _speaker(columns: Columns, utterances: Sequence[Utterance]) -> None:
    words = Counter[str | None]()
    pieces = Counter[str | None]()
    questions = Counter[str | None]()
    for item in utterances:
        words[item.speaker] += len(item.words)
        pieces[item.speaker] += 1
        questions[item.speaker] += item.asks
    total = max(1, sum(words.values()))
    opener = utterances[0].speaker if utterances else None
    closing = Counter(item.speaker for item in utterances[-max(10, len(utterances) // 20) :])
    opening = Counter(item.speaker for item in utterances[: max(10, len(utterances) // 20)])
    per_speaker: dict[str, Callable[[str | None], float]] = {
        "share": lambda who: words[who] / total,
        "share_times_speakers": lambda who: words[who] / total * len(words),
        "mean_words": lambda who: words[who] / max(1, pieces[who]),
        "question_share": lambda who: questions[who] / max(1, pieces[who]),
        "opens": lambda who: float(who == opener),
        "opening_share": lambda who: opening[who] / max(1, sum(opening.values())),
        "closing_share": lambda who: closing[who] / max(1, sum(closing.values())),
    }
    for name, measure in per_speaker.items():
        columns.add(f"speaker_{name}", [measure(item.speaker) for item in utterances])
    columns.add("n_speakers", np.full(len(utterances), float(len(words))))
    around = [_local_shares(utterances, i) for i in range(len(utterances))]
    columns.add("local_share", [shares[item.speaker] for shares, item in zip(around, utterances, strict=True)])
    columns.add("local_entropy", [-sum(p * math.log(p) for p in shares.values() if p) for shares in around])


def _local_shares(utterances: Sequence[Utterance], place: int) -> dict[str | None, float]:
    """Speaker → share of the words in the utterances around one, for those alone who talk there."""
    words = Counter[str | None]()
    for item in utterances[max(0, place - _AROUND) : place + _AROUND + 1]:
        words[item.speaker] += len(item.words)
    total = max(1, sum(words.values()))
    return {who: count / total for who, count in words.items()}


def _cues(columns: Columns, tokens: list[list[str]], language: Language) -> tuple[str, ...]:
    lines = [token_line(found) for found in tokens]
    known = tuple(name for name in CATEGORIES if name in language.cues)
    for name in CATEGORIES:
        columns.add(f"cue_{name}", [float(min(3, language.count(name, line))) for line in lines])
    opening = [token_line(found[:2]) for found in tokens]
    for name in ("opening", "we", "i", "you", "question", "agree", "filler"):
        columns.add(f"starts_{name}", [float(language.count(name, line) > 0) for line in opening])
    return known
