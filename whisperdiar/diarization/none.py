"""No diarizer: nobody is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.options import NoSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendInfo, BackendRecord, Diarization, Span, SpeakerCount


class Backend:
    """Finds no turns, so that a transcript has no speakers."""

    name: ClassVar[str] = "none"
    info: ClassVar[BackendInfo] = BackendInfo(summary="a transcript without speakers", licence="MIT")
    settings_type: ClassVar[type] = NoSettings

    def __init__(self, settings: NoSettings | None = None, *, runtime: Runtime | None = None) -> None:
        self.settings = settings or NoSettings()
        self.runtime = runtime or Runtime()

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Nothing is needed."""

    def record(self) -> BackendRecord:
        return BackendRecord(self.name)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount = ANY_SPEAKERS,
        progress: Progress = no_progress,
    ) -> Diarization:
        """No turns; a note where a number of speakers was asked for."""
        del speech
        progress("diarization", 1.0)
        notes = () if speakers == ANY_SPEAKERS else (f"{speakers} speakers were asked for, and no diarizer",)
        return Diarization(audio.recording_id, (), notes)
