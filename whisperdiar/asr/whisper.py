"""Whisper by faster-whisper: words with times, only from the given speech.

speech spans → pieces of at most `max_chunk` seconds → batches → words, mapped back and clamped to their piece
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from whisperdiar import models
from whisperdiar.asr._chunks import cut_pieces, quietest
from whisperdiar.asr._device import Placement, place
from whisperdiar.asr._language import check_language, detect_language, iso
from whisperdiar.asr._words import UNSPACED_LANGUAGES, RawWord, place_words
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import BackendBroken, BackendError, BackendMissing, InvalidOption, UnsupportedRequest
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime, WhisperSettings
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Dropped, Span, Transcription, Word

_MAX_PAUSE_S = 2.0
"""Speech with shorter pauses is decoded together: context helps, and every piece costs a full window of 30 s."""
_BATCH_SIZES = {"cuda": 16, "cpu": 4}
_SLOT_S = 40
"""Distance of pieces in the sound that faster-whisper gets. Whole seconds: it floors offsets to 10 ms. More than
30 s and a gap: it shortens the first word after a pause, and each piece is to look the same to it in any batch."""
_MIN_CLIP_SAMPLES = 1600
_N_TIMESTAMPS = 1501
_MAX_PROMPT_TOKENS = 223
"""Half of the decoder's 448 positions, less one: what faster-whisper keeps of a prompt."""
# OpenAI's own limits; the batched pipeline of faster-whisper computes these figures and does not act on them.
_LOOP_COMPRESSION = 2.4
_NO_SPEECH_PROBABILITY = 0.6
_DOUBTFUL_LOG_PROBABILITY = -1.0


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    pipeline: Any
    found: models.ResolvedModel
    placement: Placement
    languages: tuple[str, ...]


class Backend:
    """Words by a Whisper model in CTranslate2's format."""

    name: ClassVar[str] = "whisper"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="OpenAI's Whisper by faster-whisper: 100 languages, CPU or NVIDIA GPU",
        licence="MIT",
        network=True,
        download_mb=486,
        homepage="https://github.com/SYSTRAN/faster-whisper",
    )
    settings_type: ClassVar[type[WhisperSettings]] = WhisperSettings

    def __init__(self, settings: WhisperSettings | None = None, *, runtime: Runtime | None = None) -> None:
        self.settings = settings or WhisperSettings()
        self.runtime = runtime or Runtime()
        self._loaded: _Loaded | None = None

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Finds (or fetches) and loads the model.

        Raises:
            BackendMissing: faster-whisper is not installed.
            BackendBroken: it, or the model, cannot be loaded.
            ModelUnavailable: the model is not on this machine and cannot be fetched.
            InvalidOption: no such model, device or compute type.
            UnsupportedRequest: the device is not there, or does not support the compute type.
        """
        self._load(progress)

    def record(self) -> BackendRecord:
        """Name and revision of the model, device and precision (once it is loaded)."""
        if self._loaded is None:
            return BackendRecord(self.name, self.settings.model)
        found, placement = self._loaded.found, self._loaded.placement
        details = {
            "repository": found.repository,
            "revision": found.revision,
            "device": str(placement),
            "compute_type": self._loaded.model.model.compute_type,
            "batch_size": self._batch_size(placement),
            "beam_size": self.settings.beam_size,
        }
        return BackendRecord(self.name, found.name, details=details)

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        """Words in order of time, only from `speech`.

        Raises:
            UnsupportedRequest: the audio is not at 16 kHz, or the model does not know the language.
            InvalidOption: no such language, or prompt and hotwords are too long.
            BackendError: decoding failed, or memory does not suffice for a single piece.
        """
        if audio.sample_rate != SAMPLE_RATE_HZ:
            raise UnsupportedRequest(f"audio at {audio.sample_rate} Hz: Whisper needs {SAMPLE_RATE_HZ} Hz; resample it")
        inside = [part for span in speech if (part := span.clipped(0.0, audio.duration))]
        if not inside:
            return Transcription(language, None, ())
        loaded = self._load(progress)
        pieces = cut_pieces(
            inside, limit=self.settings.max_chunk, max_pause=_MAX_PAUSE_S, cut=lambda window: quietest(audio, window)
        )
        notes = [note for note in (loaded.found.note, loaded.placement.note) if note]
        probability: float | None = None
        if language is not None:
            code = check_language(language, loaded.languages, loaded.found.name)
        elif loaded.model.model.is_multilingual:
            detected = detect_language(loaded.model, audio, pieces)
            code, probability = detected.code, detected.probability
            notes += [detected.note] if detected.note else []
        else:
            code = "en"
        words: list[Word] = []
        dropped: list[Dropped] = []
        n_loops = 0
        for piece, segment, looped in self._decode(loaded, audio, pieces, code, progress):
            n_loops += looped
            found = _words(segment, piece, inside, code)
            if _is_silence(segment) and found:
                reason = f"the model hears no speech here (probability {segment.no_speech_prob:.2f})"
                dropped.append(Dropped(piece, segment.text.strip(), reason))
            else:
                words.extend(found)
        if n_loops:
            notes.append(f"{n_loops} of {len(pieces)} pieces were decoded again because their text repeated itself")
        return Transcription(iso(code), probability, tuple(words), tuple(dropped), tuple(notes))

    def _batch_size(self, placement: Placement) -> int:
        return self.settings.batch_size or _BATCH_SIZES[placement.kind]

    def _load(self, progress: Progress) -> _Loaded:
        if self._loaded is None:
            try:
                import faster_whisper
            except ModuleNotFoundError as error:
                raise BackendMissing(f"whisper needs {error.name}: pip install faster-whisper") from error
            except (ImportError, OSError) as error:
                raise BackendBroken(f"faster-whisper cannot be imported ({error}): install it anew") from error
            placement = place(self.runtime.device, self.settings.compute_type)
            found = models.resolve(self.settings.model, runtime=self.runtime, kind=placement.kind, progress=progress)
            model = self._open(faster_whisper.WhisperModel, found, placement)
            tokenizer = model.hf_tokenizer
            if tokenizer.token_to_id("<|notimestamps|>") is None:
                raise BackendBroken(f"model {found.path} has no Whisper tokens in its tokenizer.json: take another one")
            languages = [code for code in model.supported_languages if tokenizer.token_to_id(f"<|{code}|>") is not None]
            pipeline = faster_whisper.BatchedInferencePipeline(model)
            self._loaded = _Loaded(model, pipeline, found, placement, tuple(languages) or ("en",))
            self._check_prompt(tokenizer)
        return self._loaded

    def _open(self, whisper_model: Any, found: models.ResolvedModel, placement: Placement) -> Any:
        try:
            return whisper_model(
                str(found.path),
                device=placement.kind,
                device_index=placement.index,
                compute_type=placement.compute_type,
                cpu_threads=self.runtime.threads,
            )
        except Exception as error:  # CTranslate2 and tokenizers raise RuntimeError, ValueError and bare Exception
            if _out_of_memory(error):
                raise BackendError(_too_big(found.name, placement)) from error
            cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BackendBroken(f"model {found.path} cannot be loaded ({cause}): delete it and get it again") from error

    def _check_prompt(self, tokenizer: Any) -> None:
        text = f" {self.settings.prompt or ''} {self.settings.hotwords or ''}"
        n_tokens = len(tokenizer.encode(text, add_special_tokens=False).ids)
        if n_tokens > _MAX_PROMPT_TOKENS:
            raise InvalidOption(
                f"prompt and hotwords take {n_tokens} tokens: Whisper has room for {_MAX_PROMPT_TOKENS}; shorten them"
            )

    def _decode(
        self, loaded: _Loaded, audio: Audio, pieces: Sequence[Span], language: str, progress: Progress
    ) -> Iterable[tuple[Span, Any, bool]]:
        """Each piece with the segment that faster-whisper makes of it, and whether its first text was a loop."""
        batch_size = self._batch_size(loaded.placement)
        done = 0
        while done < len(pieces):
            group = pieces[done : done + batch_size]
            try:
                segments = self._decode_group(loaded, audio, group, language)
                # Sampling at a higher temperature would also break a loop, but differently each time.
                loops = [item.compression_ratio > _LOOP_COMPRESSION for item in segments]
                again = [piece for piece, loop in zip(group, loops, strict=True) if loop]
                redone = self._decode_group(loaded, audio, again, language, no_repeat_ngram_size=3) if again else []
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise BackendError(f"Whisper failed on {_place_of(group)} ({error}): try another model") from error
                if batch_size == 1:
                    raise BackendError(_too_big(loaded.found.name, loaded.placement)) from error
                batch_size = max(1, batch_size // 2)
                continue
            others = iter(redone)
            for piece, segment, loop in zip(group, segments, loops, strict=True):
                best = min(next(others), segment, key=lambda item: item.compression_ratio) if loop else segment
                yield piece, best, loop
                done += 1
                progress("asr", done / len(pieces))

    def _decode_group(
        self, loaded: _Loaded, audio: Audio, group: Sequence[Span], language: str, no_repeat_ngram_size: int = 0
    ) -> list[Any]:
        """One segment per piece. Each piece gets its own slot of silence, so that features stay bounded in memory."""
        sound = np.zeros((len(group) + 1) * _SLOT_S * SAMPLE_RATE_HZ, dtype=np.float32)
        clips = []
        for slot, piece in enumerate(group, start=1):
            samples = audio.crop(piece).mono
            first = slot * _SLOT_S * SAMPLE_RATE_HZ
            sound[first : first + samples.size] = samples
            # Half a sample more, because faster-whisper cuts the product with the sample rate down to an integer.
            length = (max(samples.size, _MIN_CLIP_SAMPLES) + 0.5) / SAMPLE_RATE_HZ
            clips.append({"start": float(slot * _SLOT_S), "end": slot * _SLOT_S + length})
        first_timestamp = loaded.model.hf_tokenizer.token_to_id("<|notimestamps|>") + 1
        prompt = (self.settings.prompt or "").strip()
        segments, _ = loaded.pipeline.transcribe(
            sound,
            language=language,
            clip_timestamps=clips,
            batch_size=len(group),
            beam_size=self.settings.beam_size,
            initial_prompt=f" {prompt}" if prompt else None,
            hotwords=(self.settings.hotwords or "").strip() or None,
            word_timestamps=True,
            temperature=0.0,
            no_repeat_ngram_size=no_repeat_ngram_size,
            # At a stray timestamp faster-whisper splits a segment, and loses what follows the last one.
            suppress_tokens=[-1, *range(first_timestamp, first_timestamp + _N_TIMESTAMPS)],
        )
        return list(segments)


def _words(segment: Any, piece: Span, speech: Sequence[Span], language: str) -> tuple[Word, ...]:
    slot_start = segment.seek // 100 // _SLOT_S * _SLOT_S  # seek counts frames of 10 ms
    shift = piece.start - slot_start
    raw = [
        RawWord(word.word, float(word.start) + shift, float(word.end) + shift, float(word.probability))
        for word in segment.words or ()
    ]
    return place_words(
        raw,
        segment.text,
        piece=piece,
        speech=[span for span in speech if span.end > piece.start and span.start < piece.end],
        spaced=language not in UNSPACED_LANGUAGES,
        probability=math.exp(min(0.0, segment.avg_logprob)),
    )


def _is_silence(segment: Any) -> bool:
    return bool(segment.no_speech_prob > _NO_SPEECH_PROBABILITY and segment.avg_logprob < _DOUBTFUL_LOG_PROBABILITY)


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "bad_alloc" in text or "alloc_failed" in text


def _too_big(model: str, placement: Placement) -> str:
    other = "device cpu" if placement.kind == "cuda" else "more memory"
    return f"memory of {placement} is too small for model {model}: take a smaller model, compute type int8, or {other}"


def _place_of(group: Sequence[Span]) -> str:
    return f"{group[0].start:.1f}-{group[-1].end:.1f} s"
