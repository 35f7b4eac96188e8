"""Bytes of a subtitle file → text: subtitles have been written in many encodings, and few files say in which."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

# The longer marks first: that of UTF-16 LE begins that of UTF-32 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 2**16
_RUNS = re.compile(rb"[\x80-\xff]{2,}")
_HIGH = re.compile(rb"[\x80-\xff]")


class Decoded(NamedTuple):
    """A text, and a sentence for the user where its encoding had to be guessed (else empty)."""

    text: str
    note: str


def decode(data: bytes) -> Decoded:
    """The text of a file: by its byte order mark, as UTF-8, as UTF-16 without a mark, else as Windows-1251 or -1252.

    Of the last two, Cyrillic (1251) is taken where most letters beyond ASCII stand beside one another, as they do in
    Russian and do not in western languages. Bytes that mean nothing in the chosen encoding become U+FFFD.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return Decoded(data[len(mark) :].decode(encoding, "replace"), "")
    sample = data[:_SAMPLE_BYTES]
    if b"\x00" in sample:
        little = sample[1::2].count(0) >= sample[0::2].count(0)
        encoding = "utf-16-le" if little else "utf-16-be"
        return Decoded(data.decode(encoding, "replace"), f"read as {encoding.upper()} without a byte order mark")
    try:
        return Decoded(data.decode("utf-8"), "")
    except UnicodeDecodeError:
        high = len(_HIGH.findall(sample))
        in_runs = sum(len(run) for run in _RUNS.findall(sample))
        encoding, script = ("cp1251", "Cyrillic") if in_runs > high / 2 else ("cp1252", "western European")
        shown = encoding.replace("cp", "Windows-")
        note = f"no UTF-8, so read as {shown} ({script}); if letters are wrong, save the file as UTF-8"
        return Decoded(data.decode(encoding, "replace"), note)
