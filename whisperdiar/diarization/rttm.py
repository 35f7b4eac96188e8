"""Speaker turns from an RTTM file in place of a diarizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from whisperdiar.contracts import LoadingBackend, Progress, no_progress
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import rttm
from whisperdiar.options import FileSettings
from whisperdiar.system.files import read_text
from whisperdiar.text.messages import _, to_english
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendInfo, BackendRecord, Diarization, Span, SpeakerCount, Turn


class Backend(LoadingBackend[FileSettings, str]):
    """Reads who speaks when; times in the file count from the start of the recording, its labels are kept."""

    name: ClassVar[str] = "rttm"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="speaker turns from an RTTM file (--turns FILE)", licence="MIT", overlap=True
    )
    settings_type: ClassVar[type] = FileSettings

    def _load(self, progress: Progress) -> str:  # noqa: ARG002 - nothing is fetched
        if not self.settings.path:
            raise InvalidOption(_("speaker turns from a file: name it with --turns FILE"))
        text = read_text(Path(self.settings.path))
        try:
            rttm.loads_all(text, tolerance=rttm.TOLERANT)
        except FormatError as error:
            raise FormatError(f"{self.settings.path}: {error}") from error
        return text

    def record(self) -> BackendRecord:
        return BackendRecord(self.name, model=Path(self.settings.path).name)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span] = (),
        speakers: SpeakerCount = ANY_SPEAKERS,
        progress: Progress = no_progress,
    ) -> Diarization:
        """The file's turns that lie in the audio, also outside `speech`: whoever wrote the file knows better.

        Raises:
            FormatError: the file cannot be read, or holds several recordings and not this one.
        """
        del speech
        text = self._require()
        try:
            found = rttm.loads(
                text,
                recording_id=self.settings.recording or audio.recording_id,
                tolerance=replace(rttm.TOLERANT, other_id=not self.settings.recording),
            )
        except FormatError as error:
            other = "no recording" in to_english(str(error)) and not self.settings.recording
            hint = _("; say which one with --diarizer-option recording=NAME") if other else ""
            raise FormatError(f"{self.settings.path}: {error}{hint}") from error
        kept = [(turn, turn.span.shift(-audio.start).clip(0.0, audio.duration)) for turn in found.turns]
        turns: list[Turn] = [replace(turn, span=span) for turn, span in kept if span is not None]
        notes = []
        if not turns:
            cause = _("no turn of {path} lies in this recording") if found.turns else _("{path} holds no turns")
            notes.append(cause.format(path=self.settings.path))
        result = Diarization(audio.recording_id, tuple(turns), tuple(notes))
        if turns and not speakers.allows(len(result.speakers)):
            notes.append(
                _("{request}, {path} has {found}").format(
                    request=speakers.describe(), path=self.settings.path, found=len(result.speakers)
                )
            )
        progress("diarization", 1.0)
        return replace(result, warnings=tuple(notes))
