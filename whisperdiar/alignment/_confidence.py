"""Confidence of a word's speaker: logistic regression over what is known of the word and its candidates.

The network shares certainty out among a word's candidates, so with one candidate it is always certain. But whoever
truly spoke may be none of them: nobody's turn covers the word, the nearest one ended long ago, or the diarizer never
heard him. The regression counts that in. Its log odds are bounded, so no confidence is ever 1.

Weights are made by `training/alignment`; NumPy alone runs them. Source: Platt, "Probabilistic outputs for support
vector machines and comparisons to regularized likelihood methods", 1999.
"""

from __future__ import annotations

import numpy as np

from whisperdiar.alignment._turns import NOBODY, distance_of
from whisperdiar.alignment._words import Doubles, Floats, Indices

N_EVIDENCE = 6
_BOUND = 7.0
"""Log odds of the surest confidence, 0.9991: files have three decimals, and it is to be no 1 there either."""
_MOST_LOG_ODDS = 6.0
"""Of a word with two candidates, of which one is as good as certain; the network itself is no surer than that."""


def evidence(probability: Floats, chosen: Indices, pairs: Floats) -> Floats:
    """float32 (n, N_EVIDENCE), what speaks for the most probable candidate being right.

    Args:
        probability: float32 (n, N_SLOTS), of the candidates.
        chosen: int64 (n, N_SLOTS), the candidates.
        pairs: float32 (n, N_SLOTS, N_PAIR_FEATURES), their features.
    """
    rows = np.arange(len(probability))
    best = probability.argmax(axis=1)
    certain = np.clip(probability[rows, best].astype(np.float64), 1e-9, 1.0 - 1e-9)
    alone = (chosen != NOBODY).sum(axis=1) == 1
    odds = np.where(alone, 0.0, np.clip(np.log(certain / (1.0 - certain)), -_MOST_LOG_ODDS, _MOST_LOG_ODDS))
    away = distance_of(pairs)[rows, best]
    # No constant: of two that are equally probable, each is half certain.
    columns = (odds, np.maximum(odds - 3.0, 0.0), alone, away, away**2, alone * away)
    return np.stack(columns, axis=1).astype(np.float32)


def confidence(weights: Floats, known: Floats) -> Doubles:
    """The probability, float64 (n,), between 0 and 1, that each word's most probable candidate spoke it.

    Args:
        weights: float32 (N_EVIDENCE,).
        known: what `evidence` gives.
    """
    odds = known.astype(np.float64) @ weights.astype(np.float64)
    result: Doubles = 1.0 / (1.0 + np.exp(-np.clip(odds, -_BOUND, _BOUND)))
    return result
