"""Which speaker of one transcript is which speaker of another transcript of the same recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whisperdiar.transcript import Transcript
from whisperdiar.types import Span


def same_people(old: Transcript, new: Transcript) -> dict[str, str]:
    """Label of `old` → label of `new`: one to one, so that they speak together as long as can be (Kuhn 1955).

    People who never speak at the same time as anybody of the other transcript are left out.
    """
    from scipy.optimize import linear_sum_assignment  # at its first use

    before, after = _speech(old), _speech(new)
    if not before or not after:
        return {}
    rows, columns = list(before), list(after)
    shared = np.array([[_overlap(before[row], after[column]) for column in columns] for row in rows])
    pairs = zip(*linear_sum_assignment(-shared), strict=True)
    return {rows[i]: columns[j] for i, j in pairs if shared[i, j] > 0}


def _speech(transcript: Transcript) -> dict[str, list[Span]]:
    """When each speaker talks, by the turns; by the words of those who have none."""
    found: dict[str, list[Span]] = {}
    for turn in transcript.turns:
        found.setdefault(turn.speaker, []).append(turn.span)
    words: dict[str, list[Span]] = {}
    for segment in transcript.segments:
        if segment.speaker is not None and segment.speaker not in found:
            words.setdefault(segment.speaker, []).extend(word.span for word in segment.words)
    return {label: sorted(spans) for label, spans in (found | words).items()}


def _overlap(first: Sequence[Span], second: Sequence[Span]) -> float:
    """Seconds in which both talk; each list is sorted by start."""
    total, begin = 0.0, 0
    longest = max((span.duration for span in second), default=0.0)
    for span in first:
        while begin < len(second) and second[begin].start < span.start - longest:
            begin += 1
        for other in second[begin:]:
            if other.start >= span.end:
                break
            total += max(0.0, min(span.end, other.end) - max(span.start, other.start))
    return total
