"""Diarization by the ALIZÉ toolkit (LIA_RAL's LIA_SpkSeg): the user's own programs, and SPro for the features.

The toolkit is LGPL-3 and is not shipped; `ehmm` is this project's own way to search from the top down. It is given the
detected speech, segments it by an evolutive hidden Markov model, and segments it again with models adapted from the
recording's own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
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
    write_raw,
)
from whisperdiar.errors import BackendError, BackendMissing, FormatError
from whisperdiar.formats import lbl
from whisperdiar.options import WriteOptions
from whisperdiar.options.toolkits import AlizeSettings
from whisperdiar.system.files import read_text, write_text
from whisperdiar.text.messages import _, mark
from whisperdiar.transcript import Transcript
from whisperdiar.types import (
    ANY_SPEAKERS,
    Audio,
    BackendInfo,
    BackendRecord,
    Diarization,
    Span,
    SpeakerCount,
    Turn,
    merge_spans,
)

_SEGMENTATION, _RESEGMENTATION, _FEATURES = "Segmentation", "ReSegmentation", "sfbcep"
_CEPSTRA = 20

_COMMON: Mapping[str, str] = {
    "distribType": "GD",
    "loadFeatureFileFormat": "SPRO4",
    "loadFeatureFileExtension": ".prm",
    "featureServerBufferSize": "ALL_FEATURES",
    "featureServerMask": f"0-{_CEPSTRA}",
    "vectSize": str(_CEPSTRA + 1),
    "frameLength": "0.01",
    "sampleRate": "100",
    "bigEndian": "false",
    "loadMixtureFileFormat": "RAW",
    "loadMixtureFileExtension": ".gmm",
    "saveMixtureFileFormat": "RAW",
    "saveMixtureFileExtension": ".gmm",
    "saveSegServerFileFormat": "RAW",
    "maxLLK": "200",
    "minLLK": "-200",
    "baggedFrameProbabilityInit": "1",
    "baggedFrameProbability": "1",
    "initVarianceFlooring": "0",
    "initVarianceCeiling": "10",
    "finalVarianceFlooring": "0",
    "finalVarianceCeiling": "10",
    "MAPAlgo": "MAPOccDep",
    "meanAdapt": "true",
    "varAdapt": "false",
    "weightAdapt": "false",
    "testAlgo": "Viterbi",
    "transitionMethod": "RapConst",
    "fudge": "1",
    "viterbiBufferLength": "30",
    "decodingEpsilon": "5",
}
_PROGRAMS: Mapping[str, Mapping[str, str]] = {
    _SEGMENTATION: {
        "trainAlgo": "EM",
        "mixtureDistribCount": "16",
        "nbTrainIt": "3",
        "gammaTransition": "9",
        "selectionMethod": "longestLimitedLengthSegmentFound",
        "selectionLength": "600",
        "limitedLength": "600",
        "speakerMinTime": "600",
        "iterationNb": "10",
    },
    _RESEGMENTATION: {
        "trainAlgo": "MAP",
        "mixtureDistribCount": "128",
        "nbTrainIt": "10",
        "MAPRegFactorMean": "16",
        "gammaTransition": "1.5",  # of two speakers each stays with probability 0.6, as published; of more with less
        "speakerMinTime": "800",
        "iterationNb": "20",
        "loadWorldFromExternalFile": "false",
        "loadSegmentationExtension": ".lbl",
    },
}
"""Published values of the method, under the names that the programs ask for."""


class Backend(BaseBackend[AlizeSettings]):
    """Runs ALIZÉ's segmentation and resegmentation on the detected speech."""

    name: ClassVar[str] = "alize"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="ALIZÉ's LIA_SpkSeg, your own programs and SPro (--alize-bin)",
        licence=mark("LGPL-3.0 (the toolkit, which is not shipped)"),
        homepage="https://alize.univ-avignon.fr",
        caution="one speaker at a time",
    )
    settings_type: ClassVar[type] = AlizeSettings
    runs_programs: ClassVar[bool] = True
    """Whether they are here is found out by looking for them, which takes no time."""

    def prepare(self, *, progress: Progress = no_progress) -> None:  # noqa: ARG002 - nothing is fetched
        """Find the programs and the settings.

        Raises:
            BackendMissing: one of them is not here.
        """
        for program in self._steps():
            self._find(program)
        self._find_features()
        for program in self._steps():
            self._config(program, Path())

    def _steps(self) -> tuple[str, ...]:
        return (_SEGMENTATION, _RESEGMENTATION)[: 2 if self.settings.resegmentation else 1]

    def _find(self, program: str) -> str:
        return find_program(
            program, self._folder(), remedy=_("give the folder of ALIZÉ's programs with --alize-bin DIR")
        )

    def _find_features(self) -> str:
        remedy = _("ALIZÉ needs SPro: build it, and put sfbcep beside ALIZÉ's programs or on PATH")
        try:
            return find_program(_FEATURES, self._folder(), remedy=remedy)
        except BackendMissing:
            return find_program(_FEATURES, "", remedy=remedy)

    def _folder(self) -> str:
        return os.path.abspath(os.path.expanduser(self.settings.bin)) if self.settings.bin else ""

    def _config(self, program: str, folder: Path) -> Path:
        """The settings of a program: the user's file, or the published values in one of the folder."""
        if self.settings.config:
            own = Path(self.settings.config).expanduser().absolute() / f"{program}.cfg"
            if not os.path.isfile(own):
                raise BackendMissing(
                    _("{file}: there is no such file; give the folder of ALIZÉ's .cfg files").format(file=own)
                )
            return own
        return folder / f"{program}.cfg"

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
        """One speaker at a time within `speech`; a warning where the number that was asked for is another one.

        Raises:
            BackendMissing: a program is not here.
            BackendError: one failed, took too long, or wrote what cannot be read.
        """
        regions = merge_spans(speech)
        if not regions:
            return Diarization(audio.recording_id)
        limit = time_limit(self.settings.time_limit, audio)
        turns: tuple[Turn, ...] = ()
        progress("diarization", 0.0)
        with tempfile.TemporaryDirectory(prefix="whisperdiar-") as made:
            folder = Path(made)
            for part in ("features", "labels", *self._steps()):
                (folder / part).mkdir()
            write_raw(audio, folder / f"{NAME}.raw")
            write_text(folder / "labels" / f"{NAME}.lbl", _speech_labels(regions))
            write_text(folder / "files.lst", f"{NAME}\n")
            features = [self._find_features(), "-F", "PCM16", "-f", str(audio.sample_rate), "-p", str(_CEPSTRA), "-e"]
            run_program([*features, f"{NAME}.raw", f"features/{NAME}.prm"], folder=folder, limit_s=limit)
            labels = "labels"
            for index, program in enumerate(self._steps(), start=1):
                progress("diarization", index / (len(self._steps()) + 1))
                turns = self._run(program, folder, labels=labels, limit_s=limit)
                labels = program
        progress("diarization", 1.0)
        return to_diarization(turns, audio, regions, speakers, name="ALIZÉ")

    def _run(self, program: str, folder: Path, *, labels: str, limit_s: float) -> tuple[Turn, ...]:
        config = self._config(program, folder)
        if not self.settings.config:
            write_text(config, "".join(f"{key} {value}\n" for key, value in {**_COMMON, **_PROGRAMS[program]}.items()))
        paths = {
            "--config": os.fspath(config),
            "--listFileToSegment": "files.lst",
            "--featureFilesPath": "features/",
            "--mixtureFilesPath": f"{program}/",
            "--labelFilesPath": f"{labels}/",
            "--labelFilesExtension": ".lbl",
            "--outputFilesPath": f"{program}/",
        }
        command = [self._find(program), *(item for pair in paths.items() for item in pair)]
        said = run_program(command, folder=folder, limit_s=limit_s)
        written = folder / program / f"{NAME}.lbl"
        if not written.is_file():  # the programs print what is wrong and end with status 0
            raise BackendError(_("{program} wrote nothing: {said}").format(program=program, said=last_line(said)))
        try:
            return lbl.read(read_text(written)).turns
        except FormatError as error:
            raise BackendError(
                _("the result of {name} cannot be read: {error}").format(name=program, error=error)
            ) from error


def _speech_labels(regions: Sequence[Span]) -> str:
    turns = tuple(Turn(region, "speech") for region in regions)
    return lbl.dumps(Transcript(NAME, regions[-1].end, turns=turns), options=WriteOptions())
