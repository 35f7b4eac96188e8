"""Diarization by LIUM SpkDiarization (Meignier and Merlin, 2010): the user's own jar, run by Java.

The toolkit is GPL-3 and is not shipped; `bic` is this project's own way through the same chain.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.diarization._shared.toolkit import (
    NAME,
    find_program,
    last_line,
    run_program,
    time_limit,
    to_diarization,
    write_wave,
)
from whisperdiar.errors import BackendError, BackendMissing, FormatError
from whisperdiar.formats import seg
from whisperdiar.options.toolkits import LiumSettings
from whisperdiar.system.files import read_text
from whisperdiar.text.messages import _, mark
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendInfo, BackendRecord, Diarization, Span, SpeakerCount

_PROGRAM = "fr.lium.spkDiarization.system.Diarization"


class Backend(BaseBackend[LiumSettings]):
    """Runs LIUM's whole chain on the recording, and keeps of its turns what lies in speech."""

    name: ClassVar[str] = "lium"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="LIUM SpkDiarization, your own jar run by Java (--lium-jar)",
        licence=mark("GPL-3.0 (the toolkit, which is not shipped)"),
        homepage="https://projets-lium.univ-lemans.fr/spkdiarization/",
        caution="one speaker at a time",
    )
    settings_type: ClassVar[type] = LiumSettings
    runs_programs: ClassVar[bool] = True
    """Whether they are here is found out by looking for them, which takes no time."""

    def prepare(self, *, progress: Progress = no_progress) -> None:  # noqa: ARG002 - nothing is fetched
        """Find Java and the jar.

        Raises:
            BackendMissing: one of them is not here.
        """
        self._java()
        self._jar()

    def _java(self) -> str:
        java = Path(self.settings.java)
        folder = os.fspath(java.parent) if java.parent != Path() else ""
        return find_program(
            java.name, folder, remedy=_("LIUM needs Java: install a JRE (Debian: apt install default-jre)")
        )

    def _jar(self) -> Path:
        if self.settings.jar:
            jar = Path(self.settings.jar).expanduser()
            if not os.path.isfile(jar):
                raise BackendMissing(_("{jar}: there is no such file; give LIUM's jar with --lium-jar").format(jar=jar))
            return jar.absolute()
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            if folder:
                found = sorted(item for item in Path(folder).glob("*.jar") if item.name.lower().startswith("lium"))
                if found:
                    return found[-1].absolute()
        raise BackendMissing(_("LIUM's jar is not known; give LIUM_SpkDiarization-….jar with --lium-jar PATH"))

    def record(self) -> BackendRecord:
        try:
            return BackendRecord(self.name, model=self._jar().name)
        except BackendMissing:
            return BackendRecord(self.name)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount = ANY_SPEAKERS,
        progress: Progress = no_progress,
    ) -> Diarization:
        """One speaker at a time within `speech`; a warning where the number that was asked for is another one.

        Raises:
            BackendMissing: Java or the jar is not here.
            BackendError: LIUM failed, took too long, or wrote what cannot be read.
        """
        if not speech:
            return Diarization(audio.recording_id)
        java, jar, settings = self._java(), self._jar(), self.settings
        progress("diarization", 0.0)
        with tempfile.TemporaryDirectory(prefix="whisperdiar-") as made:
            folder = Path(made)
            write_wave(audio, folder / f"{NAME}.wav")
            command = [java, f"-Xmx{settings.memory_mb}m", "-cp", os.fspath(jar), _PROGRAM]
            command += ["--fInputMask=%s.wav", "--sOutputMask=%s.seg"]
            command += ["--doCEClustering"] if settings.clustering == "clr" else []
            said = run_program([*command, NAME], folder=folder, limit_s=time_limit(settings.time_limit, audio))
            written = folder / f"{NAME}.seg"
            if not written.is_file():
                raise BackendError(_("{program} wrote nothing: {said}").format(program="LIUM", said=last_line(said)))
            try:
                turns = seg.read(read_text(written), recording_id=NAME).turns
            except FormatError as error:
                raise BackendError(
                    _("the result of {name} cannot be read: {error}").format(name="LIUM", error=error)
                ) from error
        progress("diarization", 1.0)
        return to_diarization(turns, audio, speech, speakers, name="LIUM")
