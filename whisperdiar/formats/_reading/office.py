"""Documents of word processors (Office Open XML, ECMA-376): the text in them, whoever made them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.labels import join_label
from whisperdiar.formats._text import one_line
from whisperdiar.text.messages import _

SPEAKER, PASSAGE = "Transcript Speaker", "Transcript Passage"
"""Styles of our paragraphs: who speaks, and what is said."""
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
"""Holds once more, for older programs, what stands beside it."""
_LARGEST = 200 * 2**20
"""Bytes of text with its marks; a small file may hold far more, compressed."""


def read_lines(data: bytes) -> tuple[str, ...]:
    """The paragraphs of any DOCX, those in tables included; of ours without title and times, as ``Anna: text``.

    Raises:
        FormatError: it is no such document.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo("word/document.xml").file_size > _LARGEST:
                raise FormatError(_("this DOCX document holds too much; save its text as .txt"))
            text = archive.read("word/document.xml")
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # entities that name each other fill the memory
            raise FormatError(_("this DOCX document has entities, as no word processor writes them; save it as .txt"))
        root = ElementTree.fromstring(text)
    except (
        zipfile.BadZipFile,
        KeyError,
        ElementTree.ParseError,
        EOFError,
        OSError,
        RuntimeError,
        zlib.error,
        ValueError,
    ) as error:  # RuntimeError: it is encrypted, or packed in a way that nobody knows
        raise FormatError(_("this is no DOCX document; save the text as .docx or .txt")) from error
    lines = []
    speaker = ""
    for paragraph in _find_paragraphs(root):
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        kind = "" if style is None else (style.get(f"{_W}val") or "")
        if kind.startswith(SPEAKER.replace(" ", "")):
            runs = paragraph.findall(f"{_W}r")  # a name, a space and the time, or the time alone
            speaker = _text_of(runs[0]) if len(runs) > 1 else ""
        elif kind.startswith(PASSAGE.replace(" ", "")):
            lines.append(join_label(one_line(speaker), one_line(_text_of(paragraph))))
        elif kind not in ("Title", "Subtitle"):
            lines += _text_of(paragraph).splitlines()
    return tuple(line for line in lines if line.strip())


def _find_paragraphs(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Paragraphs in order, those in text boxes behind the one that holds them."""
    for child in element:
        if child.tag == f"{_W}p":
            yield child
        if child.tag != _FALLBACK:
            yield from _find_paragraphs(child)


def _text_of(element: ElementTree.Element) -> str:
    """The text of a paragraph or of a run by itself; what is deleted is no part of it."""
    signs = {f"{_W}tab": " ", f"{_W}br": "\n", f"{_W}cr": "\n"}
    text = ""
    for child in element:
        if child.tag == f"{_W}t":
            text += child.text or ""
        elif child.tag in signs:
            text += signs[child.tag]
        elif child.tag not in (f"{_W}p", f"{_W}pPr", _FALLBACK):
            text += _text_of(child)
    return text
