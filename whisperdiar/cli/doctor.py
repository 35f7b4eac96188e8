"""Command `doctor`: imports every library, and runs every backend that is ready on a short sample."""

from __future__ import annotations

import importlib.resources
import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import click

from whisperdiar import models as store
from whisperdiar.cli.console import write_stdout
from whisperdiar.cli.errors import FAILED, explain
from whisperdiar.errors import BackendMissing, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.installation import LIBRARIES, import_failures, installed_libraries, readiness
from whisperdiar.frameworks.torch import find_torch_mismatch, reinstall_command
from whisperdiar.media import load as load_media
from whisperdiar.options import Runtime
from whisperdiar.registry import STAGES, Stage, available, load
from whisperdiar.system.telemetry import VARIABLES
from whisperdiar.text.counts import count_turns, count_words
from whisperdiar.text.messages import _, mark
from whisperdiar.types import ANY_SPEAKERS, Audio, Span

State = Literal["ok", "absent", "broken"]
_MARKS: dict[State, str] = {"ok": "ok    ", "absent": "-     ", "broken": mark("BROKEN")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `absent` is no fault, `broken` is."""

    state: State
    subject: str
    text: str


def doctor(context: click.Context, /, *, installation: bool) -> None:
    """Import every library, run a short sample through every backend that is ready, and say what is missing."""
    found = []
    for finding in libraries() if installation else findings():
        write_stdout(f"{_(_MARKS[finding.state]):<6} {finding.subject:<26} {finding.text}\n")
        found.append(finding)
    broken = [finding for finding in found if finding.state == "broken"]
    if broken:
        write_stdout(
            "\n"
            + _("{number} broken: {names}").format(
                number=len(broken), names=", ".join(finding.subject for finding in broken)
            )
            + "\n"
        )
        context.exit(FAILED)
    if not installation and not any(entry.cached for entry in store.catalogue()):
        write_stdout(
            "\n" + _("No Whisper model is on this machine. To fix this, run: whisperdiar models download small") + "\n"
        )
        context.exit(FAILED)


def libraries() -> Iterator[Finding]:
    """Whether each library that is installed can be imported, and whether its telemetry is off."""
    mismatch = find_torch_mismatch()
    if mismatch is not None:
        yield Finding(
            "broken",
            _("torch and torchaudio"),
            _("{mismatch}. To fix this, run: {remedy}").format(mismatch=mismatch, remedy=reinstall_command()),
        )
    failed = False
    versions = installed_libraries()
    for module, cause in import_failures(versions):
        if failed and mismatch is not None:  # all that imports torchaudio fails alike
            break
        version = versions[module]
        subject = _("library {name}").format(name=LIBRARIES[module])
        if cause is None:
            yield Finding("ok", subject, _("{version} imports").format(version=version))
        else:
            failed = True
            yield Finding(
                "broken",
                subject,
                _("{version} cannot be imported: {cause}. {advice}").format(
                    version=version, cause=cause, advice=_suggest_reinstall(module, mismatch)
                ),
            )
    yield _telemetry()


def _suggest_reinstall(module: str, mismatch: str | None) -> str:
    of_torch = module.partition(".")[0] in ("torch", "torchaudio", "pyannote", "speechbrain", "nemo", "transformers")
    if mismatch is not None or of_torch:
        return _("To fix this, run: {remedy}").format(remedy=reinstall_command())
    return _("To fix this, run: pip install --force-reinstall {name}").format(name=LIBRARIES[module])


def _telemetry() -> Finding:
    on = [name for name, value in VARIABLES.items() if os.environ.get(name, value) != value]
    if on:
        return Finding("absent", "telemetry", _("on, because you set {on}").format(on=" and ".join(on)))
    return Finding("ok", "telemetry", _("off: nothing is reported to the makers of libraries"))


def findings() -> Iterator[Finding]:
    """The report, line by line, as the checks are done."""
    yield from libraries()
    try:
        sample = _sample()
    except Exception as error:  # a doctor reports whatever is wrong
        yield Finding("broken", _("reading sound"), explain(error))
        return
    yield Finding("ok", _("reading sound"), _("{duration:.1f} s sample decoded").format(duration=sample.duration))
    for stage in STAGES:
        for name in available(stage):
            yield _backend(stage, name, sample)
    cached = [entry.name for entry in store.catalogue() if entry.cached]
    yield (
        Finding("ok", _("Whisper models"), _("on this machine: {cached}").format(cached=", ".join(cached)))
        if cached
        else Finding("absent", _("Whisper models"), _("none on this machine (whisperdiar models download small)"))
    )
    yield _cuda()


def _sample() -> Audio:
    with importlib.resources.as_file(importlib.resources.files("whisperdiar") / "data" / "sample.flac") as path:
        return load_media(path, channels="all")


def _backend(stage: Stage, name: str, sample: Audio) -> Finding:
    subject = f"{stage} {name}"
    try:
        backend_class = load(stage, name)
        ready = readiness(stage, backend_class)
        if ready.state == "broken":
            return Finding(
                "broken",
                subject,
                _("{ready}. To fix this, run: {remedy}").format(ready=ready.text, remedy=ready.remedy),
            )
        if ready.state != "ready":
            return Finding("absent", subject, ready.text)
        backend = backend_class(None, runtime=Runtime(offline=True))
        begun = time.perf_counter()
        backend.prepare()
        result = _RUN[stage](backend, sample)
        return Finding(
            "ok",
            subject,
            _("{result} in {seconds:.1f} s").format(result=result, seconds=time.perf_counter() - begun),
        )
    except (BackendMissing, ModelUnavailable) as error:
        return Finding("absent", subject, explain(error))
    except InvalidOption:
        return Finding("ok", subject, _("needs a file; nothing to check"))
    except UnsupportedRequest as error:
        return Finding("ok", subject, _("loads; not run on the sample: {error}").format(error=explain(error)))
    except Exception as error:  # a doctor reports whatever is wrong
        return Finding("broken", subject, explain(error))


def _detect(backend: Any, sample: Audio) -> str:
    return _("{seconds:.1f} s of speech").format(seconds=sum(span.duration for span in backend.detect(sample)))


def _recognise(backend: Any, sample: Audio) -> str:
    whole = (Span(0.0, sample.duration),)
    return count_words(len(backend.transcribe(sample, speech=whole, language=None).words))


def _diarize(backend: Any, sample: Audio) -> str:
    whole = (Span(0.0, sample.duration),)
    return count_turns(len(backend.diarize(sample, speech=whole, speakers=ANY_SPEAKERS).turns))


_RUN: dict[Stage, Callable[[Any, Audio], str]] = {"vad": _detect, "asr": _recognise, "diarization": _diarize}


def _cuda() -> Finding:
    """Whether CTranslate2 sees a GPU, and whether the libraries that it loads there are installed."""
    import ctranslate2

    count = ctranslate2.get_cuda_device_count()
    if not count:
        return Finding("absent", "GPU", _("CTranslate2 sees no CUDA device; everything runs on the CPU"))
    lacking = [name for name in ("nvidia.cublas", "nvidia.cudnn") if not _check_import(name)]
    if lacking:
        return Finding(
            "absent",
            "GPU",
            _('{count} CUDA devices, no {lacking}: pip install "whisperdiar[cuda]"').format(
                count=count, lacking=lacking
            ),
        )
    return Finding("ok", "GPU", _("{count} CUDA devices, CUDA 12 libraries installed").format(count=count))


def _check_import(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
