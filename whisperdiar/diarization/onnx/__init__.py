"""Neural diarization without PyTorch and without an access token, on the networks of pyannote's pipeline 3.1.

Windows of 10 s are segmented into local speakers. Then the text, where it is at hand, tells where one speaker's speech
begins and ends: its stretches are embedded and clustered, each with what the windows hear of it and its neighbours
(`stretch_diarization`). Without words the speech is cut where it pauses and where the windows hear somebody else.

``exact`` is pyannote's own way, "speaker-diarization-3.1": each local speaker of each window is embedded from the
frames in which nobody else talks; the embeddings are clustered; and what the windows say of each cluster is added up,
for as many speakers at a time as the windows count. Windows, parameters and rules are those of pyannote.audio, and with
the same weights the result is the same. What differs is the work: the embedding network sees every window once rather
than once for each speaker.

Source: Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe", Interspeech 2023;
Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import LoadingBackend, Progress, check_sample_rate, no_progress
from whisperdiar.diarization._shared import onnx_embedding
from whisperdiar.diarization._shared import plda as _plda
from whisperdiar.diarization._shared.onnx_embedding import FrameEncoder
from whisperdiar.diarization._shared.plda import Plda
from whisperdiar.diarization._shared.windows import (
    NOBODY,
    Counts,
    Scores,
    WindowGrid,
    activations,
    count_speakers,
    find_active_spans,
    mean_activations,
    select_speaking,
    speaker_activity,
)
from whisperdiar.diarization.onnx import agglomerative, local_embeddings, shared_frames, stretch_diarization, vbx
from whisperdiar.diarization.onnx import segmentation as _onnx_segmentation
from whisperdiar.diarization.onnx.online import OnlineDiarization
from whisperdiar.diarization.onnx.segmentation import Segmentation
from whisperdiar.errors import InvalidOption
from whisperdiar.frameworks.torch import require
from whisperdiar.options import OnnxSettings
from whisperdiar.options.onnx import CAMPPLUS, EXACT_CLUSTER, EXACT_LINKAGE, STRETCH_THRESHOLD, VBX, VBX_FA, VBX_FB
from whisperdiar.text.messages import _, mark
from whisperdiar.types import (
    ANY_SPEAKERS,
    ActivityValues,
    Audio,
    BackendInfo,
    BackendRecord,
    Diarization,
    Span,
    SpeakerCount,
    Turn,
    Word,
    speaker_label,
)

_SEGMENTED = {False: 0.1, True: 0.4}
"""The fraction of the work that is done when the windows are segmented, on a CPU: where every window is embedded, and
where every second of speech is embedded once."""
_EMBEDDED = 0.97
_BATCH = {"cpu": 4, "cuda": 32}
"""Windows embedded at once, for each thread."""
_MIN_ACTIVE_SHARE = 0.2
"""Of a window that a local speaker must fill, alone, to take part in the clustering."""


class Backend(LoadingBackend[OnnxSettings, tuple[Segmentation, FrameEncoder]]):
    """Neural diarization by ONNX Runtime alone; reports overlapped speech.

    It looks for speech by itself: cut audio would spoil it, so `speech` only says whether there is any.
    """

    name: ClassVar[str] = "onnx"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="pyannote's segmentation and CAM++ in ONNX Runtime, helped by the text: no PyTorch, no token",
        licence=mark("segmentation MIT, embedding Apache-2.0"),
        network=True,
        download_mb=34,
        overlap=True,
        homepage="https://huggingface.co/pyannote/speaker-diarization-3.1",
        repositories=(_onnx_segmentation.REPOSITORY, CAMPPLUS),
        requires=("onnxruntime", "onnx", "kaldi_native_fbank"),
        activity="posterior",
    )
    settings_type: ClassVar[type] = OnnxSettings

    _plda: Plda | None = None

    @property
    def wants_words(self) -> bool:
        return not self.settings.exact

    def _load(self, progress: Progress) -> tuple[Segmentation, FrameEncoder]:
        """Find the two models, fetch them where that is needed and allowed, and load them.

        Raises:
            BackendMissing, BackendBroken: ONNX Runtime or a file cannot be used.
            ModelUnavailable: a file is not here and cannot be fetched.
            InvalidOption: a model of another kind, or a setting or device that does not fit it.
        """
        for module in self.info.requires:
            require(module, package=module.replace("_", "-"), extra="")
        settings, runtime = self.settings, self.runtime
        windows = _onnx_segmentation.find(settings.segmentation_model, runtime, progress)
        voices = onnx_embedding.find(settings.embedding, runtime, progress)
        encoder = FrameEncoder(voices, runtime, name=settings.embedding)
        if settings.exact and settings.fast and not encoder.shares:
            raise InvalidOption(
                _("fast: the frames of {encoder} cannot be shared between windows; leave fast out").format(
                    encoder=encoder.name
                )
            )
        if settings.clustering_method == VBX:
            files = _plda.find(settings.plda or _plda.REPOSITORY, runtime, progress)
            self._plda = _plda.load(files, dimension=encoder.dimension, embedding=encoder.name)
        return Segmentation(windows, settings, runtime, name=settings.segmentation_model), encoder

    def reconfigure(self, settings: OnnxSettings) -> Backend:
        made: Backend = super().reconfigure(settings)
        made._plda = self._plda
        return made

    def remember(self) -> None:
        for network in self._require():
            network.remember()

    def record(self) -> BackendRecord:
        details: dict[str, Any] = {"embedding": self.settings.embedding}
        if self.settings.clustering_method == VBX:
            details |= {"clustering": VBX, "plda": self.settings.plda or _plda.REPOSITORY}
        if self._loaded is not None:
            segmentation, encoder = self._loaded
            details |= {
                "device": encoder.device,
                "window": segmentation.window,
                "powerset": segmentation.powerset,
                "shared_frames": encoder.shares,
            }
        return BackendRecord(self.name, model=self.settings.segmentation_model, details=details)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        words: Sequence[Word] = (),
        progress: Progress = no_progress,
    ) -> Diarization:
        """Turns inside the audio, which must be at 16 kHz; labels in the order of first appearance.

        The activity is how probably each speaker talks: in exact mode the part of the windows that hears him; otherwise
        the mean of that and of how near the voice of the stretch is to his.

        The clustering aims at the number of speakers and can miss it; then a warning says so. `words` tell where
        speech is cut; in exact mode they are not looked at.

        Raises:
            UnsupportedRequest: another sample rate.
            BackendError: the work failed, such as for want of memory.
        """
        if not speech or audio.samples.shape[1] == 0:
            return Diarization(audio.recording_id)
        check_sample_rate(audio, self.name)
        segmentation, encoder = self._require(progress)
        share = _SEGMENTED[self.settings.fast or not self.settings.exact]
        progress("diarization", 0.0)
        grid = segmentation.grid(audio)
        scores, active = segmentation.scores(audio, grid, report=lambda done: progress("diarization", share * done))
        count = count_speakers(active, grid)
        if not count.any():
            progress("diarization", 1.0)
            return Diarization(audio.recording_id)

        def report(done: float) -> None:
            progress("diarization", share + (_EMBEDDED - share) * done)

        most = 1 if self.settings.exclusive else speakers.maximum
        capped = count if most is None else count.clip(max=most)
        exclusive: tuple[Turn, ...] = ()
        if self.settings.exact:
            embeddings = self._embeddings(audio, active, encoder, grid, report)
            summed = activations(scores, self._clusters(embeddings, active, speakers), grid)
            posteriors = mean_activations(summed, grid)
        else:
            summed, posteriors, exclusive = self._by_stretches(
                audio, words, active, count, grid, encoder, speakers, report
            )
        turns = self._turns(summed, capped, grid, audio.duration, fill=self.settings.min_duration_off)
        # Where stretches overlap, somebody may be in front who has no turn.
        known = {turn.speaker for turn in turns}
        exclusive = tuple(turn for turn in exclusive if turn.speaker in known)
        progress("diarization", 1.0)
        activity = speaker_activity(posteriors, turns, grid)
        result = Diarization(audio.recording_id, turns, activity=activity, exclusive_turns=exclusive).relabel()
        if turns and not speakers.allows(len(result.speakers)):
            note = _("{request}, {name} found {found}").format(
                request=speakers.describe(), name=self.name, found=len(result.speakers)
            )
            if self.settings.exact and self._plda is None and len(result.speakers) < (speakers.minimum or 1):
                note = _(
                    "{note}: to find who says little, leave exact=true out, or set a smaller min_cluster_size"
                ).format(note=note)
            result = replace(result, warnings=(note,))
        return result

    def stream(
        self, *, speakers: SpeakerCount = ANY_SPEAKERS, delay: float, patience: float, new_speaker: float
    ) -> OnlineDiarization:
        """Hears a stream, as `whisperdiar.contracts.StreamingDiarizer` says, with thresholds of its own."""
        segmentation, encoder = self._require()
        return OnlineDiarization(
            segmentation,
            encoder,
            threshold=self.settings.threshold if not self.settings.exact else STRETCH_THRESHOLD,
            most=speakers.maximum,
            delay=delay,
            patience=patience,
            new_speaker=new_speaker,
        )

    def _by_stretches(
        self,
        audio: Audio,
        words: Sequence[Word],
        active: NDArray[np.bool_],
        count: Counts,
        grid: WindowGrid,
        encoder: FrameEncoder,
        speakers: SpeakerCount,
        report: Callable[[float], None],
    ) -> tuple[Scores, ActivityValues, tuple[Turn, ...]]:
        """How much speaks for each speaker, float32 (total_frames, n), how probably he talks, and turns of which no two
        overlap: each stretch is one speaker's there."""
        least = speakers.minimum or 1
        text = stretch_diarization.cut_text(words, active, grid, audio.duration, at_least=least) if words else []
        if not text:
            text = stretch_diarization.cut_speech_regions(count, active, grid, at_least=least)
        if not text:
            found = np.zeros((grid.total_frames, 1), np.float32)
            return found, mean_activations(found, grid), ()
        beside = stretch_diarization.cut_beside_text(text, count, active, grid)
        tagged = sorted([*((span, True) for span in text), *((span, False) for span in beside)])
        spans, founding = [span for span, _ in tagged], np.array([of_text for _, of_text in tagged])
        who = stretch_diarization.speakers_of(
            audio,
            spans,
            active,
            count,
            grid,
            encoder,
            founding=founding,
            threshold=self.settings.threshold,
            speakers=speakers,
            report=report,
        )
        # Words lie in stretches of text, and what is beside them could only draw a word at their edge to somebody else.
        heard = stretch_diarization.count_hearing_windows(text, who.labels[founding], active, grid)
        frames = stretch_diarization.select_frames(text, grid)
        summed = stretch_diarization.rank_speakers(heard, frames, who.labels[founding], grid)
        # Of several at once the one whose stretch it is comes first: it was cut from the words that he says.
        exclusive = self._turns(summed, count.clip(max=1), grid, audio.duration)
        heard = stretch_diarization.count_hearing_windows(spans, who.labels, active, grid)
        frames = stretch_diarization.select_frames(spans, grid)
        posteriors = stretch_diarization.posteriors(heard, frames, who.nearness, grid)
        return stretch_diarization.rank_speakers(heard, frames, who.labels, grid), posteriors, exclusive

    def _embeddings(
        self,
        audio: Audio,
        active: NDArray[np.bool_],
        encoder: FrameEncoder,
        grid: WindowGrid,
        report: Callable[[float], None],
    ) -> NDArray[np.float32]:
        """Of every local speaker of every window, float32 (n_windows, n_speakers, dimension)."""
        alone = self.settings.embedding_exclude_overlap
        if self.settings.fast:
            return shared_frames.embed(audio, active, encoder, grid, exclude_overlap=alone, report=report)
        batch = self.settings.embedding_batch_size or _BATCH[encoder.kind]
        return local_embeddings.embed(audio, active, encoder, grid, exclude_overlap=alone, batch=batch, report=report)

    def _clusters(self, embeddings: NDArray[np.float32], active: NDArray[np.bool_], speakers: SpeakerCount) -> Counts:
        """The cluster of each local speaker, int64 (n_windows, n_speakers); `NOBODY` for one who says nothing."""
        n_windows, n_frames, n_speakers = active.shape
        alone = np.zeros((n_windows, n_speakers), dtype=np.int64)
        for window, own in enumerate(active):
            alone[window] = own[own.sum(axis=1) == 1].sum(axis=0)
        chosen = alone >= _MIN_ACTIVE_SHARE * n_frames
        if self._plda is not None:
            return self._by_vbx(embeddings, active, chosen, self._plda, speakers)
        train = embeddings[chosen]
        found: Counts = np.zeros((n_windows, n_speakers), dtype=np.int64)
        if len(train):
            settings = self.settings
            labels = agglomerative.cluster(
                train,
                method=settings.clustering_method or EXACT_LINKAGE,
                threshold=settings.threshold,
                min_cluster_size=settings.min_cluster_size or EXACT_CLUSTER,
                speakers=speakers,
            )
            found = agglomerative.assign_nearest(embeddings.reshape(-1, embeddings.shape[2]), train, labels).reshape(
                found.shape
            )
        found[~active.any(axis=1)] = NOBODY
        return found

    def _by_vbx(
        self,
        embeddings: NDArray[np.float32],
        active: NDArray[np.bool_],
        chosen: NDArray[np.bool_],
        plda: Plda,
        speakers: SpeakerCount,
    ) -> Counts:
        settings = self.settings
        return vbx.cluster(
            embeddings,
            active,
            chosen,
            plda,
            threshold=settings.threshold,
            fa=VBX_FA if settings.vbx_fa is None else settings.vbx_fa,
            fb=VBX_FB if settings.vbx_fb is None else settings.vbx_fb,
            speakers=speakers,
        )

    def _turns(
        self, summed: Scores, count: Counts, grid: WindowGrid, duration: float, *, fill: float = 0.0
    ) -> tuple[Turn, ...]:
        """Turns cut at the end of the audio, past which the last window reaches; pauses up to `fill` do not end one."""
        who = select_speaking(summed, count)
        if not self.settings.exact:
            who = stretch_diarization.remove_slips(who, summed.shape[1], grid)
        turns = []
        for number in range(who.shape[1]):
            for start, end in find_active_spans(who[:, number], grid, fill=fill):
                span = Span(start, end).clip(0.0, duration)
                if span is not None:
                    turns.append(Turn(span, speaker_label(number)))
        return tuple(turns)
