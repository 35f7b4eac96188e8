"""No diarizer: nobody is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.options import NoSettings
from whisperdiar.text.messages import _
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendInfo, Diarization, Span, SpeakerCount


class Backend(BaseBackend[NoSettings]):
    """Finds no turns, so that a transcript has no speakers."""

    name: ClassVar[str] = "none"
    info: ClassVar[BackendInfo] = BackendInfo(summary="a transcript without speakers", licence="MIT")
    settings_type: ClassVar[type] = NoSettings

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
        notes = (
            () if speakers == ANY_SPEAKERS else (_("{request}, and no diarizer").format(request=speakers.describe()),)
        )
        return Diarization(audio.recording_id, (), notes)
