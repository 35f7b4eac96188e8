"""The Whisper models that have a name, and which of them a machine should take by itself."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.system.machine import MB, has_room
from whisperdiar.text.messages import _, ngettext


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model by name: its repository on the hub, the size of its files, and what it is."""

    repository: str
    size_mb: int
    multilingual: bool
    licence: str = "MIT"


# Sizes are those of the repositories' files, rounded.
KNOWN = {
    "tiny": KnownModel("Systran/faster-whisper-tiny", 78, True),
    "tiny.en": KnownModel("Systran/faster-whisper-tiny.en", 78, False),
    "base": KnownModel("Systran/faster-whisper-base", 148, True),
    "base.en": KnownModel("Systran/faster-whisper-base.en", 148, False),
    "small": KnownModel("Systran/faster-whisper-small", 486, True),
    "small.en": KnownModel("Systran/faster-whisper-small.en", 486, False),
    "distil-small.en": KnownModel("Systran/faster-distil-whisper-small.en", 335, False),
    "medium": KnownModel("Systran/faster-whisper-medium", 1531, True),
    "medium.en": KnownModel("Systran/faster-whisper-medium.en", 1531, False),
    "distil-medium.en": KnownModel("Systran/faster-distil-whisper-medium.en", 792, False),
    "large-v1": KnownModel("Systran/faster-whisper-large-v1", 3090, True),
    "large-v2": KnownModel("Systran/faster-whisper-large-v2", 3090, True),
    "large-v3": KnownModel("Systran/faster-whisper-large-v3", 3091, True),
    "large-v3-turbo": KnownModel("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1622, True),
    "distil-large-v2": KnownModel("Systran/faster-distil-whisper-large-v2", 1516, False),
    "distil-large-v3": KnownModel("Systran/faster-distil-whisper-large-v3", 1517, False),
    "distil-large-v3.5": KnownModel("distil-whisper/distil-large-v3.5-ct2", 1517, False),
}
ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}
BEST_FIRST = ("large-v3", "large-v3-turbo", "large-v2", "large-v1", "medium", "small", "base", "tiny")

_DEFAULTS = {"cuda": ("large-v3-turbo", "small", "base", "tiny"), "cpu": ("large-v3-turbo", "small", "base", "tiny")}
_DEFAULTS_FOR_TRANSLATION = {
    "cuda": ("large-v3", "medium", "small", "base", "tiny"),
    "cpu": ("medium", "small", "base", "tiny"),
}
"""What ``auto`` tries, in this order. OpenAI trained large-v3-turbo on transcription alone."""
_LARGE_ON_CPU_CORES = 8
"""With fewer, models above `small` take long on a CPU: the encoder of large-v3-turbo has seven times the weights of
that of `small`, and takes about 2e12 operations per 30 s."""
_SMALLER = 0.7
"""Of the size of a model, what another one must not exceed to be worth a try where memory ran out."""
_PIECES = {"cuda": 4, "cpu": 1}
"""How many pieces are to be decoded at once at least: a GPU that gets one at a time mostly waits."""


def is_name(model: str) -> bool:
    """Whether this is a name of the catalogue."""
    return model in KNOWN or model in ALIASES


def full_name(model: str) -> str:
    """The name in the catalogue where there is one (also for an alias, or the repository), else ``owner/name``.

    Raises:
        InvalidOption: no such model.
    """
    repository = repository_of(model)
    return next((name for name, known in KNOWN.items() if known.repository == repository), repository)


def repository_of(model: str) -> str:
    """Where a model by name is published; ``owner/name`` stays as it is.

    Raises:
        InvalidOption: neither.
    """
    name = ALIASES.get(model, model)
    if name in KNOWN:
        return KNOWN[name].repository
    if re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return model
    close = difflib.get_close_matches(model, [*KNOWN, *ALIASES], n=1)
    hint = (
        _("did you mean {close}?").format(close=close[0])
        if close
        else _("choose one of {known}").format(known=", ".join(KNOWN))
    )
    raise InvalidOption(
        _("no model {model!r}: {hint} (a repository owner/name or a folder will also do)").format(
            model=model, hint=hint
        )
    )


def choose_default(kind: str, *, free_bytes: int | None, cores: int, translate: bool = False) -> tuple[str, str]:
    """The model that ``auto`` means, and what it was chosen by, in a few words.

    Args:
        kind: ``cpu`` or ``cuda``.
        free_bytes: memory of the device; None where it is not known: then size does not matter.
        cores: of the CPU.
        translate: whether the text is to be translated into English.
    """
    order = (_DEFAULTS_FOR_TRANSLATION if translate else _DEFAULTS)[kind]
    quick = [name for name in order if not _is_slow(name, kind, cores)]
    fitting = [name for name in quick if _is_fitting(name, kind, free_bytes, _PIECES[kind])]
    return fitting[0] if fitting else order[-1], _explain_choice(kind, free_bytes, cores)


def find_smaller(model: str) -> str | None:
    """The next smaller model, of the same languages, for a machine whose memory this one is too much for; None where
    there is none, or the model has no name."""
    name = next((name for name, known in KNOWN.items() if model in (name, known.repository)), ALIASES.get(model))
    if name is None:
        return None
    own = KNOWN[name]
    smaller = [
        (known.size_mb, -number, other)
        for number, (other, known) in enumerate(KNOWN.items())
        if known.multilingual == own.multilingual and known.size_mb <= _SMALLER * own.size_mb
    ]
    return max(smaller)[2] if smaller else None


def find_best_fitting(names: tuple[str, ...], kind: str, free_bytes: int | None) -> str | None:
    """The most accurate of these multilingual models that fits into the memory, else the smallest; None of none."""
    order = [name for name in BEST_FIRST if name in names]
    fitting = [name for name in order if _is_fitting(name, kind, free_bytes, 1)]
    return fitting[0] if fitting else order[-1] if order else None


def _is_slow(name: str, kind: str, cores: int) -> bool:
    return kind == "cpu" and cores < _LARGE_ON_CPU_CORES and KNOWN[name].size_mb > KNOWN["small"].size_mb


def _is_fitting(name: str, kind: str, free_bytes: int | None, pieces: int) -> bool:
    return free_bytes is None or has_room(kind, free_bytes, KNOWN[name].size_mb * MB, pieces)


def _explain_choice(kind: str, free_bytes: int | None, cores: int) -> str:
    processor = (
        "GPU" if kind == "cuda" else ngettext("{cores} CPU core", "{cores} CPU cores", cores).format(cores=cores)
    )
    if free_bytes is None:
        return processor
    gigabytes = free_bytes / (1000 * MB)
    return _("{processor}, {gigabytes:.{digits}f} GB of memory free").format(
        processor=processor, digits=0 if gigabytes >= 4 else 1, gigabytes=gigabytes
    )
