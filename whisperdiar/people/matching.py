"""Speaker identification: which of the known people a speaker is, decided by distances alone.

The nearest person is only named where everything speaks for it: speaker and person are each other's nearest, below a
distance, and ahead of the next by a margin on both sides, and enough clean speech was heard. What may be is asked; the
rest is unknown. A person's name is never given to two speakers.

Source: the rules are those of open-set identification with rejection (NIST SRE, "multi-target detection"); the
probability is a logistic regression on the distance, the logarithm of the seconds of speech, and the margin, as in
Brümmer and du Preez, "Application-independent evaluation of speaker detection", Computer Speech & Language 2006.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Kind = Literal["name", "ask", "unknown"]

LEAST_SECONDS = 5.0
"""Clean speech without which no name is given."""
_MOST_SECONDS = 60.0
"""Above which more speech makes no decision surer."""
MOST_MARGIN = 0.3
"""Above which a margin makes no decision surer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How distances of one embedding network are judged.

    Attributes:
        name_distance: cosine distance up to which a name is given.
        ask_distance: up to which one is asked for.
        margin: by which a match must be nearer than the next one, on both sides, for a name to be given.
        name_probability, ask_probability: from which a name is given or asked for.
        bias, per_distance, per_log_second, per_margin: of the logistic regression.
        narrowband_scale: by which distances of voices by telephone are multiplied: its narrow band brings all voices
            nearer to each other, so that without it people would be taken for others sooner.
        names: whether names may be given at all; False for a network that was not measured, whose matches are asked.
    """

    name_distance: float
    ask_distance: float
    margin: float
    name_probability: float
    ask_probability: float
    bias: float
    per_distance: float
    per_log_second: float
    per_margin: float
    narrowband_scale: float = 1.4
    names: bool = True

    def find_probability(self, distance: float, seconds: float, margin: float) -> float:
        """That both are the same person, 0 to 1.

        Args:
            margin: to the next on the nearer side; 0 or less, or not finite where there is no next, counts as 0.
        """
        ahead = min(max(margin, 0.0), MOST_MARGIN) if math.isfinite(margin) else 0.0
        spoken = math.log(min(max(seconds, 0.1), _MOST_SECONDS))
        logit = self.bias + self.per_distance * distance + self.per_log_second * spoken + self.per_margin * ahead
        return 1.0 / (1.0 + math.exp(-min(max(logit, -50.0), 50.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is known of one speaker.

    Attributes:
        speaker: label.
        kind: ``name`` (it is this person), ``ask`` (it may be) or ``unknown``.
        name: of the person; None where unknown.
        probability: that it is this person, 0 to 1; of the nearest one where unknown.
        distance: cosine distance to the nearest person; infinite where there is none.
        seconds: of clean speech that was heard.
    """

    speaker: str
    kind: Kind
    name: str | None = None
    probability: float = 0.0
    distance: float = math.inf
    seconds: float = 0.0


def find_distances(voices: Sequence[NDArray[np.float32]], people: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Cosine distances of vectors of length 1: float64 (n_voices, n_people)."""
    if not voices or not people:
        return np.zeros((len(voices), len(people)))
    return np.asarray(1.0 - np.stack(voices).astype(np.float64) @ np.stack(people).astype(np.float64).T)


class Comparable(Protocol):
    """A voice, or a person as known from some.

    Attributes:
        vector: speaker embedding, of length 1.
        narrowband: the same by telephone; None where it is not known.
        is_narrowband: whether it is known by telephone alone.
    """

    @property
    def vector(self) -> NDArray[np.float32]: ...
    @property
    def narrowband(self) -> NDArray[np.float32] | None: ...
    @property
    def is_narrowband(self) -> bool: ...


def find_matched_distances(
    voices: Sequence[Comparable], people: Sequence[Comparable], *, scale: float
) -> NDArray[np.float64]:
    """Cosine distances in matched bands: float64 (n_voices, n_people).

    Where one of two is known by telephone alone, both are compared as by telephone, if that is known of both.

    Args:
        scale: `Calibration.narrowband_scale`.
    """
    found = find_distances([item.vector for item in voices], [item.vector for item in people])
    rows, columns = ([i for i, item in enumerate(side) if item.narrowband is not None] for side in (voices, people))
    narrow = find_distances(_list_narrowband(voices), _list_narrowband(people))
    by_telephone = np.logical_or.outer(
        np.array([voices[i].is_narrowband for i in rows], dtype=bool),
        np.array([people[i].is_narrowband for i in columns], dtype=bool),
    )
    places = np.ix_(rows, columns)
    found[places] = np.where(by_telephone, scale * narrow, found[places])
    return found


def _list_narrowband(items: Sequence[Comparable]) -> list[NDArray[np.float32]]:
    return [item.narrowband for item in items if item.narrowband is not None]


def find_margins(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each pair, how much nearer it is than the next one of its speaker and of its person, whichever is less:
    (n_speakers, n_people); negative where it is not the nearest, infinite where there are no others."""
    found: NDArray[np.float64] = np.minimum(_find_row_margins(distances), _find_row_margins(distances.T).T)
    return found


def _find_row_margins(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    n_rows, n_columns = distances.shape
    if n_columns < 2 or not n_rows:
        return np.full(distances.shape, math.inf)
    two = np.partition(distances, 1, axis=1)[:, :2]
    nearest = distances.argmin(axis=1)
    others = np.repeat(two[:, :1], n_columns, axis=1)
    others[np.arange(n_rows), nearest] = two[:, 1]
    return np.asarray(others - distances)


def decide(
    speakers: Sequence[str],
    names: Sequence[str],
    distances: NDArray[np.float64],
    seconds: Sequence[float],
    calibration: Calibration,
) -> tuple[Decision, ...]:
    """A decision for every speaker of one recording, in their order.

    Args:
        speakers: labels.
        names: of the people, each once.
        distances: float64 (n_speakers, n_people), cosine distances of their voices.
        seconds: of clean speech of each speaker.
    """
    if not names:
        return tuple(
            Decision(speaker=label, kind="unknown", seconds=spoken)
            for label, spoken in zip(speakers, seconds, strict=True)
        )
    margins = find_margins(distances)
    found = []
    for row, (label, spoken) in enumerate(zip(speakers, seconds, strict=True)):
        column = int(distances[row].argmin())
        distance, margin = float(distances[row, column]), float(margins[row, column])
        probability = calibration.find_probability(distance, spoken, margin)
        kind = _choose(distance, margin, spoken, probability, calibration)
        name = None if kind == "unknown" else names[column]
        found.append(
            Decision(speaker=label, kind=kind, name=name, probability=probability, distance=distance, seconds=spoken)
        )
    return tuple(found)


def _choose(distance: float, margin: float, seconds: float, probability: float, calibration: Calibration) -> Kind:
    """A margin above 0 on both sides says that both are each other's nearest, so that no name is given twice."""
    if (
        calibration.names
        and seconds >= LEAST_SECONDS
        and distance <= calibration.name_distance
        and margin >= calibration.margin > 0.0
        and probability >= calibration.name_probability
    ):
        return "name"
    if distance <= calibration.ask_distance and probability >= calibration.ask_probability:
        return "ask"
    return "unknown"


CALIBRATIONS: Mapping[str, Calibration] = {
    "campplus": Calibration(
        name_distance=0.14,
        ask_distance=0.45,
        margin=0.08,
        name_probability=0.9,
        ask_probability=0.15,
        bias=3.93,
        per_distance=-19.72,
        per_log_second=0.0,
        per_margin=10.23,
    ),
}
"""By the encoder's name, fitted by ``benchmarks/identity.py``."""
UNMEASURED = Calibration(
    name_distance=0.0,
    ask_distance=0.45,
    margin=0.05,
    name_probability=1.0,
    ask_probability=0.2,
    bias=4.0,
    per_distance=-15.0,
    per_log_second=0.2,
    per_margin=9.0,
    names=False,
)
"""Of a network that nobody has measured: its matches are asked for, until `calibrate` has seen recordings."""
