"""Word and speaker error rates, as counts that can be added up over recordings.

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

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from whisperdiar.types import Span, Turn

PARTS = ("total", "missed detection", "false alarm", "confusion")
"""Seconds that make up a diarization error rate, under the names of pyannote.metrics."""

# MeetEval takes utterances of more than 5 s for times in another unit, and says so every time.
logging.getLogger("preprocess").setLevel(logging.ERROR)

WITHOUT_SPACES = ("ja", "lo", "my", "th", "yue", "zh")
"""Languages whose errors are counted by the character, because their words are not written apart."""


NOBODY = "nobody"
"""The label of words to which no speaker was given."""


class Utterance(NamedTuple):
    """A stretch of what one speaker says; seconds."""

    speaker: str
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Errors:
    """Counts of a word error rate: `length` is the number of words in the reference."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    length: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.length + other.length,
        )

    @property
    def count(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per word of the reference; 0 where it has no words."""
        return self.count / self.length if self.length else 0.0


@dataclass(frozen=True, slots=True)
class WrongSpeakers:
    """Counts of a word diarization error rate: words with a wrong speaker, of `length` that were aligned."""

    count: int = 0
    length: int = 0

    def __add__(self, other: WrongSpeakers) -> WrongSpeakers:
        return WrongSpeakers(self.count + other.count, self.length + other.length)

    @property
    def rate(self) -> float:
        """Words with a wrong speaker per aligned word; 0 where none was aligned."""
        return self.count / self.length if self.length else 0.0


@lru_cache
def normaliser(language: str) -> Callable[[str], str]:
    """Whisper's normalisation of texts in a language (ISO 639-1 code)."""
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    if language == "en":
        english: Callable[[str], str] = EnglishTextNormalizer()
        return english
    basic: Callable[[str], str] = BasicTextNormalizer(split_letters=language in WITHOUT_SPACES)
    return basic


def word_errors(said: str, heard: str) -> Errors:
    """Fewest substitutions, deletions and insertions of words between two normalised texts (jiwer)."""
    import jiwer

    if not said.split():
        return Errors(insertions=len(heard.split()))
    found = jiwer.process_words(said, heard)
    length = found.hits + found.substitutions + found.deletions
    return Errors(found.substitutions, found.deletions, found.insertions, length)


def speaker_errors(said: Sequence[Utterance], heard: Sequence[Utterance], *, collar: float | None = None) -> Errors:
    """The concatenated minimum-permutation word error rate, cpWER; with a collar (seconds) the time-constrained tcpWER.

    A word with the wrong speaker counts twice: it is missing with one and too much with the other. For tcpWER a word
    can only match one that is at most the collar away; the words of an utterance share its time by their letters.

    Sources: Watanabe et al., "CHiME-6 challenge", 2020; von Neumann et al., "MeetEval: a toolkit for computation of
    word error rates for meeting transcription systems", 2023.
    """
    from meeteval.io import SegLST
    from meeteval.wer.wer.cp import cp_word_error_rate
    from meeteval.wer.wer.time_constrained import tcp_word_error_rate

    reference, hypothesis = (
        SegLST(
            [
                {"session_id": "one", "speaker": own, "start_time": start, "end_time": end, "words": text}
                for own, start, end, text in utterances
                if text.split()
            ]
        )
        for utterances in (said, heard)
    )
    # An empty SegLST has no keys, which MeetEval asks for.
    if not len(reference) or not len(hypothesis):
        missing, too_much = (sum(len(own.text.split()) for own in utterances) for utterances in (said, heard))
        return Errors(deletions=missing, insertions=too_much, length=missing)
    found: Any = (
        cp_word_error_rate(reference, hypothesis)
        if collar is None
        else tcp_word_error_rate(reference, hypothesis, collar=collar)
    )
    return Errors(found.substitutions, found.deletions, found.insertions, found.length)


def wrong_speakers(said: Sequence[Utterance], heard: Sequence[Utterance]) -> WrongSpeakers:
    """The word diarization error rate, WDER: who is wrong, of the words that were recognised rightly or as others.

    All words of the reference are aligned with all that were heard, speakers apart, with the fewest errors (jiwer).
    Words that are left out or put in do not count. Labels are mapped one to one onto speakers, so that the fewest words
    are wrong; a label without a partner is wrong, and so is `NOBODY`. Utterances are taken in their order.

    Source: Shafey, Soltau and Shafran, "Joint Speech Recognition and Speaker Diarization via Sequence Transduction",
    Interspeech 2019, equation 3.
    """
    import jiwer
    from scipy.optimize import linear_sum_assignment

    reference, hypothesis = ([own for own in side for _ in own.text.split()] for side in (said, heard))
    texts = [" ".join(own.text for own in side if own.text.split()) for side in (said, heard)]
    if not reference or not hypothesis:
        return WrongSpeakers()
    (chunks,) = jiwer.process_words(*texts).alignments
    pairs = [
        (reference[chunk.ref_start_idx + i].speaker, hypothesis[chunk.hyp_start_idx + i].speaker)
        for chunk in chunks
        if chunk.type in ("equal", "substitute")
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
    speakers = {speaker: i for i, speaker in enumerate(sorted({speaker for speaker, _ in pairs}))}
    labels = {label: i for i, label in enumerate(sorted({label for _, label in pairs} - {NOBODY}))}
    shared = np.zeros((len(speakers), len(labels)), dtype=np.int64)
    for speaker, label in pairs:
        if label != NOBODY:
            shared[speakers[speaker], labels[label]] += 1
    right = int(shared[linear_sum_assignment(shared, maximize=True)].sum())
    return WrongSpeakers(len(pairs) - right, len(pairs))


def annotation(turns: Sequence[Turn]) -> Annotation:
    """Every turn as a track of its own: two speakers with the same times would otherwise replace each other."""
    found = Annotation()
    for track, turn in enumerate(turns):
        found[Segment(turn.start, turn.end), track] = turn.speaker
    return found


def score(reference: Sequence[Turn], found: Sequence[Turn], scored: Span) -> dict[str, float]:
    """Seconds of each of `PARTS`; no collar, overlapped speech counts."""
    uem = Timeline([Segment(scored.start, scored.end)])
    parts = DiarizationErrorRate()(annotation(reference), annotation(found), uem=uem, detailed=True)
    return {part: float(parts[part]) for part in PARTS}
