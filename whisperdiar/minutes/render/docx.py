"""Minutes as DOCX, through python-docx (extra ``minutes``)."""

from __future__ import annotations

import importlib
import io
import re
from typing import Any

from whisperdiar.errors import BackendMissing, OutputError
from whisperdiar.formats._writing.word import load_docx, save_docx
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.layout import Entry, Heading, Paragraph, Picture, Quote, Table, document
from whisperdiar.minutes.template import Template
from whisperdiar.reports.plots import picture_png

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_TITLE = 255


def render(minutes: Minutes, template: Template) -> bytes:
    """The document as a file's bytes.

    Raises:
        BackendMissing: python-docx is not installed.
    """
    docx = load_docx(extra="minutes")
    page = document(minutes, template)
    made = docx.Document()
    made.core_properties.title = _clean(page.title)[:_LONGEST_TITLE]
    made.core_properties.author = "whisperdiar"
    made.core_properties.comments = ""
    made.core_properties.language = page.language
    for block in page.blocks:
        if isinstance(block, Heading):
            heading = made.add_heading(_clean(block.text), level=block.level - 1)
            if block.aside:
                _add(heading, "  ", None)
                _add(heading, block.aside, block.link, small=True)
        elif isinstance(block, Paragraph):
            made.add_paragraph().add_run(_clean(block.text)).italic = block.quiet
        elif isinstance(block, Table):
            _table(made, block)
        elif isinstance(block, Picture):
            _picture(made, block)
        else:
            _entry(made, block)
    return save_docx(made)


def check() -> None:
    """Raises BackendMissing where python-docx is not installed: better before hours of work than after."""
    load_docx(extra="minutes")


def _clean(text: str) -> str:
    """Without characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _table(made: Any, block: Table) -> None:
    table = made.add_table(rows=0, cols=len(block.header), style="Light Grid Accent 1")
    right = importlib.import_module("docx.enum.text").WD_ALIGN_PARAGRAPH.RIGHT
    for row in (block.header, *block.rows):
        for k, (cell, text) in enumerate(zip(table.add_row().cells, row, strict=True)):
            cell.text = _clean(text)
            if k in block.numeric:
                cell.paragraphs[0].alignment = right


def _picture(made: Any, block: Picture) -> None:
    """Drawn as PNG where the extra ``plot`` is installed and the machine has a font; left out where not."""
    try:
        drawn = picture_png(block.svg)
    except (BackendMissing, OutputError):
        return
    made.add_picture(io.BytesIO(drawn), width=importlib.import_module("docx.shared").Cm(16))


def _entry(made: Any, block: Entry) -> None:
    paragraph = made.add_paragraph(style="List Bullet")
    if block.box:
        paragraph.add_run("☐ ")
    if block.lead:
        paragraph.add_run(f"{_clean(block.lead)}: ").bold = True
    paragraph.add_run(_clean(block.text))
    for remark in block.remarks:
        paragraph.add_run(f" ({_clean(remark)})").italic = True
    if not block.show_quotes:
        for item in block.quotes:
            _add(paragraph, "  ", None)
            _add(paragraph, item.time, item.link, small=True)
        return
    for item in block.quotes:
        _quote(made, item)


def _quote(made: Any, item: Quote) -> None:
    paragraph = made.add_paragraph(style="List Continue")
    _add(paragraph, item.time, item.link, small=True)
    speaker = f"  {_clean(item.speaker)}: " if item.speaker else "  "
    _add(paragraph, f"{speaker}{_clean(item.text)}", None, small=True)


def _add(paragraph: Any, text: str, link: str | None, *, small: bool = False) -> None:
    """A run of text; with a link as a hyperlink, which python-docx writes only by its XML."""
    run = paragraph.add_run(_clean(text))
    if small:
        run.font.size = importlib.import_module("docx.shared").Pt(9)
    if link is None:
        return
    oxml, opc = importlib.import_module("docx.oxml"), importlib.import_module("docx.opc.constants")
    qn = importlib.import_module("docx.oxml.ns").qn
    hyperlink = oxml.OxmlElement("w:hyperlink")
    hyperlink.set(qn("r:id"), paragraph.part.relate_to(link, opc.RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    run.font.underline = True
    run.font.color.rgb = importlib.import_module("docx.shared").RGBColor(0x0B, 0x5C, 0xAD)
    hyperlink.append(run._r)
    paragraph._p.append(hyperlink)
