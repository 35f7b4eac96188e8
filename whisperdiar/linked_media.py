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
        url = relative_url(self.path, target)
        if format_name in _BY_PATH:
            return replace(options, media=unquote(url, errors="surrogateescape").removeprefix("./"))
        return replace(options, media=url, media_data=self._read() if self.inline else None)

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
    """
    folder = Path() if target is None else target.parent
    try:
        # The name stays what it is called here, also where it is a symbolic link: it is the one beside the page.
        way = os.path.relpath(
            os.path.join(os.path.realpath(recording.parent), recording.name), os.path.realpath(folder)
        )
    except ValueError:  # another drive
        return recording.resolve().as_uri()
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
