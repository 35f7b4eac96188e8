"""A diarizer that hears nothing: people take turns, and a pause is where the next one begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whisperdiar import Audio, Diarization, Progress, Span, SpeakerCount, Turn
from whisperdiar.contracts import BaseBackend, no_progress
from whisperdiar.errors import InvalidOption
from whisperdiar.types import BackendInfo, speaker_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings, each with a default; users set them by ``--diarizer-option people=3``.

    Attributes:
        people: how many take turns where the number of speakers is not given.
    """

    people: int = 2

    def __post_init__(self) -> None:
        if self.people < 1:
            raise InvalidOption(f"people={self.people}: give a number of 1 or more")


class Backend(BaseBackend[Settings]):
    """Diarizer by turn-taking alone."""

    name = "alternate"
    info = BackendInfo(
        summary="people take turns at every pause",
        licence="MIT",
        auto_before="last",  # where none of the others can run
        caution="it hears no voices, so speakers are guessed",
    )
    settings_type = Settings

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        progress: Progress = no_progress,
    ) -> Diarization:
        count = speakers.exact or self.settings.people
        turns = tuple(Turn(span, speaker_label(i % count)) for i, span in enumerate(speech))
        progress("diarization", 1.0)
        found = len({turn.speaker for turn in turns})
        few = (f"only {found} of {count} speakers had a turn",) if turns and found < count else ()
        return Diarization(audio.recording_id, turns, warnings=few)
