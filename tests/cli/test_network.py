"""Nothing leaves the machine unasked: commands run where there is no network at all, every socket watched."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from tests.examples import few_by_day
from tests.network_watch import clean_environment, reports_left, watched, why_not
from tests.sounds import ROOT, SAMPLES

NANO = str(SAMPLES / "whisper-nano")


pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]


def test_the_watch_sees_look_ups_and_connections(tmp_path):
    look_up = "import socket\ntry: socket.getaddrinfo('example.invalid', 80)\nexcept OSError: pass"
    done, attempts = watched(tmp_path, sys.executable, "-c", look_up, environment=dict(os.environ))
    assert done.returncode == 0
    assert attempts
    connect = "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass"
    assert watched(tmp_path, sys.executable, "-c", connect, environment=dict(os.environ))[1]


RUNS = {
    "transcribe": ("standup.mp4", "--model", str(NANO), "--vad", "silero", "--diarizer", "bic", "-o", "out.json"),
    "offline": (
        "standup.mp4",
        "--model",
        str(NANO),
        "--offline",
        "--vad",
        "silero",
        "--diarizer",
        "bic",
        "-o",
        "out.rttm",
    ),
    "diarize": ("diarize", "standup.mp4", "--vad", "silero", "--diarizer", "bic", "-o", "out.rttm"),
    "minutes": ("minutes", "meeting.json", "-o", "minutes.html"),
}


@pytest.mark.parametrize("arguments", few_by_day(RUNS.values(), every=3), ids=RUNS)
def test_no_command_reaches_for_the_network_or_leaves_files_behind(tmp_path, arguments):
    shutil.copy(SAMPLES / "standup.mp4", tmp_path)
    shutil.copy(ROOT / "tests" / "golden" / "meeting.json", tmp_path)
    environment = clean_environment(tmp_path)
    command = [sys.executable, "-m", "whisperdiar", *arguments]
    done, attempts = watched(tmp_path, *command, environment=environment)
    assert attempts == [], f"{arguments}: {attempts[:3]}"
    assert "unexpected" not in done.stdout + done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    assert (tmp_path / arguments[-1]).stat().st_size > 0
    assert reports_left(tmp_path) == []
