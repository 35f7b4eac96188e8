"""Batched Whisper decoding: pieces → text with word times; doubtful pieces are decoded again by themselves.

faster-whisper computes the features of all that it is given before it decodes; each call here gets one batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whisperdiar.asr._shared.packing import Piece
from whisperdiar.asr._shared.words import BROKEN, RawWord, restore_characters
from whisperdiar.asr.whisper.parts import KeptTexts, RawText
from whisperdiar.contracts import Progress, current_parts
from whisperdiar.errors import BackendError, describe_error
from whisperdiar.options import SAMPLE_RATE_HZ, WhisperSettings
from whisperdiar.system.machine import is_out_of_memory
from whisperdiar.text.messages import _
from whisperdiar.types import Audio

_SLOT_S = 40
"""Distance of pieces in the sound that faster-whisper gets. Whole seconds: it floors offsets to 10 ms. More than
30 s and a gap: it shortens the first word after a pause, and each piece is to look the same to it in any batch."""
_MIN_CLIP_SAMPLES = 1600
_N_TIMESTAMPS = 1501
_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Tried in turn, as OpenAI's own decoding does, for a piece whose first text (at 0) is doubtful."""
_FORGET_ABOVE_TEMPERATURE = 0.5
"""Text that needed more is not shown to the model as what was said before."""
_NEARLY = 0.99
_ENCODED = 0.5
"""Share of a batch's work, about, when its sound is encoded, …"""
_WRITTEN = 0.85
"""… when its text is written, …"""
_FIRST_TEXT = 0.9
"""… and when each piece has a text, before those that are doubtful are decoded again."""
_LEAST_COVERED = 0.85
"""Of the speech that a chant gives words to: a text that leaves more of it without any is not taken instead."""
_MAX_PROMPT_TOKENS = 220
"""A little less than half of the decoder's positions, which is what faster-whisper keeps of a prompt."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to decode.

    Attributes:
        piece: of the audio.
        language: Whisper's code of the one spoken in it.
        hotwords: words to expect.
        is_hint: whether these may mislead the model, so that its caller decodes the piece without them where the text
            is doubtful.
    """

    piece: Piece
    language: str
    hotwords: str = ""
    is_hint: bool = False


@dataclass(frozen=True, slots=True)
class DecodedPiece:
    """What Whisper made of a piece.

    Attributes:
        task: the piece and its language.
        text: all of it.
        words: with times on the audio's axis; empty where none were asked for.
        log_probability: mean over the tokens.
        no_speech_probability: the model's own, before it wrote anything.
        compression_ratio: of the text, by zlib; high for text that repeats itself.
        temperature: at which it was sampled; 0 for the most probable text.
        doubtful: why it was decoded a second time: ``repetition``, ``probability`` or ``characters``.
        confirmed: whether it repeats itself because the speech does.
    """

    task: Task
    text: str
    words: tuple[RawWord, ...]
    log_probability: float
    no_speech_probability: float
    compression_ratio: float
    temperature: float = 0.0
    doubtful: str | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the sound says of a text.

    Attributes:
        covered: seconds of the sound to which the text, its loops cut, gives a word.
        is_chant: whether it repeats itself, each time in speech of its own.
    """

    covered: float
    is_chant: bool


class Decoder:
    """One loaded model with its settings.

    Args:
        model: a ``faster_whisper.WhisperModel``.
        pipeline: the ``BatchedInferencePipeline`` of its `StepReports`.
        settings: of the backend.
        batch_size: pieces decoded at once; halved where memory runs out.
        too_big: what to say where memory does not suffice for one piece.
        judge: compares texts that repeat themselves with the sound.
    """

    def __init__(
        self,
        model: Any,
        pipeline: Any,
        settings: WhisperSettings,
        *,
        batch_size: int,
        too_big: str,
        judge: Callable[[DecodedPiece], Judgement],
    ) -> None:
        self._model, self._pipeline, self._settings = model, pipeline, settings
        self._too_big, self._judge = too_big, judge
        self._kept = KeptTexts(current_parts())
        self.batch_size = 1 if settings.condition_on_previous_text else batch_size
        first_timestamp = model.hf_tokenizer.token_to_id("<|notimestamps|>") + 1
        # At a stray timestamp faster-whisper splits a segment, and loses what follows the last one.
        self._suppressed = [-1, *range(first_timestamp, first_timestamp + _N_TIMESTAMPS)]

    def decode(
        self, audio: Audio, tasks: Sequence[Task], progress: Progress, *, in_a_row: bool = True
    ) -> Iterator[DecodedPiece]:
        """Every task's text, those of one language and the same hotwords in order.

        Args:
            audio: 16 kHz.
            tasks: what to decode.
            progress: hears of stage ``asr``.
            in_a_row: whether each task follows on the one before it, whose text may then be shown to the model.

        Raises:
            BackendError: decoding failed, or memory does not suffice for a single piece.
        """
        done = 0.0
        total = sum(_seconds(task) for task in tasks)
        alike: dict[tuple[str, str], list[Task]] = {}
        for task in tasks:
            alike.setdefault(_kind(task), []).append(task)
        for kind, todo in alike.items():
            before = ""
            while todo:
                known = self._find_batch(todo, before)
                group = todo[: self.batch_size if known is None else len(known)]
                length = sum(_seconds(task) for task in group)

                def report(share: float, done: float = done, length: float = length) -> None:
                    # Times of words and guards are still to come.
                    progress("asr", min(_NEARLY, (done + share * length) / total))

                found = self._group(audio, group, before, known, report)
                if found is None:
                    continue
                todo = todo[len(group) :]
                done += length
                if self._settings.condition_on_previous_text and in_a_row:
                    forget = found[-1].temperature > _FORGET_ABOVE_TEMPERATURE
                    before = "" if forget else self._previous_words(f"{before}{found[-1].text}", kind[1])
                report(1.0)
                yield from found

    def _find_batch(self, todo: Sequence[Task], before: str) -> list[RawText] | None:
        """The texts of the next batch, where a run that was stopped had kept them."""
        return self._kept.find_batch(map(_describe, todo), self._batch_options(todo[0], before))

    def _batch_options(self, task: Task, before: str) -> dict[str, Any]:
        """All that the texts of a batch depend on beside the pieces, in JSON values."""
        return {**self._options(task, before), "suppress_tokens": None, "batch_size": self._settings.batch_size}

    def _group(
        self,
        audio: Audio,
        group: Sequence[Task],
        before: str,
        known: Sequence[RawText] | None,
        report: Callable[[float], None],
    ) -> list[DecodedPiece] | None:
        """One batch, whose texts may be `known`; None where memory ran out and the batch is now half as large."""
        try:
            if known is None:
                with self._pipeline.model.reported(lambda share: report(_FIRST_TEXT * share)):
                    texts = self._decode_batch(audio, group, before)
                self._kept.keep_batch([_describe(task) for task in group], self._batch_options(group[0], before), texts)
            else:
                texts = list(known)
            found = [_make_piece(task, text) for task, text in zip(group, texts, strict=True)]
            again = []
            for number, item in enumerate(found, start=1):
                again.append(self._decode_again(audio, item, before))
                report(_FIRST_TEXT + (1.0 - _FIRST_TEXT) * number / len(found))
            return again
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                place = f"{group[0].piece.span.start:.1f}-{group[-1].piece.span.end:.1f} s"
                raise BackendError(
                    _("Whisper failed on {place} ({error}): try another model").format(
                        place=place, error=describe_error(error)
                    )
                ) from error
            if self.batch_size == 1:
                raise BackendError(self._too_big) from error
            self.batch_size = max(1, self.batch_size // 2)
            return None

    def _options(self, task: Task, before: str) -> dict[str, Any]:
        prompt = " ".join(filter(None, [(self._settings.prompt or "").strip(), before]))
        return {
            "language": task.language,
            "task": self._settings.task,
            "beam_size": self._settings.beam_size,
            "initial_prompt": f" {prompt}" if prompt else None,
            "hotwords": task.hotwords.strip() or None,
            "word_timestamps": self._settings.word_times != "none",
            "suppress_tokens": self._suppressed,
        }

    def _previous_words(self, text: str, hotwords: str) -> str:
        """The last words of what was said before, as many as prompt and hotwords leave room for."""
        words = text.split()[-_MAX_PROMPT_TOKENS:]
        room = _MAX_PROMPT_TOKENS - self._n_tokens(f"{self._settings.prompt or ''} {hotwords}")
        while words and self._n_tokens(" ".join(words)) > room:
            words = words[1 + len(words) // 8 :]
        return " ".join(words)

    def _n_tokens(self, text: str) -> int:
        return len(self._model.hf_tokenizer.encode(f" {text}", add_special_tokens=False).ids)

    def _decode_batch(self, audio: Audio, group: Sequence[Task], before: str) -> list[RawText]:
        """One text per task. Each piece gets its own slot of silence, so that features stay bounded in memory."""
        sound = np.zeros((len(group) + 1) * _SLOT_S * SAMPLE_RATE_HZ, dtype=np.float32)
        clips = []
        for slot, task in enumerate(group, start=1):
            samples = task.piece.read_sound(audio)
            first = slot * _SLOT_S * SAMPLE_RATE_HZ
            sound[first : first + samples.size] = samples
            # Half a sample more, because faster-whisper cuts the product with the sample rate down to an integer.
            length = (max(samples.size, _MIN_CLIP_SAMPLES) + 0.5) / SAMPLE_RATE_HZ
            clips.append({"start": float(slot * _SLOT_S), "end": slot * _SLOT_S + length})
        segments, _ = self._pipeline.transcribe(
            sound,
            clip_timestamps=clips,
            batch_size=len(group),
            temperature=0.0,
            **self._options(group[0], before),
        )
        return [
            _text_of_segment(task, segment, slot * _SLOT_S, 0.0)
            for slot, (task, segment) in enumerate(zip(group, segments, strict=True), start=1)
        ]

    def _decode_again(self, audio: Audio, first: DecodedPiece, before: str) -> DecodedPiece:
        """The piece decoded sequentially at rising temperatures, where its text is doubtful."""
        doubt = self.doubt(first)
        if doubt is None or not self._settings.temperature_fallback:
            return first
        if first.task.is_hint:
            return replace(first, doubtful=doubt)
        options = {
            **self._options(first.task, before),
            "compression_ratio_threshold": self._settings.compression_ratio_threshold,
            "log_prob_threshold": self._settings.log_prob_threshold,
        }
        text = self._kept.remember(
            "again",
            _describe(first.task),
            {**options, "suppress_tokens": None},
            lambda: self._sample(audio, first.task, options),
        )
        if text is None:
            return replace(first, doubtful=doubt)
        return replace(self._choose_better(first, _make_piece(first.task, text), doubt), doubtful=doubt)

    def _sample(self, audio: Audio, task: Task, options: dict[str, Any]) -> RawText | None:
        """The text of a piece at the first of the rising temperatures at which it is not doubtful; None for none."""
        import ctranslate2

        ctranslate2.set_random_seed(0)  # the same recording gives the same text
        sound = task.piece.read_sound(audio)
        segments, _ = self._model.transcribe(
            np.pad(sound, (0, max(0, _MIN_CLIP_SAMPLES - sound.size))),
            temperature=_TEMPERATURES,
            no_speech_threshold=None,
            condition_on_previous_text=False,
            without_timestamps=True,
            **options,
        )
        # Without timestamps the first segment is the piece; a second one would be what follows its last word.
        segment = next(iter(segments), None)
        return None if segment is None else _text_of_segment(task, segment, 0, float(segment.temperature))

    def _choose_better(self, first: DecodedPiece, second: DecodedPiece, doubt: str) -> DecodedPiece:
        """The one of two texts that is to be believed, where the first is in doubt."""
        if doubt == "repetition":
            heard, heard_again = self._judge(first), self._judge(second)
            first, second = (
                replace(first, confirmed=heard.is_chant),
                replace(second, confirmed=heard_again.is_chant),
            )
            if heard.is_chant and heard_again.covered < _LEAST_COVERED * heard.covered:
                return first
        if self.doubt(second) is None:
            return second
        if doubt == "characters":
            return min(second, first, key=_count_broken)
        return min(second, first, key=_compression if doubt == "repetition" else _improbability)

    def is_silence(self, decoded: DecodedPiece) -> bool:
        """Whether the model itself hears no speech, by the settings."""
        return is_silence(decoded, self._settings)

    def doubt(self, decoded: DecodedPiece) -> str | None:
        """Why a text is not to be trusted, as in `DecodedPiece.doubtful`; None where it is, or is silence."""
        limits = self._settings
        if is_silence(decoded, limits):
            return None
        ratio, probability = limits.compression_ratio_threshold, limits.log_prob_threshold
        if ratio is not None and decoded.compression_ratio > ratio:
            return "repetition"
        if probability is not None and decoded.log_probability < probability:
            return "probability"
        return "characters" if BROKEN in decoded.text else None


class StepReports:
    """A ``faster_whisper.WhisperModel`` that tells how far a batch is: CTranslate2 itself is silent until its end.

    A step is a piece that is encoded, the text of all pieces, or the times of its words. On the CPU pieces are encoded
    one by one, which takes no longer than together; a GPU would wait between them.
    """

    def __init__(self, model: Any) -> None:
        self._wrapped = model
        self._here = threading.local()  # several threads may decode with one model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    @contextmanager
    def reported(self, report: Callable[[float], None]) -> Iterator[None]:
        """Have `report` hear the done share of the batch that is decoded inside the block."""
        self._here.report = report
        try:
            yield
        finally:
            del self._here.report

    def _report(self, share: float) -> None:
        getattr(self._here, "report", _no_report)(share)

    def encode(self, features: Any) -> Any:
        """Features (n_pieces, n_mels, n_frames) → the encoder's output."""
        model = self._wrapped.model
        if model.device != "cpu" or "float16" in model.compute_type or len(features) == 1:  # NumPy has no bfloat16
            output = self._wrapped.encode(features)
        else:
            import ctranslate2

            parts = []
            for number in range(len(features)):
                parts.append(np.array(self._wrapped.encode(features[number : number + 1])))
                self._report(_ENCODED * (number + 1) / len(features))
            output = ctranslate2.StorageView.from_array(np.concatenate(parts))
        self._report(_ENCODED)
        return output

    def add_word_timestamps(self, *arguments: Any, **named: Any) -> Any:
        """As the model's own, once the texts are there."""
        self._report(_WRITTEN)
        return self._wrapped.add_word_timestamps(*arguments, **named)


def _no_report(share: float) -> None:
    """Nobody listens."""


def _kind(task: Task) -> tuple[str, str]:
    """What tasks of one batch have in common."""
    return task.language, task.hotwords


def _seconds(task: Task) -> float:
    return task.piece.span.duration


def is_silence(decoded: DecodedPiece, settings: WhisperSettings) -> bool:
    """Whether the model itself hears no speech, and is not sure of what it wrote (OpenAI's rule)."""
    limit, probability = settings.no_speech_threshold, settings.log_prob_threshold
    if limit is None or decoded.no_speech_probability <= limit:
        return False
    return probability is None or decoded.log_probability < probability


def _describe(task: Task) -> list[Any]:
    """A task as JSON values."""
    clips = [[clip.start, clip.end] for clip in task.piece.clips]
    return [clips, task.language, task.hotwords, task.is_hint]


def _text_of_segment(task: Task, segment: Any, slot_start: float, temperature: float) -> RawText:
    def time(seconds: float) -> float:
        return task.piece.time(seconds - slot_start)

    words = tuple(
        RawWord(word.word, time(float(word.start)), time(float(word.end)), float(word.probability))
        for word in segment.words or ()
    )
    return RawText(
        segment.text,
        restore_characters(words, segment.text),
        float(segment.avg_logprob),
        float(segment.no_speech_prob),
        float(segment.compression_ratio),
        temperature,
    )


def _make_piece(task: Task, text: RawText) -> DecodedPiece:
    return DecodedPiece(
        task,
        text.text,
        text.words,
        text.log_probability,
        text.no_speech_probability,
        text.compression_ratio,
        text.temperature,
    )


def _count_broken(decoded: DecodedPiece) -> int:
    return decoded.text.count(BROKEN)


def _compression(decoded: DecodedPiece) -> float:
    return decoded.compression_ratio


def _improbability(decoded: DecodedPiece) -> float:
    return -decoded.log_probability
