"""Speech by loudness: frames well above the noise floor of their neighbourhood. No model at all."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, percentile_filter, uniform_filter1d

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.options import EnergySettings
from whisperdiar.types import Audio, BackendInfo, Span
from whisperdiar.vad._level import speech_gain
from whisperdiar.vad._spans import spans_from_scores

_STEP_S = 0.01
_SPEECH_DB = -30.0
_BLOCK_FRAMES = 60_000  # 10 minutes


class Backend(BaseBackend[EnergySettings]):
    """Loudness against a noise floor that follows the recording."""

    name: ClassVar[str] = "energy"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="loudness above the noise floor; for clean recordings", licence="MIT", streaming=False
    )
    settings_type: ClassVar[type] = EnergySettings

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        settings = self.settings
        level = _level_db(audio, progress)
        if not len(level):
            return ()
        # One frame in each tenth of a second is enough to know the floor, and fifty times cheaper.
        every = 10
        coarse = level[::every]
        window = max(3, round(settings.floor_window / (_STEP_S * every)))
        # Padded here: releases of SciPy before 1.17 go wrong where the window is wider than the recording.
        padded = np.pad(coarse, window, mode="edge")
        floor = percentile_filter(padded, settings.floor_percentile, size=window, mode="nearest")[window:-window]
        peak = maximum_filter1d(uniform_filter1d(coarse, 3, mode="nearest"), window, mode="nearest")
        # The threshold lies part of the way from floor to peak, so that quiet speech in a quiet room still counts.
        rise = np.maximum(settings.threshold_db, settings.rise_share * (peak - floor))
        threshold = np.maximum(floor + rise, settings.silence_db).repeat(every)[: len(level)]
        return spans_from_scores(
            (level - threshold).astype(np.float32),
            step=_STEP_S,
            onset=0.0,
            offset=-settings.hysteresis_db,
            min_speech=settings.min_speech,
            min_silence=settings.min_silence,
            padding=settings.padding,
            duration=audio.duration,
        )


def _level_db(audio: Audio, progress: Progress) -> NDArray[np.float32]:
    """Loudness per 10 ms frame in dB, float32 (n_frames,), smoothed over 50 ms; that of speech is about -30 dB."""
    gain_db = 20 * np.log10(speech_gain(audio, target_db=_SPEECH_DB))
    hop = round(_STEP_S * audio.sample_rate)
    n_frames = -(-audio.samples.shape[1] // hop)
    level = np.full(n_frames, -120.0, dtype=np.float32)
    for first in range(0, n_frames, _BLOCK_FRAMES):
        last = min(n_frames, first + _BLOCK_FRAMES)
        block = audio.mono_part(first * hop, last * hop)
        padded = np.zeros((last - first) * hop, dtype=np.float32)
        padded[: len(block)] = block
        frames = padded.reshape(-1, hop)
        power = np.mean(np.square(frames - frames.mean(axis=1, keepdims=True)), axis=1)
        level[first:last] = np.maximum(10 * np.log10(np.maximum(power, 1e-20)) + gain_db, -120.0)
        progress("vad", last / n_frames)
    smooth: NDArray[np.float32] = uniform_filter1d(level, 5, mode="nearest") if n_frames else level
    return smooth
