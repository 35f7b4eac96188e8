"""Settings of the recogniser `onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice
from whisperdiar.options.command_line import ONNX_PRECISIONS
from whisperdiar.options.refinement import RefinementSettings
from whisperdiar.text.messages import _

ONNX_COMPUTE_TYPES: Mapping[str, str] = MappingProxyType(
    dict(zip(ONNX_PRECISIONS, ("", "", "int8", "fp16"), strict=True))
)
"""Number formats, and how files of them are called; full precision has no name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxAsrSettings(RefinementSettings):
    """onnx-asr; all but these is as in `RefinementSettings`.

    Attributes:
        model: a name such as ``parakeet-v3``, a repository, or a folder.
        layout: of a folder's files, such as ``nemo-conformer-ctc``; None to tell it from them.
        compute_type: ``float32``, ``int8`` or ``float16``; ``auto`` takes full precision, or 8 bits where these alone
            are on this machine.
        batch_size: pieces decoded at once; 0 chooses from the device.
        max_chunk: longest piece of sound that is decoded at once, seconds: most of these models learnt from at most
            20 to 30, GigaAM refuses more than 25.

    Raises:
        InvalidOption: a number outside its range, or no such number format.
    """

    model: str = "parakeet-v3"
    layout: str | None = None
    compute_type: str = "auto"
    batch_size: int = 0
    max_chunk: float = 24.0

    def __post_init__(self) -> None:
        RefinementSettings.__post_init__(self)
        check_choice("compute_type", self.compute_type, tuple(ONNX_COMPUTE_TYPES))
        if self.batch_size < 0:
            raise InvalidOption(
                _("batch_size {batch_size}: it must be 1 or more, or 0 to choose by the device").format(
                    batch_size=self.batch_size
                )
            )
        if not 1.0 <= self.max_chunk <= 120.0:
            raise InvalidOption(_("max_chunk {max_chunk}: give 1 to 120 seconds").format(max_chunk=self.max_chunk))
