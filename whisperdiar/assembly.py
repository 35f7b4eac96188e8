"""Backend selection: names → prepared backends, those asked for or the best that this machine can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from whisperdiar.activity_files import check_target
from whisperdiar.cache import StageCache
from whisperdiar.contracts import Progress, device_of, no_progress
from whisperdiar.errors import (
    BackendBroken,
    BackendError,
    BackendMissing,
    InvalidOption,
    ModelUnavailable,
    UnsupportedRequest,
    describe_error,
)
from whisperdiar.frameworks.installation import missing_packages
from whisperdiar.frameworks.torch import reinstall_command
from whisperdiar.given_text.reading import GivenText
from whisperdiar.given_text.transcriber import TextTranscriber
from whisperdiar.models.recommendations import find_clearly_better
from whisperdiar.options import (
    ONLY_AT_HAND,
    AlignmentOptions,
    CacheOptions,
    EmotionSettings,
    Runtime,
    SeparationSettings,
    Vocabulary,
    check_device,
)
from whisperdiar.pipeline import STAGE_WORDS, Fallback, Pipeline, wants_words
from whisperdiar.registry import PRESET, BackendClass, Stage, available, load, preferred, settings_from_text
from whisperdiar.system.callbacks import guard_callbacks
from whisperdiar.system.machine import raise_out_of_memory, usable_cores
from whisperdiar.text.languages import find_code, suggest
from whisperdiar.text.messages import _, join
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

if TYPE_CHECKING:
    from whisperdiar.emotions import EmotionDiarizer
    from whisperdiar.separation import OverlapSeparator

Notify = Callable[[str], None]
_MANY = 20
"""More languages than this are not listed in an error."""

_ENOUGH_THREADS = 7
"""A recogniser that keeps so many is hardly slower for those that it leaves to a diarizer beside it. With fewer, one
thread less costs more than an ordinary diarizer takes by itself: Whisper "small" takes ten times as long as bic."""
_INSTANT = ("none", "rttm")
"""Diarizers that compute nothing: nothing is gained beside them."""


def ignore_message(message: str) -> None:
    """A `Notify` that does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a user asked of a stage: a backend's name or ``auto``, and settings as text."""

    name: str = "auto"
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """A prepared backend, and what it stands in for, if it does."""

    backend: Any
    fallback: Fallback | None = None


def select(
    stage: Stage,
    choice: Choice,
    *,
    runtime: Runtime,
    language: str | None = None,
    notify: Notify = ignore_message,
    inform: Notify = ignore_message,
    progress: Progress = no_progress,
    beside: bool = False,
    speakers: SpeakerCount = ANY_SPEAKERS,
) -> Selection:
    """The backend of that name, or for ``auto`` the first of the preferred ones that can run.

    An extra that is not installed is a choice, not a failure: for ``auto`` its backend does not exist; nor does one of
    `ONLY_AT_HAND` whose model is not here, or one that tells fewer speakers apart than there are.

    Args:
        notify: told of a fallback from which the result suffers.
        inform: told of one from which it does not.
        beside: whether a diarizer may have to share the CPU with a recogniser.
        speakers: how many a diarizer has to tell apart.

    Raises:
        InvalidOption: no such backend or setting.
        BackendError: the named backend cannot run, or none can.
    """
    check_device(runtime.device)
    choice = _choose_by_model(stage, choice, inform)
    with guard_callbacks(progress) as heard:
        return _select(
            stage,
            choice,
            runtime=runtime,
            language=language,
            notify=notify,
            inform=inform,
            progress=heard,
            beside=beside,
            speakers=speakers,
        )


def _select(
    stage: Stage,
    choice: Choice,
    *,
    runtime: Runtime,
    language: str | None,
    notify: Notify,
    inform: Notify,
    progress: Progress,
    beside: bool,
    speakers: SpeakerCount,
) -> Selection:
    if choice.name != "auto":
        backend_class = load(stage, choice.name)
        backend = _create(backend_class, choice, runtime, strict=True, beside=beside)
        with raise_out_of_memory(_("{stage} by {name}").format(stage=_(STAGE_WORDS[stage]), name=choice.name)):
            backend.prepare(progress=progress)
        return Selection(backend)
    first: BackendError | None = None
    fallback: Fallback | None = None
    for name in preferred(stage):
        backend_class = load(stage, name)
        if backend_class.info.extra and missing_packages(backend_class):
            continue
        if first is not None and not _can_stand_in(backend_class, choice, language, speakers):
            continue
        at_hand = name in ONLY_AT_HAND
        own = replace(runtime, offline=True) if at_hand else runtime
        backend = _create(backend_class, choice, own, strict=first is None, beside=beside)
        try:
            with raise_out_of_memory(_("{stage} by {name}").format(stage=_(STAGE_WORDS[stage]), name=name)):
                backend.prepare(progress=progress)
        except BackendError as error:
            if at_hand and isinstance(error, ModelUnavailable):
                continue
            first = first or error
            fallback = fallback or Fallback(name, _reason(error), _remedy(error, backend_class))
            continue
        except InvalidOption:
            raise
        except Exception as error:  # a new release of a library may fail in any way: the next backend can still run
            broken = BackendBroken(
                _("{name} is installed and cannot be used ({error})").format(name=name, error=describe_error(error)),
                remedy=reinstall_command() if backend_class.info.extra else None,
            )
            broken.__cause__ = error
            first = first or broken
            fallback = fallback or Fallback(name, describe_error(broken), broken.remedy)
            continue
        if fallback is not None:
            caution = backend_class.info.caution
            (notify if caution else inform)(fallback_sentence(stage, name, fallback, caution=caution))
            dropped = [key for key in choice.settings if not _has_setting(backend_class, key)]
            if dropped:
                notify(
                    _("{stage} by {name} has no {dropped}: left out").format(
                        stage=_(STAGE_WORDS[stage]), name=name, dropped=join(_(" and no "), dropped)
                    )
                )
        if stage == "asr" and fallback is None:
            _advise(name, language, inform)
        return Selection(backend, fallback)
    if first is None:  # only if the order of preference were empty
        raise InvalidOption(_("no {stage} backend to choose from").format(stage=stage))
    if stage == "asr" and isinstance(first, ModelUnavailable):
        hint = _("--asr pocketsphinx needs no download, for English alone and with many errors")
        raise ModelUnavailable(join("", (first, " (", hint, ")")), remedy=first.remedy) from first
    raise first


def share_threads(runtime: Runtime, diarizer: Any) -> tuple[Runtime, Runtime]:
    """What recogniser and diarizer get of the CPU threads: parts of them to run side by side, or all to take turns.

    A diarizer of NumPy alone gets one thread, one that needs a package of its own, such as PyTorch, half of them.
    """
    total = runtime.threads or usable_cores()
    own = total // 2 if diarizer.info.requires else 1
    if diarizer.name in _INSTANT or total - own < _ENOUGH_THREADS:
        return runtime, runtime
    return replace(runtime, threads=total - own), replace(runtime, threads=own)


def check(stage: Stage, choice: Choice, *, language: str | None = None, speakers: SpeakerCount = ANY_SPEAKERS) -> None:
    """Look at names and settings alone; nothing is loaded.

    Raises:
        InvalidOption: no such backend, setting, model or language.
        UnsupportedRequest: more speakers than the backend's own models tell apart, or a language that its model does
            not know.
    """
    choice = _choose_by_model(stage, choice, ignore_message)
    names = preferred(stage) if choice.name == "auto" else (choice.name,)
    classes = [load(stage, name) for name in names]
    settings = settings_from_text(classes[0], choice.settings)
    check_model = getattr(classes[0], "check_model", None)
    if check_model is not None:
        check_model(settings)
    check_language = getattr(classes[0], "check_language", None)
    if check_language is not None:
        check_language(settings, language)
    most = classes[0].info.max_speakers
    own_model = "model" in choice.settings and _is_path(choice.settings["model"])
    if most is not None and (speakers.minimum or 0) > most and not own_model:
        raise UnsupportedRequest(
            _("{speakers} speakers: {name} tells at most {most} apart; choose another diarizer, such as onnx").format(
                speakers=speakers, name=classes[0].name, most=most
            )
        )
    if language is not None and choice.settings.get("languages") not in (None, "", "none"):
        raise InvalidOption(
            _("language {language!r} and languages {languages!r}: give one of them").format(
                language=language, languages=choice.settings["languages"]
            )
        )
    if language is not None and not isinstance(language, str):
        raise InvalidOption(_("language {language!r}: give a code such as 'en' or 'ru'").format(language=language))
    if not any(_has_language(item, language) for item in classes):
        known = sorted({code for item in classes for code in item.info.languages})
        if len(known) < _MANY:
            listed = _("it knows {known} only").format(known=", ".join(known))
        else:
            listed = _("give a code such as en, ru or zh{suggestion}").format(suggestion=suggest(language or ""))
        who = f"--{stage} {choice.name}"
        raise InvalidOption(
            _("language {language!r}: {who} does not know it; {listed}").format(
                language=language, who=who, listed=listed
            )
        )


def _advise(name: str, language: str | None, inform: Notify) -> None:
    """Tells what ``auto`` took where others measured far fewer errors of another recogniser for the language."""
    better = None if language is None else find_clearly_better((find_code(language.strip()) or "").lower())
    if better is not None and better.model not in getattr(load("asr", name), "model_names", ()):
        inform(
            _("{name} is the default; others compared: whisperdiar models recommend --language {language}").format(
                name=name, language=language
            )
        )


def _choose_by_model(stage: Stage, choice: Choice, inform: Notify) -> Choice:
    """For ``auto`` with a model that one backend alone has by name: that backend."""
    model = choice.settings.get("model")
    if choice.name != "auto" or not model:
        return choice
    for name in available(stage):
        try:
            known = getattr(load(stage, name), "model_names", ())
        except BackendBroken:  # another package's fault must not hide the rest
            continue
        if model in known:
            inform(
                _("{stage} by {name}: model {model} is one of its own").format(
                    stage=_(STAGE_WORDS[stage]), name=name, model=model
                )
            )
            return replace(choice, name=name)
    return choice


def fallback_sentence(stage: str, name: str, fallback: Fallback, *, caution: str = "") -> str:
    """What is said to a user when a fallback runs: what does the work, what to expect, why, and what mends it."""
    expect = f" ({_(caution)})" if caution else ""
    mend = (
        _(". To fix this, run: {remedy}").format(remedy=fallback.remedy)
        if fallback.remedy and fallback.remedy not in fallback.reason
        else ""
    )
    return _("{stage} by {name}{caution}, because {preferred} cannot run: {reason}{advice}").format(
        stage=_(STAGE_WORDS[stage]),
        name=name,
        caution=expect,
        preferred=fallback.preferred,
        reason=fallback.reason,
        advice=mend,
    )


def _create(backend_class: BackendClass, choice: Choice, runtime: Runtime, *, strict: bool, beside: bool) -> Any:
    """An instance; a stand-in takes over the settings that it has, the first choice must have them all.

    One that may have to run `beside` a recogniser gets its share of the threads; one that waits for the words never has
    to.
    """
    chosen = {key: value for key, value in choice.settings.items() if strict or _has_setting(backend_class, key)}
    settings = settings_from_text(backend_class, chosen)
    backend = backend_class(settings, runtime=runtime)
    if beside and not wants_words(backend):
        return backend_class(settings, runtime=share_threads(runtime, backend_class)[1])
    return backend


def _has_setting(backend_class: BackendClass, setting: str) -> bool:
    settings_type = backend_class.settings_type
    if setting == PRESET and hasattr(settings_type, "presets"):
        return True
    return setting.replace("-", "_") in {item.name for item in fields(settings_type)}


def _can_stand_in(backend_class: BackendClass, choice: Choice, language: str | None, speakers: SpeakerCount) -> bool:
    """Nothing stands in for a model that the user has as a folder or file, another language, or too many speakers."""
    most = backend_class.info.max_speakers
    if not _has_language(backend_class, language) or (most is not None and (speakers.minimum or 0) > most):
        return False
    named = [value for key, value in choice.settings.items() if key.endswith(("model", "pipeline"))]
    return not any(_is_path(value) for value in named)


def _has_language(backend_class: BackendClass, language: str | None) -> bool:
    """Whether a backend that names its languages has this one, in whatever way it is typed: en, EN, en-GB, English."""
    code = None if language is None else (find_code(language.strip()) or "").lower().replace("_", "-").partition("-")[0]
    return not backend_class.info.languages or code in (None, *backend_class.info.languages)


def _is_path(value: str) -> bool:
    """Whether a model is meant as a folder or file, also one that is not there."""
    return value.startswith((".", "/", "~")) or value.count("/") > 1 or os.path.exists(value)


def _reason(error: BackendError) -> str:
    """What is wrong; of a model that is not here without the advice, for which there is a command."""
    text = describe_error(error)
    return text.partition(": ")[0] if isinstance(error, ModelUnavailable) else text


def _remedy(error: BackendError, backend_class: BackendClass) -> str | None:
    if error.remedy is None and isinstance(error, BackendMissing) and backend_class.info.extra:
        return f'pip install "whisperdiar[{backend_class.info.extra}]"'
    if error.remedy is None and isinstance(error, ModelUnavailable) and backend_class.info.network:
        return f"whisperdiar models download {backend_class.name}"
    return error.remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a user asks of a pipeline, in names and text.

    Attributes:
        speech_file, turns_file: files that stand in for the detector and the diarizer.
        media: which part of the recording is read; for the provenance.
        vocabulary: terms to expect, and forms to write otherwise.
        alignment: how doubtful a word's speaker must be to be listed.
        save_activity: ``.npz`` file for the activity of the speakers, as in `Pipeline`.
        skip_music: whether music alone is left out, as in `Pipeline`.
        cache: where results of stages are kept; None for nowhere.
        separation: how overlapping voices are separated; None where they are not.
        emotions: how emotions are told; None where they are not.
        text: what is spoken; the recogniser then tells when its words are, and the text who says them where it does.
    """

    vad: Choice = field(default_factory=Choice)
    asr: Choice = field(default_factory=Choice)
    diarizer: Choice = field(default_factory=Choice)
    speakers: SpeakerCount = ANY_SPEAKERS
    language: str | None = None
    runtime: Runtime = field(default_factory=Runtime)
    speech_file: str | None = None
    turns_file: str | None = None
    media: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None
    alignment: AlignmentOptions = field(default_factory=AlignmentOptions)
    save_activity: str | None = None
    skip_music: bool = False
    cache: CacheOptions | None = None
    separation: SeparationSettings | None = None
    emotions: EmotionSettings | None = None
    text: GivenText | None = None

    def detector_choice(self) -> Choice:
        """Raises InvalidOption where a detector is named beside a file of speech regions."""
        return _choose_file_or(self.vad, "file", self.speech_file, "--speech", "--vad")

    def diarizer_choice(self) -> Choice:
        """Raises InvalidOption where another diarizer is named beside a file of turns, or a text names the speakers."""
        if self.text is not None and self.text.names_speakers:
            if self.diarizer.name not in ("auto", "none") or self.turns_file is not None:
                raise InvalidOption(
                    _("{name} names the speakers: leave --diarizer and --turns out, or the names").format(
                        name=self.text.name
                    )
                )
            return Choice(name="none")
        return _choose_file_or(self.diarizer, "rttm", self.turns_file, "--turns", "--diarizer")


def _choose_file_or(choice: Choice, backend: str, path: str | None, file_option: str, name_option: str) -> Choice:
    if path is None:
        return choice
    if choice.name not in ("auto", backend):
        raise InvalidOption(
            _("{file_option} and {name_option} {choice}: give one of them").format(
                file_option=file_option, name_option=name_option, choice=choice.name
            )
        )
    others = [name for name in choice.settings if name != "recording"]
    if others:
        listed = ", ".join(others)
        raise InvalidOption(
            _("{file_option} takes no settings ({listed}): leave them out, or leave {file_option} out").format(
                file_option=file_option, listed=listed
            )
        )
    return Choice(name=backend, settings={**choice.settings, "path": path})


def check_request(request: Request, *, words: bool = True) -> None:
    """Look at all that was asked for in names and settings; nothing is loaded. Without `words` there is no recogniser.

    Raises:
        InvalidOption: a backend, setting, model or language that does not exist, or options that exclude each other.
        UnsupportedRequest: more speakers than the diarizer tells apart.
        OutputError: the activity of the speakers cannot be written.
    """
    check_device(request.runtime.device)
    if words:
        check("asr", request.asr, language=request.language)
    check("vad", request.detector_choice())
    check("diarization", request.diarizer_choice(), speakers=request.speakers)
    _check_channel(request)
    _check_text(request)
    _check_activity(request)
    if request.separation is not None:
        # Here, as most runs separate nothing.
        from whisperdiar.separation import find_repository

        find_repository(request.separation.model)
    if request.emotions is not None:
        from whisperdiar.emotions import check_model

        check_model(request.emotions.model)


def build(
    request: Request,
    *,
    words: bool = True,
    notify: Notify = ignore_message,
    inform: Notify = ignore_message,
    progress: Progress = no_progress,
) -> Pipeline:
    """The pipeline that a user asked for, every backend prepared; without `words` it has no recogniser.

    What cannot run is refused here, before the long work begins.

    Args:
        notify: told, in a sentence, of what makes the result worse than it could be.
        inform: told of choices that do not.
    """
    prepared = partial(select, notify=notify, inform=inform, progress=progress)
    check_request(request, words=words)  # nobody wants to hear of a typing error after a download
    stages: dict[Stage, Callable[[], Selection]] = {
        "vad": lambda: prepared("vad", request.detector_choice(), runtime=request.runtime),
        "diarization": lambda: prepared(
            "diarization", request.diarizer_choice(), runtime=request.runtime, beside=words, speakers=request.speakers
        ),
    }
    # A file of turns is read before a detector is fetched.
    order: Sequence[Stage] = ("vad", "diarization") if request.turns_file is None else ("diarization", "vad")
    chosen: dict[str, Selection] = {stage: stages[stage]() for stage in order}
    if words:
        diarizer, language = chosen["diarization"].backend, request.language
        alone = _is_on_gpu(diarizer) or wants_words(diarizer)
        runtime = request.runtime if alone else share_threads(request.runtime, diarizer)[0]
        chosen["asr"] = prepared("asr", request.asr, runtime=runtime, language=language)
    separator = _open_separator(request, progress) if words and request.separation is not None else None
    return Pipeline(
        detector=chosen["vad"].backend,
        transcriber=_with_text(chosen["asr"].backend, request) if words else None,
        diarizer=chosen["diarization"].backend,
        speakers=request.speakers,
        language=request.language,
        vocabulary=request.vocabulary,
        alignment=request.alignment,
        fallbacks={stage: item.fallback for stage, item in chosen.items() if item.fallback is not None},
        provenance_options=_options(request, chosen),
        threads=request.runtime.threads,
        save_activity=request.save_activity,
        skip_music=request.skip_music,
        cache=None if request.cache is None else StageCache(request.cache, notify=notify, inform=inform),
        separator=separator,
        emotions=_open_emotions(request, progress) if words and request.emotions is not None else None,
    )


def _open_emotions(request: Request, progress: Progress) -> EmotionDiarizer:
    """What tells emotions, loaded."""
    from whisperdiar.emotions import EmotionDiarizer

    diarizer = EmotionDiarizer(request.emotions, runtime=request.runtime)
    with raise_out_of_memory(_(STAGE_WORDS["emotions"])), guard_callbacks(progress) as heard:
        diarizer.prepare(progress=heard)
    return diarizer


def _open_separator(request: Request, progress: Progress) -> OverlapSeparator:
    """What separates overlapping voices, loaded: a missing package or model is told before the long work."""
    from whisperdiar.separation import OverlapSeparator

    separator = OverlapSeparator(request.separation or SeparationSettings(), request.runtime)
    with raise_out_of_memory(_(STAGE_WORDS["separation"])), guard_callbacks(progress) as heard:
        separator.prepare(progress=heard)
    return separator


def _check_activity(request: Request) -> None:
    """Raises InvalidOption where the activity is asked of a diarizer that has none, OutputError for no such folder."""
    if request.save_activity is None:
        return
    choice = request.diarizer_choice()
    names = preferred("diarization") if choice.name == "auto" else (choice.name,)
    if all(load("diarization", name).info.activity is None for name in names):
        who = f"--diarizer {choice.name}" if request.turns_file is None else f"--turns {request.turns_file}"
        raise InvalidOption(
            _("--save-activity {save_activity}: {who} tells no activity of the speakers; leave one of them out").format(
                save_activity=request.save_activity, who=who
            )
        )
    check_target(request.save_activity)


def _check_channel(request: Request) -> None:
    """Raises InvalidOption where one channel is read for a diarizer that needs them all."""
    name, channel = request.diarizer_choice().name, request.media.get("channel")
    if channel is not None and name != "auto" and load("diarization", name).info.per_channel:
        raise InvalidOption(
            _("channel {channel}: --diarizer {name} needs every channel; leave one of the two out").format(
                channel=channel, name=name
            )
        )


def _check_text(request: Request) -> None:
    """Raises InvalidOption where a text is given that cannot be aligned with what is asked for."""
    if request.text is None:
        return
    if request.vocabulary is not None:
        raise InvalidOption(_("a text is given, which says how words are written: leave the vocabulary out"))
    if request.asr.settings.get("task") == "translate":
        raise InvalidOption(_("a text is given, in the language that is spoken: leave --task translate out"))
    if request.separation is not None:
        raise InvalidOption(_("a text is given, which says what is spoken: leave the separation of overlap out"))
    name = request.diarizer_choice().name
    if name != "auto" and load("diarization", name).info.per_channel:
        raise InvalidOption(
            _("--diarizer {name} hears each channel by itself, a text is one: choose another").format(name=name)
        )


def _with_text(recogniser: Any, request: Request) -> Any:
    """The recogniser, or one that writes the words of the given text by it."""
    if request.text is None:
        return recogniser
    settings = request.asr.settings
    return TextTranscriber(
        recogniser,
        request.text,
        word_times=settings.get("word_times"),
        word_times_model=settings.get("word_times_model"),
    )


def _is_on_gpu(backend: Any) -> bool:
    return str(device_of(backend)).startswith("cuda")


def _options(request: Request, chosen: Mapping[str, Selection]) -> dict[str, Any]:
    """The settings in force, as JSON values."""
    return {
        "language": request.language,
        "speakers": None if request.speakers == ANY_SPEAKERS else str(request.speakers),
        "device": request.runtime.device,
        "offline": request.runtime.offline,
        **({"skip_music": True} if request.skip_music else {}),
        **({} if request.separation is None else {"separation": asdict(request.separation)}),
        **({} if request.emotions is None else {"emotions": asdict(request.emotions)}),
        **request.media,
        **{stage: asdict(item.backend.settings) for stage, item in chosen.items()},
    }
