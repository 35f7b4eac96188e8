"""Word and speaker error rates, as counts that can be added up over recordings.

WER       words that are wrong, left out or put in (jiwer); CER the same of characters
cpWER     the same for the words of each speaker, under the best assignment of labels to speakers (MeetEval)
tcpWER    the same with a limit on how far apart in time two words may be (MeetEval)
ORC-WER   each utterance of the reference with whichever label suits it best (MeetEval)
DI-cpWER  cpWER after each utterance that was heard got the speaker that suits it best (MeetEval, greedy)
WDER      of the words that were recognised, rightly or not, those with a wrong speaker
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from whisperdiar.errors import BackendMissing
from whisperdiar.text.messages import _

NOBODY = "nobody"
"""The label of words to which no speaker was given."""
_EXACT_STATES = 2e6
"""States of the exact ORC-WER up to which it is computed; above, MeetEval's greedy one is taken."""


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


class AlignedWord(NamedTuple):
    """A word of either side: its text and speaker in each, None where that side does not have it; seconds."""

    said: str | None
    speaker: str | None
    heard: str | None
    label: str | None
    start: float


def check_packages() -> None:
    """Raises BackendMissing where jiwer or MeetEval is not installed."""
    try:
        import jiwer  # noqa: F401
        import meeteval.io  # noqa: F401
    except ImportError as error:
        raise BackendMissing(
            _("words are scored by jiwer and MeetEval, which are not installed: run pip install 'whisperdiar[score]'")
        ) from error


def word_errors(said: str, heard: str) -> Errors:
    """Fewest substitutions, deletions and insertions of words between two normalised texts (jiwer)."""
    import jiwer

    if not said.split():
        return Errors(insertions=len(heard.split()))
    return _errors_of(jiwer.process_words(said, heard))


def character_errors(said: str, heard: str) -> Errors:
    """The same of characters, spaces between words among them (jiwer)."""
    import jiwer

    if not said.strip():
        return Errors(insertions=len(heard))
    return _errors_of(jiwer.process_characters(said, heard))


def _errors_of(found: Any) -> Errors:
    length = found.hits + found.substitutions + found.deletions
    return Errors(found.substitutions, found.deletions, found.insertions, length)


SpeakerMeasure = Literal["cpWER", "tcpWER", "ORC-WER", "DI-cpWER"]


def speaker_errors(
    said: Sequence[Utterance],
    heard: Sequence[Utterance],
    *,
    collar: float | None = None,
    measure: SpeakerMeasure | None = None,
) -> Errors:
    """The concatenated minimum-permutation word error rate, cpWER; with a collar (seconds) the time-constrained tcpWER.

    A word with the wrong speaker counts twice: it is missing with one and too much with the other. For tcpWER a word
    can only match one that is at most the collar away; the words of an utterance share its time by their letters.

    Sources: Watanabe et al., "CHiME-6 challenge", 2020; von Neumann et al., "MeetEval: a toolkit for computation of
    word error rates for meeting transcription systems", 2023. ORC-WER: Sklyar et al., 2022. DI-cpWER: von Neumann et
    al., "Word error rate definitions and algorithms for long-form multi-talker speech recognition", 2024.
    """
    from meeteval.io import SegLST
    from meeteval.wer.wer.cp import cp_word_error_rate
    from meeteval.wer.wer.di_cp import greedy_di_cp_word_error_rate
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
    measure = measure or ("cpWER" if collar is None else "tcpWER")
    ways: dict[str, Callable[[], Any]] = {
        "cpWER": lambda: cp_word_error_rate(reference, hypothesis),
        "tcpWER": lambda: tcp_word_error_rate(reference, hypothesis, collar=collar),
        "ORC-WER": lambda: _orc(said, heard)(reference, hypothesis),
        "DI-cpWER": lambda: greedy_di_cp_word_error_rate(reference, hypothesis),
    }
    with _without_warnings("preprocess"):
        found = ways[measure]()
    return Errors(found.substitutions, found.deletions, found.insertions, found.length)


@contextlib.contextmanager
def _without_warnings(logger: str) -> Iterator[None]:
    """MeetEval takes utterances of more than 5 s for times in another unit, and says so every time."""
    own = logging.getLogger(logger)
    level = own.level
    own.setLevel(logging.ERROR)
    try:
        yield
    finally:
        own.setLevel(level)


def estimate_tcp_bytes(said: Sequence[Utterance], heard: Sequence[Utterance]) -> int:
    """Bytes that MeetEval's table for tcpWER takes at most: four for each pair of words of two speakers."""
    found = 4
    for side in (said, heard):
        streams: dict[str, int] = {}
        for own in side:
            streams[own.speaker] = streams.get(own.speaker, 1) + len(own.text.split())
        found *= max(streams.values(), default=1)
    return found


def is_orc_exact(said: Sequence[Utterance], heard: Sequence[Utterance]) -> bool:
    """Whether the optimal assignment of ORC-WER is computed; it grows with the product of all streams' lengths."""
    streams: dict[str, int] = {}
    for own in heard:
        streams[own.speaker] = streams.get(own.speaker, 1) + len(own.text.split())
    states = float(sum(len(own.text.split()) for own in said))
    for length in streams.values():
        states *= length
    return states <= _EXACT_STATES


def _orc(said: Sequence[Utterance], heard: Sequence[Utterance]) -> Callable[..., Any]:
    from meeteval.wer.wer.orc import greedy_orc_word_error_rate, orc_word_error_rate

    chosen: Callable[..., Any] = orc_word_error_rate if is_orc_exact(said, heard) else greedy_orc_word_error_rate
    return chosen


def wrong_speakers(said: Sequence[Utterance], heard: Sequence[Utterance]) -> WrongSpeakers:
    """The word diarization error rate, WDER: who is wrong, of the words that were recognised rightly or as others.

    All words of the reference are aligned with all that were heard, speakers apart, with the fewest errors (jiwer).
    Words that are left out or put in do not count. Labels are mapped one to one onto speakers, so that the fewest words
    are wrong; a label without a partner is wrong, and so is `NOBODY`. Utterances are taken in their order.

    Source: Shafey, Soltau and Shafran, "Joint Speech Recognition and Speaker Diarization via Sequence Transduction",
    Interspeech 2019.
    """
    pairs = [(own.speaker, own.label) for own in align_words(said, heard) if None not in (own.said, own.heard)]
    mapping = map_labels(pairs)
    right = sum(1 for speaker, label in pairs if label in mapping and mapping[label] == speaker)
    return WrongSpeakers(len(pairs) - right, len(pairs))


def map_labels(pairs: Sequence[tuple[str | None, str | None]]) -> dict[str | None, str | None]:
    """Labels mapped one to one onto speakers, so that most of the pairs (speaker, label) are right."""
    from scipy.optimize import linear_sum_assignment

    speakers = sorted({speaker for speaker, _ in pairs if speaker is not None})
    labels = sorted({label for _, label in pairs if label not in (None, NOBODY)})
    shared = np.zeros((len(speakers), len(labels)), dtype=np.int64)
    rows, columns = {who: i for i, who in enumerate(speakers)}, {label: i for i, label in enumerate(labels)}
    for speaker, label in pairs:
        if speaker in rows and label in columns:
            shared[rows[speaker], columns[label]] += 1
    return {labels[j]: speakers[i] for i, j in zip(*linear_sum_assignment(shared, maximize=True), strict=True)}


def align_words(said: Sequence[Utterance], heard: Sequence[Utterance]) -> list[AlignedWord]:
    """All words of both sides in one order, speakers apart, with the fewest errors (jiwer)."""
    import jiwer

    left, right = ([(word, own) for own in side for word in own.text.split()] for side in (said, heard))
    if not left or not right:
        return [AlignedWord(word, own.speaker, None, None, own.start) for word, own in left] + [
            AlignedWord(None, None, word, own.speaker, own.start) for word, own in right
        ]
    texts = [" ".join(word for word, _ in side) for side in (left, right)]
    (chunks,) = jiwer.process_words(texts[0], texts[1]).alignments
    found = []
    for chunk in chunks:
        rows = left[chunk.ref_start_idx : chunk.ref_end_idx]
        columns = right[chunk.hyp_start_idx : chunk.hyp_end_idx]
        for i in range(max(len(rows), len(columns))):
            word, own = rows[i] if i < len(rows) else (None, None)
            other_word, other = columns[i] if i < len(columns) else (None, None)
            start = own.start if own is not None else other.start if other is not None else 0.0
            found.append(AlignedWord(word, own and own.speaker, other_word, other and other.speaker, start))
    return found
