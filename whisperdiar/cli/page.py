"""Recording of a page: linked by where it lies from there, or inlined."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from whisperdiar.cli.outputs import STDOUT, Target
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.options import WriteOptions

FORMAT = "html"
_BY_PATH = ("eaf",)
"""Formats that name the recording by its path from there."""
_LARGEST = 200_000_000
"""Bytes that are put into a page. Browsers refuse texts of half a gigabyte, and base64 makes four bytes of three."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, and whether pages are to hold it."""

    path: Path
    embed: bool = False

    def options_for(self, target: Target, options: WriteOptions) -> WriteOptions:
        """The options for this target: a page and ELAN find the recording by where it lies from there.

        Raises:
            MediaError: the recording is to be embedded and cannot be read.
            InvalidOption: … and it is too large.
        """
        if target.format.name in _BY_PATH:
            return replace(
                options, media=unquote(link(self.path, target.path), errors="surrogateescape").removeprefix("./")
            )
        if target.format.name != FORMAT:
            return options
        return replace(options, media=link(self.path, target.path), media_data=self._data() if self.embed else None)

    def _data(self) -> bytes:
        _check_size(self.path)
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise MediaError(f"{self.path}: it cannot be read ({error.strerror}); check the name") from error


def link(recording: Path, page: Path) -> str:
    """The recording's URL relative to the page's folder; `STDOUT` counts as the current folder.

    talk/a b.mp4, talk/pages/out.html → ../a%20b.mp4
    """
    folder = Path() if page == STDOUT else page.parent
    try:
        # The name stays what it is called here, also where it is a symbolic link: it is the one beside the page.
        way = os.path.relpath(
            os.path.join(os.path.realpath(recording.parent), recording.name), os.path.realpath(folder)
        )
    except ValueError:  # another drive
        return recording.resolve().as_uri()
    url = quote(Path(way).as_posix().encode("utf-8", "surrogateescape"), safe="/")
    return url if "/" in url else f"./{url}"  # a colon in the first part would make a scheme of it


def recording_of(media: Path | None, targets: Sequence[Target], *, inside: bool, copied: bool) -> Recording | None:
    """What --media and --embed-media mean together for pages.

    Args:
        inside: whether pages are to hold the recording.
        copied: whether --media is also there to be copied with subtitles, and may be without a page.

    Raises:
        InvalidOption: one without the other, no page among the targets, or a recording that is too large.
        MediaError: there is no such file.
    """
    if media is None:
        if inside:
            raise InvalidOption("--embed-media: say which recording with --media FILE")
        return None
    if inside:
        _check_page("--embed-media", targets)
    if not copied and not _has_link(targets):
        raise InvalidOption(
            "--media is for a page (-o out.html), for ELAN (-o out.eaf), --clips, --embed, --shots or a profile that "
            "counts in frames (--profile netflix): give both"
        )
    if not os.path.isfile(media):
        raise MediaError(f"--media {media}: there is no such file; check the name")
    if inside:
        _check_size(media)
    return Recording(media, inside)


def check_inlinable(inputs: Sequence[Path], targets: Sequence[Target]) -> None:
    """Said before the work: pages are asked for, and the recordings fit into them.

    Raises:
        InvalidOption: no page among the targets, or a recording that is too large.
    """
    _check_page("--embed-media", targets)
    for path in inputs:
        if os.path.isfile(path):  # what cannot be read is reported when its turn comes
            _check_size(path)


def _has_page(targets: Sequence[Target]) -> bool:
    return any(target.format.name == FORMAT for target in targets)


def _has_link(targets: Sequence[Target]) -> bool:
    return any(target.format.name in (FORMAT, *_BY_PATH) for target in targets)


def _check_page(option: str, targets: Sequence[Target]) -> None:
    if not _has_page(targets):
        raise InvalidOption(f"{option}: it is for pages; add an output such as -o out.html")


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > _LARGEST:
        raise InvalidOption(
            f"{path}: {size / 1e6:.0f} MB are too much for a page ({_LARGEST / 1e6:.0f} MB); leave --embed-media out, "
            "or make a smaller copy first"
        )
