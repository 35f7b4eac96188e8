"""Nothing leaves the machine unasked: commands run where there is no network at all, every socket watched."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sounds import SAMPLES
from whisperdiar.system.telemetry import VARIABLES

ROOT = Path(__file__).parents[2]
NANO = str(SAMPLES / "whisper-nano")


def watched(
    folder: Path, *command: str, environment: dict[str, str]
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run `command` in a network namespace of its own; every attempt to reach another machine, name look-ups included.

    A look-up connects a UDP socket to a name server, or a local socket to a service that asks one. That a socket is
    opened and bound is no attempt: so urllib3 finds out at its import whether there is IPv6.
    """
    trace = folder / "trace"
    watch = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace)]
    done = subprocess.run(
        ["unshare", "--net", *watch, *command],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        check=False,
    )
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines() if trace.exists() else []
    asked = [line for line in lines if "AF_UNIX" in line and "sun_path" in line and line.endswith(" = 0")]
    return done, [line for line in lines if "AF_INET" in line] + asked


def clean_environment(folder: Path) -> dict[str, str]:
    """What a user has who has chosen nothing: no telemetry switched off, no cache, nothing offline."""
    kept = {name: value for name, value in os.environ.items() if name not in (*VARIABLES, "HF_HUB_OFFLINE", "HF_HOME")}
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT)}
    kept.pop("XDG_CACHE_HOME", None)
    return {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1"}


@functools.cache
def why_not() -> str | None:
    """Why sockets cannot be watched here; None where they can."""
    for program in ("strace", "unshare"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    command = [
        "unshare",
        "--net",
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "trace=socket",
        "-o",
        os.devnull,
        "true",
    ]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"processes cannot be watched here: {tried.stderr.strip()[:120]}"


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
    "doctor": ("doctor",),
}


@pytest.mark.parametrize("arguments", RUNS.values(), ids=RUNS)
def test_no_command_reaches_for_the_network_or_leaves_files_behind(tmp_path, arguments):
    shutil.copy(SAMPLES / "standup.mp4", tmp_path)
    shutil.copy(ROOT / "tests" / "golden" / "meeting.json", tmp_path)
    environment = clean_environment(tmp_path)
    command = [sys.executable, "-m", "whisperdiar", *arguments]
    done, attempts = watched(tmp_path, *command, environment=environment)
    assert attempts == [], f"{arguments}: {attempts[:3]}"
    assert "unexpected" not in done.stdout + done.stderr, done.stderr
    if "-o" in arguments:
        assert done.returncode == 0, done.stderr
        assert (tmp_path / arguments[-1]).stat().st_size > 0
    left = [path for folder in ("home", "tmp") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    reports = [path for path in left if "onnxruntime" in str(path).lower() or path.name == ".ses"]
    assert reports == []
