"""Trains the model of `whisperdiar minutes` and writes whisperdiar/minutes/model.npz.

    python -m training.minutes.train FOLDER [--output whisperdiar/minutes/model.npz]

FOLDER holds NAME.words.tsv and NAME.minutes.json (see `corpus`). Each meeting is learnt from twice, as it is and
without punctuation. The curve that makes probabilities of scores, and the threshold, are fitted on meetings that the
models had not seen (fourfold, series kept together). Takes some minutes; needs scikit-learn and lightgbm.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from training.minutes.corpus import meetings
from training.minutes.fit import Example, example, fit, folds
from whisperdiar.minutes.extract.features import Vector
from whisperdiar.minutes.extract.model import TARGETS, Model, Scale, blend_sentences, to_arrays

KINDS = ("phrases", "cues", "neutral")


Key = tuple[str, str, str]


def unseen_scores(
    examples: Sequence[Example], twins: Mapping[str, Example], *, of_twins: bool = False
) -> tuple[dict[Key, Vector], dict[Key, Vector]]:
    """(kind, target, meeting) → scores by models that were trained on other series; the second of the twins."""
    found: tuple[dict[Key, Vector], dict[Key, Vector]] = ({}, {})
    for learnt, tested in folds(examples):
        theirs = [twins[item.name] for item in learnt]
        models = {kind: fit(learnt, theirs, kind) for kind in ("phrases", "neutral")}
        for kind, target in product(KINDS, TARGETS):
            for item in tested:
                found[0][kind, target, item.name] = scores_of(models, kind, target, item)
                if of_twins:
                    found[1][kind, target, item.name] = scores_of(models, kind, target, twins[item.name])
    return found


def scores_of(models: Mapping[str, Model], kind: str, target: str, item: Example) -> Vector:
    """What the product computes before the logistic curve."""
    model = models["neutral" if kind == "neutral" else "phrases"]
    matrix = item.matrix["neutral" if kind == "neutral" else "cues"]
    return blend_sentences(model.raw(target, matrix, item.masked if kind == "phrases" else None), item.items)


def calibrated(scale: Scale, target: str, examples: Sequence[Example], scores: Sequence[Vector]) -> Scale:
    """The scale with a logistic curve, and the threshold above which as many words lie as people chose."""
    values = np.concatenate(scores)
    words = np.concatenate([item.n_words for item in examples])
    labels = np.concatenate([item.share[target] for item in examples]) >= 0.5
    curve = LogisticRegression(C=1e6).fit(values[:, None], labels, sample_weight=words)
    slope, offset = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    order = np.argsort(-values)
    last = int(np.searchsorted(np.cumsum(words[order]), sum(item.chosen[target] for item in examples)))
    threshold = 1.0 / (1.0 + np.exp(-(slope * values[order[last]] + offset)))
    return replace(scale, slope=slope, offset=offset, threshold=float(threshold))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("whisperdiar/minutes/model.npz"))
    chosen = parser.parse_args()
    corpus = meetings(chosen.folder)
    examples = [example(meeting) for meeting in corpus]
    twins = {meeting.name: example(meeting.unpunctuated()) for meeting in corpus}
    print(f"{len(examples)} meetings, {sum(len(item.items) for item in examples)} utterances", flush=True)
    unseen, _ = unseen_scores(examples, twins)
    arrays = {}
    final = {kind: fit(examples, list(twins.values()), kind) for kind in ("phrases", "neutral")}
    for kind in KINDS:
        model = final["neutral" if kind == "neutral" else "phrases"]
        scales = {
            target: calibrated(
                model.scales[target], target, examples, [unseen[kind, target, item.name] for item in examples]
            )
            for target in TARGETS
        }
        shown = ", ".join(f"{target} {scale.threshold:.3f}" for target, scale in scales.items())
        print(f"{kind}: thresholds {shown}", flush=True)
        arrays.update(to_arrays(replace(model, scales=scales), kind))
    np.savez_compressed(chosen.output, **arrays)
    print(f"{chosen.output}: {chosen.output.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
