"""Options `--media` and `--embed-media`: the recording of a page, linked by where it lies from there, or inlined."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from whisperdiar.cli.outputs import Target
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.linked_media import INLINING, LINKING, LinkedMedia, check_inlinable_size
from whisperdiar.text.messages import _


def recording_of(media: Path | None, targets: Sequence[Target], *, inside: bool, copied: bool) -> LinkedMedia | None:
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
            raise InvalidOption(_("--embed-media: say which recording with --media FILE"))
        return None
    if inside:
        _check_page("--embed-media", targets)
    if not copied and not _has_link(targets):
        raise InvalidOption(
            _(
                "--media is for a page (-o out.html), for ELAN (-o out.eaf), "
                "--clips, --embed, --shots or a profile that counts in frames (--profile netflix): give both"
            )
        )
    if not os.path.isfile(media):
        raise MediaError(_("--media {media}: there is no such file; check the name").format(media=media))
    if inside:
        check_inlinable_size(media)
    return LinkedMedia(media, inside)


def check_inlinable(inputs: Sequence[Path], targets: Sequence[Target]) -> None:
    """Said before the work: pages are asked for, and the recordings fit into them.

    Raises:
        InvalidOption: no page among the targets, or a recording that is too large.
    """
    _check_page("--embed-media", targets)
    for path in inputs:
        if os.path.isfile(path):  # what cannot be read is reported when its turn comes
            check_inlinable_size(path)


def _has_page(targets: Sequence[Target]) -> bool:
    return any(target.format.name in INLINING for target in targets)


def _has_link(targets: Sequence[Target]) -> bool:
    return any(target.format.name in LINKING for target in targets)


def _check_page(option: str, targets: Sequence[Target]) -> None:
    if not _has_page(targets):
        raise InvalidOption(_("{option}: it is for pages; add an output such as -o out.html").format(option=option))
