"""Correction files: the text of a transcript as a file that a person corrects in an editor, and back."""

from __future__ import annotations

import os
from collections.abc import Callable

from whisperdiar.editing.apply_changes import CorrectedTranscript, apply
from whisperdiar.editing.json_form import apply_json
from whisperdiar.editing.text_form import parse, write
from whisperdiar.errors import FormatError
from whisperdiar.formats import decode
from whisperdiar.options import EditOptions
from whisperdiar.system.files import read_bytes, write_text
from whisperdiar.system.log import warn
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript


def write_file(
    transcript: Transcript,
    path: str | os.PathLike[str],
    *,
    options: EditOptions | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a transcript as a text to be corrected, whole or not at all.

    Args:
        options: whether doubtful words are marked; None for the defaults.
        overwrite: whether a file that is there, and whatever was corrected in it, is replaced.

    Raises:
        FormatError: there is no word in the transcript.
        OutputError: the file cannot be written, or is there already.
    """
    write_text(path, write(transcript, options=options), sync=True, replace=overwrite)


def apply_file(
    path: str | os.PathLike[str],
    transcript: Transcript,
    *,
    encoding: str | None = None,
    options: EditOptions | None = None,
    notify: Callable[[str], None] = warn,
) -> CorrectedTranscript:
    """The transcript with a person's corrections in a text that `write_file` wrote, or in the JSON of a page.

    Args:
        path: the corrected text, as an editor saved it, or the JSON that a page downloaded.
        transcript: the one that the text was written from.
        encoding: of the file, as Python names it; None guesses it.
        options: how text and words are matched; None for the defaults.
        notify: told of an encoding that had to be guessed; logs a warning by default.

    Raises:
        FormatError: a line cannot be understood, or no words are left; the message names the file.
    """
    name, data = os.fspath(path), read_bytes(path)
    if data.startswith((b"PK\x03\x04", b"%PDF-")):
        raise FormatError(
            _("{name}: this is a document; give the text that `whisperdiar edit` writes, corrected").format(name=name)
        )
    try:
        text, note = decode(data, encoding)
        if note:
            notify(f"{name}: {note}")
        if text.lstrip("\ufeff \t\r\n").startswith("{"):  # a text begins with its title or a name
            return apply_json(text.lstrip("\ufeff"), transcript)
        if text.lstrip("\ufeff \t\r\n")[:9].lower() in ("<!doctype", "<html>"):
            raise FormatError(_("this is a page; open it, download the transcript (JSON), and give that"))
        return apply(parse(text, transcript), transcript, options=options)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from error
