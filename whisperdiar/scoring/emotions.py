"""Emotion diarization error rate, EDER: which emotion when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whisperdiar.scoring.turns import cut_pieces
from whisperdiar.types import Span, Turn

NEUTRAL = "neutral"
"""Speech without an emotion."""


def emotion_errors(reference: Sequence[Turn], hypothesis: Sequence[Turn], duration: float) -> dict[str, float]:
    """Seconds that make up the emotion diarization error rate; the sum of all but `total`, by `total`, is the rate.

    Args:
        reference, hypothesis: turns whose speakers are emotions; what none covers, or ``neutral`` does, is neutral.
        duration: of the recording, seconds.

    Missed is emotion of which none is heard, false alarm is emotion in neutral speech, confusion is another emotion,
    and overlap is where several emotions are heard at once.

    Source: Wang, Ravanelli, Yacoubi, "Speech Emotion Diarization: Which Emotion Appears When?", 2023,
    arXiv:2306.12991.
    """
    reference, hypothesis = ([turn for turn in turns if turn.speaker != NEUTRAL] for turns in (reference, hypothesis))
    pieces = cut_pieces(reference, hypothesis, (Span(0.0, duration),))
    emotions = sorted({turn.speaker for turn in reference}), sorted({turn.speaker for turn in hypothesis})
    right = np.zeros(len(pieces.start), dtype=bool)
    for i, emotion in enumerate(emotions[0]):
        if emotion in emotions[1]:
            right |= (pieces.reference[i] > 0) & (pieces.hypothesis[emotions[1].index(emotion)] > 0)
    felt, heard = pieces.reference.any(axis=0), (pieces.hypothesis > 0).sum(axis=0)
    return {
        "total": duration,
        "missed": float(pieces.duration @ (felt & (heard == 0))),
        "false alarm": float(pieces.duration @ (~felt & (heard == 1))),
        "confusion": float(pieces.duration @ (felt & (heard == 1) & ~right)),
        "overlap": float(pieces.duration @ (heard > 1)),
    }
