"""Model sources: a folder of the user's, or a repository of the Hugging Face hub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import ModelUnavailable
from whisperdiar.models import fetch_snapshot
from whisperdiar.options import Runtime
from whisperdiar.text.messages import _, join


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or file, or a repository of the hub at one revision (None: its main branch).

    `named` is what the user wrote, without the revision; `progress` hears of downloads.
    """

    named: str
    revision: str | None
    runtime: Runtime
    progress: Progress = no_progress

    @classmethod
    def of(
        cls,
        named: str,
        runtime: Runtime,
        *,
        revisions: Mapping[str, str] | None = None,
        progress: Progress = no_progress,
    ) -> Source:
        """From a path, ``owner/name`` or ``owner/name@revision``; `revisions` says what bare names mean."""
        if os.path.exists(Path(named).expanduser()):
            return cls(named, None, runtime, progress)
        name, _, revision = named.partition("@")
        return cls(name, revision or (revisions or {}).get(name), runtime, progress)

    @property
    def path(self) -> Path | None:
        """The folder or file, also one that does not exist; None for a repository."""
        path = Path(self.named).expanduser()
        looks_like_repository = re.fullmatch(r"\w[\w.-]*/[\w.-]+", self.named) is not None
        return path if os.path.exists(path) or not looks_like_repository else None

    def folder(self, files: Sequence[str]) -> Path:
        """The folder in which all `files` are, fetched where that is needed and allowed.

        Raises:
            ModelUnavailable: one is not there and cannot be fetched.
        """
        path = self.path
        if path is not None and not os.path.exists(path):
            raise ModelUnavailable(
                _(
                    "{named}: no such file or folder; give one, or a repository of the Hugging Face hub as OWNER/NAME"
                ).format(named=self.named)
            )
        folder = self._snapshot(files) if path is None else path.resolve()
        missing = [name for name in files if not (folder / name).is_file()]
        if missing:
            raise ModelUnavailable(
                _("{named} holds no {missing}; give the folder or repository of a model that does").format(
                    named=self.named, missing=join(_(" and no "), missing)
                )
            )
        return folder

    def file(self, relative: str) -> Path:
        """One file in it; raises as `folder` does."""
        return self.folder((relative,)) / relative

    def _snapshot(self, files: Sequence[str]) -> Path:
        try:
            return fetch_snapshot(
                self.named, files=files, revision=self.revision, runtime=self.runtime, progress=self.progress
            )
        except ModelUnavailable as error:
            if self.revision is None:
                raise
            # Somebody may have laid another revision into the cache: without a connection that one will do.
            try:
                return fetch_snapshot(self.named, files=files, runtime=Runtime(offline=True))
            except ModelUnavailable:
                raise error from error.__cause__

    def __str__(self) -> str:
        return f"{self.named}@{self.revision}" if self.revision else self.named
