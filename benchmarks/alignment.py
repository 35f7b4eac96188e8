"""Word diarization error rate of whisperdiar's alignment and of other programs' rules, on the same words and turns.

    python -m benchmarks.alignment SHARED [--seed 0] [--errors 1] [--bare] [--apart] [--only held-back] [--each]
    python -m benchmarks.alignment SHARED --turns bic --vad silero

SHARED holds ami/*.words.tsv and bench/simulate_hypotheses.py, which makes recogniser-like words and diarizer-like turns
from them with known truth; --errors multiplies the rates and sizes of its mistakes, --bare takes away punctuation and
capitals, and with --apart no word reaches into the next one, as recognisers give them. With --turns the turns are those
of a diarizer on the recordings corpus/audio/ami_*, and the words the reference's, one stream in order.

A word is wrong where its speaker is not the true one. Columns: all words; words in runs of one or two of one speaker
(interjections); words within 0.5 s of a change of speaker; words in whose middle somebody else truly talks; and for
the worst recording, by how much more of its words are wrong than under the best other rule there.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.alignment_rules import RULES
from training.alignment import held_back
from training.alignment.simulation import Form, SpokenTurn, SpokenWord, as_turns, as_words, load_simulator, simulate
from whisperdiar import align

OURS = "whisperdiar"
KINDS = ("all", "short runs", "near changes", "overlap")
NEAR_S = 0.5


@dataclass(frozen=True)
class Case:
    """One recording: words with their true speakers, turns to be joined with them, and the true turns."""

    name: str
    words: list[SpokenWord]
    turns: list[SpokenTurn]
    truth: list[SpokenTurn]

    def kinds(self) -> dict[str, NDArray[np.bool_]]:
        """Which words each column counts."""
        start, end = (np.array([word[i] for word in self.words]) for i in (0, 1))
        who = np.array([word[2] for word in self.words])
        change = np.flatnonzero(who[1:] != who[:-1])
        first, last = np.append(0, change + 1), np.append(change + 1, len(who))
        run = np.repeat(last - first, last - first)
        moments = (end[change] + start[change + 1]) / 2
        near = np.zeros(len(who), dtype=bool)
        if len(moments):
            at = np.searchsorted(moments, start)
            for side in (np.maximum(at - 1, 0), np.minimum(at, len(moments) - 1)):
                near |= (moments[side] >= start - NEAR_S) & (moments[side] <= end + NEAR_S)
        middle = (start + end) / 2
        overlap = np.zeros(len(who), dtype=bool)
        for begin, stop, speaker in self.truth:
            overlap |= (middle >= begin) & (middle < stop) & (who != speaker)
        return {"all": np.ones(len(who), dtype=bool), "short runs": run <= 2, "near changes": near, "overlap": overlap}


def simulated(shared: Path, *, seed: int, factor: float, only: str, form: Form | None = None) -> Iterator[Case]:
    simulator = load_simulator(shared / "bench" / "simulate_hypotheses.py")
    for path in sorted((shared / "ami").glob("*.words.tsv")):
        name = path.name.split(".")[0]
        if only == "all" or (only == "held-back") == held_back(name):
            words, turns, truth = simulate(simulator, path, seed=seed, factor=factor)
            if form is not None:
                words = form.words(words, np.random.default_rng(seed))
            yield Case(name, words, turns, truth)


def recorded(shared: Path, *, diarizer: str, vad: str) -> Iterator[Case]:
    """Turns of a real diarizer, its labels replaced by those of the speakers with whom they share most time."""
    from benchmarks.diarization import references, regions
    from whisperdiar import load
    from whisperdiar.formats import rttm
    from whisperdiar.options import Runtime
    from whisperdiar.registry import load as load_backend
    from whisperdiar.types import ANY_SPEAKERS

    backend = load_backend("diarization", diarizer)(None, runtime=Runtime(threads=1))
    for name, sound, reference_path in references(shared / "corpus", ["ami_*"]):
        with reference_path.with_suffix(".words.tsv").open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
        audio = load(sound, channels="mono")
        reference = rttm.loads(reference_path.read_text("utf-8"), tolerance=rttm.TOLERANT)
        found = backend.diarize(audio, speech=regions(vad, audio, reference.turns), speakers=ANY_SPEAKERS)
        truth = [(turn.start, turn.end, turn.speaker) for turn in reference.turns]
        turns = _mapped([(turn.start, turn.end, turn.speaker) for turn in found.turns], truth)
        words = sorted((float(row["start"]), float(row["end"]), row["speaker"], row["word"]) for row in rows)
        if words and turns:
            yield Case(name, words, turns, truth)


def _mapped(turns: list[SpokenTurn], truth: list[SpokenTurn]) -> list[SpokenTurn]:
    from scipy.optimize import linear_sum_assignment

    ours, theirs = (sorted({turn[2] for turn in side}) for side in (turns, truth))
    shared = np.zeros((len(ours), len(theirs)))
    for begin, end, speaker in turns:
        for start, stop, true in truth:
            common = max(0.0, min(end, stop) - max(begin, start))
            shared[ours.index(speaker), theirs.index(true)] += common
    names = {ours[i]: theirs[j] for i, j in zip(*linear_sum_assignment(-shared), strict=True)}
    return [(begin, end, names.get(speaker, speaker)) for begin, end, speaker in turns]


def measure(case: Case) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.float64]]:
    """For every method which words are wrong, and our confidences."""
    truth = [word[2] for word in case.words]
    plain = [(start, end, text) for start, end, _, text in case.words]
    ordered = sorted(case.turns)
    joined = align(as_words(case.words), as_turns(case.turns))
    answers = {name: rule(plain, ordered) for name, rule in RULES.items()}
    answers[OURS] = [word.speaker for word in joined]
    wrong = {
        name: np.array([a != b for a, b in zip(given, truth, strict=True)], dtype=bool)
        for name, given in answers.items()
    }
    return wrong, np.array([word.speaker_confidence for word in joined], dtype=float)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], n_bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Guo et al. 2017, section 2)."""
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = [
        abs(confidence[bins == i].mean() - right[bins == i].mean()) * np.mean(bins == i)
        for i in range(n_bins)
        if np.any(bins == i)
    ]
    return float(sum(gaps))


def plot(path: Path, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> None:
    """The reliability diagram: how many of the words given a confidence are right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    bins = np.minimum((confidence * 10).astype(int), 9)
    used = [i for i in range(10) if np.any(bins == i)]
    upper.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    upper.plot(
        [confidence[bins == i].mean() for i in used], [right[bins == i].mean() for i in used], "o-", color="#1f5fa8"
    )
    upper.set(ylabel="share of words that are right", xlim=(0, 1), ylim=(0, 1))
    lower.bar([0.05 + i / 10 for i in used], [np.mean(bins == i) for i in used], width=0.09, color="#1f5fa8")
    lower.set(xlabel="speaker confidence", ylabel="share of words")
    figure.savefig(path, dpi=110)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--errors", type=float, default=1.0, help="1 is the simulator's own rate")
    parser.add_argument("--bare", action="store_true", help="words without punctuation and capitals")
    parser.add_argument("--apart", action="store_true", help="words that never overlap in time")
    parser.add_argument("--only", choices=("all", "held-back", "trained-on"), default="all")
    parser.add_argument("--each", action="store_true", help="a line for every recording as well")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="write the reliability diagram")
    parser.add_argument("--turns", metavar="DIARIZER", help="turns of this backend on the corpus' meeting clips")
    parser.add_argument("--vad", default="silero", help="speech for --turns: reference, silero, energy")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    if chosen.turns:
        cases = recorded(chosen.shared, diarizer=chosen.turns, vad=chosen.vad)
    else:
        form = Form(bare=chosen.bare, lower=chosen.bare, apart=chosen.apart)
        cases = simulated(chosen.shared, seed=chosen.seed, factor=chosen.errors, only=chosen.only, form=form)
    counts: dict[str, dict[str, NDArray[np.int64]]] = defaultdict(lambda: {kind: np.zeros(2, int) for kind in KINDS})
    confidences, rights, excess = [], [], {}
    for case in cases:
        wrong, confidence = measure(case)
        kinds = case.kinds()
        for name, errors in wrong.items():
            for kind, part in kinds.items():
                counts[name][kind] += (int(errors[part].sum()), int(part.sum()))
        best = min(float(errors.mean()) for name, errors in wrong.items() if name != OURS)
        excess[case.name] = 100 * (float(wrong[OURS].mean()) - best)
        if chosen.each:
            print(f"{case.name:<16}{100 * wrong[OURS].mean():6.1f} (best other rule {100 * best:.1f})", flush=True)
        confidences.append(confidence)
        rights.append(~wrong[OURS])
    if not excess:
        print(f"{chosen.shared}: nothing to measure; it must hold ami/ and bench/, or corpus/ for --turns")
        return 1
    print(f"{'words wrong, %':<50}" + "".join(f"{kind:>14}" for kind in KINDS))
    for name in [*RULES, OURS]:
        rates = [100 * wrong / max(total, 1) for wrong, total in (counts[name][kind] for kind in KINDS)]
        print(f"{name:<50}" + "".join(f"{rate:14.2f}" for rate in rates))
    print(f"{'words':<50}" + "".join(f"{counts[OURS][kind][1]:14d}" for kind in KINDS))
    anchor, ours = (counts[name]["all"][0] for name in ("anchor", OURS))
    worst = max(excess, key=lambda name: excess[name])
    confidence, right = np.concatenate(confidences), np.concatenate(rights)
    print(f"{len(excess)} recordings; {100 * (1 - ours / max(anchor, 1)):.1f} % below the anchor rule")
    print(f"worst recording against the best other rule there: {worst}, {excess[worst]:+.2f} points")
    print(f"expected calibration error {calibration_error(confidence, right):.4f}")
    sure = confidence >= 0.9
    print(f"confidence >= 0.9: {100 * sure.mean():.1f} % of the words, {100 * right[sure].mean():.1f} % right")
    if chosen.plot:
        plot(chosen.plot, confidence, right)
    return 0


if __name__ == "__main__":
    sys.exit(main())
