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

The last rows are of what `whisperdiar minutes` writes, from words to items: F1 over the words of the evidence of its
items, however many it takes, with models, curves and thresholds of other meetings, for several shares of the words that
decisions and actions may rest on. ``compose, shares of others`` has those of `SHARES` that are best on the other
meetings, so that nothing is chosen on what is measured. ``--compose`` makes these rows alone.

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

from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from training.minutes.corpus import Meeting, meetings
from training.minutes.fit import SCALES, Example, example, folds
from training.minutes.train import KINDS, Key, calibrated, unseen_scores
from whisperdiar.minutes.content import Item
from whisperdiar.minutes.extract.compose import compose
from whisperdiar.minutes.extract.evidence import select_strongest
from whisperdiar.minutes.extract.features import Vector
from whisperdiar.minutes.extract.material import Material
from whisperdiar.minutes.extract.model import TARGETS, Scores
from whisperdiar.minutes.language import language
from whisperdiar.options import MinutesOptions
from whisperdiar.transcript import Transcript, speaker_names

SHOWN = ("summary", "outcomes", "decisions", "actions")
Scored = Mapping[str, Vector]
SHARES = ((0.03, 0.04), (0.04, 0.04), (0.05, 0.05), (0.04, 0.06), (0.06, 0.08))
"""(fewest, most): shares of the words that decisions and actions may rest on."""


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


def materials(
    examples: Sequence[Example], corpus: Mapping[str, Meeting], unseen: Mapping[Key, Vector]
) -> list[Material]:
    """What `compose` is given for each meeting: scores by models, curves and thresholds of other series."""
    found = {}
    for learnt, tested in folds(examples):
        scales = {
            target: calibrated(
                SCALES[target], target, learnt, [unseen["phrases", target, item.name] for item in learnt]
            )
            for target in TARGETS
        }
        for item in tested:
            raw = {target: unseen["phrases", target, item.name] for target in TARGETS}
            scores = Scores(
                {
                    t: 1.0 / (1.0 + np.exp(-np.clip(scales[t].slope * raw[t] + scales[t].offset, -40, 40)))
                    for t in TARGETS
                },
                {target: scales[target].threshold for target in TARGETS},
            )
            transcript = corpus[item.name].transcript
            found[item.name] = Material(transcript, item.items, scores, language("en"), speaker_names(transcript))
    return [found[item.name] for item in examples]


def marked(transcript: Transcript, items: Sequence[Item]) -> NDArray[np.bool_]:
    """(n_words,): whether a word is in the evidence of one of the items."""
    starts = np.array([word.start for word in transcript.words]) + 5e-4
    speakers = np.array([word.speaker for word in transcript.words])
    found = np.zeros(len(starts), dtype=bool)
    for quote in (quote for item in items for quote in item.evidence):
        found |= (starts >= quote.span.start) & (starts < quote.span.end) & (speakers == quote.speaker)
    return found


def composed_f1(material: Material, meeting: Meeting, options: MinutesOptions) -> dict[str, float]:
    """F1 over words of what the whole command writes for one meeting; NaN where people chose none."""
    made = compose(material, options)
    written = {
        "summary": made.summary,
        "outcomes": (*made.decisions, *made.actions),
        "decisions": made.decisions,
        "actions": made.actions,
    }
    cells = {}
    for target, items in written.items():
        ours, theirs = marked(meeting.transcript, items), np.asarray(meeting.chosen[target], dtype=bool)
        both = float(ours.sum() + theirs.sum())
        cells[target] = 2 * float((ours & theirs).sum()) / both if theirs.any() else float("nan")
    return cells


def report_composed(examples: Sequence[Example], corpus: Mapping[str, Meeting], unseen: Mapping[Key, Vector]) -> None:
    """The rows of the whole command."""
    given = materials(examples, corpus, unseen)

    def run(options: MinutesOptions) -> dict[str, dict[str, float]]:
        pairs = zip(examples, given, strict=True)
        return {item.name: composed_f1(material, corpus[item.name], options) for item, material in pairs}

    def show(name: str, found: Mapping[str, Mapping[str, float]]) -> None:
        cells = [float(np.nanmean([found[item.name][target] for item in examples])) for target in SHOWN]
        print(f"{name:<34}" + "".join(f"{cell:>11.3f}" for cell in cells), flush=True)

    tried: dict[tuple[float, float], dict[str, dict[str, float]]] = {}
    shipped = MinutesOptions()
    for fewest, most in SHARES:
        tried[fewest, most] = run(MinutesOptions(fewest_outcomes_share=fewest, outcomes_share=most))
        ours = (fewest, most) == (shipped.fewest_outcomes_share, shipped.outcomes_share)
        show(f"compose, {fewest:.0%} to {most:.0%}{' (shipped)' if ours else ''}", tried[fewest, most])
    chosen: dict[str, dict[str, float]] = {}
    for learnt, tested in folds(examples):
        best = max(SHARES, key=lambda shares: np.nanmean([tried[shares][item.name]["outcomes"] for item in learnt]))
        chosen.update({item.name: tried[best][item.name] for item in tested})
    show("compose, shares of others", chosen)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compose", action="store_true", help="the rows of the whole command alone")
    chosen = parser.parse_args()
    corpus = meetings(chosen.folder)
    if not corpus:
        print(f"{chosen.folder}: no *.minutes.json here", file=sys.stderr)
        return 1
    known = {meeting.name: meeting for meeting in corpus}
    examples = [example(meeting) for meeting in corpus]
    twins = {meeting.name: example(meeting.unpunctuated()) for meeting in corpus}
    print(f"{len(examples)} meetings, {sum(len(item.items) for item in examples)} utterances\n")
    print(f"{'F1 over words':<34}" + "".join(f"{target:>11}" for target in SHOWN))
    if chosen.compose:
        report_composed(examples, known, unseen_scores(examples, twins)[0])
        return 0
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
    report_composed(examples, known, ours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
