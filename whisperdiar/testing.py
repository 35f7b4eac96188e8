"""Conformance kit: holds a backend or a format against the contracts that whisperdiar relies on.

    def test_my_diarizer():
        check_backend(my_package.Backend)

    def test_my_format():
        check_format(my_package.my_format)

Both raise ContractBroken, an AssertionError, with what was promised and what was found; neither needs a test framework.
The backends and formats of this package pass them.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import inspect
import json
import math
import typing
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from whisperdiar.contracts import REFINEMENT_STEPS, TextAwareDiarizer, info_of, record_of, release
from whisperdiar.errors import BackendError, InvalidOption, WhisperdiarError, describe_error
from whisperdiar.formats import Format, by_name, describe
from whisperdiar.joining import Origin, join
from whisperdiar.media import load
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime, WriteOptions
from whisperdiar.registry import Stage
from whisperdiar.transcript import Transcript
from whisperdiar.types import (
    ANY_SPEAKERS,
    Audio,
    BackendInfo,
    BackendRecord,
    Diarization,
    Span,
    SpeakerCount,
    Transcription,
    Turn,
    Word,
    merge_spans,
)

_METHODS: dict[str, Stage] = {"detect": "vad", "transcribe": "asr", "diarize": "diarization"}
_TOLERANCE_S = 1e-6
_NEAR_SPEECH_S = 0.5
"""How far a word may reach beyond the speech in which it was found."""


class ContractBroken(AssertionError):
    """A backend or a format does not keep what its contract promises."""


def _require(kept: bool, promise: str) -> None:
    if not kept:
        raise ContractBroken(promise)


def sample(*, n_channels: int = 1) -> Audio:
    """Eight seconds of speech at 16 kHz, which this package carries; on further channels there is silence."""
    with importlib.resources.as_file(importlib.resources.files("whisperdiar") / "data" / "sample.flac") as path:
        audio = load(path)
    nobody = np.zeros((n_channels - 1, audio.samples.shape[1]), np.float32)
    return Audio(np.concatenate([audio.samples, nobody]), audio.sample_rate, audio.recording_id)


def silence(seconds: float, *, n_channels: int = 1) -> Audio:
    """Digital silence at 16 kHz."""
    samples = np.zeros((n_channels, round(seconds * SAMPLE_RATE_HZ)), np.float32)
    return Audio(samples, SAMPLE_RATE_HZ, "silence")


def check_backend(backend_class: Any, settings: Any = None, *, runtime: Runtime | None = None) -> None:
    """Holds a backend class against the contract of its stage, on a short sample and on silence.

    What a backend says of itself is checked without loading anything; its work only where `prepare` succeeds.

    Args:
        backend_class: as an entry point names it.
        settings: of the backend, such as a small model; None for its defaults.
        runtime: where it runs; None for one CPU thread without the network.

    Raises:
        ContractBroken: a promise is not kept.
        BackendError: it cannot run here, so that its work was not checked.
    """
    check_description(backend_class)
    backend = backend_class(settings, runtime=runtime or Runtime(offline=True, threads=1))
    check_preparation(backend)
    check_work(backend)
    release(backend)
    release(backend)  # nothing is left to free
    backend.prepare()  # what was freed can be loaded again
    release(backend)


def check_description(backend_class: Any) -> None:
    """Holds what a backend class says of itself against the contract; nothing is loaded.

    Raises:
        ContractBroken: a promise is not kept.
    """
    found = [stage for method, stage in _METHODS.items() if callable(getattr(backend_class, method, None))]
    _require(len(found) == 1, f"a backend has one of the methods {', '.join(_METHODS)}; this has {found or 'none'}")
    name = getattr(backend_class, "name", None)
    _require(isinstance(name, str) and name == name.lower(), f"`name` is lower-case text, not {name!r}")
    info = getattr(backend_class, "info", None)
    _require(isinstance(info, BackendInfo), f"`info` is a BackendInfo, not {type(info).__name__}")
    _require(bool(info.summary) and bool(info.licence), "`info` has a summary and a licence")  # type: ignore[union-attr]
    for method in ("prepare", "record"):
        _require(callable(getattr(backend_class, method, None)), f"a backend has `{method}`; BaseBackend brings it")
    takes = inspect.signature(backend_class.prepare).parameters
    _require("progress" in takes, "`prepare` takes `progress` by name")
    settings_type = getattr(backend_class, "settings_type", None)
    _require(dataclasses.is_dataclass(settings_type), "`settings_type` is a dataclass")
    parameters = settings_type.__dataclass_params__  # type: ignore[union-attr]
    _require(parameters.frozen, "`settings_type` is frozen")
    try:
        settings_type()  # type: ignore[misc]
    except TypeError as error:
        raise ContractBroken(f"every field of `settings_type` has a default: {describe_error(error)}") from error
    _check_settings(settings_type)
    record = backend_class(None, runtime=Runtime(offline=True)).record()
    _require(isinstance(record, BackendRecord), "`record` gives a BackendRecord before anything is loaded")
    _require(record.backend == name, f"`record` names the backend {name!r}, not {record.backend!r}")


def check_preparation(backend: Any) -> None:
    """Prepares a backend, and holds `prepare`, and `record` after it, against the contract.

    Raises:
        ContractBroken: a promise is not kept.
        BackendError: it cannot run here.
    """
    stages: list[str] = []
    for _ in range(2):
        stages.clear()
        backend.prepare(progress=lambda stage, _: stages.append(stage))
    _require(not stages, f"a second `prepare` costs nothing; this one reports {', '.join(stages)}")
    record = record_of(backend)
    _require(record.backend == backend.name, f"`record` names the backend {backend.name!r}, not {record.backend!r}")
    try:
        json.dumps(record.to_dict())
    except (TypeError, ValueError) as error:
        raise ContractBroken(f"`record` can be written as JSON: {describe_error(error)}") from error


def _check_settings(settings_type: Any) -> None:
    for name, hint in typing.get_type_hints(settings_type).items():
        if float not in (hint, *typing.get_args(hint)):
            continue
        try:
            settings_type(**{name: math.nan})
        except InvalidOption:
            continue
        raise ContractBroken(
            f"`settings_type` refuses {name}=nan with InvalidOption: end its __post_init__ with "
            "whisperdiar.options.check_numbers(self)"
        )


def check_work(backend: Any) -> None:
    """Holds the results of a prepared backend against the contract of its stage.

    Raises:
        ContractBroken: a promise is not kept.
    """
    if callable(getattr(backend, "detect", None)):
        _check_detector(backend)
    elif callable(getattr(backend, "transcribe", None)):
        _check_transcriber(backend)
    else:
        _check_diarizer(backend)


def _heard_fractions(stage: str, work: Callable[[Any], Any]) -> Any:
    heard: list[float] = []
    result = work(lambda _, fraction: heard.append(fraction))
    _require(bool(heard), f"{stage} reports its progress")
    _require(heard == sorted(heard) and 0.0 <= heard[0] <= heard[-1] <= 1.0, "progress rises from 0 to 1 at most")
    return result


def _check_spans(spans: Sequence[Span], audio: Audio) -> None:
    _require(isinstance(spans, tuple), "`detect` gives a tuple of Span")
    _require(merge_spans(spans) == tuple(spans), "spans of speech are sorted and do not touch")
    _require(
        all(0.0 <= span.start < span.end <= audio.duration + _TOLERANCE_S for span in spans),
        "spans of speech have a length and lie inside the audio",
    )


def _check_detector(backend: Any) -> None:
    audio = sample()
    found = _heard_fractions("detect", lambda progress: backend.detect(audio, progress=progress))
    _check_spans(found, audio)
    _require(bool(found), "the sample is speech")
    _require(backend.detect(audio) == found, "the same sound gives the same spans")
    for quiet in (silence(0.0), silence(0.01), silence(2.0)):
        _check_spans(backend.detect(quiet), quiet)


def _check_transcriber(backend: Any) -> None:
    own = frozenset(getattr(backend, "does_itself", ()))
    known = ", ".join(sorted(REFINEMENT_STEPS))
    _require(own <= REFINEMENT_STEPS, f"`does_itself` names steps of refinement ({known})")
    audio = sample()
    speech = (Span(0.0, audio.duration),)
    languages = info_of(backend).languages if info_of(backend) else ()  # type: ignore[union-attr]
    language = "en" if not languages or "en" in languages else languages[0]
    found = backend.transcribe(audio, speech=speech, language=language)
    _require(isinstance(found, Transcription), "`transcribe` gives a Transcription")
    starts = [word.start for word in found.words]
    _require(starts == sorted(starts), "words are in order of time")
    for word in found.words:
        _require(bool(word.text.strip()), "a word has text")
        _require(0.0 <= word.probability <= 1.0, f"a probability lies in [0, 1]: {word}")
        _require(
            any(s.start - _NEAR_SPEECH_S <= word.start <= word.end <= s.end + _NEAR_SPEECH_S for s in speech),
            f"a word lies in the speech in which it was found: {word}",
        )
    for quiet in (audio, silence(0.0)):
        nothing = backend.transcribe(quiet, speech=(), language=language)
        _require(nothing.words == (), "without speech there are no words")


def _check_diarizer(backend: Any) -> None:
    info = info_of(backend)
    n_channels = 2 if info is not None and info.per_channel else 1
    audio = sample(n_channels=n_channels)
    speech = (Span(0.0, audio.duration),)
    given: dict[str, Any] = {"speech": speech, "speakers": ANY_SPEAKERS}
    found = _heard_fractions("diarize", lambda progress: backend.diarize(audio, progress=progress, **given))
    _check_turns(found, audio)
    _require(backend.diarize(audio, **given) == found, "the same sound gives the same turns")
    if info is not None and info.activity is None:
        _require(found.activity is None, "`info.activity` says what the activity is that `diarize` gives")
    if isinstance(backend, TextAwareDiarizer) and backend.wants_words:
        words = [Word(Span(0.5, 1.0), " some"), Word(Span(1.0, 1.5), " words.")]
        _check_turns(backend.diarize(audio, words=words, **given), audio)
    for count in (SpeakerCount(1, 1), SpeakerCount(2, 2)):
        try:
            counted = backend.diarize(audio, speech=speech, speakers=count)
        except BackendError:
            continue
        kept = count.allows(len(counted.speakers)) or bool(counted.warnings) or not counted.turns
        _require(kept, f"{count} speakers are found, refused, or commented on in `warnings`")
    for quiet in (audio, silence(1.0, n_channels=n_channels)):
        _require(backend.diarize(quiet, speech=(), speakers=ANY_SPEAKERS).turns == (), "without speech, no turns")


def _check_turns(found: Any, audio: Audio) -> None:
    _require(isinstance(found, Diarization), "`diarize` gives a Diarization")
    _require(found.recording_id == audio.recording_id, "a Diarization names the recording")
    order = [(turn.start, turn.end) for turn in found.turns]
    _require(order == sorted(order), "turns are in order of time")
    _require(
        all(0.0 <= turn.start < turn.end <= audio.duration + _TOLERANCE_S for turn in found.turns),
        "turns have a length and lie inside the audio",
    )


def example_transcript() -> Transcript:
    """Two people with names that need care, words that look like markup, overlap and a pause."""
    words = [
        Word(Span(0.0, 0.4), " Hello,"),
        Word(Span(0.4, 0.9), " a<b>c</b> & d"),
        Word(Span(1.5, 1.9), " Здравствуйте."),
        Word(Span(75.25, 76.0), " Bye."),
    ]
    turns = [
        Turn(Span(0.0, 1.0), "SPEAKER_00"),
        Turn(Span(1.4, 2.0), "SPEAKER_01"),
        Turn(Span(75.0, 76.5), "SPEAKER_00"),
    ]
    made = join(words, turns, origin=Origin(recording_id="example", language="en", duration=80.0))
    return made.rename({"SPEAKER_00": "Anna: <1>", "SPEAKER_01": 'Dr. "Б" & Co'})


def check_format(format: Any) -> None:
    """Holds a format against the contract of formats: it writes any transcript, and reads back what it wrote.

    Args:
        format: the name of an installed one, or the module (or object) that an entry point names.

    Raises:
        ContractBroken: a promise is not kept.
    """
    form = by_name(format) if isinstance(format, str) else describe(format, getattr(format, "name", ""))
    _require(form.suffix.startswith("."), f"`suffix` begins with a dot, unlike {form.suffix!r}")
    known = (None, "words", "turns", "emotions")
    _require(form.needs in known, f'`needs` is "words", "turns", "emotions" or left out, not {form.needs!r}')
    whole = example_transcript()
    for transcript in (whole, Transcript("nothing", 0.0), dataclasses.replace(whole, turns=(), speakers=())):
        made = _write(form, transcript)
        _require(made == _write(form, transcript), "the same transcript gives the same file")
    if form.read is None:
        return
    text = _write(form, whole)
    _require(isinstance(text, str), "a format that is read back is text")
    try:
        again = form.read(str(text))
    except WhisperdiarError as error:
        raise ContractBroken(f"{form.name} reads what it wrote: {describe_error(error)}") from error
    _require(isinstance(again, Transcript), "`read` gives a Transcript")
    if form.needs not in ("turns", "emotions"):
        said = "".join(word.text for word in whole.words).split()
        found = "".join(word.text for word in again.words).split()
        _require(found == said, f"all words are read back: {' '.join(said)!r}, not {' '.join(found)!r}")


def _write(form: Format, transcript: Transcript) -> str | bytes:
    try:
        made = form.dumps(transcript, options=WriteOptions())
    except WhisperdiarError:
        raise
    except Exception as error:
        raise ContractBroken(f"{form.name} writes any transcript: {describe_error(error)}") from error
    _require(isinstance(made, (str, bytes)), f"`dumps` gives text or bytes, not {type(made).__name__}")
    return made


__all__ = [
    "ContractBroken",
    "check_backend",
    "check_description",
    "check_format",
    "check_preparation",
    "check_work",
    "example_transcript",
    "sample",
    "silence",
]
