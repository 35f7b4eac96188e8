"""Checks the installation: every backend is loaded and, where it can be, run on a short sample."""

from __future__ import annotations

import importlib.resources
import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import click

from whisperdiar import models as store
from whisperdiar.cli.console import write_stdout
from whisperdiar.cli.errors import FAILED, explain
from whisperdiar.cli.inventory import missing_packages
from whisperdiar.errors import BackendMissing, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.media import load as load_media
from whisperdiar.options import Runtime
from whisperdiar.registry import STAGES, Stage, available, load
from whisperdiar.types import ANY_SPEAKERS, Audio, Span

State = Literal["ok", "absent", "broken"]
_MARKS: dict[State, str] = {"ok": "ok    ", "absent": "-     ", "broken": "BROKEN"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `absent` is no fault, `broken` is."""

    state: State
    subject: str
    text: str


@click.command("doctor", short_help="Check the installation.")
@click.pass_context
def doctor(context: click.Context, /) -> None:
    """Load every backend, run a short sample through what can run, and say what is missing.

    Nothing is downloaded. Exit code 1 means that something that is installed is broken.
    """
    broken = False
    for finding in findings():
        write_stdout(f"{_MARKS[finding.state]} {finding.subject:<26} {finding.text}\n")
        broken = broken or finding.state == "broken"
    if broken:
        context.exit(FAILED)


def findings() -> Iterator[Finding]:
    """The report, line by line, as the checks are done."""
    try:
        sample = _sample()
    except Exception as error:  # a doctor reports whatever is wrong
        yield Finding("broken", "reading sound", explain(error))
        return
    yield Finding("ok", "reading sound", f"{sample.duration:.1f} s sample decoded")
    for stage in STAGES:
        for name in available(stage):
            yield _backend(stage, name, sample)
    cached = [entry.name for entry in store.catalogue() if entry.cached]
    yield (
        Finding("ok", "Whisper models", f"on this machine: {', '.join(cached)}")
        if cached
        else Finding("absent", "Whisper models", "none on this machine: whisperdiar models download small")
    )
    yield _cuda()


def _sample() -> Audio:
    with importlib.resources.as_file(importlib.resources.files("whisperdiar") / "data" / "sample.flac") as path:
        return load_media(path, channels="all")


def _backend(stage: Stage, name: str, sample: Audio) -> Finding:
    subject = f"{stage} {name}"
    try:
        backend_class = load(stage, name)
        missing = missing_packages(backend_class)
        if missing:
            extra = backend_class.info.extra
            return Finding("absent", subject, f'not installed: pip install "whisperdiar[{extra}]"')
        backend = backend_class(None, runtime=Runtime(offline=True))
        begun = time.perf_counter()
        backend.prepare()
        result = _RUN[stage](backend, sample)
        return Finding("ok", subject, f"{result} in {time.perf_counter() - begun:.1f} s")
    except (BackendMissing, ModelUnavailable) as error:
        return Finding("absent", subject, explain(error))
    except InvalidOption:
        return Finding("ok", subject, "needs a file; nothing to check")
    except UnsupportedRequest as error:
        return Finding("ok", subject, f"loads; not run on the sample: {explain(error)}")
    except Exception as error:  # a doctor reports whatever is wrong
        return Finding("broken", subject, explain(error))


def _detect(backend: Any, sample: Audio) -> str:
    return f"{sum(span.duration for span in backend.detect(sample)):.1f} s of speech"


def _recognise(backend: Any, sample: Audio) -> str:
    whole = (Span(0.0, sample.duration),)
    return f"{len(backend.transcribe(sample, speech=whole, language=None).words)} words"


def _diarize(backend: Any, sample: Audio) -> str:
    whole = (Span(0.0, sample.duration),)
    return f"{len(backend.diarize(sample, speech=whole, speakers=ANY_SPEAKERS).turns)} turns"


_RUN: dict[Stage, Callable[[Any, Audio], str]] = {"vad": _detect, "asr": _recognise, "diarization": _diarize}


def _cuda() -> Finding:
    """Whether CTranslate2 sees a GPU, and whether the libraries that it loads there are installed."""
    import ctranslate2

    count = ctranslate2.get_cuda_device_count()
    if not count:
        return Finding("absent", "GPU", "CTranslate2 sees no CUDA device; everything runs on the CPU")
    lacking = [name for name in ("nvidia.cublas", "nvidia.cudnn") if not _importable(name)]
    if lacking:
        return Finding("absent", "GPU", f'{count} CUDA devices, no {lacking}: pip install "whisperdiar[cuda]"')
    return Finding("ok", "GPU", f"{count} CUDA devices, CUDA 12 libraries installed")


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
