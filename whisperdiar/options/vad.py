"""Settings that speech detectors with a trained model share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_numbers
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class VadSettings:
    """What every speech detector shares (seconds, probabilities 0 to 1).

    Attributes:
        model: name or folder of the model, for detectors that have several; None for their own.
        threshold: probability above which speech starts; None for the detector's own.
        min_speech: shorter speech is dropped.
        min_silence: shorter pauses are filled.
        padding: added to both ends of each span.

    Raises:
        InvalidOption: a number outside its range.
    """

    model: str | None = None
    threshold: float | None = None
    min_speech: float = 0.1
    min_silence: float = 0.3
    padding: float = 0.1

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0.0 < self.threshold < 1.0:
            raise InvalidOption(
                _("threshold {threshold}: it is a probability between 0 and 1").format(threshold=self.threshold)
            )
        for name in ("min_speech", "min_silence", "padding"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InvalidOption(
                    _("{name} {value}: it must be a number of seconds, 0 or more").format(
                        name=name, value=getattr(self, name)
                    )
                )
        check_numbers(self)
