"""Settings of the recogniser `transformers`."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice
from whisperdiar.options.refinement import RefinementSettings
from whisperdiar.text.messages import _

TORCH_PRECISIONS = ("auto", "float32", "float16", "bfloat16")
"""Number formats of PyTorch, the default first: ``auto`` is ``float32``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformersSettings(RefinementSettings):
    """Speech-to-text models of Transformers; all but these is as in `RefinementSettings`.

    Attributes:
        model: a folder, or a repository ``owner/name``; there is no default.
        compute_type: ``float32``, ``float16`` or ``bfloat16``; ``auto`` is ``float32``.
        batch_size: pieces decoded at once; 0 is one on a CPU and 8 on a GPU.
        max_chunk: longest piece of sound that is decoded at once, seconds.

    Raises:
        InvalidOption: a number outside its range, or no such number format.
    """

    model: str = ""
    compute_type: str = "auto"
    batch_size: int = 0
    max_chunk: float = 29.0

    def __post_init__(self) -> None:
        RefinementSettings.__post_init__(self)
        check_choice("compute_type", self.compute_type, TORCH_PRECISIONS)
        if self.batch_size < 0:
            raise InvalidOption(
                _("batch_size {batch_size}: it must be 1 or more, or 0 to choose by the device").format(
                    batch_size=self.batch_size
                )
            )
        if not 1.0 <= self.max_chunk <= 30.0:
            raise InvalidOption(_("max_chunk {max_chunk}: give 1 to 30 seconds").format(max_chunk=self.max_chunk))
