"""Speakers of final words: provisional until the diarizer has settled what it heard around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whisperdiar.alignment import align
from whisperdiar.contracts import SpeakerStream
from whisperdiar.live.events import LiveWord
from whisperdiar.types import Samples, Turn, Word

_AROUND_WORDS = 40
"""Words before an open one that tell whose it is."""
_AROUND_S = 30.0
"""Turns before it."""


class SpeakerLabels:
    """The final words of a stream with their speakers.

    Attributes:
        words: all final words.
    """

    def __init__(self, stream: SpeakerStream | None) -> None:
        self._stream = stream
        self._first_open = 0
        self._told: dict[int, tuple[str | None, bool]] = {}
        self.words: list[LiveWord] = []

    @property
    def is_live(self) -> bool:
        """Whether anybody tells speakers apart."""
        return self._stream is not None

    @property
    def settled(self) -> float:
        """Seconds up to which speakers are final; 0 where nobody tells speakers apart."""
        return 0.0 if self._stream is None else self._stream.settled

    @property
    def is_waiting(self) -> bool:
        """Whether the speaker of a final word is still open."""
        return self._first_open < len(self.words)

    def turns(self, start: float = 0.0) -> tuple[Turn, ...]:
        """Turns that end behind `start`."""
        return () if self._stream is None else self._stream.turns(start)

    def feed(self, samples: Samples, *, speech_until: float) -> bool:
        """Hears more sound; whether more is known than before."""
        return self._stream is not None and self._stream.feed(samples, speech_until=speech_until)

    def settle(self) -> None:
        """Nothing more comes."""
        if self._stream is not None:
            self._stream.settle()

    def add(self, words: Sequence[Word], provisional: Sequence[Word], *, utterance: int) -> tuple[LiveWord, ...]:
        """Takes up words that are final, with their speakers as they seem to be."""
        first = len(self.words)
        # Without a diarizer there is nothing that could change.
        self.words += [LiveWord(first + i, word, self._stream is None, utterance) for i, word in enumerate(words)]
        if self._stream is None:
            self._first_open = len(self.words)
        self._label(provisional)
        new = tuple(self.words[first:])
        self._remember(new)
        return new

    def update(self, provisional: Sequence[Word]) -> tuple[LiveWord, ...]:
        """The words whose speaker has changed, or is final from now on."""
        self._label(provisional)
        now = (self.words[number] for number in sorted(self._told))
        changed = tuple(item for item in now if self._told[item.number] != (item.word.speaker, item.is_settled))
        self._remember(changed)
        return changed

    def _remember(self, words: Sequence[LiveWord]) -> None:
        """What was told of words that may still change."""
        for item in words:
            if item.is_settled:
                self._told.pop(item.number, None)
            else:
                self._told[item.number] = (item.word.speaker, item.is_settled)

    def label_provisional(self, provisional: Sequence[Word]) -> tuple[Word, ...]:
        """Provisional words with the speakers that they seem to have."""
        if self._stream is None or not provisional:
            return tuple(provisional)
        return self._align(provisional[:0], provisional)

    def _label(self, provisional: Sequence[Word]) -> None:
        """Labels the words that are open; those before `settled` are final from now on, in their order."""
        if self._stream is None or not self.is_waiting:
            return
        open_words = [item.word for item in self.words[self._first_open :]]
        found = self._align(open_words, provisional)
        settled = self._stream.settled
        for number, word in enumerate(found, self._first_open):
            # One after another: whoever reads on must not meet an open word before a final one.
            is_settled = word.end <= settled and number == self._first_open
            self.words[number] = replace(self.words[number], word=word, is_settled=is_settled)
            self._first_open += is_settled

    def _align(self, words: Sequence[Word], provisional: Sequence[Word]) -> tuple[Word, ...]:
        """`words`, or else `provisional`, with speakers, by all that stands around them."""
        before = [item.word for item in self.words[max(0, self._first_open - _AROUND_WORDS) : self._first_open]]
        if not words:
            before = [item.word for item in self.words[-_AROUND_WORDS:]]
        every = [*before, *words, *provisional]
        turns = self.turns(every[0].start - _AROUND_S)
        if not turns:
            wanted = words or provisional
            return tuple(replace(word, speaker=None, speaker_confidence=None) for word in wanted)
        aligned = align(every, turns)
        first = len(before)
        return aligned[first : first + (len(words) or len(provisional))]
