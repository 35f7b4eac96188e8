"""A table with one row per word, its columns parted by a comma; `_table` says which columns."""

from __future__ import annotations

from whisperdiar.formats._reading.tables import read_table
from whisperdiar.formats._writing.tables import word_table
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

name = "csv-words"
suffix = ".words.csv"
needs = "words"
several = True


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the columns are fixed
    """A header and one row per word."""
    return word_table(transcript, ",")


def read(text: str, *, recording_id: str | None = None) -> Transcript:
    """One recording of a table of segments or of words, by its header.

    Raises:
        FormatError: as `read_table`.
    """
    return read_table(text, recording_id=recording_id)
