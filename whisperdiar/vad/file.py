"""Speech regions from a file in place of a detector: RTTM, UEM, JSON, or the text form of `whisperdiar vad`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from whisperdiar.contracts import LoadingBackend, Progress, no_progress
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import speech
from whisperdiar.options import FileSettings
from whisperdiar.system.files import read_text
from whisperdiar.text.messages import _, to_english
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Span, merge_spans


class Backend(LoadingBackend[FileSettings, str]):
    """Reads where somebody speaks; times in the file count from the start of the recording."""

    name: ClassVar[str] = "file"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="speech regions from a file (--speech FILE)", licence="MIT", streaming=False
    )
    settings_type: ClassVar[type] = FileSettings

    def _load(self, progress: Progress) -> str:  # noqa: ARG002 - nothing is fetched
        if not self.settings.path:
            raise InvalidOption(_("speech regions from a file: name it with --speech FILE"))
        return read_text(Path(self.settings.path))

    def record(self) -> BackendRecord:
        return BackendRecord(self.name, model=Path(self.settings.path).name)

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """The file's regions that lie in the audio.

        Raises:
            FormatError: the file cannot be read, or is of another recording.
        """
        text = self._require()
        try:
            regions = speech.loads(
                text,
                suffix=Path(self.settings.path).suffix,
                recording_id=self.settings.recording or audio.recording_id,
            )
        except FormatError as error:
            other = "no recording" in to_english(str(error)) and not self.settings.recording
            hint = _("; say which one with --vad-option recording=NAME") if other else ""
            raise FormatError(f"{self.settings.path}: {error}{hint}") from error
        if regions and regions[0].start >= audio.start + audio.duration + speech.SLACK:
            raise FormatError(
                _("{path}: its speech begins after this recording ends; is it another's?").format(
                    path=self.settings.path
                )
            )
        inside = (span.shift(-audio.start).clip(0.0, audio.duration) for span in regions)
        progress("vad", 1.0)
        return merge_spans(span for span in inside if span is not None)
