"""Evidence model: how likely an utterance is evidence; trained on people's minutes, evaluated with NumPy alone.

A score adds three models: gradient-boosted trees and a logistic regression over `features`, and, for the language that
they were trained on, a logistic regression over phrases in which every word that belongs to a subject is masked. The
three never saw what a meeting was about. Then an utterance leans on its sentence, and a logistic curve makes a
probability of it. `training/minutes` makes the file and says how.
"""

from __future__ import annotations

import importlib.resources
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.minutes.extract.features import Matrix, Vector, extract
from whisperdiar.minutes.language import NEUTRAL, Language, tokens_of
from whisperdiar.minutes.units import Utterance

TARGETS = ("summary", "outcomes", "decisions", "actions", "questions")
"""What is scored. ``outcomes`` are decisions and actions together, ``questions`` what was a problem."""

PHRASES_OF = "en"
"""The language whose phrases were learnt."""

SENTENCE_WEIGHT = 0.5
_ROWS_AT_ONCE = 2048
_PART, _LONGEST_WHOLE = 2400.0, 4500.0


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of decision trees; a leaf points to itself.

    Attributes:
        feature: int16 (n_nodes,): column that is compared; -1 at a leaf.
        threshold: float32 (n_nodes,): up to it (inclusive) to the left; at a leaf its value.
        left, right: int32 (n_nodes,): children.
        roots: int32 (n_trees,).
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    roots: NDArray[np.int32]

    def __call__(self, matrix: Matrix) -> Vector:
        """(n_rows, n_features) → (n_rows,)."""
        parts = [self._some(matrix[i : i + _ROWS_AT_ONCE]) for i in range(0, len(matrix), _ROWS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _some(self, matrix: Matrix) -> Vector:
        rows = np.arange(len(matrix))[:, None]
        node = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        while True:
            column = self.feature[node]
            inner = column >= 0
            if not inner.any():
                return np.asarray(self.threshold[node].sum(axis=1, dtype=np.float64))
            low = matrix[rows, np.maximum(column, 0)] <= self.threshold[node]
            node = np.where(inner, np.where(low, self.left[node], self.right[node]), node)


@dataclass(frozen=True, slots=True)
class Linear:
    """A logistic regression: float32 (n_features,) weights, and the intercept."""

    weights: NDArray[np.float32]
    intercept: float

    def __call__(self, matrix: Matrix) -> Vector:
        return np.asarray(matrix @ self.weights.astype(np.float64) + self.intercept)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Masked words and pairs of them: weighted by 1 + ln(count) and idf, rows of length 1.

    Attributes:
        vocabulary: phrase → column.
        idf: float32 (n_phrases,).
        weights: target → float32 (n_phrases,).
    """

    vocabulary: Mapping[str, int]
    idf: NDArray[np.float32]
    weights: Mapping[str, NDArray[np.float32]]

    def __call__(self, target: str, masked: Sequence[Sequence[str]]) -> Vector:
        """One score for each utterance, given as masked tokens."""
        return np.array([self._one(self.weights[target], tokens) for tokens in masked])

    def _one(self, weights: NDArray[np.float32], tokens: Sequence[str]) -> float:
        known = [self.vocabulary[item] for item in phrases_of(tokens) if item in self.vocabulary]
        if not known:
            return 0.0
        counts = Counter(known)
        columns = np.fromiter(counts, dtype=np.int64)
        values = (1.0 + np.log(np.fromiter(counts.values(), dtype=np.float64))) * self.idf[columns]
        return float(values @ weights[columns] / max(float(np.linalg.norm(values)), 1e-12))


@dataclass(frozen=True, slots=True)
class Scale:
    """What makes one probability of a target's three scores.

    Attributes:
        trees, linear, phrases: weights of the three models.
        slope, offset: of the logistic curve.
        threshold: the probability above which the corpus has as many words as people chose.
    """

    trees: float
    linear: float
    phrases: float
    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5


@dataclass(frozen=True, slots=True)
class Model:
    """Models of all targets for one kind of features: ``cues`` or ``neutral`` (no cue phrases)."""

    names: tuple[str, ...]
    trees: Mapping[str, Trees]
    linear: Mapping[str, Linear]
    phrases: Phrases | None
    scales: Mapping[str, Scale]

    def raw(self, target: str, matrix: Matrix, masked: Sequence[Sequence[str]] | None) -> Vector:
        """The weighted sum of the three models."""
        scale = self.scales[target]
        total = scale.trees * self.trees[target](matrix) + scale.linear * self.linear[target](matrix)
        if masked is not None and self.phrases is not None and scale.phrases:
            total = total + scale.phrases * self.phrases(target, masked)
        return np.asarray(total)


@dataclass(frozen=True, slots=True)
class Scores:
    """Attributes:
    probability: target → float64 (n_utterances,).
    threshold: target → the probability that people's choice began at.
    """

    probability: Mapping[str, Vector]
    threshold: Mapping[str, float]


def score(utterances: Sequence[Utterance], language: Language = NEUTRAL) -> Scores:
    """How likely each utterance is evidence of each of `TARGETS`."""
    kind = kind_of(language)
    model = load(kind)
    masked = [mask_tokens(item, language) for item in utterances] if kind == "phrases" else None
    matrices = [
        np.concatenate([extract(utterances[first:last], language).matrix for first, last in pairwise(edges)])
        for edges in split_tiles(utterances)
    ]
    found = {}
    for target in TARGETS:
        scale = model.scales[target]
        raw = sum((model.raw(target, matrix, masked) for matrix in matrices), np.zeros(len(utterances)))
        raw = blend_sentences(raw / len(matrices), utterances)
        found[target] = 1.0 / (1.0 + np.exp(-np.clip(scale.slope * raw + scale.offset, -40.0, 40.0)))
    return Scores(found, {target: model.scales[target].threshold for target in TARGETS})


def split_tiles(utterances: Sequence[Utterance]) -> list[list[int]]:
    """Edges of the parts whose features are taken together: all at once, as the models learnt it.

    A recording much longer than any meeting that they know is cut into parts of about `_PART` seconds, twice, so that
    what lies at an edge once lies in the middle the other time.
    """
    n = len(utterances)
    starts = np.array([item.span.start for item in utterances])
    length = float(starts[-1] - starts[0]) if n else 0.0
    if length <= _LONGEST_WHOLE:
        return [[0, n]]
    step = length / round(length / _PART)
    inner = np.arange(1, round(length / step)) * step + starts[0]
    tilings = [inner, np.concatenate([inner - step / 2, [starts[-1] - step / 2]])]
    return [sorted({0, *(int(np.searchsorted(starts, edge)) for edge in edges), n}) for edges in tilings]


def kind_of(language: Language) -> str:
    """Which model fits: ``phrases``, ``cues`` (the same without phrases), or ``neutral``."""
    if not language.cues:
        return "neutral"
    return "phrases" if language.code == PHRASES_OF else "cues"


def blend_sentences(values: Vector, utterances: Sequence[Utterance]) -> Vector:
    """(n,) → (n,): half of each value is the highest of its sentence, so that sentences are chosen whole rather."""
    if not len(values):
        return values
    _, sentence = np.unique([item.sentence for item in utterances], return_inverse=True)
    best = np.full(int(sentence.max()) + 1, -np.inf)
    np.maximum.at(best, sentence, values)
    return np.asarray((1 - SENTENCE_WEIGHT) * values + SENTENCE_WEIGHT * best[sentence])


def mask_tokens(item: Utterance, language: Language) -> list[str]:
    """Words of an utterance between its marks; numbers and words that belong to a subject are masked."""
    plain, numbers = _plain_words(language.code)
    words = [
        "<number>" if token[0].isdigit() or token in numbers else token if token in plain else "<word>"
        for token in tokens_of(item.text)
    ]
    return ["<begin>", *words, "<asks>" if item.asks else "<end>"]


def phrases_of(tokens: Sequence[str]) -> list[str]:
    """Single tokens and pairs of neighbours."""
    return [*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))]


@lru_cache(maxsize=4)
def _plain_words(code: str) -> tuple[frozenset[str], frozenset[str]]:
    from whisperdiar.minutes.language import language

    spoken = language(code)
    cues: Mapping[str, Sequence[str]] = spoken.data.get("cues", {})
    parts = {word for phrases in cues.values() for phrase in phrases for word in phrase.split() if "*" not in word}
    return spoken.stopwords | parts, frozenset(cues.get("number", ()))


@lru_cache(maxsize=3)
def load(kind: str) -> Model:
    """The shipped model for a kind of features."""
    source = importlib.resources.files("whisperdiar.minutes").joinpath("model.npz")
    with np.load(io.BytesIO(source.read_bytes()), allow_pickle=False) as data:
        return from_arrays(data, kind)


def from_arrays(data: Mapping[str, Any], kind: str) -> Model:
    """The model of a kind from what `to_arrays` gave for `features_of` it."""
    own = features_of(kind)
    fields = ("feature", "threshold", "left", "right", "roots")
    phrases = None
    if kind == "phrases":
        words = str(data["phrases.vocabulary"]).split("\n")
        weights = {target: data[f"phrases.{target}"].astype(np.float32) for target in TARGETS}
        phrases = Phrases({word: k for k, word in enumerate(words)}, data["phrases.idf"].astype(np.float32), weights)
    return Model(
        names=tuple(str(data[f"{own}.names"]).split("\n")),
        trees={target: Trees(*(data[f"{own}.{target}.{name}"] for name in fields)) for target in TARGETS},
        linear={
            target: Linear(data[f"{own}.{target}.weights"], float(data[f"{own}.{target}.intercept"]))
            for target in TARGETS
        },
        phrases=phrases,
        scales={target: Scale(*map(float, data[f"{kind}.{target}.scale"])) for target in TARGETS},
    )


def to_arrays(model: Model, kind: str) -> dict[str, Any]:
    """A model as arrays without Python objects."""
    own = features_of(kind)
    arrays: dict[str, Any] = {f"{own}.names": np.array("\n".join(model.names))}
    for target in TARGETS:
        trees, linear, scale = model.trees[target], model.linear[target], model.scales[target]
        for name in ("feature", "threshold", "left", "right", "roots"):
            arrays[f"{own}.{target}.{name}"] = getattr(trees, name)
        arrays[f"{own}.{target}.weights"] = linear.weights
        arrays[f"{own}.{target}.intercept"] = np.float64(linear.intercept)
        arrays[f"{kind}.{target}.scale"] = np.array(
            [scale.trees, scale.linear, scale.phrases, scale.slope, scale.offset, scale.threshold]
        )
    if model.phrases is not None:
        arrays["phrases.vocabulary"] = np.array("\n".join(model.phrases.vocabulary))
        arrays["phrases.idf"] = model.phrases.idf.astype(np.float16)
        for target in TARGETS:
            arrays[f"phrases.{target}"] = model.phrases.weights[target].astype(np.float16)
    return arrays


def features_of(kind: str) -> str:
    """``cues`` and ``phrases`` have the same features."""
    return "neutral" if kind == "neutral" else "cues"
