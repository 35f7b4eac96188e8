"""Places: where transcripts go, and recordings that are fetched, on this machine or behind URLs of fsspec."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from whisperdiar.errors import BackendMissing, MediaError, OutputError, describe_error
from whisperdiar.system import files
from whisperdiar.text.messages import _

_URL = re.compile(r"[a-z][a-z0-9+.-]+(://|::)", re.IGNORECASE)
_INSTALL = 'pip install "whisperdiar[remote]"'
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az", "oss", "memory"})
"""Protocols by which an object is there whole or not at all; elsewhere it is written under another name first."""


def is_url(text: str) -> bool:
    """Whether a name leads to another place than the file system of this machine."""
    return _URL.match(text) is not None


def take_local(text: str) -> str:
    """The path behind a ``file://`` URL; any other name as it is."""
    if not text.lower().startswith("file://"):
        return text
    return unquote(urlsplit(text).path)


def open_file_system(url: str) -> tuple[Any, str]:
    """What reads and writes a URL, of fsspec, and the name that it has there.

    Raises:
        BackendMissing: fsspec, or what it needs for this protocol, is not installed.
        MediaError: there is no such protocol, or the place cannot be reached.
    """
    try:
        import fsspec
    except ImportError as error:
        raise BackendMissing(
            _("{url}: it needs fsspec; run: {install}").format(url=url, install=_INSTALL), remedy=_INSTALL
        ) from error
    try:
        system, name = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise BackendMissing(
            _("{url}: a package is missing for it ({cause})").format(url=url, cause=describe_error(error))
        ) from error
    except Exception as error:  # each protocol has errors of its own
        raise MediaError(
            _("{url}: it cannot be reached ({cause})").format(url=url, cause=describe_error(error))
        ) from error
    return system, str(name)


@contextlib.contextmanager
def open_source(source: str) -> Iterator[Path]:
    """The path of a recording; one behind a URL is fetched into a temporary folder.

    Raises:
        BackendMissing: as `open_file_system`.
        MediaError: it cannot be fetched.
    """
    local = take_local(source)
    if not is_url(local):
        yield Path(local)
        return
    system, name = open_file_system(local)
    with tempfile.TemporaryDirectory(prefix="whisperdiar-") as folder:
        path = Path(folder) / (PurePosixPath(name).name or "recording")
        try:
            system.get_file(name, str(path))
        except Exception as error:  # each protocol has errors of its own
            raise MediaError(
                _("{url}: it cannot be fetched ({cause})").format(url=source, cause=describe_error(error))
            ) from error
        yield path


class Place(Protocol):
    """A folder that files are written into, by their names relative to it."""

    def locate(self, name: str) -> str:
        """The whole path or URL of a file."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def write(self, name: str, data: bytes, *, replace: bool) -> None:
        """Writes a file whole or not at all.

        Raises:
            OutputError: it cannot be written, or is there already and is not to be replaced.
        """


class LocalPlace:
    """A folder of this machine, which is made where it is missing."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Makes it.

        Raises:
            OutputError: it cannot be made or written to.
        """
        self.folder = Path(folder)
        self._made: set[Path] = set()
        self._make(self.folder)
        files.check_folder(self.folder)

    def locate(self, name: str) -> str:
        return str(self.folder / name)

    def has(self, name: str) -> bool:
        return files.is_there(self.folder / name)

    def write(self, name: str, data: bytes, *, replace: bool) -> None:
        path = self.folder / name
        self._make(path.parent)
        files.write_bytes(path, data, sync=True, replace=replace)

    def _make(self, folder: Path) -> None:
        if folder in self._made:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise OutputError(
                _("{path}: this is a file; give the name of a folder").format(path=files.format_path(folder))
            ) from error
        except OSError as error:
            raise OutputError(f"{files.format_path(folder)}: {files.explain_write_error(error)}") from error
        self._made.add(folder)


class RemotePlace:
    """A folder behind a URL of fsspec."""

    def __init__(self, url: str) -> None:
        """Looks at what is there.

        Raises:
            BackendMissing: as `open_file_system`.
            OutputError: it cannot be reached.
        """
        self._url = url.rstrip("/")
        try:
            self._system, self._root = open_file_system(url)
            self._root = self._root.rstrip("/")
            found = self._system.find(self._root) if self._system.isdir(self._root) else []
        except MediaError as error:
            raise OutputError(str(error)) from error
        except BackendMissing:
            raise
        except Exception as error:  # each protocol has errors of its own
            raise OutputError(
                _("{url}: it cannot be reached ({cause})").format(url=url, cause=describe_error(error))
            ) from error
        self._known = {str(item) for item in found}
        protocols = self._system.protocol
        names = {protocols} if isinstance(protocols, str) else set(protocols)
        self._is_whole = bool(names & _WHOLE)

    def locate(self, name: str) -> str:
        return f"{self._url}/{name}"

    def has(self, name: str) -> bool:
        return f"{self._root}/{name}" in self._known

    def write(self, name: str, data: bytes, *, replace: bool) -> None:
        target = f"{self._root}/{name}"
        try:
            if not replace and self._system.exists(target):
                raise OutputError(_("{url}: it is there already, and is not replaced").format(url=self.locate(name)))
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            if self._is_whole:
                self._system.pipe_file(target, data)
            else:
                temporary = f"{target}.{secrets.token_hex(4)}.tmp"
                self._system.pipe_file(temporary, data)
                self._system.mv(temporary, target)
        except OutputError:
            raise
        except Exception as error:  # each protocol has errors of its own
            raise OutputError(
                _("{url}: it cannot be written ({cause})").format(url=self.locate(name), cause=describe_error(error))
            ) from error
        self._known.add(target)


def open_place(folder: str | os.PathLike[str]) -> LocalPlace | RemotePlace:
    """The folder of a path or a URL; raises as the class of its kind does."""
    text = take_local(os.fspath(folder))
    return RemotePlace(text) if is_url(text) else LocalPlace(text)
