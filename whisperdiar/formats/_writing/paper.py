"""fpdf2, which writes PDF: imported at the first use; the page, what is drawn on each one, and paragraphs."""

from __future__ import annotations

import importlib
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from whisperdiar.errors import BackendBroken, BackendMissing, describe_error
from whisperdiar.formats._writing.document import PAGE, Layout
from whisperdiar.text.fonts import characters, choose_fonts, is_drawn
from whisperdiar.text.messages import _

PDF_REMEDY = 'pip install "whisperdiar[documents]"'
INK, GREY = 0, 102
"""Of texts, and of what stands beside them: 0 black, 255 white."""
FONT = "text"
"""The name of the first font with ``0`` behind it, of the next one with ``1`` and so on."""

_BOLD = 0.035
"""Width of the stroke around bold letters, per size of the font: the family need not have a bold face."""
_PLAIN_LETTERS = re.compile(
    "[\x00-\u02ff\u0370-\u0482\u048a-\u058f\u1e00-\u200a\u2010-\u2027\u202f-\u2e7f\u3000-\ua4cf\uac00-\ud7a3"
    "\uf900-\ufaff\uff00-\uffef\ufffd]*"
)
"""Text in scripts whose letters stand side by side as they are."""
_LISTED = 8

# PDF wants a date. A writer has no clock, so that one transcript always gives one file.
_DATE = datetime(1980, 1, 1, tzinfo=timezone.utc)


def load_fpdf() -> Any:
    """The package ``fpdf``, with fontTools and HarfBuzz beside it.

    Raises:
        BackendMissing: one of them is not installed.
        BackendBroken: one is, and cannot be imported.
    """
    try:
        importlib.import_module("fontTools.ttLib")
        importlib.import_module("uharfbuzz")
        return importlib.import_module("fpdf")
    except ModuleNotFoundError as error:
        if error.name not in ("fpdf", "uharfbuzz", "fontTools"):
            raise BackendBroken(
                _("fpdf2 is installed and cannot be used: {error}").format(error=describe_error(error))
            ) from error
        lacking = "fpdf2" if error.name == "fpdf" else error.name
        message = _("PDF needs {lacking}, which is not installed; run: {remedy}").format(
            lacking=lacking, remedy=PDF_REMEDY
        )
        raise BackendMissing(message, remedy=PDF_REMEDY) from error
    except ImportError as error:
        raise BackendBroken(
            _("fpdf2 is installed and cannot be used: {error}").format(error=describe_error(error))
        ) from error


@contextmanager
def keep_quiet() -> Iterator[None]:
    """Keep the libraries from telling of every glyph that a font lacks: the format says it once."""
    found = [logging.getLogger(logger) for logger in ("fpdf", "fontTools")]
    before = [logger.level for logger in found]
    try:
        for logger in found:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(found, before, strict=True):
            logger.setLevel(level)


def new_writer(layout: Layout) -> Any:
    """An empty document that draws the numbers of lines and pages on every page that is full."""
    fpdf: Any = load_fpdf()

    class Writer(fpdf.FPDF):  # type: ignore[misc]
        """Draws what stands on every page."""

        first_line = layout.margins[0]
        """Where the lines that are numbered begin on this page, in points from its top."""

        def header(self) -> None:
            self.first_line = layout.margins[0]

        def footer(self) -> None:
            size = self.font_size_pt
            self.set_font(f"{FONT}0", size=9)
            self.set_text_color(GREY)
            with self.local_context():
                if layout.numbered:
                    count = round((self.y - self.first_line) / layout.pitch)
                    for number in range(1, count + 1):
                        baseline = self.first_line + (number - 0.5) * layout.pitch + 0.35 * 9
                        shown = str(number)
                        self.text(layout.margins[3] - 18 - self.get_string_width(shown), baseline, shown)
                shown = str(self.page_no())
                self.text((self.w - self.get_string_width(shown)) / 2, PAGE[1] - 36, shown)
            self.set_font(f"{FONT}0", size=size)

    made = Writer(unit="pt", format=PAGE)
    made.alias_nb_pages(None)  # else a text with {nb} would be changed
    top, right, bottom, left = layout.margins
    made.set_margins(left, top, right)
    # Half a point of room: the lines of a page fill it to its last digit.
    made.set_auto_page_break(True, margin=bottom - 0.5)
    made.c_margin = 0
    made.creation_date = _DATE
    made.set_producer("whisperdiar")
    return made


def check_pdf() -> None:
    """Raises BackendMissing where a package is not installed or there is no font."""
    load_fpdf()
    if not choose_fonts(())[0]:
        raise BackendMissing(
            _("PDF needs a font, and none is installed; run: {remedy}").format(remedy=PDF_REMEDY), remedy=PDF_REMEDY
        )


def list_missing(texts: Iterable[str]) -> tuple[str, ...]:
    """A remark on the characters that no installed font has."""
    missing = choose_fonts(texts)[1]
    if not missing:
        return ()
    shown = " ".join(f"{character} (U+{ord(character):04X})" for character in missing[:_LISTED])
    more = _(" and {number} more").format(number=len(missing) - _LISTED) if len(missing) > _LISTED else ""
    return (_("no installed font has {shown}{more}; install a font, such as Noto").format(shown=shown, more=more),)


class Typesetter:
    """Sets paragraphs of one document in fonts that have its characters."""

    def __init__(self, made: Any, layout: Layout, texts: Iterable[str]) -> None:
        self.made, self.layout = made, layout
        fonts, _ = choose_fonts(texts)
        for number, font in enumerate(fonts):
            made.add_font(f"{FONT}{number}", "", font.path, collection_font_number=font.number)
        made.set_fallback_fonts([f"{FONT}{number}" for number in range(1, len(fonts))], exact_match=False)
        self._known = frozenset().union(*(characters(font) for font in fonts))

    def block(
        self,
        text: str,
        *,
        size: float,
        pitch: float,
        bold: bool = False,
        ink: int = INK,
        right: bool = False,
        width: float | None = None,
    ) -> None:
        """A paragraph from here on, over pages where it must; `width` in points, that of the page if left out."""
        made = self.made
        shown = self.shown(text)
        self.set_letters(shown, size=size, ink=ink)
        with made.local_context():
            if bold:
                made.text_mode = "FILL_STROKE"
                made.set_draw_color(ink)
                made.set_line_width(size * _BOLD)
                made.set_char_spacing(size * _BOLD)  # as wide as the stroke makes a letter
            made.multi_cell(width or made.epw, pitch, shown, align="R" if right else "L", new_x="LMARGIN", new_y="NEXT")
        made.set_text_shaping(False)

    def set_letters(self, shown: str, *, size: float, ink: int | tuple[int, int, int]) -> None:
        """The font for a text, its size and colour, and whether its letters join."""
        self.made.set_font(f"{FONT}0", size=size)
        self.made.set_text_color(*(ink if isinstance(ink, tuple) else (ink,)))
        self.made.set_text_shaping(_PLAIN_LETTERS.fullmatch(shown) is None)

    def count_lines(self, text: str, *, size: float, width: float) -> int:
        """How many lines a paragraph of this width has."""
        shown = self.shown(text)
        self.set_letters(shown, size=size, ink=INK)
        lines = self.made.multi_cell(width, size, shown, align="L", dry_run=True, output="LINES")
        self.made.set_text_shaping(False)
        return max(1, len(lines))

    def shown(self, text: str) -> str:
        """The text in characters that the fonts have: spaces of any width, and U+FFFD for what no font has."""
        return "".join(map(self._character, text))

    def _character(self, character: str) -> str:
        if ord(character) in self._known:
            return character
        if not is_drawn(character):
            return " " if unicodedata.category(character) == "Zs" else ""
        return "\ufffd" if 0xFFFD in self._known else "?"
