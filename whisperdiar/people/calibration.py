"""Calibration: thresholds from recordings of people who are known, each with several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whisperdiar.errors import InvalidOption
from whisperdiar.people.embedding import Voice
from whisperdiar.people.matching import Calibration, find_distances, find_matched_distances
from whisperdiar.text.messages import _

_FEWEST_PEOPLE = 3
_FALSE_SHARE = 0.01
"""Of pairs of two people, those that the threshold of names may let through."""
_MISSED_SHARE = 0.02
"""Of pairs of one person, those that the threshold of questions may miss."""
_SAFETY = 0.9
"""Of the distance of the nearest two people: others are nearer than those few who were recorded."""
_MOST_SCALE = 3.0
_PENALTY = 1e-3
"""On the squares of the regression's weights, so that people who are told apart perfectly give finite ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationReport:
    """What the recordings tell.

    Attributes:
        calibration: the thresholds.
        n_people, n_recordings: how many there were.
        farthest_same: largest distance of two recordings of one person.
        nearest_others: smallest distance of two people.
    """

    calibration: Calibration
    n_people: int
    n_recordings: int
    farthest_same: float
    nearest_others: float

    @property
    def overlap(self) -> bool:
        """Whether somebody is nearer to another person than to himself: no threshold tells all apart."""
        return self.farthest_same >= self.nearest_others


def calibrate(people: Mapping[str, Sequence[Voice]], base: Calibration) -> CalibrationReport:
    """Thresholds by which these people are told apart.

    Args:
        people: name → voices, one of each recording.
        base: for what the recordings do not tell: the margin, and the probabilities that are asked for.

    Raises:
        InvalidOption: there are fewer than three people, or nobody has two recordings.
    """
    names = [name for name, voices in people.items() for _voice in voices]
    every = [voice for voices in people.values() for voice in voices]
    same_person = np.array([[a == b for b in names] for a in names], dtype=bool).reshape(len(names), len(names))
    upper = np.triu(np.ones_like(same_person), 1)
    scale = _find_narrowband_scale(every, ~same_person, base.narrowband_scale)
    distances = find_matched_distances(every, every, scale=scale)
    same, others = distances[same_person & upper], distances[~same_person & upper]
    if len(people) < _FEWEST_PEOPLE or not len(same):
        raise InvalidOption(
            _("calibrate: give recordings of at least {least} people, two of each, as FOLDER/NAME/*.wav").format(
                least=_FEWEST_PEOPLE
            )
        )
    bias, weight = _fit_logistic(same, others)
    farthest, nearest = float(same.max()), float(others.min())
    named = min(float(np.quantile(others, _FALSE_SHARE)), nearest / _SAFETY) * _SAFETY
    asked = max(named, float(np.quantile(same, 1.0 - _MISSED_SHARE)), float(np.quantile(others, _FALSE_SHARE)))
    found = replace(
        base,
        name_distance=round(named, 4),
        ask_distance=round(asked, 4),
        bias=round(bias, 4),
        per_distance=round(weight, 4),
        per_log_second=0.0,
        per_margin=0.0,
        margin=base.margin,
        narrowband_scale=round(scale, 4),
        name_probability=0.5,
        ask_probability=0.0,
        names=True,
    )
    return CalibrationReport(
        calibration=found,
        n_people=len(people),
        n_recordings=len(names),
        farthest_same=farthest,
        nearest_others=nearest,
    )


def _find_narrowband_scale(voices: Sequence[Voice], others: NDArray[np.bool_], usual: float) -> float:
    """How much farther two people are from each other by microphone than by telephone, at least 1; or what is usual,
    where fewer than three voices came by microphone and are known as by telephone."""
    places = [place for place, voice in enumerate(voices) if not voice.is_narrowband and voice.narrowband is not None]
    pairs = others[np.ix_(places, places)]
    if not pairs.any() or len(places) < _FEWEST_PEOPLE:
        return usual
    wide = [voices[place].vector for place in places]
    narrow = [vector for place in places if (vector := voices[place].narrowband) is not None]
    apart = float(np.median(find_distances(wide, wide)[pairs]))
    by_telephone = float(np.median(find_distances(narrow, narrow)[pairs]))
    return min(max(apart / max(by_telephone, 1e-9), 1.0), _MOST_SCALE)


def _fit_logistic(same: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """Bias and weight of the distance, both kinds of pairs counting the same however many there are."""
    from scipy.optimize import minimize

    x = np.concatenate([same, others])
    y = np.concatenate([np.ones(len(same)), np.zeros(len(others))])
    share = np.concatenate([np.full(len(same), 0.5 / len(same)), np.full(len(others), 0.5 / len(others))])

    def cost(weights: NDArray[np.float64]) -> float:
        logits = weights[0] + weights[1] * x
        return float(share @ (np.logaddexp(0.0, logits) - y * logits)) + _PENALTY * float(weights[1]) ** 2 / 100.0

    found = minimize(cost, [5.0, -15.0], bounds=[(None, None), (None, 0.0)])
    return float(found.x[0]), float(found.x[1])
