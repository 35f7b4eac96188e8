"""fpdf2, which writes PDF: imported at the first use; the page, and what is drawn on each one."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from whisperdiar.errors import BackendBroken, BackendMissing
from whisperdiar.formats._writing.document import PAGE, Layout
from whisperdiar.text.messages import _

PDF_REMEDY = 'pip install "whisperdiar[documents]"'
INK, GREY = 0, 102
"""Of texts, and of what stands beside them: 0 black, 255 white."""
FONT = "text"
"""The name of the first font with ``0`` behind it, of the next one with ``1`` and so on."""

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
            raise BackendBroken(_("fpdf2 is installed and cannot be used: {error}").format(error=error)) from error
        lacking = "fpdf2" if error.name == "fpdf" else error.name
        message = _("PDF needs {lacking}, which is not installed; run: {remedy}").format(
            lacking=lacking, remedy=PDF_REMEDY
        )
        raise BackendMissing(message, remedy=PDF_REMEDY) from error
    except ImportError as error:
        raise BackendBroken(_("fpdf2 is installed and cannot be used: {error}").format(error=error)) from error


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
