"""NVIDIA NeMo's Sortformer: one network from sound to the probability of each of four speakers in every frame.

Source: Park et al., "Sortformer: Seamless integration of speaker diarization and ASR by bridging timestamps and
tokens", arXiv:2409.06656; Medennikov et al., "Streaming Sortformer: speaker cache-based online speaker diarization with
arrival-time ordering", Interspeech 2025, arXiv:2507.18446.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from whisperdiar.activity_files import check_target, save_or_warn
from whisperdiar.contracts import Progress, check_sample_rate, current_parts, no_progress, remember_array
from whisperdiar.diarization._shared.activity_stream import ActivityStream
from whisperdiar.diarization._shared.activity_turns import Frames, refuse_too_many, to_turns
from whisperdiar.diarization.sortformer import inference
from whisperdiar.diarization.sortformer import model as models
from whisperdiar.diarization.sortformer.inference import Probabilities
from whisperdiar.diarization.sortformer.windows import window_seconds
from whisperdiar.errors import BackendError, WhisperdiarError, describe_error
from whisperdiar.frameworks.torch import (
    TorchBackend,
    choose_device,
    limit_cpu_threads,
    require,
    translate_memory_errors,
)
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.options.sortformer import SortformerSettings
from whisperdiar.system.machine import available_memory
from whisperdiar.text.messages import _, mark, ngettext
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Diarization, Samples, Span, SpeakerCount

MAX_SPEAKERS = 4
_FINGERPRINT_SAMPLES = 1 << 14
_SHORTEST_S = 0.5
"""Shorter sound is heard with silence after it: NeMo's networks fail on a handful of frames."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What the model said of one recording: (n_frames, n_speakers), in how many windows, and how many labels of them
    were guessed; `samples` is what it heard, for as long as somebody else holds it."""

    samples: weakref.ref[Samples]
    probabilities: Probabilities
    print: int
    windows: int = 1
    guessed: int = 0


class Backend(TorchBackend[SortformerSettings, Any]):
    """Sortformer from the hub or from a ``.nemo`` file; reports overlapped speech, and tells four speakers apart.

    The network looks for speech by itself, and the published thresholds belong to that: cut or masked sound would
    spoil it, so `speech` only says whether there is any.
    """

    name: ClassVar[str] = "sortformer"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="NVIDIA Sortformer (NeMo): one network for up to four speakers, also at once",
        licence=mark(
            "Apache-2.0; model v2.1 NVIDIA Open Model License, v2 CC-BY-4.0, v1 CC-BY-NC-4.0 (not commercial)"
        ),
        extra=models.EXTRA,
        network=True,
        download_mb=471,
        overlap=True,
        max_speakers=MAX_SPEAKERS,
        streaming=True,
        activity="posterior",
        homepage="https://huggingface.co/nvidia/diar_streaming_sortformer_4spk-v2.1",
        repositories=("nvidia/diar_streaming_sortformer_4spk-v2.1",),
        requires=("nemo",),
    )
    settings_type: ClassVar[type] = SortformerSettings

    _source: str | None = None
    _run: _Run | None = None

    def _load(self, progress: Progress) -> Any:
        """Find the model's file, import NeMo, load the model.

        Raises:
            BackendMissing, BackendBroken: NeMo or the file cannot be used.
            ModelUnavailable: the file is not here and cannot be fetched.
            InvalidOption: settings that this model does not have.
        """
        # In this order: the import takes many seconds, and is in vain where the model is not at hand.
        require("nemo", package="NVIDIA NeMo", extra=models.EXTRA)
        models.check_python()
        path, source = models.find(self.settings.model, self.runtime, progress=progress)
        device = choose_device(self.runtime, extra=models.EXTRA)
        with models.silence_loading():
            models.import_nemo("nemo.collections.asr.models")
            with (
                limit_cpu_threads(self.runtime.threads),
                translate_memory_errors("sortformer", remedy=_("use --device cpu")),
            ):
                model = models.load(path, source, device)
            models.configure_streaming(model, self.settings)
        self._source = source
        return model

    def record(self) -> BackendRecord:
        details: dict[str, Any] = {}
        if self._loaded is not None:
            details = {"source": self._source, "device": str(self._loaded.device)}
            if self._loaded.streaming_mode:
                details["streaming"] = models.streaming_numbers(self._loaded)
            elif self._run is not None:
                details["windows"] = self._run.windows
            details["postprocessing"] = asdict(self.settings.turns)
        return BackendRecord(self.name, model=self.settings.model, details=details)

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        progress: Progress = no_progress,
    ) -> Diarization:
        """Turns of everybody who is heard; labels in the order of first appearance. The audio must be at 16 kHz.

        Where fewer speakers are asked for than were heard, those who speak most stay, and the turns of the others go
        to whoever of them is the likeliest there; a note says so. Another one says when the model has no speaker left
        for whoever else there may be.

        Raises:
            UnsupportedRequest: more speakers than the model can tell apart, or another sample rate.
            BackendError: out of memory, or the model failed.
            OutputError: the folder for the probabilities does not exist; what fails later becomes a note.
        """
        if self.settings.model in models.REVISIONS:
            refuse_too_many(speakers, MAX_SPEAKERS, name=self.name)
        target = self.settings.activity_file
        if not speech or audio.samples.shape[1] == 0:
            return save_or_warn(target, Diarization(audio.recording_id), audio)
        check_target(target)
        model = self._require()
        refuse_too_many(speakers, int(model.sortformer_modules.n_spk), name=self.name)
        run = self._run_once(audio, progress)
        progress("diarization", 1.0)
        frames = Frames(name=self.name, duration=self.frame_duration, units=inference.units_per_frame(model))
        result = to_turns(
            audio.recording_id,
            run.probabilities,
            self.settings.turns,
            speakers,
            frames=frames,
            duration=audio.duration,
        )
        if run.guessed:
            note = ngettext(
                "{number} speaker may have changed labels between windows; use a streaming model or longer windows",
                "{number} speakers may have changed labels between windows; use a streaming model or longer windows",
                run.guessed,
            ).format(number=run.guessed)
            result = replace(result, warnings=(*result.warnings, note))
        return save_or_warn(target, result, audio)

    def stream(
        self, *, speakers: SpeakerCount, delay: float, patience: float, new_speaker: float
    ) -> ActivityStream | None:
        """Hears a stream, as `whisperdiar.contracts.StreamingDiarizer` says; None where the model hears whole
        recordings alone.

        Labels are those of a recording that is heard with the same latency (``low`` where none is named). Delays are
        that latency's own.

        Raises:
            UnsupportedRequest: more speakers than the model can tell apart.
            InvalidOption: numbers that do not go together.
        """
        del delay, patience, new_speaker  # the network and its latency say it
        model = self._require()
        refuse_too_many(speakers, int(model.sortformer_modules.n_spk), name=self.name)
        if not model.streaming_mode or inference.needs_whole(model):
            return None
        with self._live_context():
            pass  # numbers that do not go together are refused before anything is heard
        frames = Frames(name=self.name, duration=self.frame_duration, units=inference.units_per_frame(model))
        listener = inference.StreamListener(model, self._live_context, shortest=round(_SHORTEST_S * SAMPLE_RATE_HZ))
        return ActivityStream(listener, self.settings.turns, frames=frames, most=speakers.maximum, rate=SAMPLE_RATE_HZ)

    @contextmanager
    def _live_context(self) -> Iterator[None]:
        """Inside the block the model works with the numbers of a stream; recordings are heard with others."""
        model = self._require()
        before = models.streaming_numbers(model)
        try:
            models.set_streaming(model, self.settings.live, named=self.settings.model)
            with self._inference_context():
                yield
        finally:
            for name, value in before.items():
                setattr(model.sortformer_modules, name, value)

    def probabilities(self, audio: Audio, *, progress: Progress = no_progress) -> Probabilities:
        """How probably each speaker talks in each frame; what `diarize` has just heard is not run again.

        Returns:
            float32 (n_frames, n_speakers) in [0, 1]; a frame lasts `frame_duration`, the columns are the model's.

        Raises:
            UnsupportedRequest: another sample rate than 16 kHz.
            BackendError: out of memory, or the model failed.
        """
        self.prepare()
        probabilities: Probabilities = self._run_once(audio, progress).probabilities.copy()
        return probabilities

    @property
    def frame_duration(self) -> float:
        """Seconds of one frame; 0.08 for all of NVIDIA's models."""
        return 0.08 if self._loaded is None else inference.frame_samples(self._loaded) / SAMPLE_RATE_HZ

    def _run_once(self, audio: Audio, progress: Progress) -> _Run:
        check_sample_rate(audio, self.name)
        run = self._run
        # The array alone does not tell: its owner may have filled it with other sound since.
        if run is None or run.samples() is not audio.samples or run.print != _fingerprint(audio):
            run = self._run = self._run_model(audio, progress)
        return run

    def _run_model(self, audio: Audio, progress: Progress) -> _Run:
        model, n_samples = self._require(), audio.samples.shape[1]
        missing = round(_SHORTEST_S * SAMPLE_RATE_HZ) - n_samples
        sound = audio if missing <= 0 else Audio(np.pad(audio.samples, ((0, 0), (0, missing))), audio.sample_rate)

        def heard(fraction: float) -> None:
            progress("diarization", fraction)

        windows, guessed = 1, 0
        # How long windows are may depend on the memory of the moment.
        sizes = None if model.streaming_mode else self._window()

        def work() -> Probabilities:
            nonlocal windows, guessed
            with self._inference_context():
                if sizes is None:
                    return inference.infer_stream(model, sound, heard=heard)
                window, overlap = sizes
                made, windows, guessed = inference.infer_windows(
                    model, sound, window=window, overlap=overlap, heard=heard
                )
                return made

        parts = current_parts()
        found = remember_array(parts, f"activity {sizes}", work)
        windows, guessed = remember_array(parts, f"windows {sizes}", lambda: np.array([windows, guessed])).tolist()
        found = found[: inference.frame_count(model, n_samples)]
        if not np.isfinite(found).all():
            raise BackendError(
                _("sortformer gave no numbers for {recording_id}; use --device cpu, or another model").format(
                    recording_id=audio.recording_id
                )
            )
        return _Run(weakref.ref(audio.samples), found, _fingerprint(audio), windows, guessed)

    @contextmanager
    def _inference_context(self) -> Iterator[None]:
        """Inside the block the model may run: its errors become ours."""
        import torch

        less = (
            _("lower chunk_len, or use --device cpu")
            if self._require().streaming_mode
            else _("lower window (such as 120), or use --device cpu")
        )
        try:
            with (
                models.silence_running(),
                limit_cpu_threads(self.runtime.threads),
                translate_memory_errors("sortformer", remedy=less),
                torch.inference_mode(),
            ):
                yield
        except WhisperdiarError:
            raise
        except Exception as error:  # whatever PyTorch or NeMo make of odd sound
            raise BackendError(_("sortformer failed: {cause}").format(cause=describe_error(error))) from error

    def _window(self) -> tuple[float, float]:
        """Seconds of a window, and of its overlap with the next."""
        kind, _, index = str(self._require().device).partition(":")
        window = self.settings.window or window_seconds(
            available_memory(kind, int(index or 0)), frame_duration=self.frame_duration
        )
        return window, min(self.settings.window_overlap or window / 4, window / 2)


def _fingerprint(audio: Audio) -> int:
    """Tells sounds in one array apart, read piece by piece."""
    found = 0
    for first in range(0, audio.samples.shape[1], _FINGERPRINT_SAMPLES):
        found = zlib.crc32(audio.samples[:, first : first + _FINGERPRINT_SAMPLES].tobytes(), found)
    return found
