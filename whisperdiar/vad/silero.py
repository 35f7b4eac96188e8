"""Silero VAD, version 6, through ONNX Runtime, as faster-whisper ships it: no download, no PyTorch.

Source: Silero Team, "Silero VAD: pre-trained enterprise-grade Voice Activity Detector", MIT licence.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import BaseBackend, Progress, check_sample_rate, current_parts, no_progress, remember_array
from whisperdiar.errors import BackendBroken, UnsupportedRequest, describe_error
from whisperdiar.options import SAMPLE_RATE_HZ, VadSettings
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Samples, Span
from whisperdiar.vad._level import speech_gain
from whisperdiar.vad._spans import spans_from_scores

_WINDOW_SAMPLES = 512
_BLOCK_WINDOWS = 18_750  # 10 minutes: what is held beside the audio stays small however long it is
_WARM_UP_WINDOWS = 313  # 10 s: the recurrent state has forgotten how the block began
_THRESHOLD = 0.5
_SPEECH_DB = -20.0  # its probabilities depend on the level; at this one it misses the least (docs/speech.md)
_CONTEXT_SAMPLES = 64  # of the window before, which the network hears in front of each
_STATE = (1, 1, 128)
_LEVEL_S = 30  # that the level of a stream is taken from
_LEVEL_EVERY_S = 1.0
_HYSTERESIS = 0.15  # speech goes on down to this much below the threshold, as in the reference implementation


class Backend(BaseBackend[VadSettings]):
    """Speech by a small recurrent network on windows of 32 ms."""

    name: ClassVar[str] = "silero"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="small neural detector that ships with faster-whisper",
        licence="MIT",
        streaming=True,
        homepage="https://github.com/snakers4/silero-vad",
    )
    settings_type: ClassVar[type] = VadSettings

    _model: Any = None  # faster-whisper keeps it for the whole process, so that none of ours could free it

    def prepare(self, *, progress: Progress = no_progress) -> None:  # noqa: ARG002 - nothing is fetched
        if self._model is not None:
            return
        if self.settings.model is not None:
            raise UnsupportedRequest(
                _(
                    "model {model!r}: silero has only the model that ships with faster-whisper; leave the model "
                    "out, or use --vad crdnn with it"
                ).format(model=self.settings.model)
            )
        disable_telemetry()
        try:
            from faster_whisper.vad import get_vad_model

            self._model = get_vad_model()
        except Exception as error:  # onnxruntime raises its own types, which cannot be named without importing it
            raise BackendBroken(
                _(
                    "the silero detector of faster-whisper cannot be loaded ({error}); reinstall it: pip install "
                    "--force-reinstall faster-whisper onnxruntime"
                ).format(error=describe_error(error))
            ) from error

    def record(self) -> BackendRecord:
        return BackendRecord(self.name, model="silero-vad v6")

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """Speech, at whatever level; the audio must be at 16 kHz.

        Raises:
            UnsupportedRequest: another sample rate.
        """
        check_sample_rate(audio, self.name)
        if audio.samples.shape[1] == 0:
            return ()
        self.prepare()
        threshold = _THRESHOLD if self.settings.threshold is None else self.settings.threshold
        return spans_from_scores(
            self._probabilities(audio, progress),
            step=_WINDOW_SAMPLES / SAMPLE_RATE_HZ,
            onset=threshold,
            offset=max(threshold - _HYSTERESIS, 0.01),
            min_speech=self.settings.min_speech,
            min_silence=self.settings.min_silence,
            padding=self.settings.padding,
            duration=audio.duration,
        )

    def stream(self) -> _Stream:
        """What hears a stream of sound; the thresholds are those of the settings."""
        self.prepare()
        threshold = _THRESHOLD if self.settings.threshold is None else self.settings.threshold
        return _Stream(self._model.session, onset=threshold, offset=max(threshold - _HYSTERESIS, 0.01))

    def _probabilities(self, audio: Audio, progress: Progress) -> NDArray[np.float32]:
        """float32 (n_windows,), block by block, each begun early so that its state has settled."""
        n_samples = audio.samples.shape[1]
        n_windows = -(-n_samples // _WINDOW_SAMPLES)
        gain = np.float32(speech_gain(audio, target_db=_SPEECH_DB))
        kept = current_parts()
        parts = []
        for first in range(0, n_windows, _BLOCK_WINDOWS):
            early = max(0, first - _WARM_UP_WINDOWS)
            last = min(n_windows, first + _BLOCK_WINDOWS)

            def listen(first: int = first, early: int = early, last: int = last) -> NDArray[np.float32]:
                block = audio.mono_part(early * _WINDOW_SAMPLES, last * _WINDOW_SAMPLES)
                padded = np.zeros((last - early) * _WINDOW_SAMPLES, dtype=np.float32)
                padded[: len(block)] = np.clip(gain * block, -1.0, 1.0)
                return np.asarray(self._model(padded), dtype=np.float32).reshape(-1)[first - early :]

            parts.append(remember_array(kept, f"{first} {last} {gain!r}", listen))
            progress("vad", last / n_windows)
        return np.concatenate(parts)


class _Stream:
    """A `whisperdiar.contracts.SpeechStream`: the state of the network is carried on, the level is that of late."""

    def __init__(self, session: Any, *, onset: float, offset: float) -> None:
        self.step, self.onset, self.offset = _WINDOW_SAMPLES / SAMPLE_RATE_HZ, onset, offset
        self._session = session
        self._state = (np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32))
        self._context = np.zeros(_CONTEXT_SAMPLES, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._recent = np.zeros(0, np.float32)
        self._gain, self._unmeasured = np.float32(1.0), 0

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        sound = np.concatenate([self._rest, samples])
        n_windows = len(sound) // _WINDOW_SAMPLES
        self._rest = sound[n_windows * _WINDOW_SAMPLES :].copy()
        found = [
            self._hear(sound[at : at + _WINDOW_SAMPLES])
            for at in range(0, n_windows * _WINDOW_SAMPLES, _WINDOW_SAMPLES)
        ]
        return np.array(found, dtype=np.float32)

    def _hear(self, window: Samples) -> float:
        """Window by window, so that an answer does not depend on how the stream was cut."""
        self._measure(window)
        loud = np.clip(self._gain * window, -1.0, 1.0).astype(np.float32)
        heard = np.concatenate([self._context, loud])[None]
        answer, *state = self._session.run(None, {"input": heard, "h": self._state[0], "c": self._state[1]})
        self._state = (state[0], state[1])
        self._context = loud[-_CONTEXT_SAMPLES:]
        return float(np.asarray(answer).reshape(-1)[0])

    def _measure(self, window: Samples) -> None:
        self._recent = np.concatenate([self._recent, window])[-_LEVEL_S * SAMPLE_RATE_HZ :]
        self._unmeasured += len(window)
        if self._unmeasured >= _LEVEL_EVERY_S * SAMPLE_RATE_HZ:
            recent = Audio(self._recent[None], SAMPLE_RATE_HZ)
            self._gain, self._unmeasured = np.float32(speech_gain(recent, target_db=_SPEECH_DB)), 0
