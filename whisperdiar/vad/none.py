"""No detector: all of the recording counts as speech."""

from __future__ import annotations

from typing import ClassVar

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.options import NoSettings, Runtime
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Span


class Backend:
    """Treats the whole audio as speech."""

    name: ClassVar[str] = "none"
    info: ClassVar[BackendInfo] = BackendInfo(summary="everything counts as speech", licence="MIT")
    settings_type: ClassVar[type] = NoSettings

    def __init__(self, settings: NoSettings | None = None, *, runtime: Runtime | None = None) -> None:
        self.settings = settings or NoSettings()
        self.runtime = runtime or Runtime()

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Nothing is needed."""

    def record(self) -> BackendRecord:
        return BackendRecord(self.name)

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        progress("vad", 1.0)
        return (Span(0.0, audio.duration),) if audio.duration > 0 else ()
