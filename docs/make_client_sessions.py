#!/usr/bin/env python3
"""Asks a server as its clients do, and writes what was said into docs/server.md.

    python docs/make_client_sessions.py            # starts a server with the model of the tests

The sessions are programs that a person could have typed: the client of OpenAI, plain, asynchronous and streaming,
curl, and the request that Bazarr makes of ``/asr``. A test runs them again and compares.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "server.md"
MARKS = ("<!-- sessions -->\n", "<!-- end of sessions -->\n")
URL = "http://127.0.0.1:8000"
PORT = 8765
QUICK = ("--model", "samples/whisper-nano", "--diarizer", "bic", "--vad", "energy", "--device", "cpu", "--threads", "1")


@dataclass(frozen=True)
class Session:
    """A client and what it asks.

    Attributes:
        client: as the heading has it.
        language: ``python`` or ``sh``.
        text: the program.
    """

    client: str
    language: str
    text: str


SESSIONS = (
    Session(
        "The client of OpenAI, speakers",
        "python",
        """\
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
with open("samples/standup.mp4", "rb") as file:
    found = client.audio.transcriptions.create(
        file=file, model="gpt-4o-transcribe-diarize", response_format="diarized_json", chunking_strategy="auto"
    )
for segment in found.segments[:3]:
    print(f"{segment.start:6.2f} {segment.speaker} {segment.text}")
""",
    ),
    Session(
        "The asynchronous client, two recordings at once",
        "python",
        """\
import asyncio
from pathlib import Path
from openai import AsyncOpenAI


async def ask(*names):
    async with AsyncOpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none") as client:
        create = client.audio.transcriptions.create
        return await asyncio.gather(*(create(file=Path(name), model="whisper-1") for name in names))


for found in asyncio.run(ask("samples/standup.mp4", "samples/standup.mp4")):
    print(found.text[:60], round(found.usage.seconds))
""",
    ),
    Session(
        "A stream",
        "python",
        """\
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
with open("samples/standup.mp4", "rb") as file:
    stream = client.audio.transcriptions.create(
        file=file, model="whisper-1", response_format="diarized_json", stream=True
    )
    events = list(stream)
for event in (*events[:2], events[-1]):
    print(event.type, repr(getattr(event, "delta", event.text if hasattr(event, "text") else ""))[:50])
""",
    ),
    Session(
        "curl",
        "sh",
        """\
curl -s http://127.0.0.1:8000/v1/audio/transcriptions -F file=@samples/standup.mp4 -F model=whisper-1 \\
     -F response_format=vtt | head -n 6
""",
    ),
    Session(
        "Bazarr's request: samples alone, in the field of whisper-asr-webservice",
        "python",
        """\
import httpx
from whisperdiar import load

samples = (load("samples/standup.mp4", channels="mono").mono * 32767).astype("<i2").tobytes()
query = {"task": "transcribe", "language": "en", "output": "srt", "encode": "false"}
answer = httpx.post("http://127.0.0.1:8000/asr", params=query, files={"audio_file": samples}, timeout=600)
print(answer.status_code, answer.headers["content-type"], *answer.text.splitlines()[:3], sep="\\n")
""",
    ),
)


def run(session: Session, url: str) -> str:
    """What a session prints.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    text = session.text.replace(URL, url)
    command = [sys.executable, "-c", text] if session.language == "python" else ["sh", "-c", text]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def format_sessions(outputs: list[str]) -> str:
    """The sessions as Markdown."""
    parts = []
    for session, output in zip(SESSIONS, outputs, strict=True):
        parts.append(f"**{session.client}**\n\n```\n{session.text}```\n\n```\n{output.rstrip()}\n```\n")
    return "\n".join(parts)


def read_outputs() -> list[str]:
    """What the page says that the sessions printed."""
    text = PAGE.read_text("utf-8").partition(MARKS[0])[2].partition(MARKS[1])[0]
    blocks: list[str] = re.findall(r"^```\n(.*?)^```\n", text, re.MULTILINE | re.DOTALL)
    return blocks[1::2]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "whisperdiar", "serve", "--port", str(PORT), "--folder", folder, *QUICK]
        with subprocess.Popen([*command, "--no-cache", "-q"], cwd=ROOT) as server:
            try:
                wait_ready(f"http://127.0.0.1:{PORT}/health")
                outputs = [run(session, f"http://127.0.0.1:{PORT}") for session in SESSIONS]
            finally:
                server.terminate()
    head, _mark, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{head}{MARKS[0]}{format_sessions(outputs)}{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def wait_ready(url: str, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > until:
                raise SystemExit(f"the server is not ready: {error}") from error
            time.sleep(0.2)


if __name__ == "__main__":
    main()
