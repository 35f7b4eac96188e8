"""Media links: the address of a recording, as minutes link to it. Pure but for where the current folder is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from whisperdiar.errors import InvalidOption
from whisperdiar.text.messages import _

_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_SAFE = "/:@!$&'*+,;=~-._"


def media_link(media: str, output: Path | None) -> str:
    """A web address as it is, a file relative to the output's folder; without brackets, spaces and quotes.

    Args:
        output: the file that will hold the link; None (standard output) keeps a path as it is.

    Raises:
        InvalidOption: an address that is none of HTTP, such as ``javascript:``, or has a fragment of its own.
    """
    scheme = "" if _DRIVE.match(media) else _scheme(media)
    if scheme in ("http", "https"):
        if "#" in media:
            raise InvalidOption(
                _("--media {media}: leave out what follows the #; the times go there").format(media=media)
            )
        return quote(media, safe=_SAFE + "?%")
    if scheme and not os.path.exists(media):
        raise InvalidOption(
            _("--media {media}: give a file or an address that begins with https://").format(media=media)
        )
    path = Path(media)
    if output is not None:
        try:
            path = Path(os.path.relpath(path.resolve(), output.resolve().parent))
        except ValueError:  # another drive
            path = path.resolve()
    shown = quote(path.as_posix(), safe="/~-._", errors="surrogateescape")  # a name need not be Unicode
    return f"./{shown}" if ":" in media or shown.startswith("//") else shown


def _scheme(text: str) -> str:
    try:
        return urlsplit(text).scheme.lower()
    except ValueError:
        return "?"
