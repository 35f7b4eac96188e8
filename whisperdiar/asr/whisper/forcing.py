"""Whisper's forced alignment: words that are given, as the model hears them, with times and probabilities.

The decoder is given the text and does not choose it. Its cross-attention to the sound, aligned by dynamic time warping,
tells when each word is spoken, and what it had thought of each token how probable the word is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from whisperdiar.asr.whisper.loading import LoadedModel
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.types import Samples, ScoredTime

_MOST_TOKENS = 400
"""The decoder has 448 positions, and some of them are for what stands before a text."""
_TOKENS_PER_SECOND = 50


def force_words(
    loaded: LoadedModel, sound: Samples, words: Sequence[str], *, language: str | None
) -> list[ScoredTime | None]:
    """When each word is spoken, in order; None for all of them where there are too many tokens.

    Args:
        loaded: the model.
        sound: float32 (n_samples,), 16 kHz, at most 30 s.
        words: in the order of speaking, with leading spaces where the language writes them.
        language: Whisper's code; None for that of an English model.
    """
    disable_telemetry()
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.tokenizer import Tokenizer

    model: Any = loaded.model
    multilingual = bool(model.model.is_multilingual)
    tokenizer = Tokenizer(model.hf_tokenizer, multilingual, task="transcribe", language=language or "en")
    by_word = [tokenizer.encode(word) for word in words]
    tokens = [token for own in by_word for token in own]
    if not tokens or len(tokens) > _MOST_TOKENS or not sound.size:
        return [None] * len(words)
    features = model.feature_extractor(np.ascontiguousarray(sound))
    n_frames = min(features.shape[-1], model.feature_extractor.nb_max_frames)
    encoded = model.encode(pad_or_trim(features))
    (found,) = model.model.align(encoded, tokenizer.sot_sequence, [tokens], n_frames, median_filter_width=7)
    first_frames: dict[int, int] = {}
    for token, frame in found.alignments:
        first_frames.setdefault(token, frame)
    duration = sound.size / model.feature_extractor.sampling_rate
    edges = list(accumulate((len(own) for own in by_word), initial=0))
    found_times = (first_frames.get(edge, n_frames) / _TOKENS_PER_SECOND + loaded.lead for edge in edges)
    times = [min(max(0.0, time), duration) for time in found_times]
    probabilities = np.asarray(found.text_token_probs, dtype=np.float64)
    return [
        None
        if first == last
        else ScoredTime(start, max(start, end), float(np.exp(np.mean(np.log(probabilities[first:last] + 1e-9)))))
        for (first, last), (start, end) in zip(pairwise(edges), pairwise(times), strict=True)
    ]
