"""Replaces the damaged files of a model. Until the new ones are there, nothing is deleted; nothing else is touched."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from whisperdiar.contracts import Progress
from whisperdiar.errors import OutputError
from whisperdiar.models import hub, verification
from whisperdiar.options import Runtime
from whisperdiar.text.messages import _

_STALE_S = 86_400.0


def repair_snapshot(repository: str, folder: Path, *, runtime: Runtime, remedy: str, progress: Progress) -> int:
    """Fetch the damaged files of a snapshot in the cache anew, at its own commit; returns how many those were.

    Raises:
        ModelUnavailable: they cannot be fetched; the snapshot is as it was.
    """
    names = verification.damaged(folder)
    if not names:
        return 0
    # Where the cache has no links, the client takes a file that is there for the right one.
    with _aside([folder / name for name in names if not (folder / name).is_symlink()]):
        hub.fetch(
            repository,
            names,
            revision=folder.name,
            force=True,
            runtime=runtime,
            remedy=remedy,
            progress=progress,
        )
    return len(names)


def repair_folder(
    repository: str, folder: Path, patterns: Sequence[str], *, runtime: Runtime, remedy: str, progress: Progress
) -> int:
    """Replace the damaged files of a model in a folder of the user's; returns how many those were.

    Args:
        patterns: of the files that are the model's; whatever else lies in the folder is not looked at.

    Raises:
        ModelUnavailable: they cannot be fetched; the folder is as it was.
        OutputError: the folder cannot be written.
    """
    names = verification.damaged(folder, patterns)
    if not names:
        return 0
    _remove_stale(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".repairing-", dir=folder, ignore_cleanup_errors=True) as work:
            hub.fetch(repository, names, directory=Path(work), runtime=runtime, remedy=remedy, progress=progress)
            for name in names:
                if (Path(work) / name).is_file():
                    os.replace(Path(work) / name, folder / name)
                note = Path(".cache") / "huggingface" / "download" / f"{name}.metadata"
                if (Path(work) / note).is_file():
                    (folder / note).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(Path(work) / note, folder / note)
    except OSError as error:
        raise OutputError(
            _("{folder}: cannot be repaired ({cause}); choose another folder").format(
                folder=folder, cause=error.strerror
            )
        ) from error
    return len(names)


def _remove_stale(folder: Path) -> None:
    """What is left of repairs that were stopped from outside."""
    for item in folder.glob(".repairing-*"):
        with contextlib.suppress(OSError):
            if time.time() - item.stat().st_mtime > _STALE_S:
                shutil.rmtree(item, ignore_errors=True)


@contextlib.contextmanager
def set_aside(folder: Path | None) -> Iterator[None]:
    """While a damaged converted model is made anew it lies aside; it comes back where that fails.

    Raises:
        OutputError: the cache cannot be written.
    """
    if folder is None or not verification.damaged(folder):
        yield
        return
    try:
        with _aside([folder]):
            yield
    except OSError as error:
        raise OutputError(
            _("{folder}: cannot be repaired ({cause}); set WHISPERDIAR_CACHE").format(
                folder=folder, cause=error.strerror
            )
        ) from error


@contextlib.contextmanager
def _aside(items: Sequence[Path]) -> Iterator[None]:
    """Rename files or folders while others are made in their place; whichever was not made gets its old one back."""
    moved: list[tuple[Path, Path]] = []
    try:
        for item in items:
            if item.exists():
                # By this beginning the cache of converted models knows what is left of a process that was killed.
                other = item.with_name(f".converting-{secrets.token_hex(8)}")
                item.rename(other)
                moved.append((item, other))
        yield
    finally:
        for item, other in moved:
            if not item.exists():
                other.rename(item)
            elif other.is_dir():
                shutil.rmtree(other, ignore_errors=True)
            else:
                other.unlink(missing_ok=True)
