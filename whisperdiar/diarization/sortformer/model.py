"""Sortformer loading: finds and loads a model, and silences NeMo."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import random
import tarfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable, describe_error
from whisperdiar.frameworks.torch import import_module
from whisperdiar.models.sources import Source
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.options.sortformer import SortformerSettings
from whisperdiar.options.speaker_activity import STREAMING_NAMES
from whisperdiar.system.process_context import share_context
from whisperdiar.text.counts import count_weights
from whisperdiar.text.messages import _

EXTRA = "nemo"
REVISIONS: Mapping[str, str] = {
    "nvidia/diar_sortformer_4spk-v1": "2617bffbd820aa29d8f1fb6ab6f9ed7f0adbc996",
    "nvidia/diar_streaming_sortformer_4spk-v2": "84edd514b8ef68004c10086918cd62f2148cbd59",
    "nvidia/diar_streaming_sortformer_4spk-v2.1": "cd03eee90fbec18297ac31b8c21546e596b7f71c",
}
"""What these names mean here: a checkpoint is a program, so it does not change behind anybody's back."""
_NETWORKS = ("encoder.", "sortformer_modules.", "transformer_encoder.")
_UNUSED = ("sortformer_modules.hidden_to_spks.",)  # for training; NeMo's inference never calls it


@share_context
@contextlib.contextmanager
def silence_loading() -> Iterator[None]:
    """For importing NeMo and loading a model: nothing is logged or warned of; afterwards the process is as before.

    Importing NeMo writes to the environment, sends warnings into a logger of its own and draws random numbers;
    making a model seeds Python's generator.
    """
    environment, disabled = dict(os.environ), logging.root.manager.disable
    state, numpy_state = random.getstate(), np.random.get_state()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        random.setstate(state)
        np.random.set_state(numpy_state)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


@share_context
@contextlib.contextmanager
def silence_running() -> Iterator[None]:
    """For hours of work: NeMo alone is silent, and whoever listens to the progress may log what they like."""
    logger = logging.getLogger("nemo_logger")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled


def check_python() -> None:
    """Raises BackendBroken where NeMo cannot unpack a model: it asks for a filter of tarfile (PEP 706)."""
    if not hasattr(tarfile, "data_filter"):
        raise BackendBroken(
            _("NVIDIA NeMo cannot open models on Python {version}: use 3.10.12, 3.11.4 or later").format(
                version=platform.python_version()
            )
        )


def import_nemo(module: str) -> Any:
    """A module of NeMo; to be called inside `silence_loading`.

    Raises:
        BackendMissing, BackendBroken: it cannot be used.
    """
    return import_module(module, package="NVIDIA NeMo", extra=EXTRA)


def find(named: str, runtime: Runtime, *, progress: Progress = no_progress) -> tuple[Path, str]:
    """The model's file, and where it comes from, with the revision of a repository.

    Raises:
        ModelUnavailable: it is not here and cannot be fetched.
    """
    source = Source.of(named, runtime, revisions=REVISIONS, progress=progress)
    path = source.path
    if path is not None and path.is_file():
        return path.resolve(), named
    if path is not None and path.is_dir():
        files = sorted(path.glob("*.nemo"))
        if len(files) != 1:
            raise ModelUnavailable(
                _("{named} holds {n_files} .nemo files: give the file itself, or a folder with one").format(
                    named=named, n_files=len(files)
                )
            )
        return files[0].resolve(), named
    if path is None and named.endswith(".nemo"):
        raise ModelUnavailable(
            _("{named}: no such file; give one, or a repository of the Hugging Face hub as OWNER/NAME").format(
                named=named
            )
        )
    found = source.file(f"{source.named.rpartition('/')[2]}.nemo")
    # In the hub's cache: …/snapshots/COMMIT/FILE.
    commit = found.parent.name if found.parent.parent.name == "snapshots" else source.revision
    return found, f"{source.named}@{commit}" if commit else source.named


def load(path: Path, source: str, device: str) -> Any:
    """The model in a ``.nemo`` file, ready for inference on `device`; to be called inside `silence_loading`.

    Raises:
        BackendMissing, BackendBroken: NeMo or the file cannot be used.
    """
    models = import_nemo("nemo.collections.asr.models")
    connectors = import_nemo("nemo.core.connectors.save_restore_connector")
    import torch

    class Connector(connectors.SaveRestoreConnector):  # type: ignore[misc, name-defined]
        def load_instance_with_state_dict(self, instance: Any, state_dict: Any, _strict: bool) -> None:
            # NVIDIA's cards load with strict=False, which would leave weights that a file lacks random.
            missing = instance.load_state_dict(state_dict, strict=False).missing_keys
            lacking = [key for key in missing if key.startswith(_NETWORKS) and not key.startswith(_UNUSED)]
            if lacking:
                raise ValueError(
                    _("it lacks {weights}, such as {lacking}").format(
                        weights=count_weights(len(lacking)), lacking=lacking[0]
                    )
                )
            instance._set_model_restore_state(is_being_restored=False)

    with torch.random.fork_rng(devices=[]):
        try:
            model = models.SortformerEncLabelModel.restore_from(
                str(path), map_location=torch.device(device), save_restore_connector=Connector()
            )
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # a .nemo file is a program: it can fail in any way
            raise BackendBroken(
                _("{source} cannot be loaded as a Sortformer: {cause}; fetch the file anew").format(
                    source=source, cause=describe_error(error)
                )
            ) from error
    if not isinstance(model, models.SortformerEncLabelModel):
        raise BackendBroken(
            _("{source} holds a {kind}: give a SortformerEncLabelModel").format(
                source=source, kind=type(model).__name__
            )
        )
    if model._cfg.preprocessor.sample_rate != SAMPLE_RATE_HZ:
        rate = model._cfg.preprocessor.sample_rate
        raise BackendBroken(
            _("{source} is made for {rate} Hz: give a model for {needed} Hz").format(
                source=source, rate=rate, needed=SAMPLE_RATE_HZ
            )
        )
    return model.eval()


def configure_streaming(model: Any, settings: SortformerSettings) -> None:
    """Give a streaming model the settings' numbers.

    Raises:
        InvalidOption: numbers that do not go together, or settings of the other kind of model.
    """
    windows = ("window", "window_overlap")
    strangers = windows if model.streaming_mode else ("latency", *STREAMING_NAMES)
    for name in strangers:
        if getattr(settings, name) is not None:
            cause = (
                _("{name} {value}: {model} is a streaming model, which hears one chunk after another; leave it out")
                if model.streaming_mode
                else _("{name} {value}: {model} is not a streaming model: it hears whole windows; leave it out")
            )
            raise InvalidOption(cause.format(name=name, value=getattr(settings, name), model=settings.model))
    if model.streaming_mode:
        set_streaming(model, settings.streaming, named=settings.model)


def set_streaming(model: Any, numbers: Mapping[str, int], *, named: str) -> None:
    """Lets a streaming model work with these numbers.

    Raises:
        InvalidOption: they do not go together.
    """
    for name, value in numbers.items():
        setattr(model.sortformer_modules, name, value)
    try:
        model.sortformer_modules._check_streaming_parameters()
    except (TypeError, ValueError) as error:
        raise InvalidOption(f"{named}: {describe_error(error)}") from error


def streaming_numbers(model: Any) -> dict[str, int]:
    """What a streaming model works with."""
    return {name: int(getattr(model.sortformer_modules, name)) for name in STREAMING_NAMES}
