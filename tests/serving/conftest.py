"""A real server: uvicorn in a thread, a worker in a process of its own, whisper-nano and bic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from tests.sounds import NANO, RATE_HZ, SAMPLES
from whisperdiar import load
from whisperdiar.assembly import Request
from whisperdiar.options import Runtime, ServerOptions
from whisperdiar.selection import Choice

pytest.importorskip("fastapi", reason="the extra serve is not installed")
httpx = pytest.importorskip("httpx", reason="httpx is not installed")

REQUEST = Request(
    vad=Choice(name="energy"),
    asr=Choice(name="whisper", settings={"model": NANO[1]}),
    diarizer=Choice(name="bic"),
    runtime=Runtime(device="cpu", threads=1, offline=True),
)


@dataclass
class Logged:
    """What a server writes into its log."""

    lines: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.lines.append(text)

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def text(self) -> str:
        return "".join(self.lines)


@dataclass
class Running:
    """A server that answers."""

    url: str
    engine: Any
    log: Logged
    stop: Callable[[], None]

    def get(self, path: str, **values: Any) -> Any:
        return httpx.get(self.url + path, timeout=60, **values)

    def post(self, path: str, **values: Any) -> Any:
        return httpx.post(self.url + path, timeout=60, **values)

    def send(self, path: str, recording: Path, *, field: str = "file", name: str | None = None, **fields: Any) -> Any:
        """A recording and fields as a form; a list is sent as several."""
        with recording.open("rb") as file:
            return self.post(path, data=fields, files={field: (name or recording.name, file)})

    def wait_ready(self) -> None:
        until = time.monotonic() + 60
        while not self.engine.workers.is_ready:
            assert time.monotonic() < until, self.log.text
            time.sleep(0.05)


@contextmanager
def running(
    folder: Path, *, request: Request = REQUEST, voice_model: str | None = None, ready: bool = True, **options: Any
) -> Iterator[Running]:
    """A server in `folder` until the block ends; without `ready` its models may not be loaded yet."""
    from whisperdiar.serving import Engine, Log, WorkerSettings, make_server

    chosen = ServerOptions(**{"port": 0, "folder": str(folder), "grace_s": 5.0, **options})
    settings = WorkerSettings(
        request=request, models=chosen.models, voice_model=voice_model, max_hours=chosen.max_hours
    )
    log = Logged()
    engine = Engine([settings], options=chosen, model="whisper-nano", log=Log(log))
    server, sockets = make_server(engine)
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    try:
        made = Running(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", engine, log, stop)
        if ready:
            made.wait_ready()
        yield made
    finally:
        stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for most tests, which this machine alone reaches."""
    with running(tmp_path_factory.mktemp("server"), max_upload_mb=3.0, max_hours=0.02, idle_s=1.0) as made:
        yield made


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 5 seconds of the stand-up sample."""
    return cut_sample("standup.mp4", tmp_path_factory.mktemp("talk") / "stand up.wav", 5.0)


def cut_sample(sample: str, path: Path, seconds: float, *, start: float = 0.0) -> Path:
    audio = load(SAMPLES / sample, channels="mono", start=start, end=start + seconds)
    wavfile.write(path, RATE_HZ, (audio.mono * 32767).astype(np.int16))
    return path
