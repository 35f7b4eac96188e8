"""Settings of live transcription."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_numbers
from whisperdiar.text.messages import _

_LONGEST_WINDOW_S = 29.0
"""Whisper hears 30 s at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """How speech that goes on is listened to; times in seconds.

    Attributes:
        step: new speech after which the open utterance is recognised again; less shows words sooner and costs more.
        end_silence: silence that ends an utterance (endpointing).
        window: longest sound that is recognised at once; what is final leaves it first.
        context_words: final words that the recogniser is shown with the next ones (prompt); 0 for none.
        speaker_delay: sound behind a word that is heard before its speaker is final.
        speaker_patience: how long a voice that is not known yet is listened to before it is decided whose it is.
        new_speaker: clean speech that makes an unknown voice a new speaker.
        final_pass: whether the whole recording is transcribed again at the end, with everything in view.

    Raises:
        InvalidOption: a number outside its range.
    """

    step: float = 0.7
    end_silence: float = 0.5
    window: float = 12.0
    context_words: int = 0
    speaker_delay: float = 1.0
    speaker_patience: float = 3.0
    new_speaker: float = 2.5
    final_pass: bool = True

    def __post_init__(self) -> None:
        check_numbers(self)
        for name, low, high in (
            ("step", 0.2, 10.0),
            ("end_silence", 0.1, 10.0),
            ("window", 4.0, _LONGEST_WINDOW_S),
            ("speaker_delay", 0.0, 5.0),
            ("speaker_patience", 0.0, 9.0),
            ("new_speaker", 0.5, 9.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidOption(
                    _("{name} {value:g}: give {low:g} to {high:g} seconds").format(
                        name=name, value=value, low=low, high=high
                    )
                )
        if not 0 <= self.context_words <= 100:
            raise InvalidOption(
                _("context_words {number}: give a number from 0 to 100").format(number=self.context_words)
            )
