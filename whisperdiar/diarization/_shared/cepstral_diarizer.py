"""Diarizers that hear cepstra and nothing else: one speaker at a time, by what the recording itself tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.diarization._shared.features import CepstrumSettings, FrameGrid, mfcc
from whisperdiar.diarization._shared.gaussians import Features
from whisperdiar.diarization._shared.speech_frames import Labels, SpeechFrames, speakers_by_appearance
from whisperdiar.text.messages import _
from whisperdiar.types import ANY_SPEAKERS, ActivityValues, Audio, Diarization, Span, SpeakerActivity, SpeakerCount

_GRID = FrameGrid()


class CepstralSettings(Protocol):
    """Settings of such a diarizer.

    Attributes:
        coefficients: mel cepstral coefficients, the energy counted.
    """

    @property
    def coefficients(self) -> int: ...


SettingsT = TypeVar("SettingsT", bound=CepstralSettings)


class CepstralDiarizer(BaseBackend[SettingsT]):
    """Diarizer base class: cepstra of the speech → a label for each frame → turns and likelihoods."""

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount = ANY_SPEAKERS,
        progress: Progress = no_progress,
    ) -> Diarization:
        """One speaker at a time throughout `speech`; a note where there is too little speech for `speakers`.

        The activity is the log-likelihood of each frame of 0.01 s for each speaker's mixture, less that of the best
        one, as the last decoding has it; there is none where nothing was decoded.
        """
        progress("diarization", 0.0)
        n_frames = _GRID.count(audio)
        frames = SpeechFrames.of(speech, audio, hop=_GRID.hop, n_frames=n_frames)
        labels, activity = np.empty(0, dtype=np.int64), None
        if len(frames):
            settings = CepstrumSettings(coefficients=self._n_coefficients)
            cepstra = mfcc(audio, settings=settings, grid=_GRID, threads=self.runtime.threads, numbers=frames.numbers)
            progress("diarization", 0.3)
            labels, values = self._label(cepstra, frames, n_frames, speakers, progress)
            if values is not None:
                names = speakers_by_appearance(labels, values.shape[1])
                activity = SpeakerActivity(values, names, _GRID.hop, kind="likelihood")
        found = int(labels.max()) + 1 if len(labels) else 0
        notes = []
        if not speakers.allows(found):
            notes.append(
                _("{request}, but there is only enough speech to tell {found} apart").format(
                    request=speakers.describe(), found=found
                )
            )
        progress("diarization", 1.0)
        return Diarization(audio.recording_id, frames.turns(labels), tuple(notes), activity=activity)

    @property
    def _n_coefficients(self) -> int:
        """Mel cepstral coefficients that `_label` needs, the energy counted."""
        return self.settings.coefficients

    def _label(
        self, cepstra: Features, frames: SpeechFrames, n_frames: int, speakers: SpeakerCount, progress: Progress
    ) -> tuple[Labels, ActivityValues | None]:
        """Speaker of each place, int64 (n_places,), and the likelihood of each frame for each speaker.

        Args:
            cepstra: float32 (n_places, n_coefficients) of the speech, which may be overwritten.
            frames: the places.
            n_frames: of the recording.
            speakers: how many may be found.
            progress: hears of the rest, from 0.3 on.
        """
        raise NotImplementedError
