"""Simulated words and turns at other error rates, and in the forms that other programs give them."""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from training.alignment.conversations import SpokenTurn, SpokenWord, unchanged
from whisperdiar.types import Span, Turn, Word

Talk = Callable[[list[SpokenWord], np.random.Generator], list[SpokenWord]]
"""Makes another conversation of a meeting's words."""


class ScaledErrors:
    """A random generator under which every error of the simulator is `factor` times as likely, or as large.

    The simulator asks it for chances (compared with a rate: smaller means sooner), for deviations of times and
    for the number of false turns; places and choices stay as they are.
    """

    def __init__(self, rng: np.random.Generator, factor: float) -> None:
        self._rng, self._factor = rng, factor

    def random(self) -> float:
        return self._rng.random() / self._factor

    def laplace(self, mean: float, scale: float) -> float:
        return self._rng.laplace(mean * self._factor, scale * self._factor)

    def normal(self, mean: float, deviation: float) -> float:
        return self._rng.normal(mean * self._factor, deviation * self._factor)

    def poisson(self, expected: float) -> int:
        return self._rng.poisson(expected * self._factor)

    def uniform(self, low: float, high: float) -> float:
        return self._rng.uniform(low, high)

    def integers(self, stop: int) -> int:
        return int(self._rng.integers(stop))


def load_simulator(path: Path) -> ModuleType:
    """The module `simulate_hypotheses.py`."""
    spec = importlib.util.spec_from_file_location("simulate_hypotheses", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path}: no Python module; give the path of simulate_hypotheses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def simulate(
    simulator: ModuleType, words_tsv: Path, *, seed: int, factor: float = 1.0, talk: Talk = unchanged
) -> tuple[list[SpokenWord], list[SpokenTurn], list[SpokenTurn]]:
    """Words as a recogniser gives them, turns as a diarizer does, and the true turns."""
    recording = words_tsv.name.split(".")[0]
    rng: Any = np.random.default_rng([seed, zlib.crc32(recording.encode())])
    if factor != 1.0:
        rng = ScaledErrors(rng, factor)
    spoken = talk(simulator.read_words(words_tsv), np.random.default_rng(seed))
    truth = simulator.true_turns(spoken)
    return simulator.recognised_words(spoken, truth, rng), simulator.diarized_turns(truth, rng), truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What else a recogniser and a diarizer may do, so that the network does not come to rely on its absence.

    Attributes:
        bare: the recogniser writes no punctuation.
        lower: it writes no capitals.
        apart: its words never overlap in time.
        exclusive: the diarizer gives the floor to one speaker at a time.
        coarse: the diarizer's times lie on a grid of 0.1 s.
        filled: a turn lasts until the next one begins, over pauses of up to 1.5 s.
        kept: the share of words that the recogniser finds.
    """

    bare: bool = False
    lower: bool = False
    apart: bool = False
    exclusive: bool = False
    coarse: bool = False
    filled: bool = False
    kept: float = 1.0

    def words(self, words: list[SpokenWord], rng: np.random.Generator) -> list[SpokenWord]:
        if self.kept < 1.0:
            words = [word for word in words if rng.random() < self.kept] or words[:1]
        if self.bare:
            words = [(start, end, who, text.strip(".,?!;:") or text) for start, end, who, text in words]
        if self.lower:
            words = [(start, end, who, text.lower()) for start, end, who, text in words]
        if self.apart:
            limits = [word[0] for word in words[1:]] + [float("inf")]
            words = [
                (start, max(start, min(end, limit)), who, text)
                for (start, end, who, text), limit in zip(words, limits, strict=True)
            ]
        return words

    def turns(self, turns: list[SpokenTurn]) -> list[SpokenTurn]:
        if self.exclusive:
            kept, floor = [], float("-inf")
            for start, end, who in sorted(turns):
                if end > floor:
                    kept.append((max(start, floor), end, who))
                    floor = end
            turns = kept
        if self.coarse:
            turns = [(round(start / 0.1) * 0.1, round(end / 0.1) * 0.1 + 0.05, who) for start, end, who in turns]
        if self.filled:
            ordered = sorted(turns)
            following = [turn[0] for turn in ordered[1:]] + [float("inf")]
            turns = [
                (start, start_of_next if end < start_of_next <= end + 1.5 else end, who)
                for (start, end, who), start_of_next in zip(ordered, following, strict=True)
            ]
        return turns


def as_words(words: list[SpokenWord]) -> list[Word]:
    return [Word(Span(start, end), " " + text, 0.9) for start, end, _, text in words]


def as_turns(turns: list[SpokenTurn]) -> list[Turn]:
    return [Turn(Span(start, end), who) for start, end, who in turns]
