"""Commands without a network, every attempt to reach another machine written down."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from tests.sounds import ROOT
from whisperdiar.system.telemetry import VARIABLES


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


def reports_left(folder: Path) -> list[Path]:
    """Files of ONNX Runtime's telemetry in the home and the temporary folder of `clean_environment`."""
    left = [path for name in ("home", "tmp") for path in (folder / name).rglob("*") if path.is_file()]
    return [path for path in left if "onnxruntime" in str(path).lower() or path.name == ".ses"]


@functools.cache
def why_not() -> str | None:
    """Why sockets cannot be watched here; None where they can."""
    for program in ("strace", "unshare"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    watch = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=socket", "-o", os.devnull]
    tried = subprocess.run(["unshare", "--net", *watch, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"processes cannot be watched here: {tried.stderr.strip()[:120]}"
