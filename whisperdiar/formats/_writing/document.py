"""A transcript as a document to be read on paper: what DOCX, ODT and PDF show, and the two templates of its layout."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from whisperdiar.formats._text import one_line, to_milliseconds
from whisperdiar.formats._writing.paragraphs import divide_paragraphs
from whisperdiar.options import WriteOptions
from whisperdiar.text.clock import format_hours
from whisperdiar.transcript import Transcript, speaker_names

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PACKED = (1980, 1, 1, 0, 0, 0)
"""The date of every part of a package, the first that ZIP has: a writer has no clock."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What one person says without interruption.

    Attributes:
        speaker: the name, empty where nobody is named.
        time: when it begins, HH:MM:SS.
        text: on one line.
        right_to_left: whether the text runs so.
    """

    speaker: str
    time: str
    text: str
    right_to_left: bool


@dataclass(frozen=True, slots=True)
class Document:
    """A transcript as a title, a line of facts and passages.

    Attributes:
        facts: length and speakers, without a word of any language.
        language: ISO 639-1 code; None where unknown.
    """

    title: str
    facts: str
    passages: tuple[Passage, ...]
    language: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a template sets the text, in points; a page is A4 with the margins given.

    Attributes:
        font: serif or sans: the name that word processors know.
        size: of the text.
        pitch: from one line to the next.
        after: space below a passage.
        margins: top, right, bottom, left.
        numbered: lines are numbered in the left margin, anew on each page.
        lines: a page holds this many lines, so that page and line name a place; None where nobody counts them.
    """

    font: str
    size: float
    pitch: float
    after: float
    margins: tuple[float, float, float, float]
    numbered: bool
    lines: int | None


PAGE = (595.28, 841.89)
"""Width and height of A4 in points."""

LAYOUTS = {
    "plain": Layout("Arial", 11.0, 15.0, 8.0, (64.0, 64.0, 64.0, 64.0), False, None),
    # 25 numbered lines, double-spaced, as courts of many countries want transcripts: 72 + 25 · 27 + 94.89 = 841.89.
    "legal": Layout("Times New Roman", 12.0, 27.0, 0.0, (72.0, 64.0, 94.89, 100.0), True, 25),
}
"""By the names of `whisperdiar.options.TEMPLATES`."""


def document(transcript: Transcript, options: WriteOptions) -> Document:
    """The transcript as paragraphs of one speaker each, clean of all that XML cannot hold."""
    names = speaker_names(transcript)
    named = options.speaker_style != "none"
    passages = []
    for group in divide_paragraphs(transcript.segments, options):
        text = _clean("".join(word.text for segment in group for word in segment.words))
        if text:
            label = group[0].speaker if named else None
            speaker = "" if label is None else _clean(names.get(label, label))
            passages.append(Passage(speaker, _clock(group[0].span.start), text, is_right_to_left(text)))
    length = _clock(transcript.length) if transcript.length > 0 else ""
    speakers = ", ".join(dict.fromkeys(passage.speaker for passage in passages if passage.speaker))
    facts = " · ".join(filter(None, (length, speakers)))
    return Document(_clean(transcript.recording_id) or "Transcript", facts, tuple(passages), transcript.language)


def is_right_to_left(text: str) -> bool:
    """Whether the first character with a direction runs from right to left (Unicode UAX #9, rules P2 and P3)."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((item for item in directions if item in ("L", "R", "AL")), "L") != "L"


def pack(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """A ZIP package of these parts, (name, content), in this order; the same parts give the same bytes.

    A part called ``mimetype`` is stored as it is, as OpenDocument 1.3 (part 2, section 3.3) wants it.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts:
            entry = zipfile.ZipInfo(name, date_time=_PACKED)
            # As made on Unix by anybody: else it is the system's that writes it.
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            package.writestr(entry, content, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def repack(package: bytes) -> bytes:
    """The same package without the time at which it was written."""
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        return pack([(entry.filename, opened.read(entry)) for entry in opened.infolist()])


def replace_no_xml(text: str) -> str:
    """The text with U+FFFD for characters that XML 1.0 cannot hold (section 2.2)."""
    return _NO_XML.sub("\ufffd", text)


def _clean(text: str) -> str:
    return replace_no_xml(one_line(text))


def _clock(seconds: float) -> str:
    # Cut off, not rounded: who jumps there must not miss the first word.
    return format_hours(max(0, to_milliseconds(seconds)) // 1000, digits=2)
