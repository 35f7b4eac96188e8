"""Live process: transcribes one stream after another, as `whisperdiar.live` does, with models that stay loaded.

Messages to it, each a tuple: ``("begin", StreamSettings)``, ``("sound", bytes)``, ``("flush",)``, ``("end",)``, and
``("drop",)`` where the client has gone; None, or the end of its parent, ends it. Messages from it: ``("ready",)``,
``("begun",)``, ``("events", events, n_taken)`` with the bytes that were taken up so far, ``("flushed", events)``, and
last ``("done", events, transcript)``, ``("dropped",)`` or ``("failed", Failure)``.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np

from whisperdiar.api import OpenPipeline
from whisperdiar.errors import InvalidOption
from whisperdiar.live import LiveOptions, LiveTranscriber
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.pipeline import Pipeline
from whisperdiar.serving.tasks import WorkerSettings
from whisperdiar.serving.worker_process import explain
from whisperdiar.system.machine import return_free_memory
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text.messages import _
from whisperdiar.types import Samples

_BYTES = 2
"""Of a sample."""
_SPOOL = "sound.wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What a client asks of one stream.

    Attributes:
        sample_rate: of its samples, 16 bits and one channel, in Hz.
        diarize: whether speakers are told apart.
        language: code; None to detect it.
        prompt: text that shows the style.
        options: how it is listened to.
    """

    sample_rate: int = SAMPLE_RATE_HZ
    diarize: bool = True
    language: str | None = None
    prompt: str | None = None
    options: LiveOptions = field(default_factory=lambda: LiveOptions(final_pass=False))


def run_live(connection: Connection, settings: WorkerSettings, folder: Path) -> None:
    """Works until it is told to end. Ctrl-C in the terminal is for the parent, which ends it.

    Args:
        folder: where the sound of a stream lies while it lasts; the parent removes it.
    """
    disable_telemetry()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _LiveProcess(connection, settings, folder).run()


class _LiveProcess:
    def __init__(self, connection: Connection, settings: WorkerSettings, folder: Path) -> None:
        self._connection, self._settings, self._spool = connection, settings, folder / _SPOOL
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self) -> None:
        threading.Thread(target=self._receive, daemon=True).start()
        try:
            pipeline = OpenPipeline(self._settings.request).load()
        except Exception as error:
            self._connection.send(("failed", explain(error)))
            return
        self._connection.send(("ready",))
        while (message := self._messages.get()) is not None:
            if message[0] != "begin":  # what was on its way when a stream failed
                continue
            try:
                if not self._transcribe(pipeline, message[1]):
                    return
            except Exception as error:  # one stream that fails must not stop the next one
                self._connection.send(("failed", explain(error)))
            return_free_memory()

    def _receive(self) -> None:
        while True:
            try:
                message: Any = self._connection.recv()
            except (EOFError, OSError):  # the parent is gone, and nobody waits for a result
                os._exit(1)
            self._messages.put(message)

    def _transcribe(self, pipeline: Pipeline, stream: StreamSettings) -> bool:
        """One stream; whether another one may come."""
        self._spool.unlink(missing_ok=True)
        with LiveTranscriber(_configure(pipeline, stream), options=stream.options, spool=self._spool) as live:
            convert = Converter(stream.sample_rate)
            self._connection.send(("begun",))
            taken = 0
            while True:
                every = self._take()
                sound = b"".join(item[1] for item in every if item is not None and item[0] == "sound")
                if sound:
                    taken += len(sound)
                    self._connection.send(("events", live.feed(convert(sound)), taken))
                for item in every:
                    if item is None:
                        return False
                    if item[0] == "drop":
                        self._spool.unlink(missing_ok=True)
                        self._connection.send(("dropped",))
                        return True
                    if item[0] == "flush":
                        self._connection.send(("flushed", live.flush()))
                    elif item[0] == "end":
                        events = (*live.feed(convert.finish()), *live.stop())
                        transcript = live.finish()
                        self._spool.unlink(missing_ok=True)
                        self._connection.send(("done", events, transcript))
                        return True

    def _take(self) -> list[Any]:
        """All sound that came meanwhile, and one other message behind it at most."""
        found = [self._messages.get()]
        while found[-1] is not None and found[-1][0] == "sound":
            try:
                found.append(self._messages.get_nowait())
            except queue.Empty:
                break
        return found


class Converter:
    """Bytes of 16-bit samples at any rate → float32 (n_samples,) at 16 kHz, piece by piece."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._rest = b""
        self._resampler = None if rate == SAMPLE_RATE_HZ else av.AudioResampler("flt", "mono", SAMPLE_RATE_HZ)

    def __call__(self, data: bytes) -> Samples:
        data = self._rest + data
        whole = len(data) // _BYTES * _BYTES
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], dtype="<i2")
        if self._resampler is None:
            return np.asarray(samples / np.float32(32768.0), dtype=np.float32)
        if not len(samples):
            return np.zeros(0, np.float32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="s16", layout="mono")
        frame.sample_rate = self._rate
        return _join(self._resampler.resample(frame))

    def finish(self) -> Samples:
        """What the filter still holds."""
        return np.zeros(0, np.float32) if self._resampler is None else _join(self._resampler.resample(None))


def _join(frames: Iterable[Any]) -> Samples:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)


def _configure(pipeline: Pipeline, stream: StreamSettings) -> Pipeline:
    transcriber: Any = pipeline.transcriber
    if stream.prompt:
        known = {item.name for item in fields(transcriber.settings)}
        if "prompt" in known:
            transcriber = transcriber.reconfigure(replace(transcriber.settings, prompt=stream.prompt))
    return replace(
        pipeline,
        transcriber=transcriber,
        diarizer=pipeline.diarizer if stream.diarize else None,
        language=stream.language or pipeline.language,
    )


def check_rate(rate: int) -> int:
    """Raises InvalidOption where no sound has such a rate."""
    if not 8_000 <= rate <= 96_000:
        raise InvalidOption(_("sample rate {rate}: give 8000 to 96000 Hz").format(rate=rate))
    return rate
