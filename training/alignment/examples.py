"""Examples to learn from: features of simulated recordings, as the alignment itself computes them, and the truth."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.alignment.conversations import arranged, merged, split, unchanged
from training.alignment.simulation import Form, Talk, as_turns, as_words, load_simulator, simulate
from whisperdiar.alignment._turns import SpeakerTurns, candidates, pair_features
from whisperdiar.alignment._words import WordTimes, word_features

KINDS: tuple[tuple[Talk, float], ...] = (
    (unchanged, 1.0),
    (unchanged, 1.0),
    (unchanged, 0.5),
    (unchanged, 2.0),
    (unchanged, 1.0),
    (unchanged, 1.5),
    (split, 1.0),
    (merged, 0.7),
    (unchanged, 0.25),
    (arranged, 1.0),
    (arranged, 0.1),
    (arranged, 0.5),
)
"""Successive versions of a meeting: the kind of talk, and error rates as multiples of the simulator's."""

UNKNOWN = -1
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Example:
    """One simulated recording of n words.

    Attributes:
        words: float16 (n, N_WORD_FEATURES).
        pairs: float16 (n, N_SLOTS, N_PAIR_FEATURES).
        chosen: int16 (n, N_SLOTS), the candidates.
        target: int64 (n,): the slot of the true speaker, UNKNOWN where he is none of the candidates.
    """

    words: NDArray[np.float16]
    pairs: NDArray[np.float16]
    chosen: NDArray[np.int16]
    target: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Version:
    """A meeting with one draw of mistakes."""

    words_tsv: Path
    seed: int
    factor: float
    form: Form
    talk: Talk = unchanged


def versions(meetings: Sequence[Path], *, each: int, first_seed: int, seed: int) -> Iterator[Version]:
    """`each` versions of every meeting; every other one in a form that the simulator itself does not make."""
    rng = random.Random(seed)
    for path in meetings:
        for i in range(each):
            form = Form()
            if i % 2:
                form = Form(
                    bare=rng.random() < 0.2,
                    lower=rng.random() < 0.15,
                    apart=rng.random() < 0.35,
                    exclusive=rng.random() < 0.25,
                    coarse=rng.random() < 0.15,
                    filled=rng.random() < 0.25,
                    kept=rng.uniform(0.1, 0.7) if rng.random() < 0.15 else 1.0,
                )
            talk, factor = KINDS[i % len(KINDS)]
            yield Version(path, first_seed + i, factor, form, talk)


def examples(simulator: Path, wanted: Sequence[Version], *, processes: int) -> list[Example]:
    """The examples of all versions, in order."""
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(partial(example, simulator), wanted, chunksize=4))


def example(simulator: Path, version: Version) -> Example:
    spoken, turns, _ = simulate(
        load_simulator(simulator), version.words_tsv, seed=version.seed, factor=version.factor, talk=version.talk
    )
    spoken, turns = version.form.words(spoken, np.random.default_rng(version.seed)), version.form.turns(turns)
    words, found = as_words(spoken), as_turns(turns)
    origin = min(words[0].start, min(turn.start for turn in found))
    times, speakers = WordTimes.of(words, origin), SpeakerTurns.of(found, origin)
    chosen = np.concatenate(
        [candidates(times.part(i, min(len(words), i + _BLOCK)), speakers) for i in range(0, len(words), _BLOCK)]
    )
    index = {label: i for i, label in enumerate(speakers.labels)}
    true = np.array([index.get(who, -9) for _, _, who, _ in spoken])
    hit = chosen == true[:, None]
    return Example(
        word_features(words, times).astype(np.float16),
        pair_features(times, speakers, chosen).astype(np.float16),
        chosen.astype(np.int16),
        np.where(hit.any(axis=1), hit.argmax(axis=1), UNKNOWN),
    )
