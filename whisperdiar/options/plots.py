"""Settings of plots."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_choice, check_numbers, check_ranges
from whisperdiar.options.command_line import PLOT_KINDS, PLOT_LANGUAGES, PLOT_SCALE, PLOT_WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotOptions:
    """What is drawn, and how wide.

    Attributes:
        kind: ``timeline`` (who speaks when), ``talk`` (who speaks how much), ``answers`` (who answers whom), ``sounds``
            (sound classes as `segment` writes them), or ``all`` of the first three one below the other.
        width: of the picture, in pixels of SVG.
        scale: pixels of a PNG for each of SVG.
        language: of the words in the picture; None takes the transcript's where there are words in it.

    Raises:
        InvalidOption: there is no such kind or language, or a number outside its range.
    """

    kind: str = PLOT_KINDS[0]
    width: int = PLOT_WIDTH
    scale: float = PLOT_SCALE
    language: str | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, PLOT_KINDS)
        check_choice("language", self.language, PLOT_LANGUAGES)
        check_ranges(self, ("width", 400, 20_000), ("scale", 0.1, 10.0))
        check_numbers(self)
