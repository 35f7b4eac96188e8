"""A server under load: many uploads at once, others that come slowly; nothing may be lost, memory must stay bounded.

    python benchmarks/server_load.py [--uploads 200] [--slow 20] [--slow-seconds 20] [--seconds 1.5]

Starts `whisperdiar serve` with whisper-nano. Clients that are told to come again (429) do so when they are told.
Prints a table; exit code 1 where an answer is missing or not the same as the others.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import psutil
from scipy.io import wavfile

from whisperdiar import load

ROOT = Path(__file__).resolve().parent.parent
ASK = "/v1/audio/transcriptions"


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A server that has its model loaded, and its URL."""
    command = [sys.executable, "-m", "whisperdiar", "serve", "--port", "0", "--folder", str(folder), "--threads", "1"]
    command += ["--model", str(ROOT / "samples" / "whisper-nano"), "--diarizer", "none", "--vad", "energy"]
    log = (folder / "log").open("w+")
    process = subprocess.Popen(
        [*command, "--device", "cpu"], stderr=log, text=True, env={**os.environ, "WHISPERDIAR_CONFIG": ""}
    )
    while True:
        time.sleep(0.1)
        found = re.search(r"http://[\d.:]+\d", (folder / "log").read_text())
        if found is None:
            continue
        try:
            if httpx.get(f"{found[0]}/health").status_code == 200:
                return process, found[0]
        except httpx.TransportError:
            continue


async def ask(client: httpx.AsyncClient, data: bytes, told: Counter[int]) -> str:
    """The answer to an upload, which is sent again where the server says when."""
    while True:
        answer = await client.post(ASK, files={"file": ("a.wav", data)})
        told[answer.status_code] += 1
        if answer.status_code != 429:
            return str(answer.json().get("text", answer.text))
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def ask_slowly(client: httpx.AsyncClient, data: bytes, seconds: float, told: Counter[int]) -> str:
    """The same, sent in twenty pieces over so many seconds."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        size = -(-len(data) // 20)
        for at in range(0, len(data), size):
            yield data[at : at + size]
            await asyncio.sleep(seconds / 20)
        yield b"\r\n--x--\r\n"

    while True:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = await client.post(ASK, content=pieces(), headers=headers)
        told[answer.status_code] += 1
        if answer.status_code != 429:
            return str(answer.json().get("text", answer.text))
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def watch(process: psutil.Process, most: dict[str, float]) -> None:
    """The largest memory of the server and of its worker, in MB."""
    while True:
        most["server"] = max(most["server"], process.memory_info().rss / 1e6)
        for child in process.children():
            most["worker"] = max(most["worker"], child.memory_info().rss / 1e6)
        await asyncio.sleep(0.2)


async def run(url: str, data: bytes, arguments: argparse.Namespace, process: psutil.Process) -> int:
    told: Counter[int] = Counter()
    most = {"server": 0.0, "worker": 0.0}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=None, limits=limits) as client:
        first = await ask(client, data, Counter())
        before = process.memory_info().rss / 1e6
        watching = asyncio.ensure_future(watch(process, most))
        begun = time.monotonic()
        quick = [ask(client, data, told) for _number in range(arguments.uploads)]
        slow = [ask_slowly(client, data, arguments.slow_seconds, told) for _number in range(arguments.slow)]
        texts = await asyncio.gather(*quick, *slow)
        took = time.monotonic() - begun
        watching.cancel()
    right = sum(text == first for text in texts)
    print("| uploads | slow ones | right answers | told to come again | took | server: before, most | worker: most |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    print(
        f"| {arguments.uploads} | {arguments.slow} | {right} | {told[429]} | {took:.0f} s "
        f"| {before:.0f} MB, {most['server']:.0f} MB | {most['worker']:.0f} MB |"
    )
    print(f"answers by status: {dict(told)}")
    return 0 if right == len(texts) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--slow", type=int, default=20)
    parser.add_argument("--slow-seconds", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=1.5, help="of sound in each upload")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        audio = load(ROOT / "samples" / "standup.mp4", channels="mono", end=arguments.seconds)
        wavfile.write(folder / "a.wav", 16_000, (audio.mono * 32767).astype(np.int16))
        process, url = start(folder)
        try:
            return asyncio.run(run(url, (folder / "a.wav").read_bytes(), arguments, psutil.Process(process.pid)))
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
