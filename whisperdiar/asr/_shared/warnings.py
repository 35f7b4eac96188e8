"""Recognition warnings: what has no words, what is broken, and why a result is empty (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whisperdiar.asr._shared.words import BROKEN
from whisperdiar.outcome import is_hardly_any
from whisperdiar.text.counts import count_places, count_words
from whisperdiar.text.messages import _, join
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
        said.append(
            _("{words} with characters that the model left broken ({broken}): try another --model").format(
                words=count_words(broken), broken=BROKEN
            )
        )
    total = total_duration(speech)
    silent = [item.span for item in dropped if not item.text]
    if is_hardly_any(words, total):
        amount = (
            _("nothing usable")
            if not words
            else _("hardly anything usable ({words})").format(words=count_words(len(words)))
        )
        causes = _causes(dropped)
        if guess is not None:
            causes.append(guess)
        level = _level(audio, speech)
        if level < _QUIET_DBFS:
            causes.append(_("the speech is very quiet ({level:.0f} dBFS)").format(level=level))
        cause = join("; ", causes) or _("the model wrote hardly any text")
        remedy = _("; try {remedies}").format(remedies=join(_(" or "), remedies)) if remedies else ""
        said.append(
            _("{amount} was recognised in {total:.0f} s of speech: {cause}{remedy}").format(
                amount=amount, total=total, cause=cause, remedy=remedy
            )
        )
        return said
    if silent:
        said.append(
            _("{silent:.1f} of {total:.1f} s of speech have no words ({places}, listed under dropped)").format(
                silent=total_duration(silent), total=total, places=count_places(len(silent))
            )
        )
    if guess is not None:
        said.append(_("{guess}; say it with --language").format(guess=guess))
    return said


def _causes(dropped: Sequence[Dropped]) -> list[str]:
    """Why there are no words: seconds by reason, the most first."""
    seconds: dict[str, float] = {}
    for item in dropped:
        seconds[item.reason] = seconds.get(item.reason, 0.0) + item.span.duration
    ordered = sorted(seconds.items(), key=lambda pair: -pair[1])
    return [
        _("{duration:.0f} s left out ({reason})").format(duration=duration, reason=_(reason))
        for reason, duration in ordered
    ]


def _level(audio: Audio, speech: Sequence[Span]) -> float:
    """Of the loudest stretch of speech, dBFS; at most a minute of each is looked at."""
    blocks = (audio.crop(Span(span.start, min(span.end, span.start + _LARGEST_BLOCK_S))).mono for span in speech)
    powers = [float(np.mean(np.square(samples))) for samples in blocks if samples.size]
    return float(10.0 * np.log10(max(max(powers, default=0.0), 1e-12)))
