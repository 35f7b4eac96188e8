"""Contracts of the stages: the protocols that backends fulfil.

A backend is an object with its stage's method: `detect`, `transcribe` or `diarize`. All else is optional, and the
functions of this module say what holds for an object without it:

    info       BackendInfo     what it is and needs            (`info_of`)
    record()   BackendRecord   what did the work, for the provenance   (`record_of`)
    prepare()                  import, fetch and load; may be called again at no cost
    release()                  free what `prepare` loaded      (`release`)
    runtime    Runtime         where it computes, and on how many threads   (`threads_of`, `device_of`)
    does_itself    set of str  steps of refinement that a recogniser does by itself   (`refinement_steps`)
    takes_terms    bool        whether a recogniser's `transcribe` takes words to expect   (`takes_terms`)
    lacks_word_times  bool     whether a recogniser's words have no times of its own   (`lacks_word_times`)
    model_names    sequence    names of the models that it alone has: ``auto`` takes it for one of them
    check_language             raises where settings and language do not go together; nothing is loaded
    has_model                  whether the model of the default settings is on this machine
    force_words()              when given words are spoken   (`WordForcer`)

Backends that are found by name (`whisperdiar.registry`) have them all but `release`, and `name` and `settings_type`
besides: `BaseBackend` and, for those with a model, `LoadingBackend` bring what is the same in all of them;
`whisperdiar.testing.check_backend` holds any class against that. The stage's own method calls `prepare` by itself. All
times that go in and come out count from the first sample of the audio that is passed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from whisperdiar.errors import UnsupportedRequest
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.text.messages import _
from whisperdiar.types import (
    Audio,
    BackendInfo,
    BackendRecord,
    Diarization,
    Samples,
    ScoredTime,
    Span,
    SpeakerCount,
    Transcription,
    Turn,
    Word,
)

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the fraction of it that is done, 0 to 1."""


def no_progress(stage: str, fraction: float) -> None:
    """A `Progress` that does nothing."""


def scale_progress(progress: Progress, low: float, high: float) -> Progress:
    """A `Progress` for the part of a stage that goes from one fraction of it to another."""
    return lambda stage, fraction: progress(stage, low + (high - low) * fraction)


class Listener(Protocol):
    """Hears of work while it goes on what a fraction does not say. It may be called from any thread."""

    def heard(self, start: float, text: str) -> None:
        """Words that were recognised, and when they begin (seconds of the audio); later work may still change them."""

    def fetched(self, name: str, n_bytes: int, total_bytes: int) -> None:
        """How much of a model is downloaded; a total of 0 where that is not known."""


_listener: ContextVar[Listener | None] = ContextVar("whisperdiar_listener", default=None)


@contextmanager
def listen(listener: Listener | None) -> Iterator[None]:
    """Have a `Listener` hear of the work inside the block, as far as it is done on this thread; None for nobody."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def current_listener() -> Listener | None:
    """Who hears of the work on this thread; to be asked before other threads are begun."""
    return _listener.get()


class Parts(Protocol):
    """Finished parts of a stage's work, kept so that a run that was killed goes on where it was; for any thread."""

    def find(self, key: str) -> bytes | None:
        """What was kept under a key; None where nothing was."""

    def keep(self, key: str, data: bytes) -> None:
        """Keep a part; it is found again once this returns, whatever becomes of the process."""


_parts: ContextVar[Parts | None] = ContextVar("whisperdiar_parts", default=None)


@contextmanager
def keep_parts(parts: Parts | None) -> Iterator[None]:
    """Have the stage that works inside the block, on this thread, keep its parts; None for none."""
    token = _parts.set(parts)
    try:
        yield
    finally:
        _parts.reset(token)


def current_parts() -> Parts | None:
    """Where the stage on this thread keeps its parts; to be asked before other threads are begun.

    A key names all that a part depends on beside the sound, the model and its revision.
    """
    return _parts.get()


def recall_array(parts: Parts | None, key: str) -> NDArray[Any] | None:
    """An array that was kept under a key; None where none was."""
    data = None if parts is None else parts.find(key)
    return None if data is None else np.asarray(np.load(io.BytesIO(data), allow_pickle=False))


def remember_array(parts: Parts | None, key: str, work: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """An array that was kept under a key, or that is computed now, and kept."""
    made = recall_array(parts, key)
    if made is None:
        made = work()
        keep_array(parts, key, made)
    return made


def keep_array(parts: Parts | None, key: str, made: NDArray[Any]) -> None:
    """Keep an array for `recall_array`."""
    if parts is not None:
        file = io.BytesIO()
        np.save(file, made, allow_pickle=False)
        parts.keep(key, file.getvalue())


def remember_json(parts: Parts | None, key: str, work: Callable[[], Any]) -> Any:
    """JSON values that were kept under a key, or that are computed now, and kept; the same values either way: tuples
    are lists, and texts may hold lone surrogates."""
    data = None if parts is None else parts.find(key)
    if data is None:
        data = json.dumps(work(), ensure_ascii=False).encode("utf-8", "surrogatepass")
        if parts is not None:
            parts.keep(key, data)
    return json.loads(data.decode("utf-8", "surrogatepass"))


def info_of(backend: object) -> BackendInfo | None:
    """`BackendInfo` of a backend; None where it says nothing of itself."""
    info = getattr(backend, "info", None)
    return info if isinstance(info, BackendInfo) else None


@dataclass(frozen=True, slots=True)
class Recalled:
    """What an earlier preparation of a backend told, which would be repeated: its model need not be loaded for that.

    Attributes:
        record: as the backend writes it once its model is loaded.
        remarks: what a user was told of the choice of the model.
        versions: package → version, of those that the loading brings.
    """

    record: BackendRecord
    remarks: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


def record_of(backend: object) -> BackendRecord:
    """`BackendRecord` of a backend; the name of its class where it writes none."""
    recalled = getattr(backend, "recalled", None)
    if isinstance(recalled, Recalled):
        return recalled.record
    record = getattr(backend, "record", None)
    made = record() if callable(record) else None
    return made if isinstance(made, BackendRecord) else BackendRecord(getattr(backend, "name", type(backend).__name__))


def release(backend: object) -> None:
    """Frees what a backend has loaded, where it has a `release`; it can be used again afterwards."""
    own = getattr(backend, "release", None)
    if callable(own):
        own()


def threads_of(backend: object) -> int:
    """CPU threads that a backend was given; 0 where it takes what it likes."""
    threads = getattr(getattr(backend, "runtime", None), "threads", 0)
    return threads if isinstance(threads, int) else 0


def device_of(backend: object) -> str | None:
    """Where a prepared backend computes: ``cpu``, ``cuda`` or ``cuda:N``; None where that is unknown.

    Its record says it; a backend that needs no package beside the core computes on the CPU.
    """
    named: Any = record_of(backend).details.get("device")
    if named is not None:
        return str(named)
    info = info_of(backend)
    return None if info is None or info.requires else "cpu"


SettingsT = TypeVar("SettingsT")
LoadedT = TypeVar("LoadedT")
REFINEMENT_STEPS = frozenset({"word_times", "filters", "gaps"})
"""What becomes of the words of every recogniser: forced alignment, where its settings ask for it; filters against
hallucinations; speech without words, which is told, and decoded again where its settings have a `fill_gaps`."""


def refinement_steps(recogniser: object) -> frozenset[str]:
    """Steps that a recogniser leaves to the stage behind it: all that are not in its attribute `does_itself`."""
    return REFINEMENT_STEPS - frozenset(getattr(recogniser, "does_itself", ()))


class BaseBackend(Generic[SettingsT]):
    """Backend base class: settings and runtime, nothing to load, copies by settings.

    A backend adds `name`, `info`, `settings_type` and its stage's method:

        class Backend(BaseBackend[Settings]):
            name = "alternate"
            info = BackendInfo(summary="speakers take turns", licence="MIT")
            settings_type = Settings

    Copies and pickles hold its settings; what it has loaded is loaded again where it is used: models live in other
    libraries, on a device and in threads, and most of them can be neither copied nor pickled.

    Attributes:
        name: as on the command line, in lower case.
        info: what it is and needs.
        settings_type: a frozen dataclass, every field of which has a default.
        settings: of that type.
        runtime: where it computes, on how many threads, and whether the network may be used.
    """

    name: ClassVar[str]
    info: ClassVar[BackendInfo]
    settings_type: ClassVar[type]

    def __init__(self, settings: SettingsT | None = None, *, runtime: Runtime | None = None) -> None:
        """Stores both; None for the defaults."""
        self.settings: SettingsT = self.settings_type() if settings is None else settings
        self.runtime = Runtime() if runtime is None else runtime

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Import, fetch and load what is needed, here nothing; may be called again at no cost.

        Args:
            progress: hears of a download as stage ``download``.

        Raises:
            BackendMissing: a package is not installed.
            BackendBroken: a package or a file is here and cannot be used.
            ModelUnavailable: weights are not here and cannot be fetched; gated ones need the variable HF_TOKEN.
            InvalidOption: settings that the model, or a device that this machine, does not have.
        """

    def reconfigure(self, settings: SettingsT) -> Any:
        """The same backend with other settings, of which only those that its `tunable` lists may differ."""
        return type(self)(settings, runtime=self.runtime)

    def remember(self) -> None:
        """From now on a network that hears the same sound again gives the answer that it gave before, from memory.

        For searches over settings that come after the networks; without a network there is nothing to do.
        """

    def record(self) -> BackendRecord:
        """What does the work, for the provenance of the result; there is one before `prepare` as well."""
        return BackendRecord(self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _construct, (type(self), self.settings, self.runtime)


def _construct(backend: Any, settings: Any, runtime: Any) -> Any:
    return backend(settings, runtime=runtime)


class LoadingBackend(BaseBackend[SettingsT], Generic[SettingsT, LoadedT]):
    """Backend base class with a model, which is loaded at the first use and dropped by `release`.

    A backend adds `_load`, and calls `_require` where it needs the model.
    """

    _loaded: LoadedT | None = None
    recalled: Recalled | None = None
    """Set in place of a preparation; gone as soon as the model is loaded."""

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    def _load(self, progress: Progress) -> LoadedT:
        """The model, imported, fetched and loaded; raises as `prepare` says."""
        raise NotImplementedError

    def _require(self, progress: Progress = no_progress) -> LoadedT:
        if self._loaded is None:
            self._loaded = self._load(progress)
            self.recalled = None
        return self._loaded

    def reconfigure(self, settings: SettingsT) -> Any:
        made = type(self)(settings, runtime=self.runtime)
        made._loaded = self._loaded
        return made

    def prepare(self, *, progress: Progress = no_progress) -> None:
        self._require(progress)

    def release(self) -> None:
        """Drop the model and the memory that it holds; the stage's method loads it again."""
        if self._loaded is not None:
            self._loaded = None
            self._free_memory()

    def _free_memory(self) -> None:
        """What more there is to do where the model has just been dropped."""


def check_sample_rate(audio: Audio, name: str) -> None:
    """Refuse sound at another rate than the models are made for; recordings that are loaded here have theirs.

    Args:
        name: of the backend.

    Raises:
        UnsupportedRequest: the audio is not at 16 kHz.
    """
    if audio.sample_rate != SAMPLE_RATE_HZ:
        raise UnsupportedRequest(
            _("{rate} Hz: {name} needs {needed} Hz audio; resample it").format(
                rate=audio.sample_rate, name=name, needed=SAMPLE_RATE_HZ
            )
        )


@runtime_checkable
class SpeechDetector(Protocol):
    """Finds where somebody speaks."""

    def detect(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """Sorted spans of speech inside the audio, which do not touch; empty for an audio without speech."""


class SpeechStream(Protocol):
    """A detector that hears a stream of sound, of 16 kHz, as it comes.

    Attributes:
        step: seconds of a window.
        onset, offset: probability from which on speech begins, and below which it ends.
    """

    step: float
    onset: float
    offset: float

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        """The probability of speech in each window that is whole by now, float32 (n_windows,); the rest waits.

        All answers together do not depend on how the stream is cut.
        """


@runtime_checkable
class StreamingDetector(Protocol):
    """A detector that can hear a stream."""

    def stream(self) -> SpeechStream:
        """A new stream; the model is shared with others."""


class SpeakerStream(Protocol):
    """A diarizer that hears a stream of sound, of 16 kHz, as it comes.

    Attributes:
        settled: seconds up to which its turns are final: they never change again.
    """

    settled: float

    def feed(self, samples: Samples, *, speech_until: float) -> bool:
        """Hears more sound; whether it knows more than before.

        Args:
            samples: float32 (n_samples,).
            speech_until: seconds up to which there was speech in the stream; what lies behind need not be heard.
        """

    def settle(self) -> None:
        """Nothing more comes: decides what is open."""

    def turns(self, start: float) -> tuple[Turn, ...]:
        """Turns that end behind `start`, in order; behind `settled` they are provisional."""


@runtime_checkable
class StreamingDiarizer(Protocol):
    """A diarizer that can hear a stream; labels are given in the order of first appearance."""

    def stream(
        self, *, speakers: SpeakerCount, delay: float, patience: float, new_speaker: float
    ) -> SpeakerStream | None:
        """A new stream; the model is shared with others. None where the model hears whole recordings alone.

        A network with a latency of its own keeps to that.

        Args:
            speakers: no more than its maximum are told apart.
            delay: seconds of sound behind a frame that are heard before it is final.
            patience: seconds that a voice which is not known is listened to before it is decided whose it is.
            new_speaker: seconds of clean speech that make such a voice a new speaker.
        """


@runtime_checkable
class Transcriber(Protocol):
    """Turns speech into words with times."""

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        """Words in order of time, only from `speech`; `language` None means: detect it.

        `Transcription.no_speech` may tell how probable it is that nobody speaks, by the recogniser's own account.
        """


@runtime_checkable
class BiasedTranscriber(Transcriber, Protocol):
    """A recogniser that can be told which words to expect."""

    @property
    def takes_terms(self) -> bool:
        """Whether `transcribe` takes `terms`."""

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        terms: Sequence[str] = (),
        progress: Progress = no_progress,
    ) -> Transcription:
        """As that of `Transcriber`; `terms` are words to expect, the most important first."""


@dataclass(frozen=True, slots=True)
class Division:
    """Speech in stretches that are recognised apart from each other.

    Attributes:
        stretches: of the same speech, in order.
        language: of all of them, code; None where each has to find it.
    """

    stretches: tuple[tuple[Span, ...], ...]
    language: str | None = None


@runtime_checkable
class DivisibleTranscriber(Transcriber, Protocol):
    """A recogniser whose work on a long recording may be done in stretches, side by side: what each keeps as parts
    (`current_parts`) is what it would have computed for the whole, which then takes it from there."""

    def divide(self, audio: Audio, *, speech: Sequence[Span], language: str | None, seconds: float) -> Division:
        """The speech in stretches of about so many seconds."""


@runtime_checkable
class WordForcer(Protocol):
    """A recogniser that tells when words which it is given are spoken, and how probable each of them is."""

    def force_words(self, sound: Samples, words: Sequence[str], *, language: str | None) -> Sequence[ScoredTime | None]:
        """One for each word of `words`, in order; None where it cannot tell.

        `sound` is float32 (n_samples,) at 16 kHz, at most 30 s.
        """


@runtime_checkable
class TextWriter(Protocol):
    """A recogniser that writes the words of a text which is given, by what another one hears.

    What that one hears is the same for every text, so that it can be kept.

    Attributes:
        recogniser: the one that listens.
    """

    recogniser: Transcriber

    def check_audio(self, audio: Audio) -> None:
        """Raises FormatError where the text cannot be that of this recording, before anything is recognised."""

    def write_text(
        self, heard: Transcription, audio: Audio, *, speech: Sequence[Span], progress: Progress = no_progress
    ) -> Transcription:
        """The words of the text that are spoken, in its order, by what was heard.

        Raises:
            FormatError: too little of the text is heard.
        """

    def describe_text(self) -> dict[str, Any]:
        """The text and what times it, for the details of the backend's record; JSON values."""


def takes_terms(recogniser: object) -> bool:
    """Whether a recogniser can be told which words to expect, by its attribute `takes_terms`."""
    return bool(getattr(recogniser, "takes_terms", False))


def lacks_word_times(recogniser: object) -> bool:
    """Whether a prepared recogniser's words have no times of their own, by its attribute `lacks_word_times`.

    Then forced alignment places them, whatever the settings say, or nothing is recognised.
    """
    return bool(getattr(recogniser, "lacks_word_times", False))


@runtime_checkable
class Diarizer(Protocol):
    """Tells who speaks when."""

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        progress: Progress = no_progress,
    ) -> Diarization:
        """Sorted turns inside the audio; no turns where `speech` is empty.

        `speech` is what the detector gives, with its padding: pauses between spans are shorter than in the sound.
        `speakers` is honoured, or the result's warnings say that it could not be, or UnsupportedRequest is raised.
        The result may carry a `SpeakerActivity`, whose labels are those of the turns and whose times count as theirs.
        """


@runtime_checkable
class TextAwareDiarizer(Diarizer, Protocol):
    """A diarizer that is helped by the text: where one speaker's speech begins and ends shows in the words."""

    @property
    def wants_words(self) -> bool:
        """Whether words help it with its settings; then recognition runs first, and never beside it."""

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount,
        words: Sequence[Word] = (),
        progress: Progress = no_progress,
    ) -> Diarization:
        """As that of `Diarizer`; `words` are those recognised, in order, or none where there is no text."""
