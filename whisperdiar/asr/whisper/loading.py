"""Whisper model loading: its folder, device and precision, and how much of it fits at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whisperdiar import models
from whisperdiar.asr.whisper.attention import find_lead
from whisperdiar.asr.whisper.biasing import MAX_PROMPT_TOKENS
from whisperdiar.asr.whisper.decoding import StepReports
from whisperdiar.contracts import Progress
from whisperdiar.errors import BackendBroken, BackendError, BackendMissing, InvalidOption, describe_error
from whisperdiar.frameworks.ctranslate2 import Placement, choose_placement
from whisperdiar.models.catalogue import find_smaller
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.system.forks import computes
from whisperdiar.system.machine import available_memory, batch_size, is_out_of_memory, usable_cores
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready.

    Attributes:
        model: a ``faster_whisper.WhisperModel``.
        pipeline: its ``BatchedInferencePipeline``.
        found: where it comes from.
        placement: device and precision.
        languages: Whisper's codes of those it knows.
        batch_size: pieces to decode at once.
        lead: seconds that its times are too early.
    """

    model: Any
    pipeline: Any
    found: models.ResolvedModel
    placement: Placement
    languages: tuple[str, ...]
    batch_size: int
    lead: float = 0.0


def load(settings: WhisperSettings, *, runtime: Runtime, progress: Progress) -> LoadedModel:
    """Finds (or fetches, or converts) the model and loads it.

    Raises:
        BackendMissing: faster-whisper is not installed.
        BackendBroken: it, or the model, cannot be loaded.
        BackendError: memory does not suffice.
        ModelUnavailable: the model is not on this machine and cannot be fetched.
        InvalidOption: no such model, device or compute type; prompt and hotwords are too long.
        UnsupportedRequest: the device is not there, or does not support the compute type.
    """
    disable_telemetry()
    try:
        import faster_whisper
    except ModuleNotFoundError as error:
        raise BackendMissing(
            _("whisper needs {package}: pip install faster-whisper").format(package=error.name)
        ) from error
    except (ImportError, OSError) as error:
        raise BackendBroken(
            _("faster-whisper cannot be imported ({error}): install it anew").format(error=describe_error(error))
        ) from error
    placement = choose_placement(runtime.device, settings.compute_type)
    found = models.resolve(
        settings.model,
        runtime=runtime,
        kind=placement.kind,
        index=placement.index,
        translate=settings.task == "translate",
        progress=progress,
    )
    computes("Whisper", runtime.threads or usable_cores())
    free = available_memory(placement.kind, placement.index)  # before the model takes its part
    model = _open(faster_whisper.WhisperModel, found, placement, runtime.threads)
    tokenizer = model.hf_tokenizer
    if tokenizer.token_to_id("<|notimestamps|>") is None:
        raise BackendBroken(
            _("model {path} has no Whisper tokens in its tokenizer.json: take another one").format(path=found.path)
        )
    _check_prompt(tokenizer, settings)
    languages = [code for code in model.supported_languages if tokenizer.token_to_id(f"<|{code}|>") is not None]
    n_bytes = (found.path / "model.bin").stat().st_size
    return LoadedModel(
        model,
        faster_whisper.BatchedInferencePipeline(StepReports(model)),
        found,
        placement,
        tuple(languages) or ("en",),
        settings.batch_size or batch_size(placement.kind, free, n_bytes, usable_cores()),
        find_lead(found.path),
    )


def explain_out_of_memory(model: str, placement: Placement) -> str:
    """What to say where memory does not suffice."""
    other = _("device cpu") if placement.kind == "cuda" else _("more memory")
    named = find_smaller(model)
    smaller = _("a smaller model") if named is None else f"--model {named}"
    if placement.compute_type.startswith("int8"):  # it has few bits already
        told = _("memory of {placement} is too small for model {model}: take {smaller} or {other}")
    else:
        told = _("memory of {placement} is too small for model {model}: take {smaller}, compute type int8, or {other}")
    return told.format(placement=placement, model=model, smaller=smaller, other=other)


def _open(whisper_model: Any, found: models.ResolvedModel, placement: Placement, threads: int) -> Any:
    try:
        return whisper_model(
            str(found.path),
            device=placement.kind,
            device_index=placement.index,
            compute_type=placement.compute_type,
            cpu_threads=threads or usable_cores(),  # its own choice is 4, whatever there are
        )
    except Exception as error:  # CTranslate2 and tokenizers raise RuntimeError, ValueError and bare Exception
        if is_out_of_memory(error):
            raise BackendError(explain_out_of_memory(found.name, placement)) from error
        cause = describe_error(error, first_line=True)
        raise BackendBroken(
            _("model {path} cannot be loaded ({cause}): delete it and get it again").format(
                path=found.path, cause=cause
            )
        ) from error


def _check_prompt(tokenizer: Any, settings: WhisperSettings) -> None:
    text = f" {settings.prompt or ''} {settings.hotwords or ''}"
    n_tokens = len(tokenizer.encode(text, add_special_tokens=False).ids)
    if n_tokens > MAX_PROMPT_TOKENS:
        raise InvalidOption(
            _(
                "prompt and hotwords take {n_tokens} tokens: Whisper has room for {max_prompt_tokens}; shorten them"
            ).format(n_tokens=n_tokens, max_prompt_tokens=MAX_PROMPT_TOKENS)
        )
