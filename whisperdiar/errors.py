"""Error classes: every error that whisperdiar raises on purpose.

    WhisperdiarError                 one line for a person: the value, the cause, the next step
    ├── InvalidOption                a setting that cannot be meant (also a ValueError)
    ├── MediaError                   a recording that cannot be read
    │   └── TruncatedMedia           a recording that ends early; carries what could be decoded
    ├── FormatError                  a file in a known format that breaks its rules (also a ValueError)
    ├── OutputError                  a file that cannot be written
    ├── BackendError                 a backend that cannot do its work
    │   ├── BackendMissing           a package is not installed; names its extra
    │   ├── BackendBroken            a package is installed and cannot be imported
    │   ├── ModelUnavailable         weights that are not at hand and cannot be fetched
    │   └── UnsupportedRequest       something this backend cannot do (a speaker count, a language)
    ├── Cancelled                    a caller ended the work
    └── DiarizationFailed            the speakers are lost, the transcript is not; carries it

    Interrupted                      Ctrl-C after recognition; a KeyboardInterrupt that carries the transcript

All of them are names of `whisperdiar` too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperdiar.parameter_names import name_parameters

if TYPE_CHECKING:
    from whisperdiar.transcript import Transcript
    from whisperdiar.types import Audio

_LONGEST_FOREIGN = 240
"""Characters that are shown of what another library says."""


class WhisperdiarError(Exception):
    """Base of all errors; ``str(error)`` is one line that can be shown to a person.

    It names parameters of Python, and on the command line the options.
    """

    def __str__(self) -> str:
        return name_parameters(super().__str__())


class InvalidOption(WhisperdiarError, ValueError):
    """A setting that cannot be meant."""


class MediaError(WhisperdiarError):
    """A recording that cannot be read."""


class TruncatedMedia(MediaError):
    """A recording that ends before its own header says; ``audio`` holds what could be decoded."""

    def __init__(self, message: str, audio: Audio) -> None:
        super().__init__(message)
        self.audio = audio


class FormatError(WhisperdiarError, ValueError):
    """A file in a known format that breaks the format's rules."""


class OutputError(WhisperdiarError):
    """A file that cannot be written."""


class BackendError(WhisperdiarError):
    """A backend that cannot do its work; `remedy` is the one command that mends it, where there is one."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class BackendMissing(BackendError):
    """A package is not installed; the message names the extra that brings it."""


class BackendBroken(BackendError):
    """A package is installed and cannot be imported or used."""


class ModelUnavailable(BackendError):
    """Weights that are not on this machine and cannot be fetched."""


class UnsupportedRequest(BackendError):
    """Something that this backend cannot do, such as a number of speakers."""


class Cancelled(WhisperdiarError):
    """The work was ended by its caller."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C (or whatever raises KeyboardInterrupt) after recognition; ``transcript`` holds the words, no speakers."""

    def __init__(self, message: str, transcript: Transcript) -> None:
        super().__init__(message)
        self.transcript = transcript


class DiarizationFailed(WhisperdiarError):
    """Diarization failed after transcription; ``transcript`` holds the words, without speakers."""

    def __init__(self, message: str, transcript: Transcript) -> None:
        super().__init__(message)
        self.transcript = transcript


def describe_error(error: BaseException, *, first_line: bool = False) -> str:
    """Text of an exception on one line: of this package as it is, of another one its type and what it says, shortened.

    Args:
        error: any exception.
        first_line: take only the first line that says something, where a library goes on with advice of its own.
    """
    name = type(error).__name__
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    text = " ".join([line for line in lines if line][: 1 if first_line else None])
    if isinstance(error, WhisperdiarError):
        told = str(error)
        # As it is where it is one line: spaces may be those of a file's name, and a message knows its English.
        return told if told.strip() and told.isprintable() else text or name
    text = f"{name}: {text}" if text else name
    return text if len(text) <= _LONGEST_FOREIGN else text[: _LONGEST_FOREIGN - 1] + "…"
