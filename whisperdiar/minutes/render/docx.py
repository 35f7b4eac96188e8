"""Minutes as DOCX, through python-docx (extra ``minutes``)."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from typing import Any

from whisperdiar.errors import BackendMissing, OutputError
from whisperdiar.formats._writing.document import replace_no_xml
from whisperdiar.formats._writing.word import load_docx, make_element, save_docx
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.blocks import (
    Entry,
    Heading,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Signatures,
    Table,
    Tasks,
)
from whisperdiar.minutes.render.layout import document
from whisperdiar.minutes.template import Template
from whisperdiar.options.command_line import MINUTES_STYLE
from whisperdiar.reports.plots import picture_png

_LONGEST_TITLE = 255
_TASK_COLUMNS = (0.11, 0.49, 0.18, 0.22)
"""Shares of the width of the page."""


def render(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> bytes:
    """The document as a file's bytes.

    Raises:
        BackendMissing: python-docx is not installed.
    """
    docx = load_docx(extra="minutes")
    page = document(minutes, template, style)
    made = docx.Document()
    made.core_properties.title = replace_no_xml(page.title)[:_LONGEST_TITLE]
    made.core_properties.author = "whisperdiar"
    made.core_properties.comments = ""
    made.core_properties.language = page.language
    for block in page.blocks:
        if isinstance(block, Heading):
            heading = made.add_heading(replace_no_xml(block.text), level=block.level - 1)
            if block.aside:
                _add(heading, "  ", None)
                _add(heading, block.aside, block.link, small=True)
        elif isinstance(block, Paragraph):
            made.add_paragraph().add_run(replace_no_xml(block.text)).italic = block.quiet
        elif isinstance(block, Table):
            _table(made, block)
        elif isinstance(block, Picture):
            _picture(made, block)
        elif isinstance(block, Tasks):
            _tasks(made, block)
        elif isinstance(block, Listing):
            for line in block.lines:
                made.add_paragraph(replace_no_xml(line), style="List Number" if block.numbered else "List Bullet")
        elif isinstance(block, Signatures):
            _signatures(made, block)
        else:
            _entry(made, block)
    _add_page_numbers(made)
    return save_docx(made)


def _add_page_numbers(made: Any) -> None:
    footer = made.sections[0].footer.paragraphs[0]
    footer.alignment = importlib.import_module("docx.enum.text").WD_ALIGN_PARAGRAPH.CENTER
    field = make_element("w:fldSimple", instr="PAGE")
    footer._p.append(field)
    field.append(footer.add_run("1")._r)


def check() -> None:
    """Raises BackendMissing where python-docx is not installed: better before hours of work than after."""
    load_docx(extra="minutes")


def _table(made: Any, block: Table) -> None:
    table = made.add_table(rows=0, cols=len(block.header), style="Light Grid Accent 1")
    right = importlib.import_module("docx.enum.text").WD_ALIGN_PARAGRAPH.RIGHT
    for row in (block.header, *block.rows):
        for k, (cell, text) in enumerate(zip(table.add_row().cells, row, strict=True)):
            cell.text = replace_no_xml(text)
            if row is block.header:
                for run in cell.paragraphs[0].runs:
                    run.font.size = importlib.import_module("docx.shared").Pt(9)
            if k in block.numeric:
                cell.paragraphs[0].alignment = right


def _picture(made: Any, block: Picture) -> None:
    """Drawn as PNG where the extra ``plot`` is installed and the machine has a font; left out where not."""
    try:
        drawn = picture_png(block.svg)
    except (BackendMissing, OutputError):
        return
    made.add_picture(io.BytesIO(drawn), width=_text_width(made))


def _text_width(made: Any) -> Any:
    section = made.sections[0]
    return section.page_width - section.left_margin - section.right_margin


def _entry(made: Any, block: Entry) -> None:
    paragraph = made.add_paragraph(style="List Bullet")
    if block.lead:
        paragraph.add_run(f"{replace_no_xml(block.lead)}: ").bold = True
    paragraph.add_run(replace_no_xml(block.text))
    if not block.show_quotes:
        _times(paragraph, block.quotes)
        return
    for item in block.quotes:
        _quote(made.add_paragraph(style="List Continue"), item)


def _tasks(made: Any, block: Tasks) -> None:
    """A table as wide as the page: a box, what is to be done with its evidence, by whom, until when."""
    shared = importlib.import_module("docx.shared")
    table = made.add_table(rows=0, cols=4, style="Light Grid Accent 1")
    table.autofit = False
    width = _text_width(made)
    for text, cell in zip(("", *block.header), table.add_row().cells, strict=True):
        cell.text = replace_no_xml(text)
    for task in block.rows:
        row = table.add_row()
        row._tr.get_or_add_trPr().append(make_element("w:cantSplit"))
        box, what, who, until = row.cells
        box.text, who.text, until.text = (
            f"☐ {replace_no_xml(task.number)}",
            replace_no_xml(task.owner),
            replace_no_xml(task.due),
        )
        paragraph = what.paragraphs[0]
        run = paragraph.add_run(replace_no_xml(task.text))
        run.bold = False
        if not block.show_quotes:
            _times(paragraph, task.quotes)
            continue
        for item in task.quotes:
            _quote(what.add_paragraph(), item)
    for column, share in zip(table.columns, _TASK_COLUMNS, strict=True):
        column.width = shared.Emu(int(width * share))
        for cell in column.cells:  # Word goes by these, LibreOffice by that of the column
            cell.width = column.width
    made.add_paragraph()


def _signatures(made: Any, block: Signatures) -> None:
    points = importlib.import_module("docx.shared").Pt
    for label in block.labels:
        paragraph = made.add_paragraph(replace_no_xml(label))
        paragraph.paragraph_format.space_before = points(18)
        paragraph.paragraph_format.keep_with_next = True
        made.add_paragraph("_" * 40)


def _times(paragraph: Any, quotes: Sequence[Quote]) -> None:
    for item in quotes:
        _add(paragraph, "  ", None)
        _add(paragraph, item.time, item.link, small=True)


def _quote(paragraph: Any, item: Quote) -> None:
    _add(paragraph, item.time, item.link, small=True)
    speaker = f"  {replace_no_xml(item.speaker)}: " if item.speaker else "  "
    _add(paragraph, f"{speaker}{replace_no_xml(item.text)}", None, small=True)


def _add(paragraph: Any, text: str, link: str | None, *, small: bool = False) -> None:
    """A run of text; with a link as a hyperlink, which python-docx writes only by its XML."""
    run = paragraph.add_run(replace_no_xml(text))
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
