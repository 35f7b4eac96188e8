"""Running the command line inside the test process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.sounds import RATE_HZ, SAMPLES
from tests.unit.test_editing import TALK
from whisperdiar import load
from whisperdiar.cli import run
from whisperdiar.formats import json as json_format
from whisperdiar.options import WriteOptions

BIC = ("--diarizer", "bic", "--vad", "energy")
ABSENT = ("--model", "someone/absent", "--offline")
"""A model that is not here: whatever is said instead of that was found before it was looked for."""
needs_posix = pytest.mark.skipif(os.name != "posix", reason="signals, devices and names of POSIX")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("whisperdiar: error")]


Cli = Callable[..., Done]


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cli]:
    """`cli("vad", path)` runs a command in a folder of its own, without a network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("WHISPERDIAR_CONFIG", "")  # what the developer likes is no part of a test

    def call(*arguments: object) -> Done:
        code = run([os.fspath(item) if isinstance(item, Path) else str(item) for item in arguments])
        captured = capfdbinary.readouterr()
        return Done(code, captured.out.decode("utf-8"), captured.err.decode("utf-8"))

    return call


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 12 seconds of the stand-up sample, as a wave file."""
    from scipy.io import wavfile

    audio = load(SAMPLES / "standup.mp4", end=12.0)
    path = tmp_path_factory.mktemp("sounds") / "short talk.wav"
    wavfile.write(path, RATE_HZ, (audio.mono * 32767).astype(np.int16))
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A transcript of two people, with a file of turns beside it."""
    path = tmp_path / "talk.json"
    path.write_text(json_format.dumps(TALK, options=WriteOptions()), "utf-8")
    (tmp_path / "turns.rttm").write_text("SPEAKER talk 1 0.0 9.0 <NA> <NA> A <NA> <NA>\n", "utf-8")
    return path
