"""Refinement of recognised words: the stage behind every recogniser.

recogniser → words → forced alignment → hallucination filters → gap filling → vocabulary → words, what was left out,
what was replaced, warnings

A recogniser says by its attribute `does_itself` which of `whisperdiar.contracts.REFINEMENT_STEPS` it does by itself,
such as Whisper, which decodes its own pieces again. Settings are those of `RefinementSettings` that it has among its
own, and their defaults where it has none.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any
from weakref import WeakKeyDictionary

from whisperdiar.asr._shared.chunking import find_quietest
from whisperdiar.asr._shared.gap_filling import Gap, fill_gap, find_doubtful_gaps, find_gaps, join_gaps
from whisperdiar.asr._shared.hallucinations import (
    FilteredWords,
    Sound,
    remove_closing_phrases,
    remove_loops,
    remove_marks,
    remove_unspoken,
)
from whisperdiar.asr._shared.packing import Piece, pack
from whisperdiar.asr._shared.syllables import find_syllables
from whisperdiar.asr._shared.vocabulary import replace_forms
from whisperdiar.asr._shared.warnings import collect_warnings
from whisperdiar.asr._shared.words import retime_words
from whisperdiar.contracts import (
    BiasedTranscriber,
    Progress,
    Transcriber,
    lacks_word_times,
    no_progress,
    record_of,
    refinement_steps,
    scale_progress,
    takes_terms,
)
from whisperdiar.errors import UnsupportedRequest
from whisperdiar.forced_alignment.wav2vec2 import WordAligner
from whisperdiar.options import SAMPLE_RATE_HZ, RefinementSettings, Runtime, Vocabulary
from whisperdiar.text.messages import _, mark, ngettext
from whisperdiar.types import Audio, Dropped, Samples, Span, Transcription, Word, clip_spans, merge_spans

NO_WORDS = mark("no words were recognised in this speech")
"""Reason of speech for which there are no words, among what was dropped."""

MAX_PAUSE_S = 10.0
"""Speech with shorter pauses is one piece: context helps a recogniser, and Whisper pays for a full window of 30 s."""
KEPT_PAUSE_S = 0.4
"""What a recogniser hears of a longer pause: enough to take it for one."""
_PIECE_S = 29.0
"""Longest piece; the memory of forced alignment grows with its square."""
_N_ROUNDS = 3
"""As often is speech without words decoded again: of a chant, Whisper may write one verse at a time."""
_JOINED_PAUSE_S = 0.25
_SHORTEST_STRETCH_S = 0.5
FIRST_PASS = 0.9
"""Share of the progress that the first decoding of everything has, where speech without words follows."""

_aligners: WeakKeyDictionary[object, WordAligner] = WeakKeyDictionary()
"""Aligners of recognisers, which live as long as these: a model is loaded once for many recordings."""
_lock = threading.Lock()

Align = Callable[[Samples, Sequence[str]], Sequence[tuple[float, float] | None]]
"""Sound of a piece, float32 (n_samples,), and its words → their times in seconds from its start."""
DecodeAgain = Callable[[Mapping[Piece, Piece], Progress], Iterator[tuple[Piece, FilteredWords]]]
"""What to decode again, and the piece that each lies in → what was heard, where that is anything."""


def recognise(
    recogniser: Transcriber,
    audio: Audio,
    *,
    speech: Sequence[Span],
    language: str | None = None,
    vocabulary: Vocabulary | None = None,
    progress: Progress = no_progress,
) -> Transcription:
    """What a recogniser finds, refined by the steps that it does not do by itself, in the user's vocabulary.

    Args:
        recogniser: any object with `transcribe`.
        audio: at the rate that the recogniser takes; forced alignment needs 16 kHz.
        speech: spans in which somebody speaks, in any order.
        language: ISO 639-1 code; None to detect it.
        vocabulary: terms that a recogniser is told to expect, where it can be, and whose forms are replaced.
        progress: hears of stage ``asr``.

    Raises:
        UnsupportedRequest: the recogniser tells no times of words, and they cannot be aligned.
    """
    found = _recognise(recogniser, audio, speech, language, vocabulary, progress)
    return found if vocabulary is None else _write_terms(found, vocabulary, is_told=takes_terms(recogniser))


def _write_terms(found: Transcription, vocabulary: Vocabulary, *, is_told: bool) -> Transcription:
    """The words with the forms of the vocabulary replaced, and notes on that."""
    replaced = replace_forms(found.words, vocabulary)
    number = len(replaced.replacements)
    notes = list(found.notes)
    if not is_told:
        notes.append(_("the recogniser takes no words to expect: the vocabulary replaces forms alone"))
    if number:
        notes.append(
            ngettext(
                "{number} place was replaced by the vocabulary; the JSON lists it",
                "{number} places were replaced by the vocabulary; the JSON lists them",
                number,
            ).format(number=number)
        )
    return replace(found, words=replaced.words, notes=tuple(notes), replacements=replaced.replacements)


def _recognise(
    recogniser: Transcriber,
    audio: Audio,
    speech: Sequence[Span],
    language: str | None,
    vocabulary: Vocabulary | None,
    progress: Progress,
) -> Transcription:
    steps = refinement_steps(recogniser)
    transcribe = _bias(recogniser, vocabulary)
    if not steps:
        return transcribe(audio, speech=speech, language=language, progress=progress)
    fills = "gaps" in steps and bool(_setting(recogniser, "fill_gaps", when_missing=False))
    first = scale_progress(progress, 0.0, FIRST_PASS) if fills else progress
    if speech and "word_times" in steps and lacks_word_times(recogniser):
        _check_alignment(recogniser, audio, language)
    found = transcribe(audio, speech=speech, language=language, progress=first)
    inside = merge_spans(part for span in speech if (part := span.clip(0.0, audio.duration)))
    if not inside:
        return found
    second = scale_progress(progress, FIRST_PASS, 1.0)
    done = _Refinement(recogniser, transcribe, audio, inside, found, steps).run(fills=fills, progress=second)
    progress("asr", 1.0)
    return done


def _bias(recogniser: Transcriber, vocabulary: Vocabulary | None) -> Callable[..., Transcription]:
    """A recogniser's `transcribe`, which knows the terms of the vocabulary where it takes any."""
    if vocabulary is None or not takes_terms(recogniser) or not isinstance(recogniser, BiasedTranscriber):
        return recogniser.transcribe
    return partial(recogniser.transcribe, terms=vocabulary.texts)


class _Refinement:
    """The steps for one recording."""

    def __init__(
        self,
        recogniser: Transcriber,
        transcribe: Callable[..., Transcription],
        audio: Audio,
        speech: Sequence[Span],
        found: Transcription,
        steps: frozenset[str],
    ) -> None:
        self._recogniser, self._audio, self._speech, self._found, self._steps = recogniser, audio, speech, found, steps
        self._transcribe = transcribe
        self._pieces = pack(
            speech, limit=_PIECE_S, max_pause=MAX_PAUSE_S, kept_pause=KEPT_PAUSE_S, cut=partial(find_quietest, audio)
        )
        self._no_speech = _assign_no_speech(found.no_speech, self._pieces)
        self._align: Align | None = None
        self._filters = Filters.of(recogniser) if "filters" in steps else Filters.none()

    def run(self, *, fills: bool, progress: Progress) -> Transcription:
        warnings, notes = list(self._found.warnings), list(self._found.notes)
        aligner = self._find_aligner(warnings)
        by_piece = _assign_words(self._found.words, self._pieces)
        found = {piece: self._refine(by_piece[piece], piece) for piece in self._pieces}
        if fills:
            n_filled = fill_gaps(
                found, self._audio, self._speech, self._decode_again, limit=_PIECE_S, progress=progress
            )
            if n_filled:
                notes.append(
                    _("places where words had been left out, found by decoding again: {number}").format(number=n_filled)
                )
        if aligner is not None and aligner.failure:
            warnings.append(aligner.failure)
        words = tuple(word for piece in self._pieces for word in found[piece].words)
        dropped = [*self._found.dropped, *(item for piece in self._pieces for item in found[piece].dropped)]
        if "gaps" in self._steps:
            dropped += list_speech_without_words(found, self._speech, besides=[item.span for item in dropped])
            warnings += collect_warnings(words, dropped, self._audio, self._speech)
        return replace(
            self._found,
            words=words,
            dropped=tuple(sorted(dropped, key=lambda item: item.span)),
            warnings=tuple(warnings),
            notes=tuple(notes),
        )

    def _refine(self, words: Sequence[Word], piece: Piece, *, is_gap: bool = False) -> FilteredWords:
        return refine_piece(
            words,
            piece,
            self._audio,
            self._speech,
            self._filters,
            align=self._align,
            # A phrase that recognisers like to invent is not believed where nothing was heard the first time.
            no_speech_probability=1.0 if is_gap else self._no_speech.get(piece, 0.0),
        )

    def _find_aligner(self, warnings: list[str]) -> WordAligner | None:
        wanted = _setting(self._recogniser, "word_times") == "wav2vec2" or lacks_word_times(self._recogniser)
        if "word_times" not in self._steps or not wanted:
            return None
        aligner = _aligner_of(self._recogniser)
        cause = _prepare(aligner, self._audio, self._found.language)
        if cause is not None:
            warnings.append(_("word times are the recogniser's own: {cause}").format(cause=cause))
            return None
        self._align = aligner.align
        return aligner

    def _decode_again(self, owners: Mapping[Piece, Piece], progress: Progress) -> Iterator[tuple[Piece, FilteredWords]]:
        clips = merge_spans(clip for piece in owners for clip in piece.clips)
        heard = self._transcribe(self._audio, speech=clips, language=self._found.language, progress=progress)
        for piece, words in _assign_words(heard.words, tuple(owners)).items():
            if words:
                yield piece, self._refine(words, piece, is_gap=True)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which hallucination filters run."""

    marks: bool = True
    loops: bool = True
    unspoken: bool = True
    closing_phrases: bool = True

    @classmethod
    def of(cls, recogniser: object) -> Filters:
        """Those that a recogniser's settings leave on."""
        return cls(
            loops=bool(_setting(recogniser, "cut_loops")),
            unspoken=bool(_setting(recogniser, "drop_unspoken")),
            closing_phrases=bool(_setting(recogniser, "drop_closing_phrases")),
        )

    @classmethod
    def none(cls) -> Filters:
        """No filter at all."""
        return cls(False, False, False, False)


def refine_piece(
    words: Sequence[Word],
    piece: Piece,
    audio: Audio,
    speech: Sequence[Span],
    filters: Filters,
    *,
    align: Align | None = None,
    no_speech_probability: float = 0.0,
) -> FilteredWords:
    """The words of one piece at the times of forced alignment, and what the filters take out of them.

    Args:
        words: sorted.
        speech: sorted spans of the recording in which somebody speaks.
        align: forced alignment; None keeps the times.
        no_speech_probability: of the recogniser for this piece, 0 to 1.
    """
    kept = tuple(words)
    if not kept:
        return FilteredWords(())
    nearby = piece.spoken(speech)
    if align is not None:
        times = align(piece.read_sound(audio), [word.text for word in kept])
        moved = [None if time is None else (piece.time(time[0]), piece.time(time[1])) for time in times]
        kept = retime_words(kept, moved, piece=piece.span, speech=nearby)
    sound = cache_syllables(piece, audio)
    dropped: list[Dropped] = []
    for is_on, remove in (
        (filters.marks, remove_marks),
        (filters.loops, partial(remove_loops, speech=nearby, syllables=sound)),
        (filters.unspoken, partial(remove_unspoken, speech=nearby)),
        (
            filters.closing_phrases,
            partial(
                remove_closing_phrases,
                speech=nearby,
                no_speech_probability=no_speech_probability,
                syllables=sound,
            ),
        ),
    ):
        if is_on:
            filtered = remove(kept)
            kept = filtered.words
            dropped += filtered.dropped
    return FilteredWords(kept, tuple(sorted(dropped, key=lambda item: item.span)))


def fill_gaps(
    found: dict[Piece, FilteredWords],
    audio: Audio,
    speech: Sequence[Span],
    decode_again: DecodeAgain,
    *,
    limit: float,
    progress: Progress,
) -> int:
    """Decodes speech without words once more, into `found`; how many stretches of it hold words.

    What is still without words then is decoded stretch by stretch, as it lies between pauses.

    Args:
        found: the words of every piece, in order of time; changed in place.
        speech: sorted spans in which somebody speaks.
        limit: longest piece that is decoded at once, seconds.
    """
    n_filled = 0
    tried: set[Piece] = set()
    for number in range(_N_ROUNDS):
        owners: dict[Piece, Piece] = {}
        gaps: dict[Piece, Gap] = {}
        for piece, before in found.items():
            nearby = piece.spoken(speech)
            left_out = [item.span for item in before.dropped]
            for gap in find_doubtful_gaps(before.words, nearby):
                if any(item.start < gap.speech.end and gap.speech.start < item.end for item in left_out):
                    continue
                for part in divide_gap(gap, nearby, audio, limit=limit, whole=number == 0):
                    if part not in tried:
                        owners[part] = piece
                        gaps[part] = gap if part.span == gap.span else Gap(part.span, part.span)
        if not owners:
            break
        tried |= owners.keys()
        share = scale_progress(progress, number / _N_ROUNDS, (number + 1) / _N_ROUNDS)
        for part, heard in decode_again(owners, share):
            piece = owners[part]
            before = found[piece]
            syllables = find_syllables(piece, audio) if heard.words else None
            words = fill_gap(before.words, gaps[part], heard.words, syllables=syllables)
            n_filled += len(words) > len(before.words)
            found[piece] = FilteredWords(words, (*before.dropped, *heard.dropped))
    return n_filled


def divide_gap(gap: Gap, speech: Sequence[Span], audio: Audio, *, limit: float, whole: bool) -> tuple[Piece, ...]:
    """What to decode of a gap: all of it, or the stretches between its pauses, where that found nothing.

    Args:
        speech: sorted spans around the gap in which somebody speaks.
        limit: longest piece, seconds.
    """
    inside = [gap.span] if whole else [part for span in speech if (part := span.clip(gap.speech.start, gap.speech.end))]
    return pack(
        [span for span in inside if whole or span.duration >= _SHORTEST_STRETCH_S],
        limit=limit,
        max_pause=0.0 if whole else _JOINED_PAUSE_S,
        kept_pause=0.0,
        cut=partial(find_quietest, audio),
    )


def list_speech_without_words(
    found: Mapping[Piece, FilteredWords], speech: Sequence[Span], *, besides: Sequence[Span] = ()
) -> list[Dropped]:
    """Speech for which there are no words, as passages without a text.

    Args:
        found: the words of every piece, and what was left out of them.
        speech: sorted spans in which somebody speaks.
        besides: spans that are accounted for otherwise.
    """
    known = merge_spans(besides)
    silent = [
        gap
        for piece, item in found.items()
        for gap in find_gaps(
            item.words,
            piece.spoken(speech),
            besides=[*(one.span for one in item.dropped), *clip_spans(known, piece.span.start, piece.span.end)],
        )
    ]
    return [Dropped(span, "", NO_WORDS) for span in join_gaps(silent)]


def cache_syllables(piece: Piece, audio: Audio) -> Sound:
    """The syllables of a piece, found once and only when they are asked for."""
    return cache(lambda: find_syllables(piece, audio))


def alignment_record(recogniser: object) -> dict[str, str | None]:
    """Which model aligned the words of a recogniser that does not do so itself; empty for none."""
    with _lock:
        aligner = _aligners.get(recogniser) if _is_weakly_referable(recogniser) else None
    return {} if aligner is None else aligner.record()


def _check_alignment(recogniser: Transcriber, audio: Audio, language: str | None) -> None:
    """Said before hours of work: words without times cannot be aligned.

    Raises:
        UnsupportedRequest: there is no model for the language, or it cannot be had.
    """
    cause = _prepare(_aligner_of(recogniser), audio, language)
    if language is None:
        cause = _("the language has to be told; give --language")
    if cause is not None:
        raise UnsupportedRequest(
            _("{model} tells no times of words, and they cannot be aligned: {cause}").format(
                model=record_of(recogniser).model or record_of(recogniser).backend, cause=cause
            )
        )


def _prepare(aligner: WordAligner, audio: Audio, language: str | None) -> str | None:
    """None where the aligner is ready for this sound and language; otherwise a clause why it is not."""
    if audio.sample_rate != SAMPLE_RATE_HZ:
        return _("they need sound at {needed} Hz").format(needed=SAMPLE_RATE_HZ)
    if language is None:
        return _("the language is not known")
    return aligner.prepare(language)


def _aligner_of(recogniser: Transcriber) -> WordAligner:
    runtime = getattr(recogniser, "runtime", None)
    made = WordAligner(
        _setting(recogniser, "word_times_model"), runtime=runtime if isinstance(runtime, Runtime) else Runtime()
    )
    if not _is_weakly_referable(recogniser):
        return made
    with _lock:
        return _aligners.setdefault(recogniser, made)


def _is_weakly_referable(item: object) -> bool:
    return type(item).__hash__ is not None and hasattr(item, "__weakref__")


def _setting(recogniser: object, name: str, *, when_missing: Any = None) -> Any:
    """A setting of the stage: the recogniser's own, else `when_missing`, else the default."""
    default = getattr(RefinementSettings(), name) if when_missing is None else when_missing
    return getattr(getattr(recogniser, "settings", None), name, default)


def _assign_words(words: Sequence[Word], pieces: Sequence[Piece]) -> dict[Piece, list[Word]]:
    """Each word in the piece that holds its middle, or else in the nearest one; in order of time.

    Args:
        pieces: sorted, at least one.
    """
    found: dict[Piece, list[Word]] = {piece: [] for piece in pieces}
    starts = [piece.span.start for piece in pieces]
    for word in sorted(words, key=lambda item: item.span):
        middle = (word.start + word.end) / 2
        after = bisect_right(starts, middle)
        near = pieces[max(0, after - 1) : after + 1]
        found[min(near, key=lambda piece: max(piece.span.start - middle, middle - piece.span.end, 0.0))].append(word)
    return found


def _assign_no_speech(no_speech: Sequence[tuple[Span, float]], pieces: Sequence[Piece]) -> dict[Piece, float]:
    """The highest of the probabilities that nobody speaks whose spans share time with each piece, where there is one.

    Args:
        pieces: sorted and apart.
    """
    found: dict[Piece, float] = {}
    for span, share in no_speech:
        at = bisect_right(pieces, span.start, key=lambda piece: piece.span.end)
        while at < len(pieces) and pieces[at].span.start < span.end:
            found[pieces[at]] = max(share, found.get(pieces[at], 0.0))
            at += 1
    return found
