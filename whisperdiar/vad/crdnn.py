"""SpeechBrain's convolutional and recurrent network for speech detection, trained on LibriParty.

Features, network, thresholds and merging are SpeechBrain's own; only the reading of files is not: the samples
come from memory, in the same pieces as SpeechBrain would read.
Source: Ravanelli et al., "SpeechBrain: A General-Purpose Speech Toolkit", 2021, arXiv:2106.04624; Apache 2.0.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, check_sample_rate, current_parts, no_progress, remember_array
from whisperdiar.errors import BackendBroken, describe_error
from whisperdiar.frameworks.speechbrain import import_interface, open_folder
from whisperdiar.frameworks.torch import (
    TorchBackend,
    choose_device,
    limit_cpu_threads,
    require,
    translate_memory_errors,
)
from whisperdiar.models.sources import Source
from whisperdiar.options import SAMPLE_RATE_HZ, VadSettings
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Samples, Span, merge_spans

REPOSITORY = "speechbrain/vad-crdnn-libriparty"
FILES = ("hyperparams.yaml", "model.ckpt", "mean_var_norm.ckpt")
_EXTRA = "speechbrain"
_ONSET = 0.5
_OFFSET_RATIO = 0.5  # speech goes on down to half the threshold: SpeechBrain's own 0.5 and 0.25
# SpeechBrain reads 30 s and runs them as three windows of 10 s, whose features are normalised one by one.
_WINDOW_SAMPLES = 10 * SAMPLE_RATE_HZ
_FRAME_SAMPLES = SAMPLE_RATE_HZ // 100
_WINDOWS_AT_ONCE = 3
_THREADS = 1  # the network is so small that more of them mostly wait for each other, for long on a busy machine
_STILL = 2.0**-16  # half a step of 16-bit audio


class Backend(TorchBackend[VadSettings, Any]):
    """Speech by a network that looks at windows of 10 s; finds more and misses less than `silero`, with more noise."""

    name: ClassVar[str] = "crdnn"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="SpeechBrain's CRDNN: misses the least speech, lets more noise through",
        licence="Apache-2.0",
        extra=_EXTRA,
        network=True,
        download_mb=1,
        homepage=f"https://huggingface.co/{REPOSITORY}",
        repositories=(REPOSITORY,),
        requires=("speechbrain",),
    )
    settings_type: ClassVar[type] = VadSettings

    def _load(self, progress: Progress) -> Any:
        """Import SpeechBrain, find the checkpoint and load it. Nothing is written beside the hub's own cache.

        Raises:
            BackendMissing, BackendBroken: SpeechBrain cannot be used, or the folder holds another kind of model.
            ModelUnavailable: the checkpoint is not here and cannot be fetched.
        """
        # In this order: an import takes seconds, and is in vain where there is no checkpoint.
        require("speechbrain", package="SpeechBrain", extra=_EXTRA)
        source = Source.of(self.settings.model or REPOSITORY, self.runtime, progress=progress)
        folder = source.folder(FILES)
        interface = import_interface("VAD", "VAD")
        device = choose_device(self.runtime, extra=_EXTRA)
        try:
            model = open_folder(interface, folder, device=device)
        except Exception as error:  # a model folder is a program: it can fail in any way
            raise BackendBroken(
                _(
                    "{folder} cannot be loaded as a SpeechBrain speech detector: {cause}; use a copy of {repository}"
                ).format(folder=folder, cause=describe_error(error), repository=REPOSITORY)
            ) from error
        if model.sample_rate != SAMPLE_RATE_HZ or round(model.time_resolution * SAMPLE_RATE_HZ) != _FRAME_SAMPLES:
            raise BackendBroken(
                _(
                    "{folder} is made for {rate} Hz and frames of {time_resolution} s; give one for "
                    "{needed} Hz and 0.01 s, such as {repository}"
                ).format(
                    folder=folder,
                    rate=model.sample_rate,
                    time_resolution=model.time_resolution,
                    needed=SAMPLE_RATE_HZ,
                    repository=REPOSITORY,
                )
            )
        return model

    def record(self) -> BackendRecord:
        return BackendRecord(self.name, model=self.settings.model or REPOSITORY)

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """Speech; the audio must be at 16 kHz.

        `settings.threshold` starts speech, half of it ends it; pauses up to `min_silence` are filled, then speech up
        to `min_speech` is dropped.

        Raises:
            UnsupportedRequest: another sample rate.
        """
        check_sample_rate(audio, self.name)
        if audio.samples.shape[1] == 0:
            return ()
        self._require()  # on as many threads as it likes
        with (
            limit_cpu_threads(self.runtime.threads or _THREADS),
            translate_memory_errors("crdnn", remedy=_("use --device cpu")),
        ):
            probabilities = self._probabilities(audio, progress)
            if probabilities.shape[1] == 0:
                return ()
            boundaries = self._boundaries(probabilities)
        padding, duration = self.settings.padding, audio.duration
        spans = [Span(max(0.0, start - padding), min(duration, end + padding)) for start, end in boundaries]
        return merge_spans(span for span in spans if span.duration > 0)

    def _probabilities(self, audio: Audio, progress: Progress) -> Any:
        """float32 tensor (1, n_frames, 1) on the CPU, one frame per 10 ms.

        Read window by window, so that a memory-mapped recording is never in memory as a whole.
        """
        import torch

        kept = current_parts()

        def hear(first: int, last: int) -> Any:
            """The scores of whole windows, or of a single one that is shorter, or longer by less than a frame."""

            def work() -> NDArray[np.float32]:
                sound = np.array(audio.mono_part(first, last))
                n_windows = 1 if len(sound) % _WINDOW_SAMPLES else len(sound) // _WINDOW_SAMPLES
                scores = self._scores(sound.reshape(n_windows, -1))
                return np.asarray(scores.numpy(), dtype=np.float32)

            return torch.from_numpy(remember_array(kept, f"{first} {last}", work))

        n_samples = audio.samples.shape[1]
        n_whole = n_samples // _WINDOW_SAMPLES * _WINDOW_SAMPLES
        step = _WINDOW_SAMPLES * _WINDOWS_AT_ONCE
        parts = []
        for first in range(0, n_whole, step):
            last = min(n_whole, first + step)
            parts.append(hear(first, last))
            progress("vad", last / n_samples)
        if n_samples - n_whole >= _FRAME_SAMPLES:
            # SpeechBrain fills the last window with zeros. Beside them any noise looks like speech, since features are
            # normalised over the window; so this window begins earlier, or is as short as the recording.
            first = max(0, n_samples - _WINDOW_SAMPLES) // _FRAME_SAMPLES * _FRAME_SAMPLES
            parts.append(hear(first, n_samples)[(n_whole - first) // _FRAME_SAMPLES :])
            progress("vad", 1.0)
        return torch.cat(parts)[None, :, None] if parts else torch.zeros(1, 0, 1)

    def _scores(self, windows: Samples) -> Any:
        """float32 (n_windows, n_window_samples) → float32 tensor (n_frames,), on the CPU, of all windows in turn."""
        import torch

        n_frames = windows.shape[1] // _FRAME_SAMPLES
        with torch.inference_mode():
            # Centred analysis gives one frame more than the window has; SpeechBrain drops it as well.
            model = self._require()
            found = model.get_speech_prob_chunk(torch.from_numpy(windows).to(model.device))
            scores = found[:, :n_frames, 0].cpu()
            # Digital silence has features without variance, which the network takes for speech.
            frames = windows[:, : n_frames * _FRAME_SAMPLES].reshape(len(windows), n_frames, _FRAME_SAMPLES)
            scores[torch.from_numpy(np.ptp(frames, axis=2) < _STILL)] = 0.0
        return scores.flatten()

    def _boundaries(self, probabilities: Any) -> list[tuple[float, float]]:
        """Start and end in seconds, by SpeechBrain's own post-processing."""
        model = self._require()
        onset = _ONSET if self.settings.threshold is None else self.settings.threshold
        active = model.apply_threshold(probabilities, activation_th=onset, deactivation_th=onset * _OFFSET_RATIO)
        # get_boundaries joins a frame of its own to this tensor on the model's device.
        boundaries = model.get_boundaries(active.float().to(model.device), output_value="seconds").cpu()
        boundaries = model.merge_close_segments(boundaries, close_th=self.settings.min_silence)
        boundaries = model.remove_short_segments(boundaries, len_th=self.settings.min_speech)
        return [(float(start), float(end)) for start, end in boundaries.tolist()]
