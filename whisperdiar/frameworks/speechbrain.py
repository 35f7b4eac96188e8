"""SpeechBrain: its interfaces, opened on a folder that is here, without a network and without copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whisperdiar.frameworks.torch import import_module

EXTRA = "speechbrain"


def import_interface(module: str, name: str) -> Any:
    """A class of ``speechbrain.inference``, such as ``VAD`` of its module ``VAD``.

    Raises:
        BackendMissing, BackendBroken: SpeechBrain cannot be used.
    """
    return getattr(import_module(f"speechbrain.inference.{module}", package="SpeechBrain", extra=EXTRA), name)


def open_folder(interface: Any, folder: Path, *, device: str, **options: Any) -> Any:
    """The model in a folder; it may raise anything, as a model folder is a program.

    Without a savedir SpeechBrain links and copies nothing; without a network it fetches nothing by itself.

    Args:
        interface: from `import_interface`.
        options: more of its ``from_hparams``, such as ``overrides``.
    """
    fetching = import_module("speechbrain.utils.fetching", package="SpeechBrain", extra=EXTRA)
    return interface.from_hparams(
        source=str(folder),
        savedir=None,
        fetch_config=fetching.FetchConfig(allow_network=False),
        run_opts={"device": device},
        **options,
    )
