#!/usr/bin/env python3
"""Builds the images of the Dockerfile, and tries each as its users do: a command, a server, an end.

    python scripts/try_images.py                    # the slim image
    python scripts/try_images.py slim full          # both; full is 6 GB
    python scripts/try_images.py --base localhost/python:3.11-slim

Docker, Podman or Buildah is taken, whichever is there. In each image a sample is transcribed into a mounted folder by
a user who is not root; then the server of compose.yaml is started with a small model, found healthy by the check in
that file, asked for a transcription, and ended by SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
PORT, TOKEN = 8321, "token-of-this-try"
QUICK = ("--model", "/samples/whisper-nano", "--diarizer", "bic", "--vad", "energy")
START_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=["slim"], help="targets of the Dockerfile")
    parser.add_argument("--base", help="the image that they are made of, in place of the Dockerfile's")
    parser.add_argument("--no-build", action="store_true", help="take the images that are there")
    given = parser.parse_args()
    program = next((name for name in ("docker", "podman", "buildah") if is_usable(name)), None)
    if program is None:
        raise SystemExit("neither docker nor podman nor buildah works here: install one of them")
    tool = Buildah() if program == "buildah" else Docker(program)
    for target in given.targets:
        image = f"whisperdiar:{target}"
        if not given.no_build:
            tool.build(image, target, given.base)
        try_image(tool, image)
        print(f"{image}: works with {program}")


def is_usable(name: str) -> bool:
    found = shutil.which(name)
    return found is not None and subprocess.run([found, "info"], capture_output=True, check=False).returncode == 0


class Docker:
    """Docker and Podman, which have the same commands."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._name = ""

    def build(self, image: str, target: str, base: str | None) -> None:
        more = ["--build-arg", f"BASE={base}"] if base else []
        run([self._program, "build", "--target", target, "-t", image, *more, str(ROOT)])

    def command(self, image: str, words: Sequence[str], folder: Path, *, program: str | None = None) -> list[str]:
        """What runs words in an image: its entry point, or another program."""
        self._name = f"whisperdiar-{uuid.uuid4().hex[:8]}"
        options = ["--rm", "--name", self._name, "-p", f"127.0.0.1:{PORT}:{PORT}", "-v", f"{folder}:/data"]
        options += ["-v", f"{SAMPLES}:/samples:ro", "-e", f"WHISPERDIAR_SERVER_TOKEN={TOKEN}"]
        if program is not None:
            options += ["--entrypoint", program]
        return [self._program, "run", *options, image, *words]

    def inside(self, words: Sequence[str]) -> list[str]:
        """What runs words beside a server that was started."""
        return [self._program, "exec", self._name, *words]

    def end(self, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 - the container has a name
        run([self._program, "stop", "--time", "60", self._name])

    def remove(self) -> None:
        """Containers are removed with their end."""


class Buildah:
    """Buildah with the isolation of chroot: no daemon, no namespaces, the network of the machine."""

    def __init__(self) -> None:
        self._container = ""

    def build(self, image: str, target: str, base: str | None) -> None:
        more = ["--build-arg", f"BASE={base}"] if base else []
        isolation = ["--isolation", "chroot", "--network", "host", "--layers"]
        run(["buildah", "build", *isolation, "--target", target, "-t", image, *more, str(ROOT)])

    def command(self, image: str, words: Sequence[str], folder: Path, *, program: str | None = None) -> list[str]:
        if not self._container:
            made = subprocess.run(
                ["buildah", "from", "--pull-never", image], capture_output=True, text=True, check=True
            )
            self._container = made.stdout.strip()
        options = ["--isolation", "chroot", "-v", f"{folder}:/data", "-v", f"{SAMPLES}:/samples:ro"]
        options += ["--env", f"WHISPERDIAR_SERVER_TOKEN={TOKEN}"]
        return ["buildah", "run", *options, self._container, "--", program or "whisperdiar", *words]

    def inside(self, words: Sequence[str]) -> list[str]:
        return ["buildah", "run", "--isolation", "chroot", self._container, "--", *words]

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """The server itself: Buildah hands no signals on."""
        for child in psutil.Process(process.pid).children(recursive=True):
            words = child.cmdline()
            if "serve" in words and "buildah" not in words[0] and "--isolation" not in words:
                child.terminate()

    def remove(self) -> None:
        if self._container:
            run(["buildah", "rm", self._container])
            self._container = ""


def try_image(tool: Docker | Buildah, image: str) -> None:
    """Raises SystemExit at the first thing that does not work."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o777)
        try:
            user = subprocess.run(
                tool.command(image, ["-u"], folder, program="id"), capture_output=True, text=True, check=True
            )
            if user.stdout.split()[-1] == "0":
                raise SystemExit(f"{image}: it runs as root")
            run(tool.command(image, ["/samples/standup.mp4", *QUICK, "-o", "/data/standup.srt"], folder))
            if "-->" not in (folder / "standup.srt").read_text("utf-8"):
                raise SystemExit(f"{image}: no subtitles were written")
            try_server(tool, image, folder)
        finally:
            tool.remove()


def try_server(tool: Docker | Buildah, image: str, folder: Path) -> None:
    """Starts the server of compose.yaml on another port and with a small model."""
    service = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["whisperdiar"]
    words = service["command"][: service["command"].index("--model")]
    check = [word.replace(":8000/", f":{PORT}/") for word in service["healthcheck"]["test"][1:]]
    command = tool.command(image, [*words, "--port", str(PORT), *QUICK], folder)
    print("+", " ".join(command), flush=True)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + START_S
            while subprocess.run(tool.inside(check), capture_output=True, check=False).returncode:
                if time.monotonic() > until or process.poll() is not None:
                    raise SystemExit(f"{image}: the server is not healthy")
                time.sleep(0.5)
            if ask_models() != 401:
                raise SystemExit(f"{image}: the server asks for no token")
            if ask() != 200:
                raise SystemExit(f"{image}: the server does not transcribe")
            tool.end(process)
            if process.wait(60):
                raise SystemExit(f"{image}: the server ended with {process.returncode}")
        finally:
            if process.poll() is None:
                tool.end(process)
                process.wait(60)


def ask_models() -> int:
    """The status of a question without a token."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/v1/models", timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def ask() -> int:
    """The status of a transcription, which is printed."""
    recording = (SAMPLES / "standup.mp4").read_bytes()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n' + recording + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {TOKEN}"}
    asked = urllib.request.Request(f"http://127.0.0.1:{PORT}/v1/audio/transcriptions", body, headers)
    with urllib.request.urlopen(asked, timeout=120) as answer:
        print(json.load(answer)["text"][:80], flush=True)
        return int(answer.status)


def run(command: Sequence[str]) -> None:
    print("+", " ".join(command), flush=True)
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit(f"failed with exit code {done.returncode}")


if __name__ == "__main__":
    main()
