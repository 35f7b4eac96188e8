"""What a live transcription tells while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whisperdiar.types import Word


@dataclass(frozen=True, slots=True)
class LiveWord:
    """A word whose text and time are final.

    Attributes:
        number: its place among all final words, counted from 0; it never changes.
        word: with the speaker as far as that is known.
        is_settled: whether its speaker is final as well.
        utterance: number of the utterance that it belongs to, counted from 0.
    """

    number: int
    word: Word
    is_settled: bool
    utterance: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance begins at `time`, in seconds of the stream."""

    time: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance has ended at `time`; all its words are final."""

    time: float


@dataclass(frozen=True, slots=True)
class WordsHeard:
    """The text has grown or changed.

    Attributes:
        final: words that are final from now on, behind all final ones before.
        provisional: what is heard behind them; it replaces all provisional words before.
        heard_until: seconds of the stream up to which the recogniser has listened.
        utterance: number of the utterance.
    """

    final: tuple[LiveWord, ...]
    provisional: tuple[Word, ...]
    heard_until: float
    utterance: int


@dataclass(frozen=True, slots=True)
class SpeakersHeard:
    """Final words, with their speakers as they are known now.

    Attributes:
        words: those whose speaker has changed, or is final from now on.
    """

    words: tuple[LiveWord, ...]


@dataclass(frozen=True, slots=True)
class SpeakerNamed:
    """The voice of a speaker is that of a known person.

    Attributes:
        speaker: label, such as ``SPEAKER_00``; it stays.
        name: of the person.
        probability: 0 to 1.
    """

    speaker: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class LanguageHeard:
    """The language that is spoken is known from now on.

    Attributes:
        language: ISO 639-1 code.
        probability: 0 to 1.
    """

    language: str
    probability: float


LiveEvent = SpeechStarted | SpeechEnded | WordsHeard | SpeakersHeard | SpeakerNamed | LanguageHeard

Names = Mapping[str, str]
"""Speaker label → name."""
