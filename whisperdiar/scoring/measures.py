"""Measures: what each is called, which counts it adds up, and the rate that they give.

Rates come from summed components, never from averaged rates. How sure a rate is, and whether two differ, is asked of
the recordings, since what is said within one is not independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Components = Mapping[str, float]

_EXACT = 12
"""Recordings up to which every one of the permutations is counted, 4096 at most."""
SIGNIFICANCE = 0.05
"""p below which a difference is not put down to chance."""
FEWEST_TO_TELL = 6
"""Recordings below which no p of `compare_scores` can be so small: of the 2 ** n permutations two are as extreme."""
_BLOCK = 2_000_000
"""Numbers that a block of resamples holds."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How components become a rate.

    Attributes:
        parts: names of the components, in the order of `errors` and `total`.
        errors: components that are added up above the fraction bar.
        total: the component below it.
        empty: the rate where the total is 0 and nothing is wrong, as the library that defines it has it.
        wrong: the rate where the total is 0 and something is.
        unit: ``%``, or a word.
        higher_is_better: as of purity.
        about: ``turns``, ``words``, ``emotions`` or ``subtitles``.
    """

    name: str
    errors: tuple[str, ...]
    total: str
    about: Literal["turns", "words", "emotions", "subtitles"]
    empty: float = 0.0
    wrong: float = 1.0
    unit: str = "%"
    higher_is_better: bool = False

    def rate(self, components: Components) -> float:
        """The rate of components, 1 for 100 %."""
        return float(self.rates(np.array([[components[part] for part in self.parts]]))[0])

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.total, *self.errors)

    def rates(self, components: Array) -> Array:
        """(…, n_parts) → (…)."""
        total, errors = components[..., 0], components[..., 1:].sum(axis=-1)
        none = np.where(errors > 0, self.wrong, self.empty)
        found: Array = np.where(total > 0, errors / np.where(total > 0, total, 1.0), none)
        return found


_WORD_PARTS = ("substitutions", "deletions", "insertions")
_TURN_PARTS = ("missed detection", "false alarm", "confusion")
MEASURES: dict[str, Measure] = {
    own.name: own
    for own in (
        Measure("DER", _TURN_PARTS, "total", "turns"),
        Measure("JER", ("speaker error",), "speaker count", "turns", empty=1.0),
        Measure("detection", ("missed detection", "false alarm"), "total", "turns"),
        Measure("speaker count", ("error",), "files", "turns", unit="speakers"),
        Measure("purity", ("correct",), "total", "turns", empty=1.0, higher_is_better=True),
        Measure("coverage", ("correct",), "total", "turns", empty=1.0, higher_is_better=True),
        Measure("boundary precision", ("matches",), "boundaries", "turns", empty=1.0, higher_is_better=True),
        Measure("boundary recall", ("matches",), "boundaries", "turns", empty=1.0, higher_is_better=True),
        *(Measure(name, _WORD_PARTS, "length", "words") for name in ("WER", "CER", "cpWER", "tcpWER")),
        *(Measure(name, _WORD_PARTS, "length", "words") for name in ("ORC-WER", "DI-cpWER")),
        Measure("WDER", ("wrong",), "length", "words"),
        Measure("EDER", ("missed", "false alarm", "confusion", "overlap"), "total", "emotions"),
        Measure("subtitle rules", ("violations",), "cues", "subtitles", unit="per cue"),
    )
}
"""Every measure by its name, in the order of the table."""


@dataclass(frozen=True, slots=True)
class RecordingScore:
    """The components of one recording, by measure.

    Attributes:
        left_out: measure → why it cannot be computed.
        normaliser: of the texts; empty where no words were compared.
    """

    recording: str
    components: Mapping[str, Components]
    left_out: Mapping[str, str] = field(default_factory=dict)
    normaliser: str = ""
    notes: tuple[str, ...] = ()

    def rate(self, measure: str) -> float:
        return MEASURES[measure].rate(self.components[measure])


@dataclass(frozen=True, slots=True)
class Rate:
    """A pooled rate: of the summed components of `n_recordings`.

    Attributes:
        value: 1 for 100 %.
        interval: its 95 % confidence interval by the bootstrap over recordings; None of a single one.
    """

    measure: str
    value: float
    components: Components
    n_recordings: int
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A hypothesis against a reference.

    Attributes:
        name: of the hypothesis.
        recordings: of the reference, each with its components.
        pooled: measure → its rate over all recordings that have it.
        left_out: measure → why no recording has it.
        missing: recordings that the hypothesis lacks; they count as missed.
    """

    name: str
    recordings: tuple[RecordingScore, ...]
    pooled: Mapping[str, Rate]
    left_out: Mapping[str, str]
    missing: tuple[str, ...] = ()
    normaliser: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two hypotheses in one measure, over the recordings that both have.

    Attributes:
        first, second: pooled rates.
        interval: 95 % confidence interval of second - first, by the paired bootstrap.
        p: how often swapping the two in recordings by chance gives a difference as large (two-sided).
    """

    measure: str
    names: tuple[str, str]
    first: float
    second: float
    interval: tuple[float, float]
    p: float
    n_recordings: int

    @property
    def difference(self) -> float:
        return self.second - self.first

    @property
    def can_tell(self) -> bool:
        """Whether there are so many recordings that a difference could be significant at all."""
        return self.n_recordings >= FEWEST_TO_TELL

    @property
    def is_significant(self) -> bool:
        """Whether the difference is not put down to chance."""
        return self.can_tell and self.p < SIGNIFICANCE


def pool_scores(
    name: str,
    recordings: Sequence[RecordingScore],
    *,
    missing: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 0,
) -> Score:
    """Sums of components over recordings, with confidence intervals (percentile bootstrap, Efron 1979).

    Source of resampling whole recordings: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR
    performance evaluation", ICASSP 2004.
    """
    pooled, left_out = {}, {}
    for measure in MEASURES.values():
        table = _table(measure, recordings)
        if len(table):
            sums = table.sum(axis=0)
            interval = _interval(measure.rates(_resample(table, resamples, seed))) if len(table) > 1 else None
            components = dict(zip(measure.parts, map(float, sums), strict=True))
            pooled[measure.name] = Rate(
                measure.name, float(measure.rates(sums[None])[0]), components, len(table), interval
            )
        else:
            reasons = [own.left_out[measure.name] for own in recordings if measure.name in own.left_out]
            if reasons:
                left_out[measure.name] = reasons[0]
    used = sorted({own.normaliser for own in recordings if own.normaliser})
    return Score(name, tuple(recordings), pooled, left_out, tuple(missing), ", ".join(used))


def compare_scores(first: Score, second: Score, *, resamples: int = 1000, seed: int = 0) -> tuple[Difference, ...]:
    """Each measure that both have, with a paired permutation test over the recordings that both have.

    In each permutation the two swap their components in some recordings, by the toss of a coin; with few recordings
    every permutation is counted once. p is the share with a difference at least as large, (r + 1) / (n + 1) where they
    are drawn. Sources: Fisher, "The Design of Experiments", 1935, section 21; Noreen, "Computer-Intensive Methods for
    Testing Hypotheses", 1989.
    """
    found = []
    sides = [{own.recording: own for own in score.recordings} for score in (first, second)]
    for measure in MEASURES.values():
        both = [
            name
            for name, own in sides[0].items()
            if name in sides[1] and measure.name in own.components and measure.name in sides[1][name].components
        ]
        if not both:
            continue
        one, two = (_table(measure, [side[name] for name in both]) for side in sides)
        rates = measure.rates(np.array([one.sum(axis=0), two.sum(axis=0)]))
        drawn = [measure.rates(_resample(table, resamples, seed)) for table in (one, two)]
        found.append(
            Difference(
                measure.name,
                (first.name, second.name),
                float(rates[0]),
                float(rates[1]),
                _interval(drawn[1] - drawn[0]),
                _permute(measure, one, two, resamples, seed),
                len(both),
            )
        )
    return tuple(found)


def _table(measure: Measure, recordings: Sequence[RecordingScore]) -> Array:
    """(n_recordings, n_parts)."""
    rows = [own.components[measure.name] for own in recordings if measure.name in own.components]
    return np.array([[row[part] for part in measure.parts] for row in rows], dtype=np.float64)


def _resample(table: Array, resamples: int, seed: int) -> Array:
    """Sums over recordings drawn with replacement, (resamples, n_parts); one seed draws the same ones of any table."""
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(table))
    sums = []
    for first in range(0, resamples, block):
        shape = (min(block, resamples - first), len(table))
        sums.append(table[generator.integers(len(table), size=shape)].sum(axis=1))
    return np.concatenate(sums)


def _interval(values: Array) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _permute(measure: Measure, one: Array, two: Array, resamples: int, seed: int) -> float:
    n = len(one)
    exact = n <= _EXACT
    if exact:
        swaps = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        swaps = np.random.default_rng(seed).integers(2, size=(resamples, n))
    moved = swaps.astype(np.float64) @ (two - one)
    both = measure.rates(two.sum(axis=0) - moved) - measure.rates(one.sum(axis=0) + moved)
    seen = abs(float((measure.rates(two.sum(axis=0)[None]) - measure.rates(one.sum(axis=0)[None]))[0]))
    as_large = int(np.count_nonzero(np.abs(both) >= seen - 1e-12 * max(1.0, math.fabs(seen))))
    return as_large / len(both) if exact else (as_large + 1) / (len(both) + 1)
