"""Models that one backend alone fetches by itself: of detectors, diarizers, separation and emotions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from whisperdiar.contracts import Progress
from whisperdiar.emotions import EmotionDiarizer
from whisperdiar.errors import BackendBroken
from whisperdiar.models.hub import find_cached
from whisperdiar.models.installed import InstalledModel
from whisperdiar.models.repair import repair_snapshot
from whisperdiar.options import SEPARATION_MODELS, Runtime, SeparationSettings
from whisperdiar.registry import STAGES, BackendClass, available, load
from whisperdiar.separation import SepFormer, find_repository
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True)
class BackendModels:
    """The models of one backend under one name.

    Attributes:
        name: by which they are asked for.
        backend: a class with `prepare` and `record`.
        repositories: on the hub.
        settings: of the backend, which choose these models; None for its defaults.
    """

    name: str
    backend: Any
    repositories: tuple[str, ...]
    settings: Any = None

    @classmethod
    def of(cls, backend: BackendClass) -> BackendModels:
        """Those of a backend with its defaults."""
        return cls(backend.name, backend, backend.info.repositories)

    @property
    def is_whole(self) -> bool:
        """Whether the cache holds something of each repository."""
        return all(find_cached(repository, ()) is not None for repository in self.repositories)

    def list_cached(self) -> list[InstalledModel]:
        """As far as the cache holds them; which files are needed, the backend's module says itself."""
        remedy = f"whisperdiar models download {self.name} --repair"
        found = []
        for repository in self.repositories:
            folder = find_cached(repository, ())
            if folder is not None:
                found.append(InstalledModel(self.name, "backend", folder, self._list_files(repository), remedy))
        return found

    def _list_files(self, repository: str) -> tuple[str, ...]:
        """By a constant ``FILES`` of its module: names for its only repository, or for each repository its own."""
        files = getattr(sys.modules.get(getattr(self.backend, "__module__", "")), "FILES", ())
        return tuple(files.get(repository, ()) if isinstance(files, Mapping) else files)

    def fetch(self, *, progress: Progress) -> str:
        """Load the backend, which fetches what is missing; the model's name and revision.

        Raises:
            ModelUnavailable, BackendMissing, BackendBroken: as the backend does.
        """
        backend = self.backend(self.settings, runtime=Runtime())
        backend.prepare(progress=progress)
        return str(backend.record().model)

    def repair(self, *, progress: Progress) -> None:
        """Fetch files anew that are damaged; those that are missing come with `fetch`."""
        remedy = _("run `whisperdiar models download {name} --repair` on a machine with a connection").format(
            name=self.name
        )
        for repository in self.repositories:
            folder = find_cached(repository, ())
            if folder is not None:
                repair_snapshot(repository, folder, runtime=Runtime(), remedy=remedy, progress=progress)


def find_backend_models() -> dict[str, list[BackendModels]]:
    """By name; a detector and a diarizer may share one. Whisper models and recognisers have names of their own."""
    found: dict[str, list[BackendModels]] = {}
    for stage in STAGES:
        for name in available(stage):
            with suppress(BackendBroken):  # another package's fault must not hide the rest
                backend = load(stage, name)
                if stage != "asr" and backend.info.repositories:
                    found.setdefault(name, []).append(BackendModels.of(backend))
    for name in SEPARATION_MODELS:
        repository = find_repository(name)
        found[name] = [BackendModels(name, SepFormer, (repository,), SeparationSettings(model=name))]
    found[EmotionDiarizer.name] = [
        BackendModels(EmotionDiarizer.name, EmotionDiarizer, EmotionDiarizer.info.repositories)
    ]
    return found
