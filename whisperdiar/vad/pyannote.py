"""Speech by a speaker segmentation of pyannote.audio: somebody talks where any of its local speakers does.

Windows, network, aggregation and thresholds are those of pyannote.audio's pipeline for voice activity detection. Only
the reading is not: it takes the whole waveform at once, here each batch of windows is read when its turn comes.
Source: Bredin and Laurent, "End-to-end speaker segmentation for overlap-aware resegmentation", Interspeech 2021;
Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from whisperdiar.contracts import Progress, check_sample_rate, current_parts, no_progress, remember_array
from whisperdiar.errors import BackendError, InvalidOption, WhisperdiarError, describe_error
from whisperdiar.frameworks.pyannote import (
    EXTRA,
    REVISIONS,
    find_weights,
    import_pyannote,
    load_segmentation,
    silence_pyannote,
)
from whisperdiar.frameworks.torch import (
    TorchBackend,
    choose_device,
    limit_cpu_threads,
    require,
    translate_memory_errors,
)
from whisperdiar.models.sources import Source
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.options.pyannote_vad import MULTI_LABEL_THRESHOLD, PyannoteVadSettings
from whisperdiar.text.messages import _, mark
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Span, merge_spans

REPOSITORY = "pyannote/segmentation-3.0"
_REMEDY = mark("lower batch_size (such as 8), or use --device cpu")


class Backend(TorchBackend[PyannoteVadSettings, Any]):
    """Speech by the network that pyannote's diarization begins with; hears overlapped and far speech well."""

    name: ClassVar[str] = "pyannote"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="pyannote.audio 4: speech by a speaker segmentation, overlapped speech too",
        licence="MIT",
        extra=EXTRA,
        network=True,
        token=True,
        download_mb=6,
        homepage=f"https://huggingface.co/{REPOSITORY}",
        repositories=(REPOSITORY,),
        requires=("pyannote.audio",),
    )
    settings_type: ClassVar[type] = PyannoteVadSettings

    _source: Source | None = None

    def _load(self, progress: Progress) -> Any:
        """Find the segmentation, import pyannote.audio, load it.

        Raises:
            BackendMissing, BackendBroken: pyannote.audio or the file cannot be used.
            ModelUnavailable: the file is not here and cannot be fetched; gated ones need the variable HF_TOKEN.
            InvalidOption: a model of another kind, or a threshold for one that has none.
        """
        # In this order: the import takes seconds, and is in vain where the model is not at hand.
        require("pyannote.audio", package="pyannote.audio", extra=EXTRA)
        named = self.settings.model or REPOSITORY
        source = Source.of(named, self.runtime, revisions=REVISIONS, progress=progress)
        weights = find_weights(source, fine_tuned=True)
        device = choose_device(self.runtime, extra=EXTRA)
        with silence_pyannote(), limit_cpu_threads(self.runtime.threads):
            pipeline = self._build(weights, device)
        self._source = source
        return pipeline

    def _build(self, weights: Path, device: str) -> Any:
        """pyannote.audio's pipeline with its parameters, on its device."""
        pipelines = import_pyannote("pyannote.audio.pipelines.voice_activity_detection")
        import torch

        settings = self.settings
        model = load_segmentation(weights)
        if model.audio.sample_rate != SAMPLE_RATE_HZ:
            raise InvalidOption(
                _(
                    "segmentation model {weights}: it is made for {rate} Hz, give one for "
                    "{needed} Hz such as {repository}"
                ).format(
                    weights=weights,
                    rate=model.audio.sample_rate,
                    needed=SAMPLE_RATE_HZ,
                    repository=REPOSITORY,
                )
            )
        # Aggregation is left for later: it needs the windows of all batches.
        pipeline = pipelines.VoiceActivityDetection(
            segmentation=model,
            step=settings.step * model.specifications.duration,
            batch_size=settings.batch_size,
            skip_aggregation=True,
        )
        parameters = {"min_duration_on": settings.min_speech, "min_duration_off": settings.min_silence}
        if not model.specifications.powerset:
            onset = settings.threshold or MULTI_LABEL_THRESHOLD
            parameters.update(onset=onset, offset=settings.offset or onset)
        else:
            for name in ("threshold", "offset"):
                value = getattr(settings, name)
                if value is not None:
                    raise InvalidOption(
                        _(
                            "{name} {value}: {model} has no use for it (it decides between sets of speakers); leave it "
                            "out"
                        ).format(name=name, value=value, model=settings.model or REPOSITORY)
                    )
        pipeline.instantiate(parameters)
        return pipeline.to(torch.device(device))

    def record(self) -> BackendRecord:
        details: dict[str, Any] = {}
        if self._loaded is not None:
            parameters = self._loaded.parameters(instantiated=True)
            details = {"source": str(self._source), "device": str(self._loaded.device), "parameters": parameters}
        return BackendRecord(self.name, model=self.settings.model or REPOSITORY, details=details)

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """Speech; the audio must be at 16 kHz.

        Pauses up to `min_silence` are filled, then speech shorter than `min_speech` is dropped.

        Raises:
            UnsupportedRequest: another sample rate.
            BackendError: out of memory, or the network failed.
        """
        check_sample_rate(audio, self.name)
        if audio.samples.shape[1] == 0:
            return ()
        pipeline = self._require()
        try:
            with (
                silence_pyannote(),
                limit_cpu_threads(self.runtime.threads),
                translate_memory_errors("pyannote", remedy=_(_REMEDY)),
            ):
                speech = pipeline._binarize(self._scores(audio, progress))
        except WhisperdiarError:
            raise
        except Exception as error:  # whatever PyTorch makes of odd sound
            raise BackendError(_("pyannote failed: {cause}").format(cause=describe_error(error))) from error
        padding, duration = self.settings.padding, audio.duration
        spans = (
            Span(max(0.0, float(segment.start) - padding), min(duration, float(segment.end) + padding))
            for segment in speech.itersegments()
            if segment.start < duration
        )
        return merge_spans(span for span in spans if span.duration > 0)

    def _scores(self, audio: Audio, progress: Progress) -> Any:
        """SlidingWindowFeature (n_frames, 1): the share of speech, as the pipeline's own inference gives it.

        The recording is read batch by batch, and each batch is the one that the library would make of the whole
        waveform, so that the scores are the same. What is held for all of it is one number for a frame of a window:
        84 MB for ten hours and windows of 5 s.
        """
        import torch

        core = import_pyannote("pyannote.core")
        inference = self._require()._segmentation
        kept, scores = current_parts(), []
        pieces = self._pieces(audio.samples.shape[1])
        for first, last in pieces:

            def hear(first: int = first, last: int = last) -> Any:
                waveform = torch.from_numpy(np.array(audio.mono_part(first, last))[None])
                found = inference({"waveform": waveform, "sample_rate": audio.sample_rate})
                return inference.pre_aggregation_hook(found.data)

            scores.append(remember_array(kept, f"{first} {last} {inference.step}", hear))
            progress("vad", last / audio.samples.shape[1])
        windows = core.SlidingWindow(start=0.0, duration=inference.duration, step=inference.step)
        whole = inference.aggregate(
            core.SlidingWindowFeature(np.concatenate(scores), windows),
            inference.model.receptive_field,
            warm_up=inference.warm_up,
            hamming=True,
            missing=0.0,
        )
        if pieces[-1][1] - pieces[-1][0] < inference.model.audio.get_num_samples(inference.duration):
            # Off with the zeros that filled the last window; the library cannot make speech of a single frame.
            kept = whole.crop(core.Segment(0.0, audio.duration), mode="loose")
            whole.data = kept if len(kept) > 1 else whole.data[:2]
        return whole

    def _pieces(self, n_samples: int) -> list[tuple[int, int]]:
        """First and last sample of each batch of windows; a window that does not fit comes alone, as in the library."""
        inference = self._require()._segmentation
        length = inference.model.audio.get_num_samples(inference.duration)
        step = round(inference.step * SAMPLE_RATE_HZ)
        n_whole = (n_samples - length) // step + 1 if n_samples >= length else 0
        pieces = []
        for window in range(0, n_whole, inference.batch_size):
            last = min(window + inference.batch_size, n_whole) - 1
            pieces.append((window * step, last * step + length))
        if n_samples < length or (n_samples - length) % step:
            pieces.append((n_whole * step, n_samples))
        return pieces
