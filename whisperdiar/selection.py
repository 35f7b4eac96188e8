"""Selection of backends: a name, or `auto` → a prepared backend: the one asked for, or the best that can run here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from whisperdiar.cache import CacheFolder
from whisperdiar.contracts import Progress, no_progress
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
from whisperdiar.models.recommendations import find_clearly_better
from whisperdiar.options import (
    ONLY_AT_HAND,
    Runtime,
    check_device,
)
from whisperdiar.preparation import prepare
from whisperdiar.provenance import Fallback
from whisperdiar.registry import PRESET, BackendClass, Stage, available, load, preferred, settings_from_text
from whisperdiar.stage_results import STAGE_WORDS, wants_words
from whisperdiar.system.callbacks import guard_callbacks
from whisperdiar.system.machine import raise_out_of_memory, usable_cores
from whisperdiar.text.languages import find_code, suggest
from whisperdiar.text.messages import _, join
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

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
    memory: CacheFolder | None = None,
) -> Selection:
    """The backend of that name, or for ``auto`` the first of the preferred ones that can run.

    An extra that is not installed is a choice, not a failure: for ``auto`` its backend does not exist; nor does one of
    `ONLY_AT_HAND` whose model is not here, or one that tells fewer speakers apart than there are.

    Args:
        notify: told of a fallback from which the result suffers.
        inform: told of one from which it does not.
        beside: whether a diarizer may have to share the CPU with a recogniser.
        speakers: how many a diarizer has to tell apart.
        memory: remembers preparations, so that a model is loaded only where its stage has to work.

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
            memory=memory,
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
    memory: CacheFolder | None,
) -> Selection:
    if choice.name != "auto":
        backend_class = load(stage, choice.name)
        backend = _create(backend_class, choice, runtime, strict=True, beside=beside)
        with raise_out_of_memory(_("{stage} by {name}").format(stage=_(STAGE_WORDS[stage]), name=choice.name)):
            prepare(stage, backend, memory, progress)
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
                prepare(stage, backend, memory, progress)
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
    """What is said to a user when a fallback runs: what does the work, what to expect, why, and what mends it.

    Of a model that is missing it is enough that a command fetches it; which file of which repository, and why it was
    not fetched by itself, the provenance has.
    """
    is_model = (fallback.remedy or "").startswith("whisperdiar models download")
    reason = _("its model is not on this machine") if is_model else fallback.reason
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
        reason=reason,
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
