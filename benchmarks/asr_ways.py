"""The ways through a recording that `asr.py` compares."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span

OURS, BATCHED, BATCHED_VAD, SEQUENTIAL, SEQUENTIAL_VAD = WAYS = (
    *("whisperdiar", "batched", "batched-own-vad"),
    *("sequential", "sequential-vad"),
)

_BATCHED_PAUSE_S = 2.0
"""Regions of speech with shorter pauses are one clip for the batched pipeline: what falls to its user to decide."""


class Word(NamedTuple):
    """What scoring wants of a word; seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Run:
    """One way through the recording; seconds by the clock, and of the processor for all of it."""

    speech: float
    decoding: float
    processor: float
    words: tuple[Word, ...]

    @property
    def total(self) -> float:
        return self.speech + self.decoding


class Contest:
    """The loaded models: whisperdiar's recogniser, and a plain WhisperModel set up alike."""

    def __init__(self, chosen: argparse.Namespace, ways: Sequence[str]) -> None:
        from whisperdiar.asr.whisper import Backend
        from whisperdiar.vad.silero import Backend as Silero

        self.language: str | None = chosen.language
        # What batches always do; sequential decoding also shows the model its earlier text, and asks for timestamps.
        self.like_batches = (
            {"without_timestamps": True, "condition_on_previous_text": False} if chosen.without_timestamps else {}
        )
        self.silero = Silero()
        self.silero.prepare()
        settings = WhisperSettings(
            model=str(chosen.model),
            compute_type=chosen.compute_type,
            batch_size=chosen.batch_size,
            beam_size=chosen.beam_size,
        )
        self.ours = Backend(settings, runtime=Runtime(device=chosen.device, threads=chosen.threads))
        self.ours.prepare()
        self.setup: dict[str, Any] = dict(self.ours.record().details)
        if any(way != OURS for way in ways):
            self._load_plain(chosen)

    def _load_plain(self, chosen: argparse.Namespace) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        kind, _, index = str(self.setup["device"]).partition(":")
        self.plain = WhisperModel(
            str(chosen.model),
            device=kind,
            device_index=int(index or 0),
            compute_type=self.setup["compute_type"],
            cpu_threads=chosen.threads,
        )
        self.batched = BatchedInferencePipeline(self.plain)

    def run(self, way: str, audio: Audio) -> Run:
        processor, begun = time.process_time(), time.perf_counter()
        with timed_vad() as finding:
            if way in (OURS, BATCHED):
                speech = self.silero.detect(audio)
                finding.append(time.perf_counter() - begun)
                words = self._ours(audio, speech) if way == OURS else self._batched(audio, speech)
            else:
                words = self._plain(way, audio)
        total = time.perf_counter() - begun
        return Run(sum(finding), total - sum(finding), time.process_time() - processor, tuple(words))

    def _ours(self, audio: Audio, speech: Sequence[Span]) -> list[Word]:
        found = self.ours.transcribe(audio, speech=speech, language=self.language)
        return [Word(word.text, word.span.start, word.span.end) for word in found.words]

    def _batched(self, audio: Audio, speech: Sequence[Span]) -> list[Word]:
        from whisperdiar.asr._shared.chunking import cut_pieces, find_quietest

        limit = self.ours.settings.max_chunk
        pieces = cut_pieces(
            speech, limit=limit, max_pause=_BATCHED_PAUSE_S, cut=lambda window: find_quietest(audio, window)
        )
        clips = [{"start": piece.start, "end": piece.end} for piece in pieces]
        return self._words(self.batched, audio, batch_size=self.setup["batch_size"], clip_timestamps=clips)

    def _plain(self, way: str, audio: Audio) -> list[Word]:
        if way == BATCHED_VAD:
            return self._words(self.batched, audio, batch_size=self.setup["batch_size"])
        return self._words(self.plain, audio, vad_filter=way == SEQUENTIAL_VAD, **self.like_batches)

    def _words(self, model: Any, audio: Audio, **how: Any) -> list[Word]:
        segments, _ = model.transcribe(
            np.ascontiguousarray(audio.mono),
            language=self.language,
            beam_size=self.ours.settings.beam_size,
            word_timestamps=True,
            **how,
        )
        return [Word(word.word, word.start, word.end) for segment in segments for word in segment.words or ()]


@contextmanager
def timed_vad() -> Iterator[list[float]]:
    """The seconds that faster-whisper's own speech detection takes inside the block."""
    from faster_whisper import transcribe as module

    spent: list[float] = []
    own: Callable[..., Any] = module.get_speech_timestamps

    def timed(*arguments: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        found = own(*arguments, **options)
        spent.append(time.perf_counter() - begun)
        return found

    module.get_speech_timestamps = timed
    try:
        yield spent
    finally:
        module.get_speech_timestamps = own
