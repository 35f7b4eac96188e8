"""What each stage promises: the protocols that backends fulfil.

A backend is one class. Its constructor stores settings; `prepare` imports, fetches and loads what it needs
(and may be called again at no cost); the stage's own method calls `prepare` by itself. All times that go in
and come out count from the first sample of the audio that is passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from whisperdiar.types import Audio, BackendRecord, Diarization, Span, SpeakerCount, Transcription, Word

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the fraction of it that is done, 0 to 1."""


def no_progress(stage: str, fraction: float) -> None:
    """A `Progress` that does nothing."""


class Preparable(Protocol):
    """What all backends share."""

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Import, fetch and load what is needed; a download is reported as stage ``download``.

        Raises:
            BackendMissing: a package is not installed.
            BackendBroken: a package is installed and cannot be used.
            ModelUnavailable: weights are not at hand and cannot be fetched.
        """

    def record(self) -> BackendRecord:
        """What does the work, for the provenance of the result."""


class Reloading:
    """A backend whose copies and pickles hold its settings; what it has loaded is loaded again where it is used.

    Models live in other libraries, on a device and in threads, and most of them can be neither copied nor pickled.
    """

    settings: Any
    runtime: Any

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_anew, (type(self), self.settings, self.runtime)


def _made_anew(backend: Any, settings: Any, runtime: Any) -> Any:
    return backend(settings, runtime=runtime)


@runtime_checkable
class SpeechDetector(Preparable, Protocol):
    """Finds where somebody speaks."""

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """Sorted spans of speech inside the audio, which do not touch; empty for an audio without speech."""


@runtime_checkable
class Transcriber(Preparable, Protocol):
    """Turns speech into words with times."""

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        """Words in order of time, only from `speech`; `language` None means: detect it."""


@runtime_checkable
class Diarizer(Preparable, Protocol):
    """Tells who speaks when."""

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        progress: Progress = no_progress,
    ) -> Diarization:
        """Sorted turns inside the audio; no turns where `speech` is empty.

        `speakers` is honoured, or the result's warnings say that it could not be, or UnsupportedRequest is raised.
        The result may carry a `SpeakerActivity`, whose labels are those of the turns and whose times count as theirs.
        """


@runtime_checkable
class TextAwareDiarizer(Diarizer, Protocol):
    """A diarizer that is helped by the text: where one speaker's speech begins and ends shows in the words."""

    @property
    def wants_words(self) -> bool:
        """Whether words help it with its settings; then recognition runs first, and never beside it."""

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        words: Sequence[Word] = (),
        progress: Progress = no_progress,
    ) -> Diarization:
        """As that of `Diarizer`; `words` are those recognised, in order, or none where there is no text."""
