"""A transcript as PDF, through fpdf2 (extra ``documents``).

The fonts that have its characters are embedded in part, so that it looks the same everywhere: Noto Sans of the extra
for Latin, Greek, Cyrillic and Devanagari letters, and fonts of the machine for others. HarfBuzz shapes scripts whose
letters join or stack. A character that no font has becomes U+FFFD, and `remarks` names it.
"""

from __future__ import annotations

from whisperdiar.formats._writing.document import LAYOUTS, Document, Passage, document
from whisperdiar.formats._writing.paper import GREY, Typesetter, check_pdf, keep_quiet, list_missing, new_writer
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

name = "pdf"
suffix = ".pdf"
styles_speakers = True
has_templates = True
needs = "words"


def check() -> None:
    """Raises BackendMissing where a package is not installed or there is no font: better before hours than after."""
    check_pdf()


def remarks(transcript: Transcript, *, options: WriteOptions) -> tuple[str, ...]:
    """Says which characters no installed font has."""
    return list_missing(_texts(document(transcript, options)))


def dumps(transcript: Transcript, *, options: WriteOptions) -> bytes:
    """The document; `options.template` chooses how the text is set.

    Raises:
        BackendMissing: fpdf2 is not installed, or there is no font.
    """
    check()
    page, layout = document(transcript, options), LAYOUTS[options.template]
    with keep_quiet():
        made = new_writer(layout)
        _Setter(made, layout, _texts(page)).add(page)
        return bytes(made.output())


def _texts(page: Document) -> list[str]:
    return [page.title, page.facts, *(text for passage in page.passages for text in (passage.speaker, passage.text))]


class _Setter(Typesetter):
    """Sets the passages of one document, line by line."""

    def add(self, page: Document) -> None:
        """All of the document."""
        made, layout = self.made, self.layout
        made.set_title(self.shown(page.title))
        if page.language:
            made.set_lang(page.language)
        made.add_page()
        self.block(page.title, size=18, pitch=max(layout.pitch, 24), bold=True)
        if page.facts:
            self.block(page.facts, size=layout.size, pitch=layout.pitch, ink=GREY)
        if not layout.numbered:
            made.set_y(made.y + 12)
        elif made.page_no() == 1:  # a line further down, on the grid of the lines that are counted
            rest = (made.y - layout.margins[0]) % layout.pitch
            made.set_y(made.y + (layout.pitch - rest if rest > 0.01 else 0))
        made.first_line = made.y
        for passage in page.passages:
            self._passage(passage)

    def _passage(self, passage: Passage) -> None:
        made, layout = self.made, self.layout
        if made.will_page_break(2 * layout.pitch):  # nobody's name stands alone at the end of a page
            made.add_page()
        right = passage.right_to_left
        if passage.speaker:
            self.block(passage.speaker, size=layout.size, pitch=layout.pitch, bold=True, right=right)
            self._time(passage)
        else:
            self.block(passage.time, size=layout.size, pitch=layout.pitch, ink=GREY, right=right)
        self.block(passage.text, size=layout.size, pitch=layout.pitch, right=right)
        made.set_y(made.y + layout.after)

    def _time(self, passage: Passage) -> None:
        """The time, on the last line of the name, at the other side of the page."""
        made, layout = self.made, self.layout
        made.set_xy(made.l_margin, made.y - layout.pitch)
        made.set_text_color(GREY)
        align = "L" if passage.right_to_left else "R"
        made.cell(made.epw, layout.pitch, passage.time, align=align, new_x="LMARGIN", new_y="NEXT")
