"""Settings of the stage behind every recogniser: forced alignment, hallucination filters, gap filling."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice, check_numbers
from whisperdiar.options.command_line import WORD_TIMES
from whisperdiar.text.messages import _

REFINED_WORD_TIMES = tuple(name for name in WORD_TIMES if name != "none")
"""Where words have their times from: the recogniser (dynamic programming), or forced alignment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementSettings:
    """What becomes of a recogniser's words. A recogniser whose settings have these fields lets its users set them.

    Attributes:
        word_times: ``dtw`` keeps the recogniser's own, ``wav2vec2`` aligns the words again with a CTC model of the
            language.
        word_times_model: CTC model for ``wav2vec2``, a repository or a folder; None for the language's own.
        fill_gaps: speech of 1.5 seconds and more in which no word was found is decoded again by itself.
        cut_loops: phrases that are repeated over and over stay as often as the sound holds them.
        drop_unspoken: sentences that lie where nobody speaks are dropped.
        drop_closing_phrases: "Thanks for watching" and credits of subtitles are dropped where nobody says them.

    Raises:
        InvalidOption: no such source of times.
    """

    word_times: str = "dtw"
    word_times_model: str | None = None
    fill_gaps: bool = True
    cut_loops: bool = True
    drop_unspoken: bool = True
    drop_closing_phrases: bool = True

    def __post_init__(self) -> None:
        check_word_times(self.word_times, self.word_times_model, known=REFINED_WORD_TIMES)
        check_numbers(self)


def check_word_times(word_times: str, model: str | None, *, known: tuple[str, ...]) -> None:
    """Raises InvalidOption where there is no such source of word times, or a model for another one."""
    check_choice("word_times", word_times, known)
    if model is not None and word_times != "wav2vec2":
        raise InvalidOption(_("word_times_model is for word_times wav2vec2: give both, or neither"))


REFINEMENT = RefinementSettings()
"""The defaults, for settings that have these fields in an order of their own."""
