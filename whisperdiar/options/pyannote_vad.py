"""Settings of the speech detector on pyannote.audio."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_at_least_one, check_ranges
from whisperdiar.options._windowed_segmentation import STEP_RANGE
from whisperdiar.options.vad import VadSettings
from whisperdiar.text.messages import _

MULTI_LABEL_THRESHOLD = 0.5
"""As pyannote.audio fixes it for powerset segmentations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PyannoteVadSettings(VadSettings):
    """Speech by a speaker segmentation of pyannote.audio (seconds, probabilities 0 to 1).

    Attributes:
        model: repository, folder or file of the segmentation; None for pyannote/segmentation-3.0.
        threshold: probability above which speech starts, None for 0.5; for multi-label segmentations only: a powerset
            one, such as segmentation-3.0, decides by itself.
        offset: speech goes on down to this probability; None for the threshold itself.
        step: step between windows, as a share of their length; more is faster and coarser.
        batch_size: windows segmented at once; less needs less memory.
        min_speech, min_silence, padding: as in VadSettings.

    Raises:
        InvalidOption: a number outside its range.
    """

    offset: float | None = None
    step: float = 0.1
    batch_size: int = 32

    def __post_init__(self) -> None:
        VadSettings.__post_init__(self)  # super() does not find itself in a class with slots
        if self.offset is not None and not 0.0 < self.offset < 1.0:
            raise InvalidOption(_("offset {offset}: it is a probability between 0 and 1").format(offset=self.offset))
        threshold = self.threshold or MULTI_LABEL_THRESHOLD
        if self.offset is not None and self.offset > threshold:
            raise InvalidOption(
                _("offset {offset}: it must not be above the threshold, {threshold}").format(
                    offset=self.offset, threshold=threshold
                )
            )
        check_ranges(self, STEP_RANGE)
        check_at_least_one(self, "batch_size")
