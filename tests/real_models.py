"""Published models and recordings of people, where this machine has them; tests without them say why they are skipped.

Whisper is looked for in the Hugging Face cache in WHISPERDIAR_TEST_HF_HOME (as HF_HOME, a folder with ``hub`` in it),
or else in the machine's own. Networks for voices and recordings lie beside the checkout, in ``../shared``.
"""

from __future__ import annotations

import csv
import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.sounds import SHARED
from whisperdiar import Audio, Turn, load
from whisperdiar.asr.whisper import Backend as Whisper
from whisperdiar.formats import rttm
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.system.files import write_bytes
from whisperdiar.types import Span, Transcription
from whisperdiar.vad.silero import Backend as Silero

CPU = Runtime(device="cpu", offline=True, threads=1)
NETWORKS = SHARED / "models" / "speaker-networks"
SHARED_BY_WORKERS: Path | None = None
"""A folder of this run of the tests alone, in which one worker finds what another has decoded; see `conftest.py`."""


def hub_home() -> Path | None:
    """What HF_HOME has to be for the hub's client to find the models of the tests; None for the machine's own."""
    named = os.environ.get("WHISPERDIAR_TEST_HF_HOME")
    return Path(named) if named else None


@lru_cache
def _snapshot(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    home = hub_home()
    found = try_to_load_from_cache(
        f"Systran/faster-whisper-{name}", "model.bin", cache_dir=None if home is None else home / "hub"
    )
    return Path(found).parent if isinstance(found, str) else None


def whisper_folder(name: str = "base") -> Path:
    """The published Whisper of that name in CTranslate2's format; skips the test where it is not here."""
    folder = _snapshot(name)
    if folder is None:
        pytest.skip(f"Whisper {name} is not in a Hugging Face cache here (WHISPERDIAR_TEST_HF_HOME names another)")
    return folder


def speaker_networks() -> dict[str, str]:
    """Settings of `onnx`: segmentation-3.0 and CAM++ as trained; skips the test where they are not here."""
    files = {"segmentation_model": "segmentation-3.0.onnx", "embedding_model": "campplus.onnx"}
    if not all((NETWORKS / file).is_file() for file in files.values()):
        pytest.skip("the trained networks of ../shared/models/speaker-networks are not here")
    return {setting: str(NETWORKS / file) for setting, file in files.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """A word of a reference; seconds."""

    text: str
    start: float
    end: float
    speaker: str


@dataclass(frozen=True)
class Recording:
    """A recording of people with its references."""

    name: str
    path: Path
    references: Mapping[str, Path]

    @property
    def audio(self) -> Audio:
        return load(self.path, channels="mono")

    @property
    def words(self) -> list[Said]:
        """Every word with its times, from the table of words."""
        with self.references["words_tsv"].open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        said = [Said(row["word"], float(row["start"]), float(row["end"]), row["speaker"]) for row in rows]
        return sorted(said, key=lambda word: word.start)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return rttm.loads(self.references["rttm"].read_text("utf-8"), tolerance=rttm.TOLERANT).turns

    @property
    def text(self) -> str:
        """What is said, in the order in which the speakers begin."""
        if "txt" in self.references:
            return " ".join(self.references["txt"].read_text("utf-8").split())
        lines = [line.split(maxsplit=5) for line in self.references["stm"].read_text("utf-8").splitlines() if line]
        lines.sort(key=lambda fields: float(fields[3]))
        return " ".join(fields[5].removeprefix("<o> ") for fields in lines)


@lru_cache
def _manifest() -> dict[str, Any]:
    path = SHARED / "corpus" / "manifest.json"
    if not path.is_file():
        return {}
    return {entry["id"]: entry for entry in json.loads(path.read_text("utf-8"))["recordings"]}


def recording(name: str) -> Recording:
    """A recording of ../shared/corpus; skips the test where it is not here."""
    entry = _manifest().get(name)
    if entry is None:
        pytest.skip("the recordings of ../shared/corpus are not here")
    folder = SHARED / "corpus"
    return Recording(name, folder / entry["file"], {kind: folder / file for kind, file in entry["refs"].items()})


@lru_cache
def speech_in(name: str) -> tuple[Span, ...]:
    """Where silero finds speech in a recording of the corpus."""
    return Silero(runtime=CPU).detect(recording(name).audio)


def whisper(name: str = "base") -> Whisper:
    """The recogniser with its defaults, loaded once for all tests."""
    return _whisper(name)


@lru_cache
def _whisper(name: str) -> Whisper:
    return Whisper(WhisperSettings(model=str(whisper_folder(name))), runtime=CPU)


def whisper_with(**settings: Any) -> Whisper:
    """The recogniser with other settings and the model that is loaded already."""
    usual = whisper()
    other = Whisper(replace(usual.settings, **settings), runtime=CPU)
    other._loaded = usual._require()
    return other


def words_in(name: str, model: str = "base") -> Transcription:
    """What a published Whisper hears in a recording of the corpus, its language detected; decoded once for all."""
    return _words_in(name, model)


@lru_cache
def _words_in(name: str, model: str) -> Transcription:
    kept = None if SHARED_BY_WORKERS is None else SHARED_BY_WORKERS / f"{name}.{model}.words"
    if kept is not None and kept.is_file():
        found: Transcription = pickle.loads(kept.read_bytes())
        return found
    result = whisper(model).transcribe(recording(name).audio, speech=speech_in(name))
    if kept is not None:
        write_bytes(kept, pickle.dumps(result))
    return result


def forget() -> None:
    """Drops the models that are kept, and the memory that they hold."""
    _whisper.cache_clear()
