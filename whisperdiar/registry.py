"""Backend registry: lists files and entry points, imports a backend at its first use.

A backend is a module with a class `Backend` in one of the stages' packages, or an entry point of another
package in the group ``whisperdiar.vad``, ``whisperdiar.asr`` or ``whisperdiar.diarization``.

    class Backend(BaseBackend[Settings]):
        name: ClassVar[str]                # as on the command line
        info: ClassVar[BackendInfo]
        settings_type: ClassVar[type]      # a frozen dataclass; every field has a default
"""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import pkgutil
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, Protocol

from whisperdiar.errors import BackendBroken, InvalidOption, describe_error
from whisperdiar.options import AUTO_ORDER, Runtime
from whisperdiar.text.messages import _
from whisperdiar.types import BackendInfo

Stage = Literal["vad", "asr", "diarization"]
STAGES: tuple[Stage, ...] = ("vad", "asr", "diarization")


class BackendClass(Protocol):
    """The class that a backend module offers."""

    name: str
    info: BackendInfo
    settings_type: type

    def __call__(self, settings: Any = None, *, runtime: Runtime = ...) -> Any:
        """An instance that does the stage's work; nothing is loaded yet."""


def _files(stage: Stage) -> dict[str, str]:
    """Name on the command line → module, from the file names alone: a module `no_x` or `x` is read for its
    class attribute only when it is loaded."""
    package = importlib.import_module(f"whisperdiar.{stage}")
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            found[module.name.replace("_", "-")] = f"{package.__name__}.{module.name}"
    return found


def _entry_points(stage: Stage) -> dict[str, importlib.metadata.EntryPoint]:
    return {entry.name: entry for entry in importlib.metadata.entry_points(group=f"whisperdiar.{stage}")}


def available(stage: Stage) -> tuple[str, ...]:
    """Names of all backends of a stage, sorted; whether they can run is another question (`prepare`)."""
    return tuple(sorted({*_files(stage), *_entry_points(stage)}))


def load(stage: Stage, name: str) -> BackendClass:
    """The backend class of that name.

    Raises:
        InvalidOption: no backend of that stage has this name.
        BackendBroken: an outside package's entry point cannot be imported.
    """
    files = _files(stage)
    if name in files:
        backend: BackendClass = importlib.import_module(files[name]).Backend
        return backend
    entries = _entry_points(stage)
    if name in entries:
        try:
            outside: BackendClass = entries[name].load()
        except Exception as error:  # whatever a foreign package raises at import, the user needs its name
            raise BackendBroken(
                _("{stage} backend {name!r} of {value} cannot be imported: {error}").format(
                    stage=stage, name=name, value=entries[name].value, error=describe_error(error)
                )
            ) from error
        return outside
    raise InvalidOption(
        _("no {stage} backend {name!r}: choose one of {available}").format(
            stage=stage, name=name, available=", ".join(available(stage))
        )
    )


def preferred(stage: Stage) -> tuple[str, ...]:
    """Names of the backends that ``auto`` tries, best first: our own, and those of other packages that ask for a place.

    A package whose backend cannot be imported has no place; who names it hears why.
    """
    order = list(AUTO_ORDER[stage])
    for name in sorted(set(_entry_points(stage)) - set(_files(stage))):
        try:
            place = load(stage, name).info.auto_before
        except (BackendBroken, AttributeError):
            continue
        if place is not None:
            order.insert(order.index(place) if place in order else len(order), name)
    return tuple(order)


PRESET = "preset"
"""A setting that stands for several, in backends whose class of settings has `presets`."""


def settings_from_text(backend: BackendClass, values: Mapping[str, str]) -> Any:
    """The backend's settings with `values` (as typed by a user) in place of defaults.

    Where the class of its settings has `presets`, ``preset`` names the one that takes the place of the defaults.

    Raises:
        InvalidOption: the backend has no such setting, or the value does not fit its type.
    """
    hints = typing.get_type_hints(backend.settings_type)
    known = [item.name for item in fields(backend.settings_type)]
    presets: Mapping[str, Mapping[str, Any]] = getattr(backend.settings_type, "presets", {})
    converted: dict[str, Any] = {}
    if presets and PRESET in values:
        name = values[PRESET]
        if name not in presets:
            raise InvalidOption(
                _("{backend} has no preset {name!r}; it has: {listed}").format(
                    backend=backend.name, name=name, listed=", ".join(presets)
                )
            )
        converted.update(presets[name])
    for key, text in values.items():
        if presets and key == PRESET:
            continue
        key = key.replace("-", "_")
        if key not in known:
            listed = ", ".join([PRESET, *known] if presets else known) or "none"
            raise InvalidOption(
                _("{backend} has no setting {key!r}; it has: {listed}").format(
                    backend=backend.name, key=key, listed=listed
                )
            )
        converted[key] = _convert(backend.name, key, text, hints[key])
    return backend.settings_type(**converted)


_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _convert(backend: str, key: str, text: str, hint: Any) -> Any:
    choices = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if type(None) in choices and text.lower() in ("none", ""):
        return None
    for kind in choices:
        try:
            if kind is bool:
                return _BOOLEANS[text.lower()]
            if kind in (int, float, str):
                value = kind(text)
                if kind is float and not math.isfinite(value):  # no setting means it, whoever wrote its class
                    continue
                return value
        except (ValueError, KeyError):
            continue
    expected = " or ".join(getattr(kind, "__name__", str(kind)) for kind in choices if kind is not type(None))
    raise InvalidOption(
        _("{backend}: {key}={text!r} is not a value of type {expected}").format(
            backend=backend, key=key, text=text, expected=expected
        )
    )
