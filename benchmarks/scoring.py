"""Word, speaker and diarization error rates of the benchmarks: those of `whisperdiar.scoring`, under their own names.

    WER     word error rate: words that are wrong, left out or put in
    cpWER   the same for the words of each speaker, under the best assignment of labels to speakers
    tcpWER  the same with a limit on how far apart in time two words may be
    WDER    word diarization error rate: of the words that were recognised, rightly or not, those with a wrong speaker
    DER     diarization error rate: missed speech, false alarm and confusion per speech

Words are compared after the normalisation that the Whisper paper (Radford et al., 2022, appendix C) defines, in the
package whisper-normalizer: its English rules for English, its basic rules for other languages. Every system that is
compared goes through the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from whisperdiar.scoring import (
    NOBODY,
    Errors,
    Utterance,
    WrongSpeakers,
    make_normaliser,
    score_turns,
    speaker_errors,
    word_errors,
    wrong_speakers,
)
from whisperdiar.scoring.normalisation import WITHOUT_SPACES
from whisperdiar.types import Span, Turn

__all__ = [
    "NOBODY",
    "PARTS",
    "WITHOUT_SPACES",
    "Errors",
    "Utterance",
    "WrongSpeakers",
    "normaliser",
    "score",
    "speaker_errors",
    "word_errors",
    "wrong_speakers",
]

PARTS = ("total", "missed detection", "false alarm", "confusion")
"""Seconds that make up a diarization error rate, under the names of pyannote.metrics."""


def normaliser(language: str) -> Callable[[str], str]:
    """Whisper's normalisation of texts in a language (ISO 639-1 code)."""
    return make_normaliser("whisper-english" if language == "en" else "whisper-basic", language)


def score(reference: Sequence[Turn], found: Sequence[Turn], scored: Span) -> dict[str, float]:
    """Seconds of each of `PARTS`; no collar, overlapped speech counts."""
    parts = score_turns(reference, found, uem=[scored])["DER"]
    return {part: float(parts[part]) for part in PARTS}
