"""Speaker linking: the same person over many recordings, by agglomerative clustering with the rules of identification.

Two groups of speakers become one person where each is the other's nearest, below a distance, and ahead of everybody
else in the other's recordings by a margin; nobody is two speakers of one recording.

Source: cross-show diarization as in Dupuy, Meignier, Deléglise and Estève, "Recent improvements on ILP-based clustering
for broadcast news speaker diarization", Odyssey 2014; average linkage in place of their integer program.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.people.embedding import Voice
from whisperdiar.people.matching import LEAST_SECONDS, Calibration, find_matched_distances


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """A speaker of one recording.

    Attributes:
        recording: which it is; nobody appears in one twice.
        speaker: label.
        name: that somebody gave the speaker; None where nobody did.
        voice: None where the speaker says too little alone.
    """

    recording: str
    speaker: str
    name: str | None = None
    voice: Voice | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody who appears in recordings.

    Attributes:
        id: ``PERSON_00``, in the order of first appearance.
        name: that somebody gave one of the speakers; the id where nobody did.
        appearances: in the order of the recordings, one in each at most.
        probability: that all of them are one person: that of the least probable step; 1 for a single appearance.
    """

    id: str
    name: str
    appearances: tuple[Appearance, ...]
    probability: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Two people who may be one."""

    first: str
    second: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Who appears where, and whom a person has to decide about."""

    people: tuple[Person, ...]
    doubts: tuple[Doubt, ...] = ()

    def find_names(self, recording: str) -> dict[str, str]:
        """Speaker label → name, in one recording."""
        return {
            item.speaker: person.name
            for person in self.people
            for item in person.appearances
            if item.recording == recording
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; no embeddings."""
        return {
            "format_version": 1,
            "people": [
                {
                    "id": person.id,
                    "name": person.name,
                    "probability": round(person.probability, 3),
                    "appearances": [
                        {
                            "recording": item.recording,
                            "speaker": item.speaker,
                            "seconds": round(item.voice.seconds if item.voice else 0.0, 3),
                        }
                        for item in person.appearances
                    ],
                }
                for person in self.people
            ],
            "ask": [
                {"first": item.first, "second": item.second, "probability": round(item.probability, 3)}
                for item in self.doubts
            ],
        }


def link(appearances: Sequence[Appearance], calibration: Calibration) -> Links:
    """One person for everybody who is the same over the recordings.

    Names that people gave are believed: the same name is one person in different recordings, and two names are two.
    """
    groups = _group_names(appearances)
    distances = _find_distances(appearances, calibration.narrowband_scale)
    probability = dict.fromkeys(groups, 1.0)
    while True:
        step = _find_merge(groups, appearances, distances, calibration)
        if step is None:
            break
        first, second, likely = step
        merged = tuple(sorted((*first, *second)))
        probability[merged] = min(probability[first], probability[second], likely)
        groups = [group for group in groups if group not in (first, second)] + [merged]
    groups.sort()
    people = [_make_person(number, group, appearances, probability[group]) for number, group in enumerate(groups)]
    ids = {group: person.id for group, person in zip(groups, people, strict=True)}
    doubts = [
        Doubt(ids[first], ids[second], likely)
        for first, second, distance, likely, _margin in _find_pairs(groups, appearances, distances, calibration)
        if distance <= calibration.ask_distance and likely >= calibration.ask_probability
    ]
    return Links(tuple(people), tuple(sorted(doubts, key=lambda item: -item.probability)))


Group = tuple[int, ...]
"""Places of appearances, sorted."""


def _group_names(appearances: Sequence[Appearance]) -> list[Group]:
    """Those whom people gave one name, in different recordings; everybody else alone."""
    found: list[list[int]] = []
    for place, item in enumerate(appearances):
        for group in found if item.name is not None else ():
            others = [appearances[i] for i in group]
            if others[0].name == item.name and all(other.recording != item.recording for other in others):
                group.append(place)
                break
        else:
            found.append([place])
    return [tuple(group) for group in found]


def _find_distances(appearances: Sequence[Appearance], scale: float) -> NDArray[np.float64]:
    """Cosine distances, float64 (n, n); not a number where somebody has no voice."""
    places = [place for place, item in enumerate(appearances) if item.voice is not None]
    voices = [item.voice for item in appearances if item.voice is not None]
    found = np.full((len(appearances), len(appearances)), math.nan)
    if places:
        found[np.ix_(places, places)] = find_matched_distances(voices, voices, scale=scale)
    return found


def _find_pairs(
    groups: Sequence[Group],
    appearances: Sequence[Appearance],
    distances: NDArray[np.float64],
    calibration: Calibration,
) -> Iterator[tuple[Group, Group, float, float, float]]:
    """Pairs of groups that may be one person: both, their distance, probability, and margin ahead of others."""
    means = _average(groups, distances)
    recordings = [{appearances[i].recording for i in group} for group in groups]
    names = [next((name for i in group if (name := appearances[i].name) is not None), None) for group in groups]
    seconds = [max((v.seconds for i in group if (v := appearances[i].voice)), default=0.0) for group in groups]
    rivals = np.array([[bool(a & b) for b in recordings] for a in recordings])
    for i, first in enumerate(groups):
        for j in range(i + 1, len(groups)):
            distance = float(means[i, j])
            if rivals[i, j] or not math.isfinite(distance) or (names[i] and names[j] and names[i] != names[j]):
                continue
            # Whoever shares a recording with one of the two cannot be the same person, and is a rival for the other.
            others = [float(means[i, k]) for k in np.flatnonzero(rivals[j]) if k not in (i, j)]
            others += [float(means[j, k]) for k in np.flatnonzero(rivals[i]) if k not in (i, j)]
            margin = min((o for o in others if math.isfinite(o)), default=math.inf) - distance
            likely = calibration.find_probability(distance, min(seconds[i], seconds[j]), margin)
            yield first, groups[j], distance, likely, margin


def _average(groups: Sequence[Group], distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean distances between groups, (n, n), of those who have a voice; not a number where nobody has."""
    known = np.isfinite(distances)
    member = np.zeros((len(groups), len(distances)))
    for row, group in enumerate(groups):
        member[row, list(group)] = 1.0
    counts = member @ known @ member.T
    total = member @ np.where(known, distances, 0.0) @ member.T
    return np.asarray(np.where(counts > 0, total / np.maximum(counts, 1.0), math.nan))


def _find_merge(
    groups: Sequence[Group],
    appearances: Sequence[Appearance],
    distances: NDArray[np.float64],
    calibration: Calibration,
) -> tuple[Group, Group, float] | None:
    """The nearest two groups that are certainly one person, and how probable that is."""
    if not calibration.names:
        return None
    sure = [
        (distance, first, second, likely)
        for first, second, distance, likely, margin in _find_pairs(groups, appearances, distances, calibration)
        if distance <= calibration.name_distance
        and margin >= calibration.margin
        and likely >= calibration.name_probability
        and all(
            max((v.seconds for i in g if (v := appearances[i].voice)), default=0.0) >= LEAST_SECONDS
            for g in (first, second)
        )
    ]
    if not sure:
        return None
    _distance, first, second, likely = min(sure)
    return first, second, likely


def _make_person(number: int, group: Group, appearances: Sequence[Appearance], probability: float) -> Person:
    own = tuple(appearances[i] for i in group)
    identifier = f"PERSON_{number:02d}"
    name = next((item.name for item in own if item.name is not None), identifier)
    return Person(identifier, name, own, probability)


def list_appearances(recording: str, names: Mapping[str, str], voices: Mapping[str, Voice]) -> list[Appearance]:
    """The speakers of one recording.

    Args:
        names: speaker label → name; the label itself where nobody gave one.
        voices: speaker label → voice.
    """
    return [
        Appearance(recording, label, None if name == label else name, voices.get(label))
        for label, name in names.items()
    ]
