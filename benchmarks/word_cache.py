"""Recognised words kept in a folder, so that diarizers and detectors can be compared without recognising again.

What is kept is found again by everything that it depends on: the sound, the regions of speech, the language, the
model with its settings, and the code that made it. The seconds that the recognition took are kept with it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import whisperdiar.asr
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.system.files import write_text
from whisperdiar.types import Audio, BackendRecord, Dropped, Span, Transcription, Word

_BLOCK_SAMPLES = 1 << 20
_PACKAGES = ("faster-whisper", "ctranslate2")


@dataclass(frozen=True, slots=True)
class Kept:
    """A result as JSON values, and what it took to compute: seconds by the clock, and of the processor."""

    value: Any
    spent: float
    processor: float


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of results, one file for each; None for a folder keeps nothing."""

    folder: Path | None

    def get_or_compute(self, what: dict[str, Any], compute: Callable[[], Any]) -> tuple[Kept, bool]:
        """The kept result for `what` (JSON values), and whether it was there; a new one is kept.

        A file that cannot be read, such as one that another program is about to write, counts as none.
        """
        path = None if self.folder is None else self.folder / f"{_digest(what)}.json"
        if path is not None and path.exists():
            try:
                return Kept(**json.loads(path.read_text("utf-8"))["result"]), True
            except (ValueError, TypeError, KeyError):
                pass
        begun, processor = time.perf_counter(), time.process_time()
        value = compute()
        kept = Kept(value, time.perf_counter() - begun, time.process_time() - processor)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"what": what, "result": asdict(kept)}, ensure_ascii=False))
        return kept, False


class CachedTranscriber:
    """A `Transcriber` that asks another one only for what is not kept.

    Attributes:
        saved: seconds by the clock and of the processor that the last result took when it was computed, less what it
            took now: what a clock that ran now has missed.
    """

    def __init__(self, transcriber: Any, cache: Cache) -> None:
        self.transcriber = transcriber
        self.cache = cache
        self.saved = (0.0, 0.0)
        self.info = transcriber.info
        self.runtime = transcriber.runtime

    def prepare(self, *, progress: Progress = no_progress) -> None:
        self.transcriber.prepare(progress=progress)

    def record(self) -> BackendRecord:
        record: BackendRecord = self.transcriber.record()
        return record

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        self.prepare()
        what = {
            "sound": sound_digest(audio),
            "speech": [[span.start, span.end] for span in speech],
            "language": language,
            "settings": asdict(self.transcriber.settings),
            "record": self.record().to_dict(),
            "code": code_digest(),
        }

        def compute() -> dict[str, Any]:
            return asdict(self.transcriber.transcribe(audio, speech=speech, language=language, progress=progress))

        begun, processor = time.perf_counter(), time.process_time()
        kept, _ = self.cache.get_or_compute(what, compute)
        spent, used = time.perf_counter() - begun, time.process_time() - processor
        self.saved = (max(0.0, kept.spent - spent), max(0.0, kept.processor - used))
        return _transcription(kept.value)


def sound_digest(audio: Audio) -> str:
    """Of the mono sound that a recogniser hears, block by block, and its rate."""
    found = hashlib.sha256(str(audio.sample_rate).encode())
    for first in range(0, audio.samples.shape[1], _BLOCK_SAMPLES):
        found.update(audio.mono_part(first, first + _BLOCK_SAMPLES).tobytes())
    return found.hexdigest()


@lru_cache
def code_digest() -> str:
    """Of the recogniser's own code and the versions of the packages under it."""
    found = hashlib.sha256()
    for path in sorted(Path(whisperdiar.asr.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    for package in _PACKAGES:
        found.update(f"{package} {importlib.metadata.version(package)}".encode())
    return found.hexdigest()


def _digest(what: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


def _transcription(value: dict[str, Any]) -> Transcription:
    return Transcription(
        language=value["language"],
        language_probability=value["language_probability"],
        words=tuple(Word(**{**word, "span": Span(**word["span"])}) for word in value["words"]),
        dropped=tuple(Dropped(**{**item, "span": Span(**item["span"])}) for item in value["dropped"]),
        warnings=tuple(value["warnings"]),
        notes=tuple(value["notes"]),
    )
