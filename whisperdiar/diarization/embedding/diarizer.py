"""Embedding diarizer: clusters speaker embeddings, whichever encoder makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from whisperdiar.contracts import LoadingBackend, Progress, no_progress
from whisperdiar.diarization._shared.speech_frames import speakers_by_appearance
from whisperdiar.diarization.embedding.clustering import ClusteringRule, cluster
from whisperdiar.diarization.embedding.encoders import open_encoder
from whisperdiar.diarization.embedding.resegmentation import (
    HOP,
    VoiceSimilarity,
    assign_frames,
    count_frames,
    frames_of,
)
from whisperdiar.diarization.embedding.windows import (
    RememberingEncoder,
    SpeakerEncoder,
    WindowEmbeddings,
    embed_windows,
)
from whisperdiar.errors import UnsupportedRequest
from whisperdiar.options.embedding import EmbeddingSettings
from whisperdiar.text.messages import _
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendRecord, Diarization, Span, SpeakerActivity, SpeakerCount

_LISTENING = 0.9  # of the time


class EmbeddingDiarizer(LoadingBackend[EmbeddingSettings, SpeakerEncoder]):
    """Windows of speech → embeddings → clusters → turns; what the diarizers ``embedding`` and ``ecapa`` share."""

    _refused: Mapping[str, str] | None = None

    def _load(self, progress: Progress) -> SpeakerEncoder:
        """Find the embedding's files, import its library, load the network.

        Raises:
            BackendMissing, BackendBroken: the library or a file cannot be used.
            ModelUnavailable: a file is not here and cannot be fetched; gated ones need the variable HF_TOKEN.
        """
        settings = self.settings
        encoder, self._refused = open_encoder(
            settings.embedding, settings.embedding_model, self.runtime, progress=progress
        )
        return encoder

    def release(self) -> None:
        if self._loaded is not None:
            self._loaded.close()
        super().release()

    def record(self) -> BackendRecord:
        details: dict[str, Any] = {}
        if self._loaded is not None:
            details = {"embedding": self._loaded.name, "device": self._loaded.device, "clustering": self._method}
            if self._refused:
                details["refused"] = dict(self._refused)
        model = self._loaded.source if self._loaded is not None else self.settings.embedding_model
        return BackendRecord(self.name, model=model, details=details)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount = ANY_SPEAKERS,
        progress: Progress = no_progress,
    ) -> Diarization:
        """One speaker at a time throughout `speech`; a note where there is too little speech for `speakers`.

        The activity is the similarity of the sound to each voice, every 0.1 s, between windows interpolated.

        Raises:
            UnsupportedRequest: the audio has another sample rate than the embedding.
            BackendError: out of memory.
        """
        progress("diarization", 0.0)
        frames = frames_of(speech, audio)
        if not frames.regions:
            return Diarization(audio.recording_id)
        encoder = self._require(progress)
        if audio.sample_rate != encoder.sample_rate:
            raise UnsupportedRequest(
                _("{rate} Hz: the embedding {encoder} needs {needed} Hz audio").format(
                    rate=audio.sample_rate, encoder=encoder.name, needed=encoder.sample_rate
                )
            )
        step = min(self.settings.step or encoder.step, self.settings.window)
        voices = embed_windows(
            audio,
            frames.regions,
            encoder=encoder,
            window=self.settings.window,
            step=step,
            batch_size=self.settings.batch_size,
            progress=lambda stage, fraction: progress(stage, _LISTENING * fraction),
        )
        spread = self._spread(encoder, voices)
        heard = voices.embeddings[voices.heard]
        if not len(heard):  # a detector took silence for speech
            progress("diarization", 1.0)
            return Diarization(audio.recording_id)
        labels = cluster(heard, rule=self._rule(spread, step, len(heard)), speakers=self._bounds(speakers))
        likeness = VoiceSimilarity.of(frames, voices, labels)
        shared = np.zeros(len(frames), dtype=np.int64)
        if likeness.n_voices > 1:
            penalty, minimum = self.settings.change_penalty, speakers.minimum or 1
            shared = assign_frames(likeness, spread=spread, penalty=penalty, at_least=minimum)
        names = speakers_by_appearance(shared, likeness.n_voices)
        activity = SpeakerActivity(likeness.of_recording(count_frames(audio)), names, HOP, kind="similarity")
        progress("diarization", 1.0)
        found = len(set(filter(None, names)))
        notes = []
        if not speakers.allows(found):
            notes.append(
                _("{request}, but there is only enough speech to tell {found} apart").format(
                    request=speakers.describe(), found=found
                )
            )
        return Diarization(audio.recording_id, frames.turns(shared), tuple(notes), activity=activity)

    def remember(self) -> None:
        encoder = self._require()
        if not isinstance(encoder, RememberingEncoder):
            self._loaded = RememberingEncoder(encoder)

    @property
    def _method(self) -> str:
        return "agglomerative" if self.settings.clustering == "auto" else self.settings.clustering

    def _bounds(self, speakers: SpeakerCount) -> SpeakerCount:
        if speakers.maximum is not None or self.settings.max_speakers is None:
            return speakers
        return SpeakerCount(speakers.minimum, max(speakers.minimum or 1, self.settings.max_speakers))

    def _spread(self, encoder: SpeakerEncoder, voices: WindowEmbeddings) -> float:
        """Of the embedding where it is known, else of this recording."""
        if encoder.spread is not None:
            return encoder.spread
        found = voices.spread(self.settings.window)
        return max(found, 1e-6) if found is not None else encoder.usual_spread

    def _rule(self, spread: float, step: float, n_windows: int) -> ClusteringRule:
        settings = self.settings
        least = max(settings.min_speech / step, settings.min_share * n_windows)
        return ClusteringRule(
            method=self._method,
            spread=spread,
            cut=settings.cut,
            threshold=settings.threshold,
            min_windows=max(1, round(least)),
            overlap=settings.window / step,
        )
