"""A transcript as PDF, through fpdf2 (extra ``documents``).

The fonts that have its characters are embedded in part, so that it looks the same everywhere: Noto Sans of the extra
for Latin, Greek, Cyrillic and Devanagari letters, and fonts of the machine for others. HarfBuzz shapes scripts whose
letters join or stack. A character that no font has becomes U+FFFD, and `remarks` names it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from whisperdiar.errors import BackendMissing
from whisperdiar.formats._writing.document import LAYOUTS, Document, Layout, Passage, document
from whisperdiar.formats._writing.paper import FONT, GREY, INK, PDF_REMEDY, keep_quiet, load_fpdf, new_writer
from whisperdiar.options import WriteOptions
from whisperdiar.text.fonts import characters, choose_fonts, is_drawn
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "pdf"
suffix = ".pdf"
styles_speakers = True
has_templates = True
needs = "words"

_BOLD = 0.035
"""Width of the stroke around bold letters, per size of the font: the family need not have a bold face."""
_PLAIN_LETTERS = re.compile(
    "[\x00-\u02ff\u0370-\u0482\u048a-\u058f\u1e00-\u200a\u2010-\u2027\u202f-\u2e7f\u3000-\ua4cf\uac00-\ud7a3"
    "\uf900-\ufaff\uff00-\uffef\ufffd]*"
)
"""Text in scripts whose letters stand side by side as they are."""
_LISTED = 8


def check() -> None:
    """Raises BackendMissing where a package is not installed or there is no font: better before hours than after."""
    load_fpdf()
    if not choose_fonts(())[0]:
        raise BackendMissing(
            _("PDF needs a font, and none is installed; run: {remedy}").format(remedy=PDF_REMEDY),
            remedy=PDF_REMEDY,
        )


def remarks(transcript: Transcript, *, options: WriteOptions) -> tuple[str, ...]:
    """Says which characters no installed font has."""
    missing = choose_fonts(_texts(document(transcript, options)))[1]
    if not missing:
        return ()
    shown = " ".join(f"{character} (U+{ord(character):04X})" for character in missing[:_LISTED])
    more = _(" and {number} more").format(number=len(missing) - _LISTED) if len(missing) > _LISTED else ""
    return (_("no installed font has {shown}{more}; install a font, such as Noto").format(shown=shown, more=more),)


def dumps(transcript: Transcript, *, options: WriteOptions) -> bytes:
    """The document; `options.template` chooses how the text is set.

    Raises:
        BackendMissing: fpdf2 is not installed, or there is no font.
    """
    check()
    page, layout = document(transcript, options), LAYOUTS[options.template]
    with keep_quiet():
        made = new_writer(layout)
        _Setter(made, layout, page).add(page)
        return bytes(made.output())


def _texts(page: Document) -> list[str]:
    return [page.title, page.facts, *(text for passage in page.passages for text in (passage.speaker, passage.text))]


class _Setter:
    """Sets the passages of one document, line by line."""

    def __init__(self, made: Any, layout: Layout, page: Document) -> None:
        self._made, self._layout = made, layout
        fonts, _ = choose_fonts(_texts(page))
        for number, font in enumerate(fonts):
            made.add_font(f"{FONT}{number}", "", font.path, collection_font_number=font.number)
        made.set_fallback_fonts([f"{FONT}{number}" for number in range(1, len(fonts))], exact_match=False)
        self._known = frozenset().union(*(characters(font) for font in fonts))

    def add(self, page: Document) -> None:
        """All of the document."""
        made, layout = self._made, self._layout
        made.set_title(self._shown(page.title))
        if page.language:
            made.set_lang(page.language)
        made.add_page()
        self._block(page.title, size=18, pitch=max(layout.pitch, 24), bold=True)
        if page.facts:
            self._block(page.facts, size=layout.size, pitch=layout.pitch, ink=GREY)
        if not layout.numbered:
            made.set_y(made.y + 12)
        elif made.page_no() == 1:  # a line further down, on the grid of the lines that are counted
            rest = (made.y - layout.margins[0]) % layout.pitch
            made.set_y(made.y + (layout.pitch - rest if rest > 0.01 else 0))
        made.first_line = made.y
        for passage in page.passages:
            self._passage(passage)

    def _passage(self, passage: Passage) -> None:
        made, layout = self._made, self._layout
        if made.will_page_break(2 * layout.pitch):  # nobody's name stands alone at the end of a page
            made.add_page()
        right = passage.right_to_left
        if passage.speaker:
            self._block(passage.speaker, size=layout.size, pitch=layout.pitch, bold=True, right=right)
            self._time(passage)
        else:
            self._block(passage.time, size=layout.size, pitch=layout.pitch, ink=GREY, right=right)
        self._block(passage.text, size=layout.size, pitch=layout.pitch, right=right)
        made.set_y(made.y + layout.after)

    def _time(self, passage: Passage) -> None:
        """The time, on the last line of the name, at the other side of the page."""
        made, layout = self._made, self._layout
        made.set_xy(made.l_margin, made.y - layout.pitch)
        made.set_text_color(GREY)
        align = "L" if passage.right_to_left else "R"
        made.cell(made.epw, layout.pitch, passage.time, align=align, new_x="LMARGIN", new_y="NEXT")

    def _block(
        self, text: str, *, size: float, pitch: float, bold: bool = False, ink: int = INK, right: bool = False
    ) -> None:
        """A paragraph, over pages where it must."""
        made = self._made
        shown = self._shown(text)
        made.set_font(f"{FONT}0", size=size)
        made.set_text_color(ink)
        made.set_text_shaping(_PLAIN_LETTERS.fullmatch(shown) is None)
        with made.local_context():
            if bold:
                made.text_mode = "FILL_STROKE"
                made.set_draw_color(ink)
                made.set_line_width(size * _BOLD)
                made.set_char_spacing(size * _BOLD)  # as wide as the stroke makes a letter
            made.multi_cell(made.epw, pitch, shown, align="R" if right else "L", new_x="LMARGIN", new_y="NEXT")
        made.set_text_shaping(False)

    def _shown(self, text: str) -> str:
        """The text in characters that the fonts have: spaces of any width, and U+FFFD for what no font has."""
        return "".join(map(self._character, text))

    def _character(self, character: str) -> str:
        if ord(character) in self._known:
            return character
        if not is_drawn(character):
            return " " if unicodedata.category(character) == "Zs" else ""
        return "\ufffd" if 0xFFFD in self._known else "?"
