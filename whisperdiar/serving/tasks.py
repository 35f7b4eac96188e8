"""Tasks and outcomes: what a request asks of a worker, and what comes back; both cross processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from whisperdiar.assembly import Request
from whisperdiar.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSpeaker:
    """A person whose voice a request brings along: the name, and the file with the voice."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The work on one recording.

    Attributes:
        path: of the upload, under a name that the server gave it.
        name: of the recording, as people read it; never a path.
        raw: whether the upload is nothing but samples: 16-bit, one channel, 16 kHz.
        model: Whisper model; None for the one that the server was started with.
        words, diarize: what is wanted of it.
        detect_only: whether nothing but the language is wanted.
        translate: whether the words are to be English.
        language: code; None to detect it.
        languages: codes of those that may be detected; none for any.
        prompt: text that shows the style.
        terms: words to expect.
        speakers: a number or a range, as `SpeakerCount.parse` reads it.
        known: people who may speak.
        start, seconds: the part that is listened to; None for all.
    """

    path: str
    name: str = "recording"
    raw: bool = False
    model: str | None = None
    words: bool = True
    diarize: bool = False
    detect_only: bool = False
    translate: bool = False
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str | None = None
    terms: tuple[str, ...] = ()
    speakers: str | None = None
    known: tuple[KnownSpeaker, ...] = ()
    start: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a worker made of a recording.

    Attributes:
        transcript: with the speakers that were asked for.
        seconds: length of the sound that was listened to.
        language: code of the language that was detected or asked for; None where nothing was said.
        language_probability: of the detected one; None where there was nothing to detect.
    """

    transcript: Transcript
    seconds: float
    language: str | None = None
    language_probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a worker made nothing of a recording.

    Attributes:
        kind: ``request`` (the recording or a parameter is at fault), ``cancelled``, ``crash`` (the worker ended),
            ``limit`` (of time or memory), ``stopping`` (the server ends), or ``server``.
        message: one line in English.
        code: a word for programs.
        param: which field of the request is at fault, where one is.
    """

    kind: str
    message: str
    code: str | None = None
    param: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "message": self.message, "code": self.code, "param": self.param}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How workers listen, in values that cross processes.

    Attributes:
        request: what the pipeline is made of.
        models: Whisper models that tasks may name.
        voice_model: network that tells the voices of known people; None for the first that is at hand.
        max_hours: length of a recording.
    """

    request: Request = field(default_factory=Request)
    models: tuple[str, ...] = ()
    voice_model: str | None = None
    max_hours: float = 12.0
