#!/usr/bin/env python3
"""Renews the lock files and tests installations: with the lock, without it, and with the minimum versions.

    python scripts/lock.py renew              # resolve pyproject.toml anew, for Python 3.10 to 3.13 and all systems
    python scripts/lock.py test               # all three installations in new virtual environments, one after another
    python scripts/lock.py test minimum       # one of them: locked, ranges or minimum

``requirements.lock`` holds one tested version of every package of every extra; ``requirements.minimum`` the lowest
that the ranges of pyproject.toml allow for the core and what needs no PyTorch. Both are constraints for pip:
``pip install -c FILE``.
Needs uv for `renew`; `test` needs pip alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = "3.10"
LOCK, MINIMUM = "requirements.lock", "requirements.minimum"
LIGHT_EXTRAS = ("documents", "minutes", "plot", "test")
"""Those without PyTorch: its packages pin each other so closely that their ranges have no lower end of their own."""
README_COMMAND = (
    "samples/standup.mp4",
    *("--model", "samples/whisper-nano", "--vad", "silero", "--diarizer", "bic", "--language", "en"),
)
LIBRARIES = ("torch", "torchaudio", "pyannote.audio", "speechbrain.inference", "transformers")


@dataclass(frozen=True)
class Installation:
    """What is installed, and what must then work: libraries that import, and tests that pass but for those left out."""

    extras: str
    constraints: str | None
    libraries: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


OWN_CODE_ALONE = tuple(
    f"tests/unit/test_{name}.py"
    for name in (
        *("benchmark_asr", "benchmark_conversations", "benchmark_end_to_end", "benchmark_kills", "carrying"),
        *("checking", "door", "editing", "finished_subtitles", "formats_research", "label_round_trip"),
        *("minutes_llm", "per_channel", "reading_loses_nothing", "round_trips", "samples", "scaling"),
        *(
            "subtitle_properties",
            "subtitle_reading",
            "subtitle_reading_loses_nothing",
            "subtitles",
            "syllables",
            "whisper_nano",
        ),
    )
)
"""Tests that ask little of packages, and long: what is theirs in them, others call too. New tests run everywhere."""


INSTALLATIONS = {
    "locked": Installation("full", LOCK, LIBRARIES),
    "ranges": Installation("full", None, LIBRARIES),
    "minimum": Installation(
        ",".join(LIGHT_EXTRAS), MINIMUM, (), ("tests/unit", "tests/contracts", "tests/golden"), OWN_CODE_ALONE
    ),
}


def renew() -> None:
    uv = shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is not installed. To fix this, run: pip install uv")
    common = [uv, "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", OLDEST_PYTHON]
    common += ["--no-annotate", "--custom-compile-command", "python scripts/lock.py renew", "pyproject.toml"]
    run([*common, "--all-extras", "--output-file", LOCK])
    light = [word for extra in LIGHT_EXTRAS for word in ("--extra", extra)]
    run([*common, "--resolution", "lowest-direct", *light, "--output-file", MINIMUM])


def test(name: str) -> None:
    """Install in a new virtual environment, import the libraries, run README's command, doctor and the tests."""
    wanted = INSTALLATIONS[name]
    with tempfile.TemporaryDirectory() as folder:
        run([sys.executable, "-m", "venv", folder])
        python = str(Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        constraints = ["-c", wanted.constraints] if wanted.constraints else []
        run([python, "-m", "pip", "install", "--quiet", "--quiet", *constraints, "-e", f".[{wanted.extras}]"])
        for library in wanted.libraries:
            run([python, "-c", f"import {library}"])
        subtitles = str(Path(folder) / "standup.srt")
        run([python, "-m", "whisperdiar", *README_COMMAND, "-o", subtitles])
        if "-->" not in Path(subtitles).read_text(encoding="utf-8"):
            raise SystemExit(f"{name}: README's command wrote no subtitles")
        run([python, "-m", "whisperdiar", "doctor", "--installation"])
        if wanted.tests:
            missing = [path for path in wanted.left_out if not (ROOT / path).is_file()]
            if missing:
                raise SystemExit(f"{name}: there is no {missing[0]}: mend the list of tests that are left out")
            left_out = [f"--ignore={path}" for path in wanted.left_out]
            options = ["-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", *left_out]
            run([python, "-m", "pytest", *options, *wanted.tests])
    print(f"{name}: works")


def run(command: list[str]) -> None:
    print("+", " ".join(command), flush=True)
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"failed with exit code {done.returncode}: {' '.join(command)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("renew", help="resolve pyproject.toml anew")
    tested = commands.add_parser("test", help="install in new virtual environments")
    tested.add_argument("names", nargs="*", choices=[*INSTALLATIONS, []], metavar="|".join(INSTALLATIONS))
    arguments = parser.parse_args()
    if arguments.command == "renew":
        renew()
    else:
        for name in arguments.names or INSTALLATIONS:
            test(name)


if __name__ == "__main__":
    main()
