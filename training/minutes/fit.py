"""Fits the models of `whisperdiar.minutes.extract.model`: scikit-learn and LightGBM in, plain arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from training.minutes.corpus import Meeting, units, words_per_utterance
from whisperdiar.minutes.extract.features import Matrix, Vector, extract
from whisperdiar.minutes.extract.model import (
    TARGETS,
    Linear,
    Model,
    Phrases,
    Scale,
    Trees,
    mask_tokens,
    phrases_of,
)
from whisperdiar.minutes.language import NEUTRAL, language
from whisperdiar.minutes.units import Utterance

SCALES = {
    "summary": Scale(trees=0.9, linear=1.0, phrases=0.43),
    "outcomes": Scale(trees=1.7, linear=1.13, phrases=0.56),
    "decisions": Scale(trees=1.9, linear=1.26, phrases=0.6),
    "actions": Scale(trees=1.3, linear=0.82, phrases=0.68),
    "questions": Scale(trees=1.7, linear=1.0, phrases=0.5),
}
"""Weights that give the three models about the same spread on meetings that they were not trained on."""

_STRENGTH = {"summary": 0.001, "outcomes": 0.001, "decisions": 0.001, "actions": 0.003, "questions": 0.001}
_COMMON = {"subsample": 0.7, "subsample_freq": 1, "reg_lambda": 20, "verbose": -1, "n_jobs": 1}
_MANY = {
    "n_estimators": 260,
    "learning_rate": 0.045,
    "num_leaves": 12,
    "min_child_samples": 90,
    "colsample_bytree": 0.2,
}
_FEW = {"n_estimators": 120, "learning_rate": 0.03, "num_leaves": 8, "min_child_samples": 200, "colsample_bytree": 0.15}
_TWIN_WEIGHT = 0.2
_SEEDS = {"phrases": (0, 1, 2, 3), "neutral": (0,)}


@dataclass(frozen=True)
class Example:
    """A meeting as the models see it.

    Attributes:
        items: its utterances.
        matrix: features by kind: ``cues`` and ``neutral``.
        masked: tokens of the phrases.
        n_words: (n_utterances,).
        share: target → (n_utterances,): which part of each is evidence.
        chosen: target → words of all evidence.
    """

    name: str
    series: str
    items: tuple[Utterance, ...]
    names: Mapping[str, tuple[str, ...]]
    matrix: Mapping[str, Matrix]
    masked: list[list[str]]
    n_words: Vector
    share: Mapping[str, Vector]
    chosen: Mapping[str, float]


def example(meeting: Meeting) -> Example:
    """What a meeting teaches."""
    items = units(meeting)
    english = language("en")
    kinds = {"cues": extract(items, english), "neutral": extract(items, NEUTRAL)}
    n_words = np.array([len(item.words) for item in items], dtype=np.float64)
    return Example(
        name=meeting.name,
        series=meeting.series,
        items=items,
        names={kind: found.names for kind, found in kinds.items()},
        matrix={kind: found.matrix for kind, found in kinds.items()},
        masked=[mask_tokens(item, english) for item in items],
        n_words=n_words,
        share={target: words_per_utterance(items, meeting.chosen[target]) / n_words for target in TARGETS},
        chosen={target: float(meeting.chosen[target].sum()) for target in TARGETS},
    )


def folds(examples: Sequence[Example], n: int = 4) -> list[tuple[list[Example], list[Example]]]:
    """(trained on, tested on) n times; all meetings of a series are on the same side."""
    series = sorted({item.series for item in examples})
    place = {name: k % n for k, name in enumerate(series)}
    return [
        ([item for item in examples if place[item.series] != k], [item for item in examples if place[item.series] == k])
        for k in range(n)
    ]


def fit(plain: Sequence[Example], twins: Sequence[Example], kind: str, *, targets: Sequence[str] = TARGETS) -> Model:
    """The models of one kind: ``phrases`` (which does for ``cues`` too) or ``neutral``; not calibrated.

    `twins` are the same meetings without punctuation; they weigh less.
    """
    examples = [*plain, *twins]
    features = "neutral" if kind == "neutral" else "cues"
    matrix = np.concatenate([item.matrix[features] for item in examples])
    weight = np.concatenate([*(item.n_words for item in plain), *(_TWIN_WEIGHT * item.n_words for item in twins)])
    weight = weight / weight.mean()
    labels = {target: np.concatenate([item.share[target] for item in examples]) >= 0.5 for target in targets}
    return Model(
        names=examples[0].names[features],
        trees={target: _trees(target, matrix, labels[target], weight, _SEEDS[kind]) for target in targets},
        linear={target: _linear(matrix, labels[target], weight, _STRENGTH[target]) for target in targets},
        phrases=_phrases(examples, labels, weight) if kind == "phrases" else None,
        scales=SCALES,
    )


def _trees(target: str, matrix: Matrix, labels: NDArray[np.bool_], weight: Vector, seeds: Sequence[int]) -> Trees:
    settings = {**_COMMON, **(_MANY if target == "summary" else _FEW)}
    roots, nodes = [], []
    for seed in seeds:
        model = lightgbm.LGBMClassifier(**settings, random_state=seed)
        model.fit(matrix, labels, sample_weight=weight)
        for tree in model.booster_.dump_model()["tree_info"]:
            roots.append(_add(tree["tree_structure"], nodes, 1.0 / len(seeds)))
    feature, threshold, left, right = (list(column) for column in zip(*nodes, strict=True))
    return Trees(
        np.array(feature, dtype=np.int16),
        np.array(threshold, dtype=np.float32),
        np.array(left, dtype=np.int32),
        np.array(right, dtype=np.int32),
        np.array(roots, dtype=np.int32),
    )


def _add(node: Mapping[str, object], nodes: list[list[float]], share: float) -> int:
    """Append a node of LightGBM's dump and all below it; returns its place."""
    place = len(nodes)
    if "leaf_value" in node and "split_feature" not in node:
        nodes.append([-1, float(node["leaf_value"]) * share, place, place])  # type: ignore[arg-type]
        return place
    # Rounded up: what equals the threshold goes left in single precision, too.
    threshold = np.nextafter(np.float32(node["threshold"]), np.float32(np.inf))  # type: ignore[arg-type]
    nodes.append([int(node["split_feature"]), float(threshold), 0, 0])  # type: ignore[call-overload]
    nodes[place][2] = _add(node["left_child"], nodes, share)  # type: ignore[arg-type]
    nodes[place][3] = _add(node["right_child"], nodes, share)  # type: ignore[arg-type]
    return place


def _linear(matrix: Matrix, labels: NDArray[np.bool_], weight: Vector, strength: float) -> Linear:
    scaler = StandardScaler().fit(matrix)
    model = LogisticRegression(C=strength, max_iter=150, tol=1e-3).fit(
        scaler.transform(matrix), labels, sample_weight=weight
    )
    weights = model.coef_[0] / scaler.scale_
    return Linear(weights.astype(np.float32), float(model.intercept_[0] - weights @ scaler.mean_))


def _phrases(examples: Sequence[Example], labels: Mapping[str, NDArray[np.bool_]], weight: Vector) -> Phrases:
    vectors = TfidfVectorizer(analyzer=phrases_of, min_df=16, sublinear_tf=True)
    matrix = vectors.fit_transform([tokens for item in examples for tokens in item.masked])
    weights = {}
    for target, chosen in labels.items():
        model = LogisticRegression(C=0.7, max_iter=200).fit(matrix, chosen, sample_weight=weight)
        weights[target] = model.coef_[0].astype(np.float32)
    vocabulary = {str(term): int(column) for term, column in vectors.vocabulary_.items()}
    ordered = dict(sorted(vocabulary.items(), key=lambda item: item[1]))
    return Phrases(ordered, vectors.idf_.astype(np.float32), weights)
