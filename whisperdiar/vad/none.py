"""No detector: all of the recording counts as speech."""

from __future__ import annotations

from typing import ClassVar

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.options import NoSettings
from whisperdiar.types import Audio, BackendInfo, Span


class Backend(BaseBackend[NoSettings]):
    """Treats the whole audio as speech."""

    name: ClassVar[str] = "none"
    info: ClassVar[BackendInfo] = BackendInfo(summary="everything counts as speech", licence="MIT")
    settings_type: ClassVar[type] = NoSettings

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        progress("vad", 1.0)
        return (Span(0.0, audio.duration),) if audio.duration > 0 else ()
