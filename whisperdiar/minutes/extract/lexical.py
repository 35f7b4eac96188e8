"""Lexical weights of utterances in their meeting: tf-idf, centrality, novelty. Pure.

Centrality is LexRank's (Erkan and Radev 2004, JAIR 22) in its continuous form: the stationary weight of a walk between
utterances along the cosine similarity of their tf-idf vectors. It is computed by products with the sparse term matrix,
never with the matrix of all pairs, so that ten hours of talk fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Vector = NDArray[np.float64]

_WALK_STEPS = 25
_DAMPING = 0.85


class Terms:
    """Term counts of the utterances of a meeting.

    Attributes:
        counts: float64 CSR (n_utterances, n_terms).
        idf: float64 (n_terms,): ln(n / documents with the term).
        weights: float64 CSR (n_utterances, n_terms): tf-idf, rows of length 1 (or 0, without a term).
        vocabulary: term → column.
    """

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self.vocabulary: dict[str, int] = {}
        rows, columns = [], []
        for row, document in enumerate(documents):
            for term in document:
                columns.append(self.vocabulary.setdefault(term, len(self.vocabulary)))
                rows.append(row)
        shape = (len(documents), max(1, len(self.vocabulary)))
        self.counts = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
        self.counts.sum_duplicates()
        self.frequency: Vector = np.asarray((self.counts > 0).sum(axis=0), dtype=np.float64).ravel()
        self.idf: Vector = np.log(max(1, len(documents)) / np.maximum(self.frequency, 1.0))
        weighted = self.counts.copy()
        weighted.data = (1.0 + np.log(weighted.data)) * self.idf[weighted.indices]
        lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        self.weights = sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ weighted

    def idf_sums(self) -> Vector:
        """(n_utterances,): idf of all terms of an utterance, added up."""
        return np.asarray(self.counts @ self.idf, dtype=np.float64)

    def idf_maxima(self) -> Vector:
        """(n_utterances,): idf of the rarest term that comes at least twice; a word said once may be a slip."""
        idf = np.where(self.frequency >= 2, self.idf, 0.0)
        weighted = (self.counts > 0).multiply(idf).tocsr()
        return np.asarray(weighted.max(axis=1).todense(), dtype=np.float64).ravel()

    def centroid_similarity(self) -> Vector:
        """(n_utterances,): cosine with the sum of all utterances."""
        total = np.asarray(self.weights.sum(axis=0)).ravel()
        return np.asarray(self.weights @ total, dtype=np.float64) / max(float(np.linalg.norm(total)), 1e-12)

    def local_similarity(self, reach: int) -> Vector:
        """(n_utterances,): mean cosine with the neighbours up to `reach` places away on either side."""
        n = self.weights.shape[0]
        sums = np.zeros(n)
        for offset in range(1, min(reach, n - 1) + 1):
            pairs = np.asarray(self.weights[:-offset].multiply(self.weights[offset:]).sum(axis=1)).ravel()
            sums[:-offset] += pairs
            sums[offset:] += pairs
        return sums / (2 * reach)

    def lexrank(self) -> Vector:
        """(n_utterances,): stationary weights times their number, so that 1 is the mean."""
        n = self.weights.shape[0]
        rank = np.ones(n)
        total = np.asarray(self.weights.sum(axis=0)).ravel()
        degree = np.maximum(np.asarray(self.weights @ total).ravel(), 1e-12)
        for _ in range(_WALK_STEPS):
            walked = np.asarray(self.weights @ (self.weights.T @ (rank / degree))).ravel()
            rank = (1 - _DAMPING) + _DAMPING * walked
        return rank

    def novelty(self) -> tuple[Vector, Vector]:
        """(n_utterances,) twice: idf share of terms never said before, and of terms that are said again later."""
        matrix = self.counts.tocoo()
        n_terms = self.counts.shape[1]
        first = np.full(n_terms, self.counts.shape[0])
        last = np.zeros(n_terms, dtype=np.int64)
        np.minimum.at(first, matrix.col, matrix.row)
        np.maximum.at(last, matrix.col, matrix.row)
        idf = self.idf[matrix.col] * matrix.data
        new, later = np.zeros(self.counts.shape[0]), np.zeros(self.counts.shape[0])
        np.add.at(new, matrix.row, idf * (first[matrix.col] == matrix.row))
        np.add.at(later, matrix.row, idf * (last[matrix.col] > matrix.row + 5))
        return new, later
