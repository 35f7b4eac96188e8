"""Whisper by faster-whisper: words with times, only from the given speech.

speech spans → pieces of at most `max_chunk` seconds → batches → words, mapped back and clamped to their piece
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from whisperdiar import models
from whisperdiar.asr._shared.chunking import find_quietest
from whisperdiar.asr._shared.hallucinations import FilteredWords, is_chant
from whisperdiar.asr._shared.packing import Piece, pack
from whisperdiar.asr._shared.refinement import (
    FIRST_PASS,
    KEPT_PAUSE_S,
    MAX_PAUSE_S,
    Align,
    Filters,
    cache_syllables,
    fill_gaps,
    list_speech_without_words,
    refine_piece,
)
from whisperdiar.asr._shared.syllables import FRAME_S, HISS_HZ, find_levels
from whisperdiar.asr._shared.warnings import collect_warnings
from whisperdiar.asr._shared.word_times import fit_spans, snap_spans
from whisperdiar.asr._shared.words import UNSPACED_LANGUAGES, delay_words, place_words, spread_words
from whisperdiar.asr.whisper.biasing import Bias
from whisperdiar.asr.whisper.decoding import DecodedPiece, Decoder, Judgement, Task, is_silence
from whisperdiar.asr.whisper.forcing import force_words
from whisperdiar.asr.whisper.language import (
    TYPED_LANGUAGES,
    SpokenLanguages,
    check_code,
    check_codes,
    check_language,
    describe_guess,
    detect_each,
    detect_language,
    to_iso_639_1,
)
from whisperdiar.asr.whisper.loading import LoadedModel, explain_out_of_memory, load
from whisperdiar.contracts import (
    REFINEMENT_STEPS,
    Division,
    LoadingBackend,
    Progress,
    check_sample_rate,
    current_listener,
    no_progress,
    scale_progress,
)
from whisperdiar.errors import BackendError, InvalidOption, UnsupportedRequest, describe_error
from whisperdiar.forced_alignment.wav2vec2 import WordAligner
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.system.machine import is_out_of_memory
from whisperdiar.text.messages import _, mark, ngettext
from whisperdiar.types import (
    Audio,
    BackendInfo,
    BackendRecord,
    Dropped,
    Samples,
    ScoredTime,
    Span,
    Transcription,
    Word,
    merge_spans,
    total_duration,
)

MAX_PAUSE_MULTILINGUAL_S = 0.6
"""… where the language may change, it does so after a pause."""
_LEFT_BEHIND: list[LoadedModel] = []
"""Models of the process that this one was forked from."""


@dataclass(frozen=True, slots=True)
class _Aligner:
    """`align`: sound of a piece and its words → their times; None for Whisper's own, and a sentence why."""

    align: Align | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What decoding brought of a recording.

    Attributes:
        found: piece → its words, in the order of time.
        doubts: kind of doubt (`_DOUBTS`) → pieces that were decoded again for it.
        n_chants: pieces that repeat themselves as their sound does.
        n_filled: gaps in which a second decoding found words.
        n_biased: pieces that were decoded again with terms in view that their text sounds like.
    """

    found: dict[Piece, FilteredWords]
    doubts: Counter[str]
    n_chants: int
    n_filled: int
    n_biased: int


_DOUBTS = {
    "repetition": mark("looped"),
    "probability": mark("had an improbable text"),
    "characters": mark("had broken characters"),
}


class Backend(LoadingBackend[WhisperSettings, LoadedModel]):
    """Words by a Whisper model in CTranslate2's format."""

    name: ClassVar[str] = "whisper"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="OpenAI's Whisper by faster-whisper: 100 languages, CPU or NVIDIA GPU",
        licence="MIT",
        languages=TYPED_LANGUAGES,
        network=True,
        download_mb=486,
        homepage="https://github.com/SYSTRAN/faster-whisper",
    )
    settings_type: ClassVar[type[WhisperSettings]] = WhisperSettings
    does_itself: ClassVar[frozenset[str]] = REFINEMENT_STEPS
    """It knows its own pieces, and what it doubts of each, and decodes them again."""
    takes_terms: ClassVar[bool] = True

    def __init__(self, settings: WhisperSettings | None = None, *, runtime: Runtime | None = None) -> None:
        super().__init__(settings, runtime=runtime)
        self._process = os.getpid()
        self._word_aligner: WordAligner | None = None

    @staticmethod
    def check_model(settings: WhisperSettings) -> None:
        """Raises InvalidOption where no model can have this name or such languages, or it is a folder without one.

        Nothing is loaded.
        """
        models.check(settings.model)
        check_codes(settings.languages)

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Finds (or fetches) and loads the model.

        Raises:
            BackendMissing: faster-whisper is not installed.
            BackendBroken: it, or the model, cannot be loaded.
            ModelUnavailable: the model is not on this machine and cannot be fetched.
            InvalidOption: no such model, device or compute type.
            UnsupportedRequest: the device is not there, or does not support the compute type.
        """
        self._require(progress)

    def release(self) -> None:
        """Drop the models and the memory that they hold; the next `transcribe` loads them again."""
        self._loaded = self._word_aligner = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user may want to know of the model's choice, once it is loaded."""
        if self._loaded is None:
            return () if self.recalled is None else self.recalled.remarks
        return self._loaded.found.remarks

    def record(self) -> BackendRecord:
        """Name and revision of the model, device and precision (once it is loaded)."""
        if self._loaded is None:
            return BackendRecord(self.name, self.settings.model)
        found, placement = self._loaded.found, self._loaded.placement
        details: dict[str, Any] = {
            "repository": found.repository,
            "revision": found.revision,
            "device": str(placement),
            "compute_type": self._loaded.model.model.compute_type,
            "batch_size": self._loaded.batch_size,
            "beam_size": self.settings.beam_size,
        }
        if self._word_aligner is not None:
            details["word_times"] = self._word_aligner.record()
        return BackendRecord(self.name, found.name, details=details)

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        terms: Sequence[str] = (),
        progress: Progress = no_progress,
    ) -> Transcription:
        """Words in order of time, only from `speech`; `terms` are shown to the model, as many as fit.

        Raises:
            UnsupportedRequest: the audio is not at 16 kHz, or the model does not know the language.
            InvalidOption: no such language, or prompt and hotwords are too long.
            BackendError: decoding failed, or memory does not suffice for a single piece.
        """
        check_sample_rate(audio, self.name)
        language = self._check_language(language)
        inside = merge_spans(part for span in speech if (part := span.clip(0.0, audio.duration)))
        if not inside:
            return Transcription(to_iso_639_1(language) if language else None, None, ())
        loaded = self._require(progress)
        pieces = self._pack(loaded, audio, inside)
        try:
            spoken = self._languages(loaded, audio, pieces, language)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise BackendError(explain_out_of_memory(loaded.found.name, loaded.placement)) from error
            raise
        aligner = self._aligner(loaded, spoken.main, progress)
        bias = Bias(loaded.model.hf_tokenizer, self.settings, terms)
        decoded = self._decode(
            loaded, audio, inside, dict(zip(pieces, spoken.of_pieces, strict=True)), bias, aligner, progress
        )
        progress("asr", 1.0)
        failure = None if self._word_aligner is None else self._word_aligner.failure
        words = tuple(word for item in decoded.found.values() for word in item.words)
        dropped = [item for found in decoded.found.values() for item in found.dropped]
        dropped += list_speech_without_words(decoded.found, inside)
        is_given = language is not None or self._may_switch(loaded)
        warnings = collect_warnings(
            words,
            dropped,
            audio,
            inside,
            guess=None if is_given else describe_guess(spoken),
            remedies=[
                *([] if "large" in loaded.found.name else [_("--model with a larger model")]),
                *([] if is_given else ["--language CODE"]),
            ],
        )
        known = (loaded.found.note, loaded.placement.note, *spoken.notes, aligner.note, failure)
        return Transcription(
            "en" if self.settings.task == "translate" else to_iso_639_1(spoken.main),
            spoken.probability,
            words,
            tuple(sorted(dropped, key=lambda item: item.span)),
            (*filter(None, known), *warnings),
            (*_describe_bias(bias, decoded), *_describe_passes(decoded)),
        )

    def divide(self, audio: Audio, *, speech: Sequence[Span], language: str | None, seconds: float) -> Division:
        """The speech in stretches whose batches are those of the whole; a single one where texts follow on each other.

        Raises:
            InvalidOption, UnsupportedRequest: as `transcribe`.
        """
        language = self._check_language(language)
        inside = merge_spans(part for span in speech if (part := span.clip(0.0, audio.duration)))
        if not inside or self.settings.condition_on_previous_text:
            return Division((tuple(inside),), language)
        loaded = self._require()
        pieces = self._pack(loaded, audio, inside)
        spoken = self._languages(loaded, audio, pieces, language)
        is_one = not self._may_switch(loaded) and not self.settings.languages
        stretches: list[tuple[Span, ...]] = []
        current: list[Span] = []
        for first in range(0, len(pieces), loaded.batch_size):
            batch = pieces[first : first + loaded.batch_size]
            current += [span for piece in batch for span in piece.spoken(inside)]
            if total_duration(current) >= seconds:
                stretches.append(tuple(current))
                current = []
        return Division((*stretches, *((tuple(current),) if current else ())), spoken.main if is_one else None)

    def _pack(self, loaded: LoadedModel, audio: Audio, speech: Sequence[Span]) -> tuple[Piece, ...]:
        return pack(
            speech,
            limit=self.settings.max_chunk,
            max_pause=MAX_PAUSE_MULTILINGUAL_S if self._may_switch(loaded) else MAX_PAUSE_S,
            kept_pause=KEPT_PAUSE_S,
            cut=partial(find_quietest, audio),
        )

    def force_words(self, sound: Samples, words: Sequence[str], *, language: str | None) -> Sequence[ScoredTime | None]:
        """When each of the given words is spoken in `sound`, float32 (n_samples,), 16 kHz, at most 30 s.

        Raises:
            BackendError: the model failed, or memory does not suffice.
        """
        loaded = self._require()
        try:
            code = None if language is None else check_code(language)
            return force_words(loaded, sound, words, language=code)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise BackendError(explain_out_of_memory(loaded.found.name, loaded.placement)) from error
            raise BackendError(
                _("Whisper failed on given words ({error}): try another model").format(error=describe_error(error))
            ) from error

    def _check_language(self, language: str | None) -> str | None:
        if language is None:
            return None
        if self.settings.languages:
            raise InvalidOption(
                _("language {language!r} and languages {languages!r}: give one of them").format(
                    language=language, languages=self.settings.languages
                )
            )
        if self.settings.multilingual:
            raise InvalidOption(
                _("language {language!r} and multilingual: give one of them").format(language=check_code(language))
            )
        return check_code(language)

    def _decode(
        self,
        loaded: LoadedModel,
        audio: Audio,
        speech: Sequence[Span],
        languages: Mapping[Piece, str],
        bias: Bias,
        aligner: _Aligner,
        progress: Progress,
    ) -> _Decoded:
        """Words of all pieces (the keys of `languages`), in their order, with the gaps filled where that is wanted."""
        decoder = Decoder(
            loaded.model,
            loaded.pipeline,
            self.settings,
            batch_size=loaded.batch_size,
            too_big=explain_out_of_memory(loaded.found.name, loaded.placement),
            judge=lambda decoded: self._judge(decoded, audio, speech),
        )
        is_hint = bias.n_terms > 0
        tasks = {piece: Task(piece, code, bias.hotwords, is_hint) for piece, code in languages.items()}
        first_pass = scale_progress(progress, 0.0, FIRST_PASS) if self.settings.fill_gaps else progress
        found: dict[Piece, FilteredWords] = {}
        doubts: Counter[str] = Counter()
        n_chants = 0
        heard: dict[Piece, DecodedPiece] = {}
        for decoded in decoder.decode(audio, tuple(tasks.values()), first_pass):
            if decoded.doubtful:
                doubts[decoded.doubtful] += 1
                n_chants += decoded.confirmed
            heard[decoded.task.piece] = decoded
            found[decoded.task.piece] = self._words_of_piece(decoded, audio, speech, aligner)
            _tell(found[decoded.task.piece].words, audio)
        n_biased = 0
        for choose in (_find_misled, _find_near) if is_hint else ():
            again = choose(heard, tuple(languages), bias, decoder)
            n_biased = len(again)
            for decoded in decoder.decode(audio, again, no_progress, in_a_row=False):
                if decoded.task.is_hint and _is_misled(decoded, bias, decoder):
                    continue
                heard[decoded.task.piece] = decoded
                tasks[decoded.task.piece] = decoded.task
                found[decoded.task.piece] = self._words_of_piece(decoded, audio, speech, aligner)
        found = {piece: found[piece] for piece in languages}
        n_filled = 0
        if self.settings.fill_gaps:
            n_filled = fill_gaps(
                found,
                audio,
                speech,
                partial(self._decode_again, decoder, audio, speech, tasks, aligner),
                limit=self.settings.max_chunk,
                progress=scale_progress(progress, FIRST_PASS, 1.0),
            )
        if self.settings.word_times == "dtw":
            found = {piece: _fit_words(own, piece, audio) for piece, own in found.items()}
        return _Decoded(found, doubts, n_chants, n_filled, n_biased)

    def _decode_again(
        self,
        decoder: Decoder,
        audio: Audio,
        speech: Sequence[Span],
        tasks: Mapping[Piece, Task],
        aligner: _Aligner,
        owners: Mapping[Piece, Piece],
        progress: Progress,
    ) -> Iterator[tuple[Piece, FilteredWords]]:
        """What Whisper hears in gaps (keys of `owners`), each in the language of the piece that it lies in."""
        again = [replace(tasks[piece], piece=part) for part, piece in owners.items()]
        for decoded in decoder.decode(audio, again, progress, in_a_row=False):
            if is_silence(decoded, self.settings) or (decoder.doubt(decoded) is not None and not decoded.confirmed):
                continue
            yield decoded.task.piece, self._words_of_piece(decoded, audio, speech, aligner, is_gap=True)

    def _judge(self, decoded: DecodedPiece, audio: Audio, speech: Sequence[Span]) -> Judgement:
        """What the sound says of a text that repeats itself."""
        words = self._words_of_piece(decoded, audio, speech, _Aligner(None)).words
        return Judgement(
            total_duration(merge_spans(word.span for word in words)),
            is_chant(words, decoded.task.piece.spoken(speech), cache_syllables(decoded.task.piece, audio)),
        )

    def _words_of_piece(
        self, decoded: DecodedPiece, audio: Audio, speech: Sequence[Span], aligner: _Aligner, *, is_gap: bool = False
    ) -> FilteredWords:
        """The words of one piece with trusted times, and what the guards take out of them."""
        settings, piece = self.settings, decoded.task.piece.span
        nearby = decoded.task.piece.spoken(speech)
        if settings.word_times != "none":
            raw = delay_words(decoded.words, self._require().lead)
        else:
            raw = spread_words(decoded.text, nearby, spaced=not self._is_unspaced(decoded))
        words = place_words(
            raw,
            decoded.text,
            piece=piece,
            speech=nearby,
            spaced=not self._is_unspaced(decoded),
            probability=math.exp(min(0.0, decoded.log_probability)),
        )
        if not words:
            return FilteredWords(())
        if settings.word_times == "dtw":
            times, levels = find_levels(decoded.task.piece, audio)
            snapped = snap_spans([word.span for word in words], times, levels, frame_s=FRAME_S)
            words = tuple(replace(word, span=span) for word, span in zip(words, snapped, strict=True))
        if is_silence(decoded, settings):
            reason = _("the model hears no speech here (probability {probability:.2f})").format(
                probability=decoded.no_speech_probability
            )
            return FilteredWords((), (Dropped(piece, decoded.text.strip(), reason),))
        return refine_piece(
            words,
            decoded.task.piece,
            audio,
            speech,
            Filters.of(self),
            align=aligner.align,
            # A phrase that Whisper likes to invent is not believed where it had heard nothing the first time.
            no_speech_probability=1.0 if is_gap else decoded.no_speech_probability,
        )

    def _may_switch(self, loaded: LoadedModel) -> bool:
        return self.settings.multilingual and bool(loaded.model.model.is_multilingual)

    def _is_unspaced(self, decoded: DecodedPiece) -> bool:
        return self.settings.task == "transcribe" and decoded.task.language in UNSPACED_LANGUAGES

    def _languages(
        self, loaded: LoadedModel, audio: Audio, pieces: Sequence[Piece], language: str | None
    ) -> SpokenLanguages:
        name, notes = loaded.found.name, []
        if self.settings.task == "translate":
            if loaded.languages == ("en",):
                raise UnsupportedRequest(
                    _("task translate: model {name} knows English only; choose a multilingual model").format(name=name)
                )
            if any(part in name for part in ("turbo", "distil")):
                notes.append(
                    _("model {name} was not trained to translate: small, medium or large-v3 do").format(name=name)
                )
        allowed = [check_language(code, loaded.languages, name) for code in check_codes(self.settings.languages)]
        if language is not None:
            code = check_language(language, loaded.languages, name)
            found = SpokenLanguages(code, None, (code,) * len(pieces))
        elif not loaded.model.model.is_multilingual:
            found = SpokenLanguages("en", None, ("en",) * len(pieces))
        elif self._may_switch(loaded):
            found = detect_each(loaded.model, audio, pieces, allowed=allowed)
        else:
            cut = partial(find_quietest, audio)
            detected = detect_language(loaded.model, audio, pieces, cut=cut, allowed=allowed)
            found = replace(detected, of_pieces=(detected.main,) * len(pieces))
        return replace(found, notes=(*notes, *found.notes))

    def _aligner(self, loaded: LoadedModel, language: str, progress: Progress) -> _Aligner:
        """The CTC aligner, where one is wanted and can be had."""
        if self.settings.word_times != "wav2vec2":
            return _Aligner(None)
        if self._word_aligner is None:
            self._word_aligner = WordAligner(self.settings.word_times_model, runtime=self.runtime)
        spoken = "en" if self.settings.task == "translate" else to_iso_639_1(language)
        if self.settings.task == "translate":
            cause: str | None = _("a translation is not what was said")
        elif self._may_switch(loaded):
            cause = _("the recording is taken to change its language")
        else:
            cause = self._word_aligner.prepare(spoken, progress=progress)
        if cause is not None:
            return _Aligner(None, _("word times are Whisper's own: {cause}").format(cause=cause))
        return _Aligner(self._word_aligner.align)

    def _require(self, progress: Progress = no_progress) -> LoadedModel:
        if self._loaded is not None and self._process != os.getpid():
            _LEFT_BEHIND.append(self._loaded)  # to drop it would wait for its threads, which a fork does not copy
            self._loaded = None
        return super()._require(progress)

    def _load(self, progress: Progress) -> LoadedModel:
        self._process = os.getpid()
        return load(self.settings, runtime=self.runtime, progress=progress)


def _fit_words(own: FilteredWords, piece: Piece, audio: Audio) -> FilteredWords:
    """The words of a piece as long as they sound, once nothing more is looked for beside them."""
    times, levels = find_levels(piece, audio)
    spans = fit_spans(
        [word.span for word in own.words],
        [word.text for word in own.words],
        times,
        levels,
        hiss=find_levels(piece, audio, band_hz=HISS_HZ)[1],
        frame_s=FRAME_S,
    )
    return replace(own, words=tuple(replace(word, span=span) for word, span in zip(own.words, spans, strict=True)))


def _is_misled(decoded: DecodedPiece, bias: Bias, decoder: Decoder) -> bool:
    """Whether a text is in doubt, is none, or comes from the prompt and not from the sound."""
    if not decoded.text.strip() or decoder.is_silence(decoded) or bias.is_recital(decoded.text):
        return True
    return decoder.doubt(decoded) is not None and not decoded.confirmed


def _find_misled(
    heard: Mapping[Piece, DecodedPiece], pieces: Sequence[Piece], bias: Bias, decoder: Decoder
) -> list[Task]:
    """Pieces to be decoded again without any terms."""
    misled = [heard[piece] for piece in pieces if _is_misled(heard[piece], bias, decoder)]
    return [replace(decoded.task, hotwords=bias.own_hotwords, is_hint=False) for decoded in misled]


def _find_near(
    heard: Mapping[Piece, DecodedPiece],
    pieces: Sequence[Piece],
    bias: Bias,
    decoder: Decoder,  # noqa: ARG001 - called as `_find_misled` is
) -> list[Task]:
    """Pieces to be decoded again with terms in view that their text sounds like.

    Args:
        pieces: in order of time.
    """
    if not bias.n_left_out:
        return []
    texts = [heard[piece].text for piece in pieces]
    again = []
    for at, piece in enumerate(pieces):
        hotwords = bias.hotwords_near(texts[at], " ".join(texts[max(0, at - 1) : at + 2]))
        if hotwords is not None:
            again.append(replace(heard[piece].task, hotwords=hotwords, is_hint=True))
    return again


def _describe_bias(bias: Bias, decoded: _Decoded) -> Iterator[str]:
    """A note where not all terms could be shown to the model."""
    if bias.n_left_out:
        yield _("{number} of {n_terms} terms do not fit into the prompt; {n_biased} pieces got nearer ones").format(
            number=bias.n_left_out, n_terms=bias.n_terms, n_biased=decoded.n_biased
        )


def _describe_passes(decoded: _Decoded) -> Iterator[str]:
    """Notes on what was decoded more than once."""
    n_pieces = len(decoded.found)
    for doubt, said in _DOUBTS.items():
        if decoded.doubts[doubt]:
            yield ngettext(
                "{number} of {n_pieces} segments {what} and was decoded again",
                "{number} of {n_pieces} segments {what} and were decoded again",
                decoded.doubts[doubt],
            ).format(number=decoded.doubts[doubt], n_pieces=n_pieces, what=_(said))
    if decoded.n_chants:
        yield ngettext(
            "{number} of {n_pieces} segments repeats itself as its sound does, and stays",
            "{number} of {n_pieces} segments repeat themselves as their sound does, and stay",
            decoded.n_chants,
        ).format(number=decoded.n_chants, n_pieces=n_pieces)
    if decoded.n_filled:
        yield _("places where Whisper had left words out, found by decoding again: {number}").format(
            number=decoded.n_filled
        )


def _tell(words: Sequence[Word], audio: Audio) -> None:
    listener = current_listener()
    if listener is not None and words:
        listener.heard(audio.start + words[0].start, "".join(word.text for word in words).strip())
