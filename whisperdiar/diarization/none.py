"""No diarizer: a transcript without speakers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.options import NoSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendInfo, BackendRecord, Diarization, Span, SpeakerCount


class Backend:
    """Knows no speakers."""

    name: ClassVar[str] = "none"
    info: ClassVar[BackendInfo] = BackendInfo(summary="no speakers at all", licence="MIT")
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
        speech: Sequence[Span] = (),  # noqa: ARG002 - the contract's signature
        speakers: SpeakerCount = ANY_SPEAKERS,  # noqa: ARG002
        progress: Progress = no_progress,
    ) -> Diarization:
        progress("diarization", 1.0)
        return Diarization(audio.recording_id)
