"""Measures what minutes rest on against what people's minutes rest on.

    python benchmarks/minutes.py FOLDER

FOLDER holds NAME.words.tsv and NAME.minutes.json, as `training/minutes/corpus.py` reads them. For each meeting as many
words as people chose are taken, utterance by utterance, the most probable ones first; F1 counts words, and is averaged
over meetings. Summaries are held against the people's extract, outcomes against the evidence of their decisions and
actions together. Every model is trained fourfold on other meetings; meetings of one series (the same people, the same
project: ES2002a to d) are never on both sides. Baselines:

    random      utterances in random order
    longest     the longest utterances first
    regression  a logistic regression on tf-idf of the words, length, position and share of the speaker

Of the three kinds of models ``phrases`` is used for English, ``cues`` for other languages that have cue phrases, and
``neutral`` for the rest; here all of them read English. Without punctuation the words are those of the same meetings,
in lower case, cut into utterances by pauses alone.

Needs scikit-learn and lightgbm; takes some minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # training/ is no installed package

from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from training.minutes.corpus import meetings
from training.minutes.fit import Example, example, folds
from training.minutes.train import KINDS, unseen_scores
from whisperdiar.minutes.extract.evidence import select_strongest
from whisperdiar.minutes.extract.features import Vector

SHOWN = ("summary", "outcomes", "decisions", "actions")
Scored = Mapping[str, Vector]


def f1(item: Example, target: str, scores: Vector) -> float:
    """F1 over words of as many words as people chose; NaN where they chose none."""
    wanted = item.chosen[target]
    if not wanted:
        return float("nan")
    taken = select_strongest(scores, item.n_words, wanted)
    words = item.n_words[taken].sum()
    right = (item.share[target] * item.n_words)[taken].sum()
    return float(2 * right / (words + wanted))


def regression(learnt: Sequence[Example], tested: Sequence[Example], target: str) -> dict[str, Vector]:
    """The baseline with the words themselves."""
    vectors = TfidfVectorizer(min_df=3, sublinear_tf=True)
    texts = {item.name: [piece.text for piece in item.items] for item in [*learnt, *tested]}
    vectors.fit([text for item in learnt for text in texts[item.name]])

    def columns(item: Example) -> sparse.csr_matrix:
        names = item.names["neutral"]
        own = [names.index(name) for name in ("n_words", "place", "from_middle", "speaker_share")]
        return sparse.hstack([vectors.transform(texts[item.name]), item.matrix["neutral"][:, own]]).tocsr()

    labels = np.concatenate([item.share[target] for item in learnt]) >= 0.5
    model = LogisticRegression(solver="liblinear", class_weight="balanced")
    model.fit(sparse.vstack([columns(item) for item in learnt]), labels)
    return {item.name: model.decision_function(columns(item)) for item in tested}


def report(name: str, examples: Sequence[Example], score: Callable[[Example, str], Vector]) -> None:
    """One line: the mean over meetings for each target."""
    cells = [float(np.nanmean([f1(item, target, score(item, target)) for item in examples])) for target in SHOWN]
    print(f"{name:<34}" + "".join(f"{cell:>11.3f}" for cell in cells), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    corpus = meetings(chosen.folder)
    if not corpus:
        print(f"{chosen.folder}: no *.minutes.json here", file=sys.stderr)
        return 1
    examples = [example(meeting) for meeting in corpus]
    twins = {meeting.name: example(meeting.unpunctuated()) for meeting in corpus}
    print(f"{len(examples)} meetings, {sum(len(item.items) for item in examples)} utterances\n")
    print(f"{'F1 over words':<34}" + "".join(f"{target:>11}" for target in SHOWN))
    random = np.random.default_rng(0)
    report("random", examples, lambda item, _: random.random(len(item.items)))
    report("longest", examples, lambda item, _: item.n_words)
    base: dict[str, dict[str, Vector]] = {target: {} for target in SHOWN}
    for (learnt, tested), target in product(folds(examples), SHOWN):
        base[target].update(regression(learnt, tested, target))
    report("regression", examples, lambda item, target: base[target][item.name])
    ours, unmarked = unseen_scores(examples, twins, of_twins=True)
    for name, tested, scores in (("", examples, ours), (", no punctuation", list(twins.values()), unmarked)):
        for kind in KINDS:
            report(f"whisperdiar, {kind}{name}", tested, lambda item, target, k=kind, s=scores: s[k, target, item.name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
