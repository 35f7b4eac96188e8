"""Sources of a stream: a microphone, or a recording that is played in real time. Each gives all that has come since it
was asked last, so that a listener who is slow for a while catches up at once."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from whisperdiar.errors import BackendMissing, InvalidOption, MediaError
from whisperdiar.media import load
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.text.messages import _
from whisperdiar.types import Samples

_BLOCK_S = 0.1
"""Sound that is handed on at least."""


class LiveSource(Protocol):
    """Sound as it comes.

    Attributes:
        came: seconds of sound that there are by now, whether they were asked for or not.
    """

    @property
    def came(self) -> float: ...

    def __iter__(self) -> Iterator[Samples]:
        """float32 (n_samples,) at 16 kHz, one after another, until the source ends or `close` is called."""

    def close(self) -> None:
        """Ends it; what came before is still given."""


class PlayedFile:
    """A recording that is played in real time.

    Attributes:
        duration: seconds.
    """

    def __init__(self, path: str | Path, *, speed: float = 1.0) -> None:
        """Decodes the recording.

        Args:
            path: any file that FFmpeg reads.
            speed: 2 plays it twice as fast.

        Raises:
            InvalidOption: a speed that is none.
            MediaError: it cannot be read.
        """
        if not 0.0 < speed <= 1000.0:
            raise InvalidOption(_("speed {speed:g}: give a number above 0, at most 1000").format(speed=speed))
        audio = load(path, channels="mono")
        self._samples, self._speed = audio.mono, speed
        self.duration = audio.duration
        self._begun: float | None = None
        self._end = len(self._samples)

    @property
    def came(self) -> float:
        if self._begun is None:
            return 0.0
        return min((time.monotonic() - self._begun) * self._speed, self._end / SAMPLE_RATE_HZ)

    def __iter__(self) -> Iterator[Samples]:
        self._begun, at = time.monotonic(), 0
        block = round(_BLOCK_S * SAMPLE_RATE_HZ)
        while at < self._end:
            until = min(round(self.came * SAMPLE_RATE_HZ), self._end)
            if until - at < min(block, self._end - at):
                time.sleep(_BLOCK_S / self._speed)
                continue
            yield np.array(self._samples[at:until])
            at = until

    def close(self) -> None:
        self._end = min(self._end, round(self.came * SAMPLE_RATE_HZ))


class Microphone:
    """A microphone, by sounddevice and PortAudio.

    Attributes:
        name: of the device.
    """

    def __init__(self, device: str | None = None) -> None:
        """Opens the device.

        Args:
            device: number or part of the name; None for that of the system.

        Raises:
            BackendMissing: the extra is not installed, or PortAudio is not.
            MediaError: there is no such microphone, or it cannot be opened.
        """
        sounddevice = _import_sounddevice()
        self._blocks: queue.SimpleQueue[Samples | None] = queue.SimpleQueue()
        self._n_samples = 0
        self.overflows = 0
        chosen: Any = int(device) if device is not None and device.isdigit() else device
        try:
            found = sounddevice.query_devices(chosen, "input")
            self.name = str(found["name"])
            self._stream = sounddevice.InputStream(
                samplerate=SAMPLE_RATE_HZ,
                blocksize=round(_BLOCK_S * SAMPLE_RATE_HZ),
                device=chosen,
                channels=1,
                dtype="float32",
                callback=self._take,
            )
            self._stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            raise MediaError(_explain(sounddevice, device, error)) from error

    @property
    def came(self) -> float:
        return self._n_samples / SAMPLE_RATE_HZ

    def __iter__(self) -> Iterator[Samples]:
        while True:
            try:
                block = self._blocks.get(timeout=_BLOCK_S)
            except queue.Empty:
                continue  # Ctrl-C is heard here
            parts = []
            while block is not None:
                parts.append(block)
                try:
                    block = self._blocks.get_nowait()
                except queue.Empty:
                    break
            if parts:
                yield np.concatenate(parts)
            if block is None:
                return

    def close(self) -> None:
        self._stream.close()
        self._blocks.put(None)

    def __enter__(self) -> Microphone:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, block: Any, _n_frames: int, _time: Any, status: Any) -> None:
        """Called by PortAudio on a thread of its own."""
        self.overflows += bool(status.input_overflow)
        self._n_samples += len(block)
        self._blocks.put(np.array(block[:, 0], dtype=np.float32))


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise BackendMissing(
            _('a microphone needs the extra live; to fix this, run: pip install "whisperdiar[live]"'),
            remedy='pip install "whisperdiar[live]"',
        ) from error
    except OSError as error:  # the package is there, the library of the system is not
        raise BackendMissing(
            _("a microphone needs PortAudio; install it (Debian, Ubuntu: sudo apt install libportaudio2)"),
            remedy="sudo apt install libportaudio2",
        ) from error
    return sounddevice


def _explain(sounddevice: Any, device: str | None, error: Exception) -> str:
    """Why a microphone cannot be opened, and which there are."""
    known = [str(item["name"]) for item in sounddevice.query_devices() if item["max_input_channels"] > 0]
    if not known:
        return _("there is no microphone; connect one, or give a recording as FILE")
    if device is None:
        return _("the microphone cannot be opened ({error}); choose one with --microphone: {known}").format(
            error=error, known=", ".join(known)
        )
    return _("--microphone {device}: it cannot be opened ({error}); there are: {known}").format(
        device=device, error=error, known=", ".join(known)
    )
