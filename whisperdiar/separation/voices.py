"""Assignment of streams to speakers: by their voices, and by who is heard where one of them talks alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from whisperdiar.types import Samples, Span, total_duration

_SHORTEST_SOLO_S = 0.2
"""Less of one voice alone tells nothing of who is in a stream."""
_VOICE_WEIGHT = 10.0
"""Logits for a difference of 1 in cosine similarity: streams whose voices differ by 0.3 are told apart with 95 %."""
_LEVEL_WEIGHT = 0.5
"""Logits for a ratio of levels of e."""
_MOST_LEVEL = 4.0
"""Logits that levels alone may give."""
_LEAST_LOGIT = 0.6
"""Below it, a probability of 0.65, nobody knows whose stream is whose."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which stream is whose.

    Attributes:
        streams: speaker label → number of the stream.
        confidence: probability that it is so and not the other way round, 0.5 to 1.
    """

    streams: Mapping[str, int]
    confidence: float

    @property
    def is_clear(self) -> bool:
        """Whether the streams may be given to their speakers."""
        return self.confidence >= 1 / (1 + math.exp(-_LEAST_LOGIT))


def assign_streams(
    speakers: Sequence[str],
    similarities: NDArray[np.float64] | None,
    levels: NDArray[np.float64],
) -> Assignment:
    """The most probable assignment of streams to two speakers, each its own stream.

    Args:
        similarities: (n_streams, n_speakers): cosines of a stream's voice to a speaker's; None where voices are not
            known, NaN where one of them is not.
        levels: (n_streams, n_speakers): mean power of a stream where that speaker talks alone; NaN where there is no
            such place.
    """
    options = list(permutations(range(len(levels)), len(speakers)))
    scores = [_score(option, similarities, levels) for option in options]
    order = sorted(range(len(options)), key=lambda i: -scores[i])
    best, ahead = options[order[0]], scores[order[0]] - scores[order[1]]
    return Assignment(dict(zip(speakers, best, strict=True)), 1 / (1 + math.exp(-ahead)))


def _score(option: Sequence[int], similarities: NDArray[np.float64] | None, levels: NDArray[np.float64]) -> float:
    """Logits for streams in this order of the speakers, but for what all orders share."""
    score = 0.0
    for speaker, stream in enumerate(option):
        column = levels[:, speaker]
        if np.isfinite(column).all():
            total = float(column.sum())
            share = float(column[stream]) / total if total > 0 else 1 / len(column)
            logit = _LEVEL_WEIGHT * math.log(max(share, 1e-6) / max(1 - share, 1e-6))
            score += min(max(logit, -_MOST_LEVEL), _MOST_LEVEL) / 2
    if similarities is not None:
        own = [float(similarities[stream, speaker]) for speaker, stream in enumerate(option)]
        known = [value for value in own if math.isfinite(value)]
        if np.isfinite(similarities).all():
            score += _VOICE_WEIGHT * sum(known) / len(known)
    return score


def measure_levels(streams: Samples, rate: int, solo: Sequence[Sequence[Span]]) -> NDArray[np.float64]:
    """Mean power (n_streams, n_speakers) of streams where each speaker talks alone; NaN where that is too short.

    Args:
        streams: float32 (n_streams, n_samples).
        solo: for every speaker where that one alone talks, in seconds of the streams.
    """
    found = np.full((len(streams), len(solo)), np.nan)
    for column, spans in enumerate(solo):
        if total_duration(spans) < _SHORTEST_SOLO_S:
            continue
        parts = [streams[:, round(span.start * rate) : round(span.end * rate)] for span in spans]
        alone = np.concatenate(parts, axis=1).astype(np.float64)
        if alone.shape[1]:
            found[:, column] = (alone**2).mean(axis=1)
    return found
