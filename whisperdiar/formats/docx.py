"""A transcript as DOCX (Office Open XML, ECMA-376), through python-docx (extra ``documents``).

The numbers of lines are a property of the section, so that the word processor numbers them anew after every change.
"""

from __future__ import annotations

import importlib
from typing import Any

from whisperdiar.formats._reading.office import PASSAGE, SPEAKER
from whisperdiar.formats._writing.document import LAYOUTS, PAGE, Layout, Passage, document
from whisperdiar.formats._writing.word import (
    PARAGRAPH_ORDER,
    SECTION_ORDER,
    insert_in_order,
    load_docx,
    make_element,
    save_docx,
)
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

name = "docx"
suffix = ".docx"
styles_speakers = True
has_templates = True
needs = "words"

_LONGEST_TITLE = 255
_GREY = "666666"
_TURNED = " Right to Left"


def check() -> None:
    """Raises BackendMissing where python-docx is not installed: better before hours of work than after."""
    load_docx(extra="documents")


def dumps(transcript: Transcript, *, options: WriteOptions) -> bytes:
    """The document; `options.template` chooses how the text is set.

    Raises:
        BackendMissing: python-docx is not installed.
    """
    docx = load_docx(extra="documents")
    page, layout = document(transcript, options), LAYOUTS[options.template]
    made = docx.Document()
    properties = made.core_properties
    properties.title = page.title[:_LONGEST_TITLE]
    properties.author, properties.comments = "whisperdiar", ""
    properties.language = page.language or ""
    _set_styles(made, layout, page.language)
    _set_page(made.sections[0], layout)
    last = made.add_paragraph(page.title, style="Title")
    if page.facts:
        last = made.add_paragraph(page.facts, style="Subtitle")
    for passage in page.passages:
        turned = _TURNED if passage.right_to_left else ""
        last = _add_behind(last, SPEAKER + turned)
        _add_speaker(last, passage)
        last = _add_behind(last, PASSAGE + turned)
        if passage.text:
            last.add_run(passage.text)
    return save_docx(made)


def _add_behind(last: Any, style: str) -> Any:
    """A paragraph behind the last one; python-docx looks through all of a document for the place of each."""
    element = make_element("w:p")
    last._p.addnext(element)
    paragraph = type(last)(element, last._parent)
    paragraph.style = style
    return paragraph


def _add_speaker(paragraph: Any, passage: Passage) -> None:
    if passage.speaker:
        font = paragraph.add_run(passage.speaker).font
        font.bold = font.cs_bold = True  # the second is for scripts such as Hebrew and Arabic
        paragraph.add_run("  ")
    paragraph.add_run(passage.time).font.color.rgb = importlib.import_module("docx.shared").RGBColor.from_string(_GREY)


def _set_styles(made: Any, layout: Layout, language: str | None) -> None:
    shared = importlib.import_module("docx.shared")
    points, grey = shared.Pt, shared.RGBColor.from_string(_GREY)
    paragraph_style = importlib.import_module("docx.enum.style").WD_STYLE_TYPE.PARAGRAPH
    if language:
        for known in made.styles.element.xpath("w:docDefaults//w:lang"):
            known.getparent().replace(known, make_element("w:lang", val=language, eastAsia=language, bidi=language))
    normal = made.styles["Normal"]
    _set_font(normal, layout.font, points(layout.size))
    normal.paragraph_format.line_spacing = points(layout.pitch)
    normal.paragraph_format.space_after = points(0)
    title, facts = made.styles["Title"], made.styles["Subtitle"]
    _set_font(title, layout.font, points(18))
    _set_font(facts, layout.font, points(layout.size))
    title.font.bold, title.font.color.rgb, facts.font.color.rgb = True, shared.RGBColor(0, 0, 0), grey
    facts.font.italic = False
    for style, after in ((title, 4), (facts, 12)):
        style.paragraph_format.line_spacing = points(max(layout.pitch, 22) if style is title else layout.pitch)
        style.paragraph_format.space_after = points(after)
        paragraph = style.element.get_or_add_pPr()
        for border in paragraph.xpath("w:pBdr"):
            paragraph.remove(border)
        insert_in_order(paragraph, make_element("w:suppressLineNumbers"), PARAGRAPH_ORDER)
    for turned in ("", _TURNED):
        speaker = made.styles.add_style(SPEAKER + turned, paragraph_style)
        speaker.paragraph_format.keep_with_next = True
        passage = made.styles.add_style(PASSAGE + turned, paragraph_style)
        passage.paragraph_format.space_after = points(layout.after)
        for style in (speaker, passage):
            style.base_style = normal
            if turned:
                style.font.rtl = True
                insert_in_order(style.element.get_or_add_pPr(), make_element("w:bidi"), PARAGRAPH_ORDER)


def _set_font(style: Any, font: str, size: Any) -> None:
    """The font of every script but East Asia's, which the word processor chooses."""
    style.font.name, style.font.size = font, size
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    qn = importlib.import_module("docx.oxml.ns").qn
    for key in [key for key in fonts.attrib if "heme" in key]:
        del fonts.attrib[key]
    fonts.set(qn("w:cs"), font)


def _set_page(section: Any, layout: Layout) -> None:
    points = importlib.import_module("docx.shared").Pt
    section.page_width, section.page_height = (points(length) for length in PAGE)
    section.top_margin, section.right_margin, section.bottom_margin, section.left_margin = map(points, layout.margins)
    section.footer_distance = points(36)
    if layout.numbered:
        numbers = make_element("w:lnNumType", countBy="1", restart="newPage", distance="280")
        insert_in_order(section._sectPr, numbers, SECTION_ORDER)
    footer = section.footer.paragraphs[0]
    footer.style.font.size = points(9)
    footer.alignment = importlib.import_module("docx.enum.text").WD_ALIGN_PARAGRAPH.CENTER
    _add_field(footer, "PAGE")
    footer.add_run(" / ")
    _add_field(footer, "NUMPAGES")


def _add_field(paragraph: Any, field: str) -> None:
    """A number that the word processor counts: of the page, or of all pages."""
    simple = make_element("w:fldSimple", instr=field)
    run = paragraph.add_run("1")
    paragraph._p.append(simple)
    simple.append(run._r)
