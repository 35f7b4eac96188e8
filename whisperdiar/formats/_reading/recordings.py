"""Files that may hold several recordings (RTTM, STM, CTM, SegLST, UEM, tables): which one is meant."""

from __future__ import annotations

from collections.abc import Iterable

from whisperdiar.errors import FormatError
from whisperdiar.text.messages import _

NO_ID = "recording"
"""The id of a recording of which a file says none."""
_LISTED = 5


class SeveralRecordings(FormatError):
    """A file holds several recordings and nobody said which one is meant; `recordings` are their ids."""

    def __init__(self, recordings: tuple[str, ...]) -> None:
        self.recordings = recordings
        super().__init__(
            _("{n_recordings} recordings in one file ({listed}): say which one is meant").format(
                n_recordings=len(recordings), listed=_list(recordings)
            )
        )


def choose(recordings: Iterable[str], recording_id: str | None, *, other_id: bool = False) -> str:
    """Which of the ids in a file is meant; the one asked for (or `NO_ID`) where the file names none.

    Raises:
        SeveralRecordings: several are there and none was asked for.
        FormatError: the one asked for is not there.
    """
    known = tuple(recordings)
    if recording_id in known or not known:
        return recording_id or NO_ID
    if len(known) == 1 and (recording_id is None or other_id):
        return known[0]
    if recording_id is None:
        raise SeveralRecordings(known)
    raise FormatError(
        _("no recording {recording_id!r} in this file; it holds: {listed}").format(
            recording_id=recording_id, listed=_list(known)
        )
    )


def _list(recordings: tuple[str, ...]) -> str:
    return ", ".join(recordings[:_LISTED]) + (", …" if len(recordings) > _LISTED else "")
