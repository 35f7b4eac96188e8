"""Option `--keep-edits`: a person's corrections are kept when a recording is transcribed again."""

from __future__ import annotations

from pathlib import Path

from whisperdiar import editing
from whisperdiar.cli.console import Console
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import json
from whisperdiar.system.files import read_text
from whisperdiar.text.counts import count_corrections
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript


def read_corrected_transcript(path: Path | None, *, recordings: int) -> Transcript | None:
    """The earlier transcript, read before any work; None where none is given.

    Raises:
        InvalidOption: there are several recordings, which it cannot be of.
        FormatError: it cannot be read.
    """
    if path is None:
        return None
    if recordings > 1:
        raise InvalidOption(_("--keep-edits: there is one FILE for several recordings; give them one by one"))
    try:
        return json.read(read_text(path))
    except FormatError as error:
        raise FormatError(
            _("--keep-edits {path}: {cause}").format(path=path, cause=str(error).removeprefix(f"{path}: "))
        ) from error


def keep_corrections(
    transcript: Transcript, edited: Transcript | None, *, start: float, console: Console
) -> Transcript:
    """The new transcript with the corrections of the earlier one; what cannot be kept becomes a warning in it.

    Args:
        start: where the part that was transcribed begins, in seconds of the recording.
    """
    if edited is None:
        return transcript
    done = editing.keep_corrections(edited, transcript, start=start)
    console.info(
        _("{recording}: {corrections} kept").format(
            recording=transcript.recording_id, corrections=count_corrections(done.corrections)
        )
        + (_(", {number} not").format(number=len(done.notes)) if done.notes else "")
    )
    return done.transcript
