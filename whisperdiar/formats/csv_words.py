"""A table with one row per word, its columns parted by a comma; `_table` says which columns."""

from __future__ import annotations

from whisperdiar.formats._table import word_table
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

name = "csv-words"
suffix = ".words.csv"
needs = "words"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the columns are fixed
    """A header and one row per word."""
    return word_table(transcript, ",")
