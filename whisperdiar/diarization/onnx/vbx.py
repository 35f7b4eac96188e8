"""VBx: Bayesian clustering of speaker embeddings in the space of a PLDA, as community-1 of pyannote.audio 4 does it.

Agglomerative clustering gives a first guess with too many speakers. Then variational Bayes fits a mixture, each
component the voice of a speaker with the PLDA as its prior, whose weights fall to zero where the embeddings do not ask
for a speaker: so their number is found. Embeddings go to the nearest centroid of those who stay, no two local speakers
of a window to the same one. Where another number of speakers is asked for, k-means makes that many.

Source: Landini, Profant, Diez and Burget, "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization:
theory, implementation and analysis on standard tasks", Computer Speech & Language 71, 2022; equations are numbered as
there. Without the hidden Markov model, as in pyannote.audio 4: its transitions would need one speaker at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from whisperdiar.diarization._shared.clusters import normalise_length
from whisperdiar.diarization._shared.plda import Plda
from whisperdiar.diarization._shared.windows import NOBODY, Counts
from whisperdiar.diarization.onnx import agglomerative
from whisperdiar.diarization.onnx.k_means import k_means
from whisperdiar.types import SpeakerCount

Floats = NDArray[np.float64]
Embeddings = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

_MOST_ROUNDS, _LEAST_GAIN = 20, 1e-4
"""Of variational Bayes; it ends where the bound grows by less."""
_SMOOTHING = 7.0
"""How sure the first guess is of itself: log-odds of its speaker against any other."""
_TINY = 1e-8
"""Keeps the logarithm of a weight that has fallen to zero finite."""
_LEAST_WEIGHT = 1e-7
"""Of a speaker who is kept."""
_BLOCK = 4_096
"""Embeddings whose likelihoods are computed at once."""


def cluster(
    embeddings: Embeddings,
    active: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    plda: Plda,
    *,
    threshold: float,
    fa: float,
    fb: float,
    speakers: SpeakerCount,
) -> Counts:
    """The cluster of each local speaker, int64 (n_windows, n_speakers); `NOBODY` for one who has none.

    Args:
        embeddings: float32 or float64 (n_windows, n_speakers, d).
        active: bool (n_windows, n_frames, n_speakers), who talks when.
        chosen: bool (n_windows, n_speakers), whose embeddings make the clusters.
        plda: for embeddings of d dimensions.
        threshold: Euclidean distance on the unit sphere up to which the first guess takes two for one speaker.
        fa: Fa, weight of the acoustics.
        fb: Fb, weight of having few speakers.
        speakers: as many clusters as are wanted, wherever that many embeddings differ.
    """
    silent = np.asarray(~active.any(axis=1))
    train = embeddings[chosen & np.isfinite(embeddings).all(axis=2)]
    found: Counts = np.zeros(silent.shape, dtype=np.int64)
    if len(train) >= 2:
        centres = _centroids(train, plda, threshold=threshold, fa=fa, fb=fb)
        wanted = _choose_count(len(centres), len(train), speakers)
        forced = wanted != len(centres)
        if forced:
            centres = _means(train, k_means(normalise_length(train), wanted))
        distances = cdist(embeddings.reshape(-1, embeddings.shape[2]), centres, metric="cosine")
        likeness = 2.0 - distances.reshape(*silent.shape, -1)
        # Where k-means makes the clusters, two local speakers of a window may be one: else there would be more of them.
        found = np.asarray(likeness.argmax(axis=2)) if forced else _assign_one_to_one(likeness, silent)
    found[silent] = NOBODY
    return found


def infer_responsibilities(
    features: Floats, between: Floats, first: Labels, *, fa: float, fb: float
) -> tuple[Floats, Floats]:
    """How far each speaker answers for each embedding, (n, n_speakers), and the weight of each, (n_speakers,).

    Args:
        features: (n, d), of embeddings in the space of the PLDA.
        between: (d,), variance between speakers.
        first: int64 (n,), the first guess, from 0.
        fa: Fa, scales the statistics: neighbouring windows share sound and are no independent observations.
        fb: Fb, scales the regularisation: higher leaves fewer speakers.
    """
    n, d = features.shape
    n_speakers = int(first.max()) + 1
    scaled = features * np.sqrt(between)  # (18)
    constant = -0.5 * (np.square(features).sum(axis=1) + d * np.log(2.0 * np.pi))
    shares = np.full((n, n_speakers), 1.0 / (np.exp(_SMOOTHING) + n_speakers - 1))
    shares[np.arange(n), first] *= np.exp(_SMOOTHING)
    weights = np.full(n_speakers, 1.0 / n_speakers)
    bound = -np.inf
    for _ in range(_MOST_ROUNDS):
        precision = 1.0 / (1.0 + fa / fb * shares.sum(axis=0)[:, None] * between)  # inverse of (17)
        means = fa / fb * precision * (shares.T @ scaled)  # (16)
        offsets = 0.5 * (precision + np.square(means)) @ between
        logarithms = np.log(weights + _TINY)
        evidence = np.empty(n)
        for start in range(0, n, _BLOCK):
            part = slice(start, start + _BLOCK)
            joint = fa * (scaled[part] @ means.T - offsets + constant[part, None]) + logarithms  # (23)
            evidence[part] = logsumexp(joint, axis=1)
            shares[part] = np.exp(joint - evidence[part, None])
        weights = shares.sum(axis=0)
        weights /= weights.sum()
        before, bound = bound, float(evidence.sum())
        bound += fb * 0.5 * float(np.sum(np.log(precision) - precision - np.square(means) + 1.0))  # (25)
        if bound - before < _LEAST_GAIN:
            break
    return shares, weights


def _centroids(train: Embeddings, plda: Plda, *, threshold: float, fa: float, fb: float) -> Embeddings:
    """Of the speakers whom variational Bayes keeps, (n_clusters, d)."""
    first = agglomerative.cut(train, method="centroid", threshold=threshold)
    shares, weights = infer_responsibilities(plda.transform(train), plda.between, first, fa=fa, fb=fb)
    kept = shares[:, weights > _LEAST_WEIGHT]
    found: Embeddings = kept.T @ train / kept.sum(axis=0)[:, None]
    return found


def _choose_count(n_found: int, n_embeddings: int, speakers: SpeakerCount) -> int:
    """How many clusters there are to be; never more than embeddings."""
    low, high = speakers.minimum or 1, speakers.maximum or n_found
    return n_found if low <= n_found <= high else min(n_embeddings, low if n_found < low else high)


def _means(train: Embeddings, labels: Labels) -> Embeddings:
    found: Embeddings = np.stack([train[labels == label].mean(axis=0) for label in np.unique(labels)])
    return found


def _assign_one_to_one(likeness: Floats, silent: NDArray[np.bool_]) -> Counts:
    """The cluster of each local speaker, the likeliest for all of a window together, no two the same one.

    Where there are more of them than clusters, those who are left have none. Who is silent comes last.
    """
    likeness[silent] = likeness.min() - 1.0
    likeness = np.nan_to_num(likeness, nan=float(np.nanmin(likeness)))
    found: Counts = np.full(silent.shape, NOBODY, dtype=np.int64)
    for own, scores in zip(found, likeness, strict=True):
        local, clusters = linear_sum_assignment(scores, maximize=True)
        own[local] = clusters
    return found
