"""Installed models: which are on this machine, wherever they came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whisperdiar.models import conversion, hub, verification
from whisperdiar.models.catalogue import KNOWN
from whisperdiar.models.fetch import WHISPER_FILES
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on this machine, whole or not.

    Attributes:
        name: by which it can be asked for.
        kind: ``whisper``, ``checkpoint`` (in the format of Transformers), ``converted`` (from such a one), ``folder``
            (of the user's), or the name of the backend that it belongs to.
        folder: where its files are.
        required: names or patterns of files that must be there.
        remedy: the command that mends it where it is damaged.
    """

    name: str
    kind: str
    folder: Path
    required: tuple[str, ...]
    remedy: str

    @property
    def size_bytes(self) -> int:
        """On disk."""
        return verification.size_on_disk(self.folder)

    def verify(self) -> verification.Verdict:
        """Reads all of its files."""
        return verification.verify(self.folder, self.required)


def list_installed() -> Iterator[InstalledModel]:
    """All Whisper models on this machine: those with a name first, then others in the cache, then converted ones."""
    by_repository = {known.repository: name for name, known in KNOWN.items()}
    cached = hub.list_cached_repositories()
    ordered = [known.repository for known in KNOWN.values() if known.repository in cached]
    for repository in (*ordered, *(item for item in cached if item not in by_repository)):
        found = find_in_cache(by_repository.get(repository, repository), repository)
        if found is not None:
            yield found
    for folder in conversion.list_converted():
        yield _find_converted(folder)


def find_in_cache(name: str, repository: str) -> InstalledModel | None:
    """What the cache holds of a repository; None where it holds nothing, or no Whisper."""
    folder = hub.find_cached(repository, WHISPER_FILES) or hub.find_cached(repository, ())
    if folder is None:
        return None
    remedy = f"whisperdiar models download {name} --repair"
    if name in KNOWN or not hub.find_missing(folder, WHISPER_FILES):
        return InstalledModel(name, "whisper", folder, WHISPER_FILES, remedy)
    if _read_model_type(folder) == "whisper":
        return InstalledModel(name, "checkpoint", folder, conversion.list_needed_files(folder), remedy)
    return None


def find_in_folder(folder: Path) -> InstalledModel:
    """A folder of the user's, which only the user can mend."""
    remedy = _("copy it again from where it came")
    if (folder / conversion.RECORD).is_file():
        return _find_converted(folder)
    if _read_model_type(folder) is not None:
        return InstalledModel(str(folder), "folder", folder, conversion.list_needed_files(folder), remedy)
    return InstalledModel(str(folder), "folder", folder, WHISPER_FILES, remedy)


def _find_converted(folder: Path) -> InstalledModel:
    source = str(conversion.read_record(folder).get("source"))
    is_repository = not Path(source).is_absolute()
    remedy = (
        f"whisperdiar models download {source} --repair"
        if is_repository
        else _("delete {folder}").format(folder=folder)
    )
    return InstalledModel(source, "converted", folder, WHISPER_FILES, remedy)


def _read_model_type(folder: Path) -> str | None:
    """Of a checkpoint in the format of Transformers; None where this is none."""
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None
    return None if kind is None else str(kind)
