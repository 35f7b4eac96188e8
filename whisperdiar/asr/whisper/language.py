"""Language identification: what a user says is checked; else detected over several stretches of speech."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from whisperdiar.asr._shared.packing import Piece, pack
from whisperdiar.contracts import current_parts
from whisperdiar.errors import InvalidOption, UnsupportedRequest
from whisperdiar.text.languages import WHISPER_LANGUAGES, find_code, suggest
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Span, total_duration

N_STRETCHES = 6
"""Stretches of speech that are listened to, spread over the recording; each costs the encoder a window of 30 s."""
N_PIECES = 2
"""Longer pieces that are listened to where the stretches leave the language open."""
_LONGEST_STRETCH_S = 10.0
_LONG_STRETCH_S = 5.0
"""A stretch of this length ends at any pause that can be heard, …"""
_SHORT_STRETCH_S = 3.0
"""… and one of this length at a long pause, after which somebody else may speak; a shorter one says too little."""
_HEARD_PAUSE_S = 0.3
_LONG_PAUSE_S = 1.0
_SURE = 0.5
_GUESS = 0.5
"""A language that is less probable is called a guess."""
_SURE_OF_ANOTHER = 0.7
"""Of a stretch in another language than the rest: accents, noise and short stretches are misjudged with up to 0.6."""
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


def to_iso_639_1(code: str) -> str:
    """Whisper's code as ISO 639-1 has it."""
    return _ISO.get(code, code)


def describe_guess(spoken: SpokenLanguages) -> str | None:
    """Says that the main language is a guess, where it is one."""
    if spoken.probability is None or spoken.probability >= _GUESS:
        return None
    return _("language {language} is a guess ({probability:.0%})").format(
        language=to_iso_639_1(spoken.main), probability=spoken.probability
    )


def check_code(language: str) -> str:
    """Whisper's code for what the user typed: ``de``, ``de-AT``, ``DE``, ``German``, ``Deutsch``.

    Raises:
        InvalidOption: Whisper knows no such code or name.
    """
    typed = str(language).strip()
    code = (find_code(typed) or "").lower().replace("_", "-").partition("-")[0]
    code = _ALIASES.get(code, code)
    if code not in WHISPER_LANGUAGES:
        known = suggest(typed) or _("; choose one of {languages}").format(
            languages=", ".join(sorted(WHISPER_LANGUAGES))
        )
        raise InvalidOption(
            _("language {language!r}: Whisper knows no such code or name{known}").format(language=language, known=known)
        )
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
    listed = (
        _("English only")
        if list(supported) == ["en"]
        else _("{n_supported} languages, not this one").format(n_supported=len(supported))
    )
    raise UnsupportedRequest(
        _("language {language!r}: model {model} knows {listed}; choose a multilingual model").format(
            language=language, model=model, listed=listed
        )
    )


def check_codes(languages: str | None) -> tuple[str, ...]:
    """Whisper's codes of the languages that the user allows, as in ``ru,en``; none where any may be spoken.

    Raises:
        InvalidOption: Whisper knows no such code or name.
    """
    typed = [part.strip() for part in (languages or "").split(",")]
    return tuple(dict.fromkeys(check_code(part) for part in typed if part))


def detect_language(
    model: Any, audio: Audio, pieces: Sequence[Piece], *, cut: Callable[[Span], float], allowed: Sequence[str] = ()
) -> SpokenLanguages:
    """The language with the highest mean probability over up to `N_STRETCHES` stretches of speech, weighted by length.

    Whisper's own detection leans to the beginning of what it hears, so a whole piece would go by its first words. Yet
    it hears more in one: where the stretches leave the language open, up to `N_PIECES` pieces are listened to as well.

    Args:
        model: a multilingual ``faster_whisper.WhisperModel``.
        audio: 16 kHz.
        pieces: sorted, at least one.
        cut: gives the best time inside a window in which nobody pauses.
        allowed: Whisper's codes of the languages to choose from; none for all.
    """
    weights: dict[str, float] = {}
    heard: dict[str, float] = {}
    total = 0.0
    for stretch in choose_stretches([clip for piece in pieces for clip in piece.clips], cut=cut):
        top, probability, everything = _listen(model, audio, stretch, allowed)
        total += stretch.duration
        if probability > _SURE_OF_ANOTHER and stretch.duration >= _SHORT_STRETCH_S:
            heard[top] = heard.get(top, 0.0) + stretch.duration
        for code, share in everything:
            weights[code] = weights.get(code, 0.0) + share * stretch.duration
    best = max(sorted(weights), key=lambda code: weights[code])
    if weights[best] < _SURE * total:
        for piece in _select_evenly([piece for piece in pieces if piece.duration > _LONGEST_STRETCH_S], N_PIECES):
            for code, share in _listen(model, audio, piece, allowed)[2]:
                weights[code] += share * piece.duration
            total += piece.duration
        best = max(sorted(weights), key=lambda code: weights[code])
    others = ", ".join(sorted(to_iso_639_1(code) for code in heard if code != best))
    note = _("language {language} is taken for all; parts sound like {others}: use --multilingual").format(
        language=to_iso_639_1(best), others=others
    )
    return SpokenLanguages(best, weights[best] / total, notes=(note,) if others else ())


def choose_stretches(speech: Sequence[Span], *, cut: Callable[[Span], float]) -> list[Piece]:
    """Up to `N_STRETCHES` stretches of speech of 5 to 10 s, evenly spread, that begin and end at pauses.

    They are shorter where a long pause ends them, or where there is no more speech.

    Args:
        speech: sorted spans, at least one.
        cut: gives the best time inside a window in which nobody pauses.
    """
    parts = [
        clip
        for piece in pack(speech, limit=_LONGEST_STRETCH_S, max_pause=0.0, kept_pause=0.0, cut=cut)
        for clip in piece.clips
    ]
    runs: list[list[Span]] = []
    for part in parts:
        if runs and not _is_end(runs[-1], part):
            runs[-1].append(part)
        else:
            runs.append([part])
    found = [Piece(tuple(run)) for run in runs]
    longest = max(stretch.duration for stretch in found)
    telling = [stretch for stretch in found if stretch.duration >= min(_SHORT_STRETCH_S, longest)]
    return _select_evenly(telling, N_STRETCHES)


def _select_evenly(pieces: Sequence[Piece], most: int) -> list[Piece]:
    """Up to `most` of the pieces, evenly spread, the first and the last among them."""
    n_chosen = min(most, len(pieces))
    steps = max(1, n_chosen - 1)
    return [pieces[round(index * (len(pieces) - 1) / steps)] for index in range(n_chosen)]


def _is_end(run: Sequence[Span], following: Span) -> bool:
    """Whether a stretch ends before the next span of speech."""
    length, pause = total_duration(run), following.start - run[-1].end
    if length + following.duration > _LONGEST_STRETCH_S:
        return True
    return (length >= _LONG_STRETCH_S and pause >= _HEARD_PAUSE_S) or (
        length >= _SHORT_STRETCH_S and pause >= _LONG_PAUSE_S
    )


def _listen(
    model: Any, audio: Audio, piece: Piece, allowed: Sequence[str]
) -> tuple[str, float, Sequence[tuple[str, float]]]:
    """The language of a piece, its probability, and those of all; of `allowed` alone, where there are any."""
    top, probability, everything = _detect(model, audio, piece)
    if not allowed:
        return top, probability, everything
    known = dict(everything)
    shares = {code: max(0.0, known.get(code, 0.0)) for code in allowed}
    total = sum(shares.values())
    # Of languages that are all out of the question none is more probable than another.
    scaled = [(code, share / total if total > 0.0 else 1.0 / len(shares)) for code, share in shares.items()]
    best = max(scaled, key=lambda item: item[1])
    return best[0], best[1], scaled


def _detect(model: Any, audio: Audio, piece: Piece) -> tuple[str, float, list[tuple[str, float]]]:
    """What the model hears in a piece, kept or asked now."""
    parts = current_parts()
    key = json.dumps(["language", [[clip.start, clip.end] for clip in piece.clips]])
    kept = None if parts is None else parts.find(key)
    if kept is not None:
        top, probability, everything = json.loads(kept)
        return top, probability, [(code, share) for code, share in everything]
    top, probability, everything = model.detect_language(audio=piece.read_sound(audio))
    found = (str(top), float(probability), [(str(code), float(share)) for code, share in everything])
    if parts is not None:
        parts.keep(key, json.dumps(found).encode())
    return found


def detect_each(model: Any, audio: Audio, pieces: Sequence[Piece], *, allowed: Sequence[str] = ()) -> SpokenLanguages:
    """The language of every piece; one that is short, or of which the model is not sure, has that of most of them.

    Args:
        model: a multilingual ``faster_whisper.WhisperModel``.
        audio: 16 kHz.
        pieces: sorted, at least one.
        allowed: Whisper's codes of the languages to choose from; none for all.
    """
    sure: list[str | None] = []
    lengths: dict[str, float] = {}
    first_guess: str | None = None
    for piece in pieces:
        top, probability, _all = _listen(model, audio, piece, allowed)
        first_guess = first_guess or top
        is_sure = probability > _SURE and piece.duration >= _SHORT_S
        sure.append(top if is_sure else None)
        if is_sure:
            lengths[top] = lengths.get(top, 0.0) + piece.duration
    main = max(sorted(lengths), key=lambda code: lengths[code]) if lengths else first_guess or "en"
    total = sum(lengths.values())
    shares = sorted(lengths.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{to_iso_639_1(code)} {100 * length / total:.0f} %" for code, length in shares)
    notes = (_("languages heard: {listed}").format(listed=listed),) if len(lengths) > 1 else ()
    return SpokenLanguages(
        main, lengths[main] / total if lengths else None, tuple(code or main for code in sure), notes
    )
