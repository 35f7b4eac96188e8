"""Another package adds a diarizer and a format by entry points: the example, as pip installs it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sounds import NANO, ROOT, SAMPLES
from whisperdiar.formats import available as formats_available
from whisperdiar.formats import by_name, by_suffix
from whisperdiar.options import AUTO_ORDER, WriteOptions
from whisperdiar.registry import available, load, preferred
from whisperdiar.testing import check_backend, check_format, example_transcript

PLUGIN = ROOT / "examples" / "plugin"


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The example, installed as users install it, into a folder of its own."""
    folder = tmp_path_factory.mktemp("plugin")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(PLUGIN)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot build the example here: {done.stderr.strip().splitlines()[-1]}")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    yield folder
    sys.path.remove(str(folder))
    importlib.invalidate_caches()


def test_its_diarizer_is_found_and_keeps_the_contract() -> None:
    assert "alternate" in available("diarization")
    check_backend(load("diarization", "alternate"))


def test_it_says_where_it_stands_in_auto() -> None:
    assert preferred("diarization") == (*AUTO_ORDER["diarization"], "alternate")
    assert preferred("vad") == AUTO_ORDER["vad"]


def test_its_format_is_found_and_keeps_the_contract() -> None:
    assert "screenplay" in formats_available()
    check_format("screenplay")
    assert by_suffix("talk.PLAY").name == "screenplay"
    assert by_name("screenplay").dumps(example_transcript(), options=WriteOptions()).startswith("ANNA: <1>\n    Hello,")


@pytest.mark.model
def test_the_command_line_has_both(tmp_path: Path, installed: Path) -> None:
    out = tmp_path / "talk.play"
    recording = (str(SAMPLES / "meeting.ogg"), "--end", "20", "--language", "en", "--offline")
    stages = (*NANO, "--vad", "energy", "--diarizer", "alternate")
    command = [sys.executable, "-m", "whisperdiar", *recording, *stages, "-o", str(out), "-o", str(tmp_path / "t.json")]
    environment = {"PYTHONPATH": f"{installed}:{ROOT}", "HF_HUB_OFFLINE": "1", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "SPEAKER_00\n    " in out.read_text(encoding="utf-8")
    made = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert made["provenance"]["diarizer"]["backend"] == "alternate"
