"""Settings of emotion diarization."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_numbers, check_ranges
from whisperdiar.options.command_line import EMOTION_MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionSettings:
    """Which emotion is heard when (seconds).

    Attributes:
        model: a repository ``owner/name`` of the hub, or a folder as SpeechBrain's emotion diarization models are.
        window: longest piece of speech that is heard at once; memory grows with its square.
        margin: of speech before and after such a piece, which is heard with it.

    Raises:
        InvalidOption: a number outside its range.
    """

    model: str = EMOTION_MODEL
    window: float = 15.0
    margin: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, ("window", 1.0, 60.0), ("margin", 0.0, 5.0))
        check_numbers(self)
