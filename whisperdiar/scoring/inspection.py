"""Inspection of one recording: where the errors of its turns and words are, whose, and which moments are worst.

The seconds of `TurnError` add up to the components of DER, and the kinds of `WordPair` to those of WER: both come from
the pieces and the alignment that the rates are counted from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from whisperdiar.errors import BackendMissing
from whisperdiar.options import ScoreOptions
from whisperdiar.scoring.documents import Document
from whisperdiar.scoring.normalisation import Normalise, choose_normaliser, make_normaliser
from whisperdiar.scoring.turns import TurnError, locate_errors
from whisperdiar.scoring.words import NOBODY, Utterance, align_words, check_packages, map_labels
from whisperdiar.types import Span, Turn

WordKind = Literal["right", "substituted", "deleted", "inserted"]

MOMENT_S = 10.0
"""Length of a moment."""
WORD_S = 0.4
"""Seconds that a wrong word weighs as much as, where moments are put in order: 150 words are spoken in a minute."""


class ScoredPair(NamedTuple):
    """Both sides of a recording as they are scored.

    Attributes:
        hypothesis: None where the hypothesis lacks the recording.
        uem: what is scored; None for all from the first boundary to the last.
    """

    reference: Document
    hypothesis: Document | None
    uem: tuple[Span, ...] | None


class WordPair(NamedTuple):
    """A word of the reference and what was heard for it.

    Attributes:
        said, heard: normalised; None where that side has no such word.
        speaker: of the reference; None where it has none.
        given: the speaker of the reference that the label stands for, or else the label.
        start: seconds; the words of an utterance share its time by their letters.
        misattributed: whether the word, rightly recognised or not, was given to another speaker, as WDER counts.
    """

    said: str | None
    heard: str | None
    speaker: str | None
    given: str | None
    start: float
    misattributed: bool = False

    @property
    def kind(self) -> WordKind:
        if self.said is None:
            return "inserted"
        if self.heard is None:
            return "deleted"
        return "right" if self.said == self.heard else "substituted"


class Moment(NamedTuple):
    """A stretch of `MOMENT_S` seconds, and what is wrong in it: seconds of speakers' time, and words."""

    recording: str
    start: float
    end: float
    missed: float
    false_alarm: float
    confused: float
    words: int
    speakers: int

    @property
    def weight(self) -> float:
        return self.missed + self.false_alarm + self.confused + WORD_S * (self.words + self.speakers)


@dataclass(frozen=True, slots=True)
class Inspection:
    """Where one recording is wrong.

    Attributes:
        duration: up to the last boundary of either side or of what is scored, seconds.
        reference, hypothesis: turns; a side without speakers has none.
        mapping: label of the hypothesis → speaker of the reference, as DER has it.
        errors: pieces of time that are wrong, in order; a collar leaves gaps.
        words: in their order; empty where a side has none, or jiwer is not installed.
        uem: what is scored.
    """

    recording: str
    duration: float
    reference: tuple[Turn, ...] = ()
    hypothesis: tuple[Turn, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[TurnError, ...] = ()
    words: tuple[WordPair, ...] = ()
    uem: tuple[Span, ...] | None = None

    def restrict(self, *, turns: bool, words: bool) -> Inspection:
        """Without the errors of turns, or without words, where they are not asked for."""
        return replace(self, errors=self.errors if turns else (), words=self.words if words else ())


def inspect_recording(
    pair: ScoredPair, *, options: ScoreOptions | None = None, language: str | None = None
) -> Inspection:
    """Every error of the turns and of the words of a recording, as `score_document` counts them.

    Args:
        options: those that it was scored with.
        language: of the texts; None takes what the files say.
    """
    options = options or ScoreOptions()
    reference, uem = pair.reference, pair.uem
    hypothesis = pair.hypothesis or Document(reference.recording, (), ())
    sides = (reference.turns or (), hypothesis.turns or ())
    mapping: dict[str, str] = {}
    errors: tuple[TurnError, ...] = ()
    if reference.turns is not None and (hypothesis.turns is not None or hypothesis.utterances is None):
        mapping, errors = locate_errors(*sides, uem=uem, collar=options.collar, skip_overlap=options.skip_overlap)
    words: tuple[WordPair, ...] = ()
    if reference.utterances is not None and (hypothesis.utterances is not None or hypothesis.turns is None):
        code = language or reference.language or hypothesis.language
        try:
            check_packages()
            normalise = make_normaliser(choose_normaliser(options.normaliser, code), code)
            words = compare_words(reference.utterances, hypothesis.utterances or (), normalise)
        except BackendMissing:  # its rates are left out, with the reason
            words = ()
    duration = max([reference.end, hypothesis.end, *(span.end for span in uem or ())])
    return Inspection(reference.recording, duration, *sides, mapping, errors, words, uem)


def compare_words(said: Sequence[Utterance], heard: Sequence[Utterance], normalise: Normalise) -> tuple[WordPair, ...]:
    """All words of both sides in one order, aligned with the fewest errors as for WER, with the mapping of WDER."""
    aligned = align_words(*(list(_split_words(side, normalise)) for side in (said, heard)))
    named = any(own.speaker != NOBODY for own in said) and any(own.speaker != NOBODY for own in heard)
    mapping = map_labels([(own.speaker, own.label) for own in aligned if None not in (own.said, own.heard)])
    found = []
    for own in aligned:
        given = mapping.get(own.label, own.label) if named else None
        both = named and None not in (own.said, own.heard)
        # A label without a partner is wrong even where it is called as the speaker is.
        wrong = both and (own.label not in mapping or given != own.speaker)
        found.append(WordPair(own.said, own.heard, own.speaker if named else None, given, own.start, wrong))
    return tuple(found)


def _split_words(utterances: Sequence[Utterance], normalise: Normalise) -> Iterator[Utterance]:
    """An utterance for each normalised word."""
    for own in utterances:
        words = normalise(own.text).split()
        letters = sum(map(len, words))
        passed = 0
        for word in words:
            start = own.start + (own.end - own.start) * passed / letters
            passed += len(word)
            yield Utterance(own.speaker, start, own.start + (own.end - own.start) * passed / letters, word)


def find_worst_moments(inspections: Iterable[Inspection], *, limit: int | None = None) -> list[Moment]:
    """Stretches of `MOMENT_S` seconds with an error, the worst first: by the time that is wrong, and wrong words."""
    found: list[Moment] = []
    for own in inspections:
        sums: dict[int, list[float]] = {}
        for error in own.errors:
            for index in range(int(error.start // MOMENT_S), math.ceil(error.end / MOMENT_S)):
                inside = min(error.end, (index + 1) * MOMENT_S) - max(error.start, index * MOMENT_S)
                row = sums.setdefault(index, [0.0] * 5)
                for k, count in enumerate(error[2:]):
                    row[k] += inside * count
        for word in own.words:
            row = sums.setdefault(int(word.start // MOMENT_S), [0.0] * 5)
            row[3] += word.kind != "right"
            row[4] += word.misattributed
        found += [
            Moment(own.recording, i * MOMENT_S, (i + 1) * MOMENT_S, row[0], row[1], row[2], int(row[3]), int(row[4]))
            for i, row in sums.items()
            if any(row)
        ]
    return sorted(found, key=lambda moment: (-moment.weight, moment.recording, moment.start))[:limit]
