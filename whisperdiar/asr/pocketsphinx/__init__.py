"""CMU PocketSphinx: a small English recogniser that brings its model along and needs no network.

It is the recogniser of last resort: lower case, no punctuation, and many more errors than Whisper: about one word in
six of clear synthetic speech, one in three of read speech. One process takes a quarter to a third of real time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import ClassVar

import numpy as np

from whisperdiar.asr._shared.chunking import cut_pieces, find_quietest
from whisperdiar.asr.pocketsphinx.engine import FRAME_S, LocalDecoder, SphinxWord, decode_all
from whisperdiar.contracts import LoadingBackend, Progress, check_sample_rate, current_parts, no_progress
from whisperdiar.errors import UnsupportedRequest
from whisperdiar.options import PocketSphinxSettings
from whisperdiar.system.machine import usable_cores
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Samples, Span, Transcription, Word, total_duration

_MAX_PAUSE_S = 0.3
"""Short utterances: each is normalised by its own mean, which is that of one speaker mostly."""
_MIN_PIECE_S = 0.1
"""PocketSphinx fails on an utterance that is shorter than a few of its frames."""
_SILENCE = 1e-3
"""Pieces that nowhere exceed this (-60 dB of full scale) are left out: PocketSphinx answers silence with a word."""
_LOUDNESS = 0.05
"""Root mean square that each piece is brought to: quiet speech would lose its bits in 16-bit integers."""
_MAX_GAIN = 100.0
_WORTH_A_PROCESS_S = 15.0
"""Seconds of speech that pay for the start of one more process (about 1 s)."""
_MOST_PROCESSES = 8
"""Each holds the model; a share of many cores is no reason to load it a hundred times."""


class Backend(LoadingBackend[PocketSphinxSettings, LocalDecoder]):
    """English words by PocketSphinx."""

    name: ClassVar[str] = "pocketsphinx"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="CMU PocketSphinx with its English model: offline, small, many errors",
        caution="English only, far less accurate",
        languages=("en",),
        licence="BSD-2-Clause",
        homepage="https://github.com/cmusphinx/pocketsphinx",
    )
    settings_type: ClassVar[type[PocketSphinxSettings]] = PocketSphinxSettings

    def _load(self, progress: Progress) -> LocalDecoder:  # noqa: ARG002 - the package brings its model
        return LocalDecoder()

    def record(self) -> BackendRecord:
        """The package's version and the longest piece."""
        details: dict[str, object] = {"max_chunk": self.settings.max_chunk}
        if self._loaded is not None:
            details["version"] = self._loaded.version
        return BackendRecord(self.name, "en-us", details=details)

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        """Words in order of time, only from `speech`; their language is always English.

        Raises:
            UnsupportedRequest: another language than English, or audio that is not at 16 kHz.
            BackendError: a process that decodes has ended.
        """
        if language is not None and language.strip().lower().replace("_", "-").partition("-")[0] != "en":
            raise UnsupportedRequest(
                _("language {language!r}: pocketsphinx knows English only; choose --asr whisper").format(
                    language=language
                )
            )
        check_sample_rate(audio, self.name)
        inside = [part for span in speech if (part := span.clip(0.0, audio.duration))]
        pieces = [
            piece
            for piece in cut_pieces(
                inside, limit=self.settings.max_chunk, max_pause=_MAX_PAUSE_S, cut=partial(find_quietest, audio)
            )
            if piece.duration >= _MIN_PIECE_S and np.abs(audio.crop(piece).mono).max(initial=0.0) > _SILENCE
        ]
        words: list[Word] = []
        if pieces:
            for done, (piece, found) in enumerate(self._decode(audio, pieces), start=1):
                words.extend(_word(item, piece) for item in found)
                progress("asr", done / len(pieces))
        return Transcription("en", None, tuple(words))

    def _decode(self, audio: Audio, pieces: Sequence[Span]) -> Iterator[tuple[Span, list[SphinxWord]]]:
        """The words of each piece, in order: kept by an earlier run, or heard now, and kept."""
        parts = current_parts()
        kept = {} if parts is None else {piece: parts.find(_key(piece)) for piece in pieces}
        left = [piece for piece in pieces if kept.get(piece) is None]
        utterances = [partial(_utterance, audio, piece) for piece in left]
        n_processes = self._n_processes(left) if left else 1
        with closing(decode_all(utterances, n_processes=n_processes, local=self._require())) as heard:
            for piece in pieces:
                data = kept.get(piece)
                found = next(heard) if data is None else [SphinxWord(*item) for item in json.loads(data)]
                if parts is not None and data is None:
                    parts.keep(_key(piece), json.dumps(found).encode())
                yield piece, found

    def _n_processes(self, pieces: Sequence[Span]) -> int:
        allowed = min(self.runtime.threads or usable_cores(), _MOST_PROCESSES)
        return max(1, min(allowed, len(pieces), int(total_duration(pieces) / _WORTH_A_PROCESS_S)))


def _key(piece: Span) -> str:
    return f"piece {piece.start!r} {piece.end!r}"


def _utterance(audio: Audio, piece: Span) -> bytes:
    samples: Samples = audio.crop(piece).mono
    gain = min(_MAX_GAIN, _LOUDNESS / max(float(np.sqrt(np.mean(np.square(samples)))), 1e-9))
    pcm: bytes = np.rint(np.clip(samples * gain, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    return pcm


def _word(item: SphinxWord, piece: Span) -> Word:
    start = min(piece.start + item.first_frame * FRAME_S, piece.end)
    end = min(piece.start + item.end_frame * FRAME_S, piece.end)
    return Word(Span(start, end), f" {item.text}", item.probability)
