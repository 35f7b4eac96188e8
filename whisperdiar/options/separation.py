"""Settings of the separation of overlapping voices."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_numbers, check_ranges
from whisperdiar.options.command_line import SEPARATION_MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationSettings:
    """Which stretches of overlap are separated, by which model, and what is believed (seconds, probabilities 0 to 1).

    Attributes:
        model: one of `SEPARATION_MODELS`, a repository ``owner/name`` of the hub, or a folder as SpeechBrain's
            SepFormer models are.
        voice_model: network that tells voices (``campplus``, ``wespeaker``, ``ecapa``, ``resemblyzer`` or an ``.onnx``
            file); None for the first of these whose weights are on this machine.
        context: sound before and after an overlap that the separator hears, too, where nobody else speaks there.
        max_gap: overlaps of the same two people that lie closer are separated together.
        min_overlap: shorter overlap stays as it was recognised.
        max_stretch: longer overlap is separated in parts; memory grows with their length.
        min_probability: a word counts for a reading as much as its probability exceeds this, and against it where its
            probability is less.

    Raises:
        InvalidOption: a number outside its range.
    """

    model: str = SEPARATION_MODEL
    voice_model: str | None = None
    context: float = 2.0
    max_gap: float = 1.0
    min_overlap: float = 0.3
    max_stretch: float = 16.0
    min_probability: float = 0.45

    def __post_init__(self) -> None:
        check_ranges(self, ("context", 0.0, 10.0), ("max_stretch", 1.0, 25.0), ("min_probability", 0.0, 1.0))
        check_numbers(self)
