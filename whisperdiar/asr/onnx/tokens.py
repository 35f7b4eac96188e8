"""Tokens → words: where each word begins, until when it may last, and how probable it is (pure).

Tokens are pieces of words; white space in one of them, or alone, begins a word. A transducer or CTC model tells when it
gave each token out, not how long that is spoken:

    tokens  " Wh" "o"   " spoke" "."        a word lasts from its first token until the next word begins;
    times    0.4   0.5    0.8     1.1       what is too long for it is cut where words get their places
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from whisperdiar.asr._shared.words import RawWord


def group_tokens(
    text: str,
    tokens: Sequence[str],
    times: Sequence[float],
    log_probabilities: Sequence[float] | None,
    *,
    end: float,
    spaced: bool = True,
) -> tuple[RawWord, ...]:
    """The words of `text` with the times of their tokens; none where tokens and text do not go together.

    A word's probability is the geometric mean of those of its tokens; None where these have none.

    Args:
        text: what the tokens are together, white space aside.
        tokens: in order.
        times: seconds at which each was given out.
        log_probabilities: natural logarithms, one for each token; None where the model tells none.
        end: of the sound, seconds.
        spaced: whether words have spaces between them; otherwise every character is one.
    """
    # One entry for each character that is no white space: the token that it came from.
    owners = [index for index, token in enumerate(tokens) for character in token if not character.isspace()]
    words = text.split() if spaced else [character for part in text.split() for character in part]
    written = "".join(character for token in tokens for character in token if not character.isspace())
    if not words or written != "".join(words) or len(times) != len(tokens):
        return ()
    known = log_probabilities if log_probabilities is not None and len(log_probabilities) == len(tokens) else None
    starts: list[float] = []
    probabilities: list[float | None] = []
    position = 0
    for word in words:
        own = list(dict.fromkeys(owners[position : position + len(word)]))
        position += len(word)
        starts.append(min(float(times[own[0]]), end))
        probabilities.append(None if known is None else _mean_probability([known[index] for index in own]))
    ends = [*starts[1:], end]
    return tuple(
        RawWord(f" {word}" if spaced else word, start, max(start, until), probability)
        for word, start, until, probability in zip(words, starts, ends, probabilities, strict=True)
    )


def mean_probability(log_probabilities: Sequence[float] | None) -> float:
    """Geometric mean of probabilities, 0 to 1; 1 where there are none."""
    return 1.0 if not log_probabilities else _mean_probability(log_probabilities)


def _mean_probability(log_probabilities: Sequence[float]) -> float:
    mean = math.fsum(log_probabilities) / len(log_probabilities)
    return math.exp(min(0.0, mean)) if math.isfinite(mean) else 0.0
