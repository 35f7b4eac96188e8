"""Endpointing: where utterances begin and end in a stream, from the probabilities of a detector. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.contracts import SpeechStream
from whisperdiar.types import Samples, Span

_LEAST_SPEECH_S = 0.1
"""Shorter sounds begin no utterance."""
_PADDING_S = 0.3
"""Kept in front of an utterance: its first sound is faint."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An utterance has begun or ended at `time`, in seconds of the stream."""

    time: float
    is_end: bool


class Endpoints:
    """The utterances of a stream.

    Attributes:
        open_since: where the utterance that goes on begins; None in silence.
        speech_until: end of the last window with speech, in seconds.
    """

    def __init__(self, stream: SpeechStream, *, end_silence: float) -> None:
        self._stream, self._end_silence = stream, end_silence
        self._time = 0.0
        self._n_windows = 0
        self._begun: float | None = None
        self._ended = 0.0
        self.open_since: float | None = None
        self.speech_until = 0.0

    def feed(self, samples: Samples) -> list[Endpoint]:
        """Beginnings and ends that are known by now, in order."""
        found = []
        for probability in self._stream.feed(samples):
            start = self._n_windows * self._stream.step
            self._n_windows += 1
            end = self._n_windows * self._stream.step
            if self.open_since is None:
                if probability < self._stream.onset:
                    self._begun = None
                    continue
                self._begun = start if self._begun is None else self._begun
                if end - self._begun >= _LEAST_SPEECH_S:
                    self.open_since, self.speech_until = max(self._ended, self._begun - _PADDING_S), end
                    found.append(Endpoint(self.open_since, False))
            elif probability >= self._stream.offset:
                self.speech_until = end
            elif end - self.speech_until >= self._end_silence:
                found.append(self._close())
        return found

    def finish(self) -> list[Endpoint]:
        """The stream ends."""
        return [] if self.open_since is None else [self._close()]

    def _close(self) -> Endpoint:
        self._ended, self.open_since, self._begun = self.speech_until, None, None
        return Endpoint(self._ended, True)

    def spoken(self, start: float, end: float) -> Span | None:
        """The part of the open utterance in a stretch of time."""
        return None if self.open_since is None else Span(self.open_since, self.speech_until).clip(start, end)
