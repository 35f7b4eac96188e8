"""The speaker diarization pipelines of pyannote.audio: local segmentation, speaker embeddings, clustering.

Source: Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe", Interspeech 2023;
Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from whisperdiar.contracts import Progress, current_parts, no_progress
from whisperdiar.diarization.pyannote import files as _pyannote_files
from whisperdiar.diarization.pyannote import pipeline
from whisperdiar.diarization.pyannote.activity import observe
from whisperdiar.diarization.pyannote.parts import keep_batches
from whisperdiar.errors import BackendError, UnsupportedRequest, WhisperdiarError, describe_error
from whisperdiar.frameworks.pyannote import EXTRA, silence_pyannote
from whisperdiar.frameworks.torch import (
    TorchBackend,
    choose_device,
    limit_cpu_threads,
    require,
    translate_memory_errors,
)
from whisperdiar.options import PyannoteSettings
from whisperdiar.text.messages import _, mark
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Diarization, Span, SpeakerCount, Turn

_SHARES = {"segmentation": (0.0, 0.3), "embeddings": (0.3, 0.95)}
"""Which part of the whole a step of the pipeline is, by time on a CPU."""


class Backend(TorchBackend[PyannoteSettings, Any]):
    """pyannote.audio's pipelines, from the hub or from a folder; reports overlapped speech.

    The pipeline looks for speech by itself: cut audio would spoil it, so `speech` only says whether there is any.
    """

    name: ClassVar[str] = "pyannote"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="pyannote.audio 4: neural segmentation, embeddings and clustering",
        licence=mark("MIT; community-1 model CC-BY-4.0, 3.1 model MIT"),
        extra=EXTRA,
        network=True,
        token=True,
        download_mb=33,
        overlap=True,
        homepage="https://huggingface.co/pyannote/speaker-diarization-community-1",
        repositories=("pyannote/speaker-diarization-community-1",),
        requires=("pyannote.audio",),
        activity="posterior",
    )
    settings_type: ClassVar[type] = PyannoteSettings

    _files: _pyannote_files.PipelineFiles | None = None

    def _load(self, progress: Progress) -> Any:
        """Find the pipeline's files, import pyannote.audio, load the models.

        Raises:
            BackendMissing, BackendBroken: pyannote.audio or a file cannot be used.
            ModelUnavailable: a file is not here and cannot be fetched; gated ones need the variable HF_TOKEN.
            InvalidOption: a setting that this pipeline does not have.
        """
        # In this order: the import takes seconds, and is in vain where the models are not at hand.
        require("pyannote.audio", package="pyannote.audio", extra=EXTRA)
        files = _pyannote_files.find(self.settings, self.runtime, progress=progress)
        device = choose_device(self.runtime, extra=EXTRA)
        with silence_pyannote(), limit_cpu_threads(self.runtime.threads):
            made = pipeline.build(files, self.settings, device)
        self._files = files
        return made

    def reconfigure(self, settings: PyannoteSettings) -> Backend:
        """Of the pipelines that share what is loaded, the last one that was made counts."""
        made: Backend = super().reconfigure(settings)
        made._files = self._files
        if self._loaded is not None and self._files is not None:
            pipeline.instantiate(self._loaded, self._files, settings)
        return made

    def remember(self) -> None:
        pipeline.remember(self._require())

    def record(self) -> BackendRecord:
        details: dict[str, Any] = {}
        if self._files is not None and self._loaded is not None:
            details = {
                "source": self._files.source,
                "device": str(self._loaded.device),
                "clustering": self._loaded.klustering,
                "parameters": self._loaded.parameters(instantiated=True),
            }
            replaced = {"segmentation": self.settings.segmentation_model, "embedding": self.settings.embedding_model}
            details.update({part: named for part, named in replaced.items() if named is not None})
        return BackendRecord(self.name, model=self.settings.pipeline, details=details)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        progress: Progress = no_progress,
    ) -> Diarization:
        """Turns as the pipeline gives them, inside the audio; labels in the order of first appearance.

        The activity is the mean over the windows of what the segmentation gives each speaker.

        pyannote.audio aims at the number of speakers and can miss it; then a note says so.

        Raises:
            UnsupportedRequest: the pipeline's clustering must be told the exact number of speakers.
            BackendError: out of memory, or the pipeline failed.
        """
        if not speech or audio.samples.shape[1] == 0:
            return Diarization(audio.recording_id)
        loaded = self._require()
        if loaded.clustering.expects_num_clusters and speakers.exact is None:
            raise UnsupportedRequest(
                _(
                    "{pipeline} clusters by {clustering}, which must be told the number of speakers: give it "
                    "with --speakers"
                ).format(pipeline=self.settings.pipeline, clustering=loaded.klustering)
            )
        remedy = _("lower segmentation_batch_size and embedding_batch_size (such as 8), or use --device cpu")
        try:
            with (
                silence_pyannote(),
                limit_cpu_threads(self.runtime.threads),
                translate_memory_errors("pyannote", remedy=remedy),
                observe(loaded) as watch,
                keep_batches(loaded, current_parts()),
            ):
                answer = loaded(_waveform(audio), hook=_make_hook(progress), **_bounds(speakers))
        except WhisperdiarError:
            raise
        except Exception as error:  # whatever PyTorch, SciPy or scikit-learn make of odd sound
            raise BackendError(_("pyannote failed: {cause}").format(cause=describe_error(error))) from error
        found = answer.exclusive_speaker_diarization if self.settings.exclusive else answer.speaker_diarization
        turns = _turns(found, audio.duration)
        activity = watch.activity(turns, audio.duration)
        result = Diarization(audio.recording_id, turns, activity=activity).relabel()
        if turns and not speakers.allows(len(result.speakers)):
            note = _("{request}, {name} found {found}").format(
                request=speakers.describe(), name=self.name, found=len(result.speakers)
            )
            result = replace(result, warnings=(note,))
        return result


def _waveform(audio: Audio) -> dict[str, Any]:
    """What pyannote.audio takes in place of a file: it then needs neither torchcodec nor FFmpeg.

    One channel is handed over as it is, and the library cuts windows out of it without a copy: 45 minutes from a memory
    map (165 MB) took 80 MB beside the models, whatever the stage, and pages of the file, which the system takes back.
    Several channels are averaged into memory: 2.3 GB for ten hours. The library's own results come on top: 0.25 GB
    for the windows of ten hours, and clustering keeps the distances between all pairs of voices, some 9 GB for the 48
    thousand voices of ten hours with windows every second.
    """
    import torch

    return {
        "waveform": torch.from_numpy(audio.mono)[None],
        "sample_rate": audio.sample_rate,
        "uri": audio.recording_id,
    }


def _bounds(speakers: SpeakerCount) -> dict[str, int | None]:
    if speakers.exact is not None:
        return {"num_speakers": speakers.exact}
    return {"min_speakers": speakers.minimum, "max_speakers": speakers.maximum}


def _make_hook(progress: Progress) -> Callable[..., None]:
    """pyannote.audio's hook, called as hook(step, artefact, file=…, total=…, completed=…), as progress."""
    reached = 0.0

    def hook(step: str, _artefact: Any, *, total: int | None = None, completed: int | None = None, **_: Any) -> None:
        nonlocal reached
        low, high = _SHARES.get(step, (0.95, 1.0))
        # The segmentation counts its last batch as full, past the total.
        share = min(1.0, completed / total) if total and completed is not None else 1.0
        reached = max(reached, low + (high - low) * share) if step in _SHARES else reached
        progress("diarization", reached)

    return hook


def _turns(annotation: Any, duration: float) -> tuple[Turn, ...]:
    """Turns of a pyannote.core Annotation, cut at the bounds of the audio, beyond which padded windows reach."""
    clipped = (
        (Span(float(segment.start), float(segment.end)).clip(0.0, duration), str(label))
        for segment, _, label in annotation.itertracks(yield_label=True)
    )
    return tuple(Turn(span, label) for span, label in clipped if span is not None)
