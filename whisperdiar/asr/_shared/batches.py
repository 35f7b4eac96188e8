"""Batches: speech → packed pieces → what a recogniser hears in several at once → words in the recording's time.

For recognisers that take plain sound and give a text for each, with times of its words or without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from whisperdiar.asr._shared.chunking import find_quietest
from whisperdiar.asr._shared.packing import Piece, pack
from whisperdiar.asr._shared.refinement import KEPT_PAUSE_S, MAX_PAUSE_S
from whisperdiar.asr._shared.words import UNSPACED_LANGUAGES, RawWord, place_words, spread_words
from whisperdiar.contracts import Parts, Progress, current_listener, current_parts, remember_json
from whisperdiar.errors import BackendError
from whisperdiar.system.machine import is_out_of_memory
from whisperdiar.text.language_identification import identify_language
from whisperdiar.types import Audio, Samples, Span, Transcription, Word, merge_spans

_SHORTEST_S = 0.5
"""Shorter sound gets silence behind it: networks fail on fewer frames than they put together."""


@dataclass(frozen=True, slots=True)
class HeardText:
    """What a recogniser hears in one sound.

    Attributes:
        text: all of it.
        words: with times in seconds from the sound's start; empty where the recogniser tells no times.
        probability: 0 to 1, for words that come without one.
    """

    text: str
    words: tuple[RawWord, ...] = ()
    probability: float = 1.0

    def to_json(self) -> list[Any]:
        words = [[word.text, *map(_plain, (word.start, word.end, word.probability))] for word in self.words]
        return [self.text, words, float(self.probability)]

    @classmethod
    def from_json(cls, found: Sequence[Any]) -> HeardText:
        text, words, probability = found
        return cls(text, tuple(RawWord(*word) for word in words), probability)


Decode = Callable[[list[Samples]], Sequence[HeardText]]
"""Sounds, float32 (n_samples,) at the audio's rate in [-1, 1] → what is heard in each."""


@dataclass(frozen=True, slots=True)
class BatchRecogniser:
    """A recogniser whose model is loaded, for one recording.

    Attributes:
        decode: hears several sounds at once.
        batch_size: pieces at once; halved where memory runs out.
        language: ISO 639-1 code of what is spoken; None where the text has to tell it.
        languages: codes of which the text may tell one; empty for any.
    """

    decode: Decode
    batch_size: int
    language: str | None
    languages: tuple[str, ...] = ()


def transcribe_in_batches(
    audio: Audio,
    speech: Sequence[Span],
    prepare: Callable[[], BatchRecogniser],
    *,
    language: str | None,
    limit: float,
    progress: Progress,
) -> Transcription:
    """Words in order of time, only from `speech`, and their language: the one that is known, or else told by the text.

    Args:
        speech: spans, in any order; what of them is outside the audio is left out.
        prepare: loads the model; not called where there is no speech.
        language: ISO 639-1 code that was asked for; of a recording without speech.
        limit: longest piece, seconds.
        progress: hears of stage ``asr``; who listens hears of the words of each piece.
    """
    inside = [part for span in speech if (part := span.clip(0.0, audio.duration))]
    if not inside:
        return Transcription(language, None, ())
    recogniser = prepare()
    words = _decode_in_batches(audio, inside, recogniser, limit=limit, progress=progress)
    spoken = recogniser.language
    if spoken is None:
        told = identify_language(word.text for word in words)
        spoken = told if not recogniser.languages or told in recogniser.languages else None
    return Transcription(spoken, None, words)


def _decode_in_batches(
    audio: Audio,
    speech: Sequence[Span],
    recogniser: BatchRecogniser,
    *,
    limit: float,
    progress: Progress,
) -> tuple[Word, ...]:
    """Words in order of time; words without times are spread over the speech of their piece."""
    spaced, batch_size = recogniser.language not in UNSPACED_LANGUAGES, recogniser.batch_size
    parts = current_parts()
    sorted_speech = merge_spans(speech)
    pieces = pack(
        sorted_speech,
        limit=limit,
        max_pause=MAX_PAUSE_S,
        kept_pause=KEPT_PAUSE_S,
        cut=partial(find_quietest, audio),
    )
    listener = current_listener()
    words: list[Word] = []
    first = 0
    while first < len(pieces):
        batch = pieces[first : first + batch_size]
        try:
            heard = _hear(recogniser, batch, audio, parts)
        except (BackendError, MemoryError, RuntimeError) as error:
            if batch_size == 1 or not is_out_of_memory(error):
                raise
            batch_size = max(1, min(batch_size, len(batch)) // 2)
            continue
        first += len(batch)
        for piece, item in zip(batch, heard, strict=True):
            found = _place(item, piece, piece.spoken(sorted_speech), spaced)
            words += found
            if listener is not None and found:
                listener.heard(audio.start + found[0].start, "".join(word.text for word in found).strip())
        progress("asr", first / len(pieces))
    return tuple(words)


def _hear(
    recogniser: BatchRecogniser, batch: Sequence[Piece], audio: Audio, parts: Parts | None
) -> Sequence[HeardText]:
    """What is heard in each piece of a batch: kept by an earlier run, or decoded now, and kept.

    A batch is known by all of its pieces: what networks hear in a sound depends a little on those beside it.
    """
    key = json.dumps(["batch", recogniser.language, [[[c.start, c.end] for c in piece.clips] for piece in batch]])

    def decode() -> list[Any]:
        return [item.to_json() for item in recogniser.decode([_read(piece, audio) for piece in batch])]

    return [HeardText.from_json(item) for item in remember_json(parts, key, decode)]


def _plain(number: float | None) -> float | None:
    """A library's number as Python's, which is the same when it comes back."""
    return None if number is None else float(number)


def _read(piece: Piece, audio: Audio) -> Samples:
    sound = piece.read_sound(audio).astype(np.float32, copy=False)
    shortest = round(_SHORTEST_S * audio.sample_rate)
    return np.pad(sound, (0, shortest - sound.size)) if sound.size < shortest else sound


def _place(heard: HeardText, piece: Piece, speech: Sequence[Span], spaced: bool) -> tuple[Word, ...]:
    if not heard.text.strip():
        return ()
    raw: Sequence[RawWord] = [
        replace(
            word,
            start=None if word.start is None else piece.time(word.start),
            end=None if word.end is None else piece.time(word.end),
        )
        for word in heard.words
    ]
    if not raw:
        raw = spread_words(heard.text, speech, spaced=spaced)
    return place_words(raw, heard.text, piece=piece.span, speech=speech, spaced=spaced, probability=heard.probability)
