"""Judgement of words in a given text that were not recognised: whether they are spoken, and when.

The recogniser is given the words (`whisperdiar.contracts.WordForcer`), and tells how probable each is where it stands.
Without one, a word is spoken where there is speech for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from whisperdiar.given_text.matching import Item
from whisperdiar.given_text.reading import GivenWord
from whisperdiar.types import Audio, Samples, ScoredTime, Span, Word, clip_spans, divide_time, total_duration

LONGEST_PIECE_S = 28.0
"""More sound than this no network hears at once."""

LEAST_PROBABLE = 0.0003
"""A word that was not recognised is spoken from this probability on: of words put in anywhere one in thirty has more,
of words that people swallow three in four."""
_FEWEST_OF_RUN = 3
"""So many words in a row are not spoken where there is no time for them, however probable each is after the others."""
_FLOOR = 1e-6
"""No single word makes those beside it improbable."""
_LEAST_ROOM = 0.5
_SPOKEN_BASE_S, _SPOKEN_PER_LETTER_S = 0.05, 0.04
"""A word of n letters that is spoken fast takes about 0.05 + 0.04 n seconds."""
_AROUND_S = 0.3
"""Of sound around speech: a detector of speech is not exact."""

Force = Callable[..., Sequence[ScoredTime | None]]
"""`force_words` of a recogniser."""


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """A word of the text or one that was heard, and what became of it.

    Attributes:
        given, heard: as of `Item`.
        is_spoken: whether it is a word of the transcript.
        time: start and end in seconds, in order only as far as its source has them so.
        probability: 0 to 1.
    """

    given: GivenWord | None
    heard: tuple[Word, ...]
    is_spoken: bool
    time: tuple[float, float] = (0.0, 0.0)
    probability: float = 0.0

    @property
    def text(self) -> str:
        return self.heard_text if self.given is None else self.given.text

    @property
    def heard_text(self) -> str:
        return "".join(word.text for word in self.heard)


def keep(item: Item) -> JudgedItem:
    """An item that is not open, at the time at which it was heard."""
    span = item.span
    if item.given is None or span is None:
        return JudgedItem(item.given, item.heard, is_spoken=False)
    probability = item.likeness * min(word.probability for word in item.heard)
    return JudgedItem(item.given, item.heard, True, (span.start, span.end), min(1.0, max(0.0, probability)))


class Judge:
    """Judges the open words of pieces.

    Args:
        audio: the recording, at the rate that `force` takes.
        speech: sorted spans of it, apart, in which somebody speaks.
        force: tells when given words are spoken; None for nobody who can.
        language: of the recording, as the recogniser names it.
    """

    def __init__(self, audio: Audio, speech: Sequence[Span], force: Force | None, *, language: str | None) -> None:
        self.audio = audio
        self._speech, self._force, self._language = speech, force, language

    def speech_in(self, span: Span) -> list[Span]:
        """The speech inside a span, sorted."""
        return clip_spans(self._speech, span.start, span.end)

    def judge(self, items: Sequence[Item], span: Span) -> list[JudgedItem]:
        """What becomes of the items of one piece.

        Args:
            span: of the piece.
        """
        runs = list(_divide_runs(items, span))
        crowded = {id(item) for run, room, slack in runs if self._is_crowded(run, room, slack) for item in run}
        scored = self._score([item for item in items if id(item) not in crowded], span)
        strangers = {id(item) for run, _room, _slack in runs if _is_strange(run, scored) for item in run}
        spread = {key: time for run, room, _slack in runs for key, time in self._spread(run, room).items()}
        found = []
        for item in items:
            if not item.is_open:
                found.append(keep(item))
            elif id(item) in crowded or id(item) in strangers:
                found.append(JudgedItem(item.given, item.heard, is_spoken=False))
            else:
                found.append(self._judge_one(item, scored.get(id(item)), spread[id(item)]))
        return found

    def _judge_one(self, item: Item, score: ScoredTime | None, time: tuple[float, float] | None) -> JudgedItem:
        if score is not None:
            is_spoken = score.probability >= LEAST_PROBABLE
            return JudgedItem(item.given, item.heard, is_spoken, (score.start, score.end), score.probability)
        if time is None:
            return JudgedItem(item.given, item.heard, is_spoken=False)
        return JudgedItem(item.given, item.heard, True, time, 0.0)

    def _is_crowded(self, run: Sequence[Item], room: Span, slack: float) -> bool:
        """Whether there is far too little speech for a run of words, of which none was recognised."""
        if len(run) < _FEWEST_OF_RUN:
            return False
        return total_duration(self.speech_in(room)) + slack < _LEAST_ROOM * sum(_fastest(item) for item in run)

    def _spread(self, run: Sequence[Item], room: Span) -> dict[int, tuple[float, float] | None]:
        """Times by letters, of a run in its room; None for words that there is no speech for."""
        speech = self.speech_in(room) or ([room] if run[0].heard or run[-1].heard else [])
        time = total_duration(speech)
        if time < _LEAST_ROOM * sum(_fastest(item) for item in run) and not any(item.heard for item in run):
            return {id(item): None for item in run}
        shares = divide_time(0.0, time, [len(item.text.strip()) for item in run])
        return {
            id(item): (_at(speech, start), max(_at(speech, start), _at(speech, end, is_end=True)))
            for item, (start, end) in zip(run, shares, strict=True)
        }

    def _score(self, items: Sequence[Item], span: Span) -> dict[int, ScoredTime]:
        """What the recogniser says of the words that are left and of those heard beside them, in times of the audio."""
        hull = [*self.speech_in(span), *(item.span for item in items if item.span is not None)]
        if self._force is None or not hull:
            return {}
        start = max(span.start, min(part.start for part in hull) - _AROUND_S)
        end = min(span.end, max(part.end for part in hull) + _AROUND_S)
        if not 0.0 < end - start <= LONGEST_PIECE_S:
            return {}
        sound: Samples = self.audio.crop(Span(start, end)).mono
        found = self._force(sound, [item.text for item in items], language=self._language)
        return {
            id(item): ScoredTime(start + score.start, start + score.end, score.probability)
            for item, score in zip(items, found, strict=True)
            if score is not None
        }


def _divide_runs(items: Sequence[Item], span: Span) -> Iterator[tuple[list[Item], Span, float]]:
    """Runs of open items, the time between their neighbours or the ends of the piece, and what these can spare.

    A recogniser that leaves a word out, such as one that is said twice, gives its time to the words beside it.
    """
    low = span.start
    runs = [(is_open, list(run)) for is_open, run in groupby(items, key=lambda item: item.is_open)]
    for number, (is_open, run) in enumerate(runs):
        if is_open:
            before = runs[number - 1][1][-1] if number else None
            after = runs[number + 1][1][0] if number + 1 < len(runs) else None
            high = span.end if after is None or after.span is None else after.span.start
            yield run, Span(low, max(low, high)), sum(_spare(item) for item in (before, after))
        else:
            low = max([low, *(item.span.end for item in run if item.span is not None)])


def _is_strange(run: Sequence[Item], scored: Mapping[int, ScoredTime]) -> bool:
    """Whether a run of words is so improbable as a whole that none is spoken, however it follows from the others."""
    known = [max(_FLOOR, scored[id(item)].probability) for item in run if id(item) in scored]
    return len(known) >= _FEWEST_OF_RUN and math.fsum(map(math.log, known)) / len(known) < math.log(LEAST_PROBABLE)


def _spare(item: Item | None) -> float:
    """Seconds that a word is longer than it need be."""
    return 0.0 if item is None or item.span is None else max(0.0, item.span.duration - _fastest(item))


def _fastest(item: Item) -> float:
    """Seconds that a word takes at least when it is spoken fast."""
    return _SPOKEN_BASE_S + _SPOKEN_PER_LETTER_S * len(item.text.strip())


def _at(speech: Sequence[Span], seconds: float, *, is_end: bool = False) -> float:
    """Where a moment lies after so many seconds of speech; at a pause before it, where it is an end."""
    for part in speech:
        if seconds < part.duration or (is_end and seconds <= part.duration):
            return part.start + seconds
        seconds -= part.duration
    return speech[-1].end if speech else 0.0
