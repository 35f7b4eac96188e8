"""The command `doctor`: one run, of which every test looks at something else, since it imports every library."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import real_models
from tests.cli.conftest import Cli
from tests.network_watch import clean_environment, reports_left, watched, why_not

ONLY_ENERGY = ("whisperdiar.cli.doctor.available", lambda stage: ("energy", "none") if stage == "vad" else ())


@dataclass(frozen=True)
class Run:
    """What `doctor` told, what it tried to reach (None: nobody could watch), and what `backends` says there."""

    done: subprocess.CompletedProcess[str]
    attempts: list[str] | None
    folder: Path
    backends: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """In a process of its own, for a user who has chosen nothing and has no model."""
    folder = tmp_path_factory.mktemp("doctor")
    environment = clean_environment(folder)
    program = [sys.executable, "-m", "whisperdiar"]
    attempts: list[str] | None = None
    told = {"capture_output": True, "text": True, "env": environment, "cwd": folder, "check": False}
    if why_not() is None:
        done, attempts = watched(folder, *program, "doctor", environment=environment)
    else:
        done = subprocess.run([*program, "doctor"], **told)
    said = subprocess.run([*program, "backends", "--json"], **told).stdout
    return Run(done, attempts, folder, {f"{row['stage']} {row['name']}": row for row in json.loads(said)})


@pytest.mark.model
def test_every_backend_is_reported_and_nothing_is_broken(whole: Run) -> None:
    assert whole.done.returncode == 1, whole.done.stdout
    assert whole.done.stdout.splitlines()[-1].endswith("run: whisperdiar models download small")
    for subject in ("reading sound", "vad silero", "asr pocketsphinx", "diarization bic", "Whisper models", "GPU"):
        assert subject in whole.done.stdout
    assert "BROKEN" not in whole.done.stdout
    assert "unexpected" not in whole.done.stdout + whole.done.stderr, whole.done.stderr


@pytest.mark.model
def test_it_says_the_same_as_backends(whole: Run) -> None:
    """What doctor cannot run is not ready in `backends` either, in the same words."""
    seen = set()
    for line in whole.done.stdout.splitlines():
        subject = line[7:33].strip()
        if subject in whole.backends:
            seen.add(subject)
            row = whole.backends[subject]
            assert line.startswith("ok") == (row["state"] == "ready"), line
            assert line.startswith("ok") or row["ready"] in line
    assert seen == set(whole.backends)


@pytest.mark.model
def test_it_reaches_for_no_network_and_leaves_no_report_behind(whole: Run) -> None:
    if whole.attempts is None:
        pytest.skip(why_not() or "")
    assert whole.attempts == [], whole.attempts[:3]
    assert reports_left(whole.folder) == []


def test_a_broken_installation_is_called_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from whisperdiar.vad import energy

    def fail(*_: object) -> None:
        raise RuntimeError("no such symbol")

    monkeypatch.setattr(energy, "_level_db", fail)
    # Only what is broken here is looked at, and one that is whole: the tests above look at everything.
    monkeypatch.setattr("whisperdiar.cli.doctor.libraries", lambda: iter(()))
    monkeypatch.setattr(*ONLY_ENERGY)
    done = cli("doctor")
    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if line.startswith("BROKEN")]
    assert "no such symbol" in line
    assert "1 broken: vad energy" in done.out


def test_a_whole_installation_with_a_model_is_well(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(real_models.whisper_folder("tiny.en").parents[2]))
    monkeypatch.setattr("whisperdiar.cli.doctor.libraries", lambda: iter(()))
    monkeypatch.setattr(*ONLY_ENERGY)
    done = cli("doctor")
    assert done.code == 0, done.out
    (line,) = [line for line in done.out.splitlines() if "Whisper models" in line]
    assert "tiny.en" in line
