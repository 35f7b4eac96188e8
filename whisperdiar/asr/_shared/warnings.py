"""Recognition warnings: what has no words, what is broken, and why a result is empty (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whisperdiar.asr._shared.words import BROKEN
from whisperdiar.outcome import is_hardly_any
from whisperdiar.text.counts import count_places, count_words
from whisperdiar.types import Audio, Dropped, Span, Word, total_duration

_QUIET_DBFS = -50.0
_LARGEST_BLOCK_S = 60.0


def collect_warnings(
    words: Sequence[Word],
    dropped: Sequence[Dropped],
    audio: Audio,
    speech: Sequence[Span],
    *,
    guess: str | None = None,
    remedies: Sequence[str] = (),
) -> list[str]:
    """Warnings about what may be wrong with the words, one sentence each.

    Args:
        words: what stays.
        dropped: what was left out, and speech without words (with an empty text).
        audio: what was listened to.
        speech: sorted spans in which somebody speaks.
        guess: says that the language is one, where it is; ends without a full stop.
        remedies: what to try where hardly anything was recognised.
    """
    said = []
    if broken := sum(BROKEN in word.text for word in words):
        said.append(f"{count_words(broken)} with characters that the model left broken ({BROKEN}): try another --model")
    total = total_duration(speech)
    silent = [item.span for item in dropped if not item.text]
    if is_hardly_any(words, total):
        amount = "nothing usable" if not words else f"hardly anything usable ({count_words(len(words))})"
        causes = _causes(dropped)
        if guess is not None:
            causes.append(guess)
        level = _level(audio, speech)
        if level < _QUIET_DBFS:
            causes.append(f"the speech is very quiet ({level:.0f} dBFS)")
        cause = "; ".join(causes) or "the model wrote hardly any text"
        remedy = f"; try {' or '.join(remedies)}" if remedies else ""
        said.append(f"{amount} was recognised in {total:.0f} s of speech: {cause}{remedy}")
        return said
    if silent:
        said.append(
            f"{total_duration(silent):.1f} of {total:.1f} s of speech have no words"
            f" ({count_places(len(silent))}, listed under dropped)"
        )
    if guess is not None:
        said.append(f"{guess}; say it with --language")
    return said


def _causes(dropped: Sequence[Dropped]) -> list[str]:
    """Why there are no words: seconds by reason, the most first."""
    seconds: dict[str, float] = {}
    for item in dropped:
        seconds[item.reason] = seconds.get(item.reason, 0.0) + item.span.duration
    ordered = sorted(seconds.items(), key=lambda pair: -pair[1])
    return [f"{duration:.0f} s left out ({reason})" for reason, duration in ordered]


def _level(audio: Audio, speech: Sequence[Span]) -> float:
    """Of the loudest stretch of speech, dBFS; at most a minute of each is looked at."""
    blocks = (audio.crop(Span(span.start, min(span.end, span.start + _LARGEST_BLOCK_S))).mono for span in speech)
    powers = [float(np.mean(np.square(samples))) for samples in blocks if samples.size]
    return float(10.0 * np.log10(max(max(powers, default=0.0), 1e-12)))
