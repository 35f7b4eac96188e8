"""Runtime settings: where backends run, which ``auto`` tries, settings of the simplest ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_numbers
from whisperdiar.options.command_line import DEVICE, THREADS
from whisperdiar.text.messages import _

SAMPLE_RATE_HZ = 16_000
"""What every model here is trained on."""

AUTO_ORDER: Mapping[str, tuple[str, ...]] = {
    "vad": ("silero", "crdnn"),
    "asr": ("whisper",),
    "diarization": ("onnx", "pyannote", "nemotron", "embedding", "bic"),
}
"""What ``auto`` tries, best first. Recognition is as good behind either detector (docs/speech.md), and silero needs no
package and lets less other sound through. PocketSphinx runs only where it is asked for: it knows English alone, and
would turn any other language into English words."""

ONLY_AT_HAND = ("nemotron",)
"""Of these those alone that need no download for ``auto``: nobody who gets a stand-in asked for 400 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where and how backends run.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; 0 leaves the choice to the library.
        offline: never touch the network.

    Raises:
        InvalidOption: a number of threads that is none, or below 0.
    """

    device: str = DEVICE
    threads: int = THREADS
    offline: bool = False

    def __post_init__(self) -> None:
        check_numbers(self)


def check_device(device: str) -> None:
    """Raises InvalidOption where this names no device at all; whether it is there, the backends find out."""
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", device):
        raise InvalidOption(_("device {device!r}: choose auto, cpu, cuda or cuda:N").format(device=device))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """Of a backend that has nothing to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """Of a backend that reads its result from a file.

    Attributes:
        path: of the file.
        recording: which one of several in the file; by default the one that is called like the recording.
    """

    path: str = ""
    recording: str = ""
