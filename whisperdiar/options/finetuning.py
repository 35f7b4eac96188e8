"""Settings of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_at_least_one, check_numbers, check_ranges
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuningSettings:
    """Fine-tuning of a segmentation network: Adam with a cosine schedule.

    The defaults are those of published fine-tuned segmentations (the `diarizers` recipe); the other published pair is
    a learning rate of 1e-3 for 5 epochs.

    Attributes:
        learning_rate: at the start; it falls to 0 by half a cosine.
        epochs: each has as many windows as fit beside each other into the training recordings, and one batch at least.
        batch_size: windows in a step.
        window: seconds of a training window; None for that of the base network.
        held_back: share of the recordings, at least one of them, that is measured and never trained on.
        seed: of the choice of recordings and windows.

    Raises:
        InvalidOption: a number outside its range.
    """

    learning_rate: float = 5e-5
    epochs: int = 10
    batch_size: int = 32
    window: float | None = None
    held_back: float = 0.2
    seed: int = 42

    def __post_init__(self) -> None:
        check_at_least_one(self, "epochs", "batch_size")
        check_ranges(self, ("learning_rate", 1e-8, 1.0), ("window", 1.0, 60.0))
        check_numbers(self)
        if not 0 < self.held_back < 1:
            raise InvalidOption(
                _("held_back {held_back}: it must lie between 0 and 1").format(held_back=self.held_back)
            )
