"""Fetches a Whisper model from the hub, in the format of CTranslate2 or, where there is no other, of Transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from whisperdiar.contracts import Progress
from whisperdiar.errors import ModelUnavailable
from whisperdiar.models import conversion, hub
from whisperdiar.models.catalogue import ALIASES, KNOWN
from whisperdiar.options import Runtime
from whisperdiar.text.messages import _

WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.*")
"""What a Whisper model in CTranslate2's format consists of."""
OPTIONAL_WHISPER_FILES = ("preprocessor_config.json",)
"""Only some models have it: it tells the number of mel bands where that is not 80."""


def fetch_whisper(
    name: str, repository: str, runtime: Runtime, progress: Progress, directory: Path | None = None
) -> Path:
    """Fetches a model in CTranslate2's format into `directory` (None: the cache), or a checkpoint into the cache.

    Raises:
        ModelUnavailable: it cannot be fetched, or is no model of either format.
        InvalidOption: it is another kind of model than Whisper.
        BackendMissing: it must be converted, and PyTorch or Transformers is not installed.
    """
    known = KNOWN.get(ALIASES.get(name, name))
    remedy = _(
        "run `whisperdiar models download {name}` on a machine with a connection, or give a folder with --model"
    ).format(name=name)
    command = f"whisperdiar models download {name}"
    files: Sequence[str] = WHISPER_FILES
    optional: Sequence[str] = OPTIONAL_WHISPER_FILES
    size_mb = known.size_mb if known else None
    if known is None:
        listed = hub.list_files(repository, runtime=runtime, remedy=remedy, command=command)
        weights = [] if "model.bin" in listed else conversion.select_weights(listed)
        if weights:
            # Its type and what it takes to convert it are found out before gigabytes are fetched.
            folder = hub.fetch(repository, ("config.json",), runtime=runtime, remedy=remedy, command=command)
            conversion.check_config(folder, name)
            conversion.check_packages(name)
            files, optional, directory = ("config.json", *weights), conversion.SIDE_FILES, None
        wanted = [item for item in listed if item in {*files, *optional, "vocabulary.json", "vocabulary.txt"}]
        size_mb = sum(listed[item] for item in wanted) // 1_000_000
    folder = hub.fetch(
        repository,
        files,
        optional=optional,
        runtime=runtime,
        remedy=remedy,
        command=command,
        progress=progress,
        directory=directory,
        size_mb=size_mb,
    )
    missing = hub.find_missing(folder, files)
    if missing:
        raise ModelUnavailable(
            _(
                "repository {repository} has no {missing}: it is no Whisper model in the format of "
                "CTranslate2 or Transformers"
            ).format(repository=repository, missing=", ".join(missing))
        )
    return directory or folder
