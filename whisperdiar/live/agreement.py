"""LocalAgreement-2: of successive hypotheses about speech that goes on, the words on which two agree are final. Pure.

A recogniser hears the same speech again with more behind it. What two hypotheses in a row have in common from their
beginning stays; the rest is provisional, and is replaced by the next hypothesis.

Source: Liu et al., "Low-latency sequence-to-sequence speech recognition and translation by partial hypothesis
selection", Interspeech 2020; Macháček et al., "Turning Whisper into real-time transcription system", IJCNLP 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whisperdiar.types import Span, Word

_JITTER_S = 0.1
"""Of the time of one word in two hypotheses."""
_LONGEST_ECHO = 5
"""Words at the beginning of a hypothesis that may be said to be final already."""
_ECHO_S = 1.0
"""How far behind the last final word such an echo may begin."""


class Agreement:
    """The words of a stream: those that are final, and those that may change.

    Attributes:
        provisional: what the last hypothesis has behind the final words.
        until: end of the last final word, in seconds; 0 before there is one.
    """

    def __init__(self) -> None:
        self.provisional: tuple[Word, ...] = ()
        self.until = 0.0
        self._final: list[str] = []
        self._starts: list[float] = []

    def insert(self, hypothesis: Sequence[Word], *, start: float) -> tuple[Word, ...]:
        """The words that are final by this hypothesis and by the one before.

        Args:
            hypothesis: words in order, in seconds of the stream.
            start: of the sound that it was made of.
        """
        new = self._remove_final(hypothesis, start)
        n_agreed = 0
        for before, now in zip(self.provisional, new, strict=False):
            if fold(before.text) != fold(now.text):
                break
            n_agreed += 1
        self.provisional = new[n_agreed:]
        return self._finish(new[:n_agreed])

    def close(self, hypothesis: Sequence[Word] | None = None, *, start: float = 0.0) -> tuple[Word, ...]:
        """The utterance has ended: all words of this hypothesis are final; None for those that are provisional."""
        new = self.provisional if hypothesis is None else self._remove_final(hypothesis, start)
        self.provisional = ()
        return self._finish(new)

    def _finish(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The same words, none of which begins before the one before it has ended."""
        found = []
        for word in words:
            begin = max(word.start, self.until)
            placed = word if begin == word.start else replace(word, span=Span(begin, max(begin, word.end)))
            self.until = placed.end
            found.append(placed)
        self._final = [*self._final, *(fold(word.text) for word in found)][-200:]
        self._starts = [*self._starts, *(word.start for word in found)][-200:]
        return tuple(found)

    def _remove_final(self, hypothesis: Sequence[Word], start: float) -> tuple[Word, ...]:
        """What a hypothesis has behind the final words: it hears those again that lie in its sound."""
        texts = [fold(word.text) for word in hypothesis]
        inside = [text for text, at in zip(self._final, self._starts, strict=True) if at >= start - _JITTER_S]
        if inside and texts[: len(inside)] == inside:
            return tuple(hypothesis[len(inside) :])
        words = [word for word in hypothesis if (word.start + word.end) / 2 > self.until]
        texts = [fold(word.text) for word in words]
        for length in range(min(_LONGEST_ECHO, len(words), len(self._final)), 0, -1):
            if texts[:length] == self._final[-length:] and words[0].start <= self.until + _ECHO_S:
                return tuple(words[length:])
        return tuple(words)


def fold(text: str) -> str:
    """What two hypotheses must have in common of a word: its letters and digits, in lower case."""
    return "".join(character for character in text.casefold() if character.isalnum()) or text.strip()
