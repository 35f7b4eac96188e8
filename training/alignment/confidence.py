"""Fit how sure a word's speaker is, on simulated mistakes over the meetings that the network was trained on.

    python -m training.alignment.confidence SHARED [--out whisperdiar/data/alignment.npz]

Adds the weights to the network's file; SHARED is what `training.alignment.train` takes. In one version of each meeting
stretches of turns are taken away, as where a diarizer hears nobody, and in another one all people but one are silent
to it, so that what is far from every turn, and what has one candidate only, is learned as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from training.alignment import held_back
from training.alignment.conversations import SpokenTurn
from training.alignment.simulation import Form, as_turns, as_words, load_simulator, simulate
from whisperdiar.alignment import decide
from whisperdiar.alignment._confidence import evidence
from whisperdiar.alignment._network import WEIGHTS

SEED = 700
"""Of mistakes that neither the network nor a benchmark has seen."""
_PENALTY = 1e-4
Known = tuple[NDArray[np.float32], NDArray[np.bool_]]


def holes(turns: list[SpokenTurn], rng: np.random.Generator) -> list[SpokenTurn]:
    """Without those in stretches of 2 to 200 s, a tenth of the recording in all."""
    end = max(turn[1] for turn in turns)
    gone: list[tuple[float, float]] = []
    while sum(stop - begin for begin, stop in gone) < 0.1 * end:
        begin = rng.uniform(0.0, end)
        gone.append((begin, begin + 2.0 * 100.0 ** rng.random()))
    return [turn for turn in turns if not any(begin < turn[1] and turn[0] < stop for begin, stop in gone)] or turns[:1]


def alone(turns: list[SpokenTurn]) -> list[SpokenTurn]:
    """Those of the one who talks most."""
    spoken: dict[str, float] = {}
    for start, end, who in turns:
        spoken[who] = spoken.get(who, 0.0) + end - start
    most = max(spoken, key=lambda who: spoken[who])
    return [turn for turn in turns if turn[2] == most]


VERSIONS = (
    (1.0, Form()),
    (0.5, Form(apart=True)),
    (1.0, Form(apart=True)),
    (2.0, Form()),
    (1.0, Form(bare=True, lower=True)),
)
"""The error rate as a multiple of the simulator's, and the form of words and turns."""


def examples(simulator: Path, words_tsv: Path) -> Known:
    """What is known of the words of all versions of a meeting, and whether their speaker was right."""
    parts = list(_versions(simulator, words_tsv))
    return np.concatenate([known for known, _ in parts]), np.concatenate([right for _, right in parts])


def _versions(simulator: Path, words_tsv: Path) -> Iterator[Known]:
    module = load_simulator(simulator)
    for number, (factor, form) in enumerate(VERSIONS):
        spoken, turns, _ = simulate(module, words_tsv, seed=SEED + number, factor=factor)
        yield _known(form.words(spoken, np.random.default_rng(SEED + number)), form.turns(turns))
    rng = np.random.default_rng(SEED + len(VERSIONS))
    spoken, turns, _ = simulate(module, words_tsv, seed=SEED + len(VERSIONS))
    yield _known(spoken, holes(turns, rng))
    only = alone(turns)
    # What the others say is mostly not heard by the recogniser, either: a lecture with questions from the hall.
    spoken = [word for word in spoken if word[2] == only[0][2] or rng.random() < 0.03]
    yield _known(spoken, only)
    yield _known(spoken, holes(only, rng))


def _known(spoken: list[Any], turns: list[SpokenTurn]) -> Known:
    found = []
    truth = [who for _, _, who, _ in spoken]
    for part in decide(as_words(spoken), as_turns(turns)):
        best = part.chosen[np.arange(len(part.chosen)), part.probability.argmax(axis=1)]
        names = [part.labels[number] for number in best]
        wanted = truth[part.first : part.first + len(names)]
        right = np.array([name == who for name, who in zip(names, wanted, strict=True)], dtype=bool)
        found.append((evidence(part.probability, part.chosen, part.pairs), right))
    return np.concatenate([known for known, _ in found]), np.concatenate([right for _, right in found])


def fit(known: NDArray[np.float32], right: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The weights under which it is likeliest: float32 (N_EVIDENCE,)."""
    table, sign = known.astype(np.float64), np.where(right, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (table @ weights)
        value = float(np.mean(np.logaddexp(0.0, -margin))) + _PENALTY * float(weights @ weights)
        slope = -sign / (1.0 + np.exp(np.clip(margin, -60.0, 60.0)))
        return value, table.T @ slope / len(table) + 2 * _PENALTY * weights

    found = minimize(loss, np.zeros(table.shape[1]), jac=True, method="L-BFGS-B")
    result: NDArray[np.float32] = found.x.astype(np.float32)
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path, default=Path("whisperdiar/data") / WEIGHTS)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(arguments)
    simulator = chosen.shared / "bench" / "simulate_hypotheses.py"
    meetings = [path for path in sorted((chosen.shared / "ami").glob("*.words.tsv")) if not held_back(path.name)]
    with ProcessPoolExecutor(chosen.processes) as pool:
        parts = list(pool.map(partial(examples, simulator), meetings))
    weights = fit(np.concatenate([known for known, _ in parts]), np.concatenate([right for _, right in parts]))
    with np.load(chosen.out, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez_compressed(chosen.out, **{**arrays, "confidence": weights})
    print(f"wrote {chosen.out}: confidence {np.round(weights, 2).tolist()}")


if __name__ == "__main__":
    main()
