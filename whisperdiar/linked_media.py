"""Linked media: a recording that a transcript's file plays, linked by where it lies from there, or inlined."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.options import WriteOptions
from whisperdiar.text.messages import _

INLINING = ("html",)
"""Formats that can hold the recording itself."""
LINKING = ("html", "eaf")
"""Formats that say where the recording lies."""
_BY_PATH = ("eaf",)
"""Formats that name the recording by its path from there."""
_LARGEST = 200_000_000
"""Bytes that are put into a page. Browsers refuse texts of half a gigabyte, and base64 makes four bytes of three."""


@dataclass(frozen=True, slots=True)
class LinkedMedia:
    """A recording, and whether pages hold it themselves."""

    path: Path
    inline: bool = False

    def options_for(self, format_name: str, target: Path | None, options: WriteOptions) -> WriteOptions:
        """The options for one file: a page and ELAN find the recording by where it lies from there.

        Args:
            target: the file; None for one that is nowhere yet, which counts as being in the current folder.

        Raises:
            MediaError: the recording is to be inlined and cannot be read.
            InvalidOption: … and it is too large.
        """
        if format_name not in LINKING:
            return options
        if format_name in _BY_PATH:
            url = relative_url(self.path, target)
            return replace(options, media=unquote(url, errors="surrogateescape").removeprefix("./"))
        media_data = self._read() if self.inline else None
        return replace(options, media=page_url(self.path, target), media_data=media_data)

    def remarks(self, format_name: str, target: Path | None) -> tuple[str, ...]:
        """What a person must do so that a file plays the recording, one sentence each."""
        if self.inline or format_name not in LINKING or format_name in _BY_PATH:
            return ()
        if not _leads_through_home(self.path, target):
            return ()
        return (_("to have it played, put {name} beside the page").format(name=self.path.name),)

    def _read(self) -> bytes:
        try:
            check_inlinable_size(self.path)
            return self.path.read_bytes()
        except OSError as error:
            raise MediaError(
                _("{path}: it cannot be read ({cause}); check the name").format(path=self.path, cause=error.strerror)
            ) from error


def relative_url(recording: Path, target: Path | None) -> str:
    """The recording's URL relative to the folder of a file; None stands for the current folder.

    talk/a b.mp4, talk/pages/out.html → ../a%20b.mp4

    Names stay as they are called here where the recording lies below that folder, since a page and what lies beside it
    move together; otherwise symbolic links are resolved.
    """
    folder = Path() if target is None else target.parent
    below = _find_below(recording, folder)
    if below is not None:
        return _quote(below)
    try:
        way = os.path.relpath(_resolve_folder(recording), os.path.realpath(folder))
    except ValueError:  # another drive
        return recording.resolve().as_uri()
    return _quote(way)


def page_url(recording: Path, target: Path | None) -> str:
    """As `relative_url`, but the name alone where the way leads through the user's home folder, as pages are sent."""
    return _quote(recording.name) if _leads_through_home(recording, target) else relative_url(recording, target)


def _leads_through_home(recording: Path, target: Path | None) -> bool:
    """Whether a file outside of the user's home folder would show where that is by a link to the recording."""
    folder = Path() if target is None else target.parent
    # The way down keeps the names that it is given, the way up has those of resolved folders.
    resolve = os.path.realpath if _find_below(recording, folder) is None else os.path.abspath
    home = resolve(os.path.expanduser("~"))
    return _is_within(resolve(recording.parent), home) and not _is_within(resolve(folder), home)


def _is_within(path: str, folder: str) -> bool:
    return os.path.dirname(folder) != folder and (path == folder or path.startswith(os.path.join(folder, "")))


def _find_below(recording: Path, folder: Path) -> str | None:
    """The way from a folder down to a recording, by the names that they are given; None where it leads up."""
    if ".." in (*recording.parts, *folder.parts):  # which folder that is depends on symbolic links
        return None
    if os.path.realpath(recording.parent) == os.path.realpath(folder):
        return recording.name
    try:
        way = os.path.relpath(recording, folder)
    except ValueError:  # another drive
        return None
    return None if way.startswith("..") and way.split(os.sep)[0] == ".." else way


def _resolve_folder(recording: Path) -> str:
    """The recording under its own name, also where that is a symbolic link, in the folder that it really lies in."""
    return os.path.join(os.path.realpath(recording.parent), recording.name)


def _quote(way: str) -> str:
    url = quote(Path(way).as_posix().encode("utf-8", "surrogateescape"), safe="/")
    return url if "/" in url else f"./{url}"  # a colon in the first part would make a scheme of it


def check_inlinable_size(path: Path) -> None:
    """Raises InvalidOption where a recording is too large for a page."""
    size = path.stat().st_size
    if size > _LARGEST:
        raise InvalidOption(
            _(
                "{path}: {size:.0f} MB are too much for a page ({largest:.0f} MB); leave --embed-media out, "
                "or make a smaller copy first"
            ).format(path=path, size=size / 1e6, largest=_LARGEST / 1e6)
        )
