"""Settings of NVIDIA's Nemotron 3 Diarization, and the modes that its authors publish for it."""

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

_CACHE = {"fifo_len": 264, "spkcache_update_period": 222, "spkcache_len": 264, "chunk_left_context": 0}
NEMOTRON_MODES: Mapping[str, Streaming] = {
    "offline": Streaming(
        chunk_len=340,
        chunk_right_context=40,
        fifo_len=40,
        spkcache_update_period=300,
        spkcache_len=264,
        chunk_left_context=0,
    ),
    "low_latency": Streaming(chunk_len=9, chunk_right_context=4, **_CACHE),
    "very_low_latency": Streaming(chunk_len=6, chunk_right_context=2, **_CACHE),
    "ultra_low_latency": Streaming(chunk_len=3, chunk_right_context=1, **_CACHE),
}
"""By the time between sound and answer: 30.4, 1.04, 0.64 and 0.32 s, in frames of 0.08 s.

Source: the model card of nvidia/Nemotron-3-Diarization, and its configuration in Transformers.
"""
NEMOTRON_PRECISIONS = ("fp32", "fp16", "int8")
ONE_WINDOW = "one_window"
_SIZES = tuple(name for name in STREAMING_NAMES if name != "chunk_left_context")
"""This network looks at no chunk before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NemotronSettings:
    """NVIDIA's Nemotron 3 Diarization: one network that hears up to eight speakers, also at once, every 0.01 s.

    Its turns are short of speech and its pauses many, so pauses of one speaker are bridged and what is left of less
    than 0.3 s is dropped.

    Attributes:
        model: repository of the hub; or a local ``.onnx`` file, or a folder with one or with a checkpoint of
            Transformers. ``nvidia/Nemotron-3-Diarization`` runs in Transformers (extra ``nemotron``).
        precision: of a repository or folder with ``.onnx`` files: ``fp32``, ``fp16`` or ``int8``, which loses one in
            twenty short turns.
        mode: ``auto`` hears up to 4 minutes at once and more in the mode ``offline``; ``one_window`` at once whatever
            the length, at most 400 s; or one of `NEMOTRON_MODES`.
        onset, offset: a speaker starts where the probability is above the one, and ends where it is below the other.
        pad_onset, pad_offset: seconds put before and after each turn.
        min_duration_off: shorter pauses of one speaker (seconds, after padding) are bridged.
        min_duration_on: shorter turns (seconds, after that) are dropped.
        chunk_len, chunk_right_context, fifo_len, spkcache_update_period, spkcache_len: one number of the mode by
            itself, see `Streaming`; None keeps the mode's.
        save_activity: ``.npz`` file for the probabilities of every frame and speaker.

    Raises:
        InvalidOption: a number outside its range, or no such name.
    """

    model: str = "onnx-community/Nemotron-3-Diarization-ONNX"
    precision: str = "fp32"
    mode: str = "auto"
    onset: float = 0.5
    offset: float = 0.5
    pad_onset: float = 0.0
    pad_offset: float = 0.0
    min_duration_off: float = 0.5
    min_duration_on: float = 0.3
    chunk_len: int | None = None
    chunk_right_context: int | None = None
    fifo_len: int | None = None
    spkcache_update_period: int | None = None
    spkcache_len: int | None = None
    save_activity: str | None = None

    def __post_init__(self) -> None:
        check_choice("precision", self.precision, NEMOTRON_PRECISIONS)
        check_choice("mode", self.mode, ("auto", ONE_WINDOW, *NEMOTRON_MODES))
        check_ranges(
            self,
            *TURN_RANGES,
            ("chunk_len", 1, 3000),
            ("chunk_right_context", 0, 1000),
            ("fifo_len", 1, 3000),
            ("spkcache_update_period", 1, 3000),
            # Of eight speakers each needs a frame of speech and one of silence.
            ("spkcache_len", 16, 3000),
        )
        check_numbers(self)
        changed = self._changed
        if self.mode == ONE_WINDOW and changed:
            name = next(iter(changed))
            raise InvalidOption(
                _("{name} {value}: mode {mode} hears everything at once; leave it out").format(
                    name=name, value=changed[name], mode=ONE_WINDOW
                )
            )

    @property
    def turns(self) -> PostProcessing:
        """How probabilities become turns."""
        return PostProcessing(**collect_chosen(self, POSTPROCESSING_NAMES))

    @property
    def streaming(self) -> Streaming:
        """Sizes of the mode (``offline`` for ``auto``), with what is set by itself in their place."""
        return replace(NEMOTRON_MODES.get(self.mode, NEMOTRON_MODES["offline"]), **self._changed)

    @property
    def live(self) -> Streaming | None:
        """Sizes for a stream: those of ``low_latency`` for ``auto``; None where everything is to be heard at once."""
        if self.mode == ONE_WINDOW:
            return None
        return replace(NEMOTRON_MODES["low_latency" if self.mode == "auto" else self.mode], **self._changed)

    @property
    def chooses_window(self) -> bool:
        """Whether short recordings are heard at once."""
        return self.mode == "auto" and not self._changed

    @property
    def _changed(self) -> dict[str, int]:
        return collect_chosen(self, _SIZES)
