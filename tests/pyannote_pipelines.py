"""Pipelines of pyannote.audio in tests: backends for them, changed copies, and what the library itself finds."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

from tests.sounds import SHARED
from whisperdiar import Audio, Diarization, Span, SpeakerCount
from whisperdiar.diarization.pyannote import Backend
from whisperdiar.frameworks.pyannote import silence_pyannote
from whisperdiar.frameworks.torch import limit_cpu_threads
from whisperdiar.options import PyannoteSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS

OFFLINE = Runtime(offline=True, threads=1)
REAL_SEGMENTATION = SHARED / "models" / "pyannote-segmentation" / "pytorch_model.bin"


def backend(pipeline: Path | str, **settings: Any) -> Backend:
    return Backend(PyannoteSettings(pipeline=str(pipeline), **settings), runtime=OFFLINE)


@functools.cache
def _loaded(pipeline: Path, settings: tuple[tuple[str, Any], ...]) -> Backend:
    return backend(pipeline, **dict(settings))


def ready(pipeline: Path, **settings: Any) -> Backend:
    """The same backend for the same settings: what one test has loaded, the next need not load again."""
    return _loaded(pipeline, tuple(settings.items()))


def diarize(found: Backend, audio: Audio, speakers: SpeakerCount = ANY_SPEAKERS) -> Diarization:
    return found.diarize(audio, speech=(Span(0.0, audio.duration),), speakers=speakers)


def copied(pipeline: Path, folder: Path) -> Path:
    return Path(shutil.copytree(pipeline, folder / "copy"))


def edited(pipeline: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of the pipeline with a change in its configuration."""
    copy = copied(pipeline, folder)
    text = (copy / "config.yaml").read_text(encoding="utf-8")
    assert old in text
    (copy / "config.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return copy


def by_the_library(pipeline: Any, audio: Audio, **bounds: int) -> list[tuple[float, float]]:
    """Start and end of the turns that the library itself gives for a loaded pipeline."""
    import torch

    with silence_pyannote(), limit_cpu_threads(1):
        found = pipeline({"waveform": torch.from_numpy(audio.samples), "sample_rate": audio.sample_rate}, **bounds)
    segments = [segment for segment, _ in found.speaker_diarization.itertracks()]
    return sorted((s.start, min(s.end, audio.duration)) for s in segments if s.start < audio.duration)


def times(diarization: Diarization) -> list[tuple[float, float]]:
    return sorted((turn.start, turn.end) for turn in diarization.turns)


def into_cache(cache: Path, repository: str, revision: str, files: dict[str, Path]) -> None:
    snapshot = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
    for name, path in files.items():
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(path)
