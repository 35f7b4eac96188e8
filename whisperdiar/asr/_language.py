"""Which language is spoken: checked where the user says it, detected over several windows where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from whisperdiar.asr._packing import Piece
from whisperdiar.errors import InvalidOption, UnsupportedRequest
from whisperdiar.types import Audio

WHISPER_LANGUAGES = (
    *("af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da"),
    *("de", "el", "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi"),
    *("hr", "ht", "hu", "hy", "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb"),
    *("ln", "lo", "lt", "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn"),
    *("no", "oc", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "sn", "so", "sq"),
    *("sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi"),
    *("yi", "yo", "zh", "yue"),
)
"""Whisper's codes, in the order of its tokens."""
N_WINDOWS = 4
"""Pieces that are listened to, spread over the recording: the first half minute is often a jingle or a greeting."""
_SURE = 0.5
_SHORT_S = 1.0
_ALIASES = {"jv": "jw", "nb": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh"}
"""Codes of ISO 639 that Whisper has under another name."""
_ISO = {"jw": "jv"}
"""Whisper's codes that are not of ISO 639-1."""
TYPED_LANGUAGES = (*WHISPER_LANGUAGES, *_ALIASES)
"""What a user may type, without a country."""


@dataclass(frozen=True, slots=True)
class SpokenLanguages:
    """What is spoken, in Whisper's codes.

    Attributes:
        main: the language of most of the recording.
        probability: that it is (0 to 1), where it was detected.
        of_pieces: the language of every piece.
        notes: sentences for the user where others are heard as well.
    """

    main: str
    probability: float | None
    of_pieces: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def iso(code: str) -> str:
    """Whisper's code as ISO 639-1 has it."""
    return _ISO.get(code, code)


def check_code(language: str) -> str:
    """Whisper's code for what the user typed: ``de``, ``de-AT``, ``DE``.

    Raises:
        InvalidOption: Whisper knows no such code.
    """
    code = str(language).strip().lower().replace("_", "-").partition("-")[0]
    code = _ALIASES.get(code, code)
    if code not in WHISPER_LANGUAGES:
        known = ", ".join(sorted(WHISPER_LANGUAGES))
        raise InvalidOption(f"language {language!r}: Whisper knows no such code; choose one of {known}")
    return code


def check_language(language: str, supported: Sequence[str], model: str) -> str:
    """Whisper's code for what the user typed.

    Raises:
        InvalidOption: Whisper knows no such code.
        UnsupportedRequest: the model does not speak that language.
    """
    code = check_code(language)
    if code in supported:
        return code
    listed = "English only" if list(supported) == ["en"] else f"{len(supported)} languages, not this one"
    raise UnsupportedRequest(f"language {language!r}: model {model} knows {listed}; choose a multilingual model")


def detect_language(model: Any, audio: Audio, pieces: Sequence[Piece]) -> SpokenLanguages:
    """The language with the highest mean probability over up to `N_WINDOWS` pieces, weighted by their length.

    Args:
        model: a multilingual ``faster_whisper.WhisperModel``.
        audio: 16 kHz.
        pieces: sorted, at least one.
    """
    weights: dict[str, float] = {}
    heard: dict[str, float] = {}
    total = 0.0
    for window in _windows(pieces):
        top, probability, everything = model.detect_language(audio=window.sound(audio))
        total += window.duration
        if probability > _SURE:
            heard[top] = heard.get(top, 0.0) + window.duration
        for code, share in everything:
            weights[code] = weights.get(code, 0.0) + share * window.duration
    best = max(sorted(weights), key=lambda code: weights[code])
    others = ", ".join(sorted(iso(code) for code in heard if code != best))
    note = (
        f"language {iso(best)} is taken for the whole recording; parts sound like {others}"
        " (--multilingual transcribes each in its own)"
    )
    return SpokenLanguages(best, weights[best] / total, notes=(note,) if others else ())


def detect_each(model: Any, audio: Audio, pieces: Sequence[Piece]) -> SpokenLanguages:
    """The language of every piece; one that is short, or of which the model is not sure, has that of most of them.

    Args:
        model: a multilingual ``faster_whisper.WhisperModel``.
        audio: 16 kHz.
        pieces: sorted, at least one.
    """
    sure: list[str | None] = []
    lengths: dict[str, float] = {}
    first_guess: str | None = None
    for piece in pieces:
        top, probability, _ = model.detect_language(audio=piece.sound(audio))
        first_guess = first_guess or top
        is_sure = probability > _SURE and piece.duration >= _SHORT_S
        sure.append(top if is_sure else None)
        if is_sure:
            lengths[top] = lengths.get(top, 0.0) + piece.duration
    main = max(sorted(lengths), key=lambda code: lengths[code]) if lengths else first_guess or "en"
    total = sum(lengths.values())
    shares = sorted(lengths.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{iso(code)} {100 * length / total:.0f} %" for code, length in shares)
    notes = (f"languages heard: {listed}",) if len(lengths) > 1 else ()
    return SpokenLanguages(
        main, lengths[main] / total if lengths else None, tuple(code or main for code in sure), notes
    )


def _windows(pieces: Sequence[Piece]) -> list[Piece]:
    """The longest piece of each of `N_WINDOWS` equal parts of the list."""
    n_parts = min(N_WINDOWS, len(pieces))
    edges = [round(index * len(pieces) / n_parts) for index in range(n_parts + 1)]
    return [max(pieces[low:high], key=lambda piece: piece.duration) for low, high in pairwise(edges)]
