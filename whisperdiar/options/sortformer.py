"""Settings of NVIDIA's Sortformer, and the values that its authors publish for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice, check_numbers, check_ranges
from whisperdiar.options.speaker_activity import (
    POSTPROCESSING_NAMES,
    STREAMING_NAMES,
    TURN_RANGES,
    PostProcessing,
    Streaming,
    collect_chosen,
)
from whisperdiar.text.messages import _

POSTPROCESSING: Mapping[str, PostProcessing] = {
    "default": PostProcessing(),
    "callhome-v1": PostProcessing(
        onset=0.53, offset=0.49, pad_onset=0.23, pad_offset=0.01, min_duration_on=0.42, min_duration_off=0.34
    ),
    "dihard3-v1": PostProcessing(
        onset=0.64, offset=0.74, pad_onset=0.06, pad_offset=0.0, min_duration_on=0.1, min_duration_off=0.15
    ),
    "callhome-v2": PostProcessing(
        onset=0.641, offset=0.561, pad_onset=0.229, pad_offset=0.079, min_duration_on=0.511, min_duration_off=0.296
    ),
    "dihard3-v2": PostProcessing(
        onset=0.56, offset=1.0, pad_onset=0.063, pad_offset=0.002, min_duration_on=0.007, min_duration_off=0.151
    ),
}
"""Tuned by NVIDIA on the development part of a corpus (CALLHOME: telephone; DIHARD III: mixed) for model v1 or v2.

Source: examples/speaker_tasks/diarization/conf/post_processing in the repository NVIDIA/NeMo, the files
sortformer_diar_4spk-v1_*.yaml and diar_streaming_sortformer_4spk-v2_*.yaml. There is none for v2.1.
"""

LATENCIES: Mapping[str, Streaming | None] = {
    "very-high": Streaming(chunk_len=340, chunk_right_context=40, fifo_len=40, spkcache_update_period=300),
    "high": Streaming(chunk_len=124, chunk_right_context=1, fifo_len=124, spkcache_update_period=124),
    "low": Streaming(chunk_len=6, chunk_right_context=7, fifo_len=188, spkcache_update_period=144),
    "ultra-low": Streaming(chunk_len=3, chunk_right_context=1, fifo_len=188, spkcache_update_period=144),
    "model": None,
}
"""By the time between sound and answer: 30.4, 10.0, 1.04 and 0.32 s, and what the model's own file says.

Source: the table of recommended configurations on the model card of nvidia/diar_streaming_sortformer_4spk-v2.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortformerSettings:
    """NVIDIA NeMo's Sortformer: one network that hears up to four speakers, also at once.

    The default is v2.1: on meetings NVIDIA measures a far lower error than with v2 (AMI from one distant microphone
    17.8 % against 28.6 %, elsewhere the same), and its licence allows commercial use. v2 has the plainer licence,
    CC-BY-4.0; v1 may not be used commercially.

    Attributes:
        model: repository of the hub (NAME.nemo in it is taken), or a local ``.nemo`` file or folder with one.
        postprocessing: thresholds and durations by name (`POSTPROCESSING`).
        onset, offset, pad_onset, pad_offset, min_duration_on, min_duration_off: one of them by itself, see
            `PostProcessing`; None keeps what the named set says.
        latency: of a streaming model, by name (`LATENCIES`); None means ``very-high``, the most accurate and fastest.
        chunk_len, chunk_left_context, chunk_right_context, fifo_len, spkcache_update_period, spkcache_len: of a
            streaming model, one of them by itself, see `Streaming`; None keeps what the named set says.
        window: seconds that a model which is not streaming hears at once; None takes what fits into the memory, at
            most 12 minutes.
        window_overlap: seconds that neighbouring windows share; None means a quarter of a window.
        save_activity: ``.npz`` file for the probabilities of every frame and speaker.
        save_probabilities: the same by another name.

    Raises:
        InvalidOption: a number outside its range, or no such name.
    """

    model: str = "nvidia/diar_streaming_sortformer_4spk-v2.1"
    postprocessing: str = "default"
    onset: float | None = None
    offset: float | None = None
    pad_onset: float | None = None
    pad_offset: float | None = None
    min_duration_on: float | None = None
    min_duration_off: float | None = None
    latency: str | None = None
    chunk_len: int | None = None
    chunk_left_context: int | None = None
    chunk_right_context: int | None = None
    fifo_len: int | None = None
    spkcache_update_period: int | None = None
    spkcache_len: int | None = None
    window: float | None = None
    window_overlap: float | None = None
    save_activity: str | None = None
    save_probabilities: str | None = None

    def __post_init__(self) -> None:
        check_choice("postprocessing", self.postprocessing, POSTPROCESSING)
        check_choice("latency", self.latency or "very-high", LATENCIES)
        check_ranges(
            self,
            *TURN_RANGES,
            ("chunk_len", 1, 10_000),
            ("chunk_left_context", 0, 10_000),
            ("chunk_right_context", 0, 10_000),
            ("fifo_len", 0, 10_000),
            ("spkcache_update_period", 1, 10_000),
            ("spkcache_len", 1, 10_000),
            ("window", 10.0, 7200.0),
            ("window_overlap", 1.0, 3600.0),
        )
        check_numbers(self)
        if self.window is not None and self.window_overlap is not None and self.window_overlap > self.window / 2:
            raise InvalidOption(
                _("window_overlap {window_overlap:g}: it must be at most half of window, {window:g}").format(
                    window_overlap=self.window_overlap, window=self.window / 2
                )
            )

    @property
    def activity_file(self) -> str | None:
        """Where the probabilities are to be written."""
        return self.save_activity or self.save_probabilities

    @property
    def turns(self) -> PostProcessing:
        """The named set, with what is set by itself in its place."""
        return replace(POSTPROCESSING[self.postprocessing], **collect_chosen(self, POSTPROCESSING_NAMES))

    @property
    def streaming(self) -> dict[str, int]:
        """Numbers of a streaming model to be changed, by their names there."""
        return self._numbers(self.latency or "very-high")

    @property
    def live(self) -> dict[str, int]:
        """As `streaming`, for a stream: ``low`` where no latency is named."""
        return self._numbers(self.latency or "low")

    def _numbers(self, latency: str) -> dict[str, int]:
        named = LATENCIES[latency]
        numbers = {} if named is None else {name: getattr(named, name) for name in STREAMING_NAMES}
        return numbers | collect_chosen(self, STREAMING_NAMES)
