"""Minutes as PDF, through fpdf2 (extra ``documents``), in the fonts and on the page of transcripts."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from whisperdiar.errors import BackendMissing, OutputError
from whisperdiar.formats._text import one_line
from whisperdiar.formats._writing.document import LAYOUTS, is_right_to_left
from whisperdiar.formats._writing.paper import GREY, INK, Typesetter, check_pdf, keep_quiet, list_missing, new_writer
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.blocks import (
    Block,
    Document,
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

_SIZES = {1: (18.0, 24.0), 2: (13.5, 19.0), 3: (11.5, 16.0)}
"""Level of a heading → size of the letters and pitch of the lines, in points."""
_SMALL, _SMALL_PITCH = 9.0, 12.5
_GAP = 6.0
_INDENT = 14.0
_TASK_COLUMNS = (0.09, 0.51, 0.18, 0.22)
"""Shares of the width of the page."""
_SIGNED = 220.0
_LINK = (11, 92, 173)
_RULE = 200


def check() -> None:
    """Raises BackendMissing where a package is not installed or there is no font: better before hours than after."""
    check_pdf()


def render(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> bytes:
    """The document as a file's bytes.

    Raises:
        BackendMissing: fpdf2 is not installed, or there is no font.
    """
    check_pdf()
    page, layout = document(minutes, template, style), LAYOUTS["plain"]
    with keep_quiet():
        made = new_writer(layout)
        _Setter(made, layout, _all_texts(page)).add(page)
        return bytes(made.output())


def remarks(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> tuple[str, ...]:
    """Says which characters no installed font has."""
    return list_missing(_all_texts(document(minutes, template, style)))


def _all_texts(page: Document) -> list[str]:
    return [text for block in page.blocks for text in _texts(block)]


def _texts(block: Block) -> list[str]:
    """All that a block shows, for the choice of fonts."""
    if isinstance(block, Heading):
        return [block.text, block.aside]
    if isinstance(block, Paragraph):
        return [block.text]
    if isinstance(block, Table):
        return [text for row in (block.header, *block.rows) for text in row]
    if isinstance(block, Tasks):
        cells = [text for task in block.rows for text in (task.text, task.owner, task.due, *_quoted(task.quotes))]
        return ["☐", *block.header, *cells]
    if isinstance(block, Entry):
        return ["•", block.lead, block.text, *_quoted(block.quotes)]
    if isinstance(block, Listing):
        return ["•", *block.lines]
    return list(block.labels) if isinstance(block, Signatures) else []


def _quoted(quotes: Sequence[Quote]) -> list[str]:
    return [text for item in quotes for text in (item.speaker, item.text)]


class _Setter(Typesetter):
    """Sets the blocks of one document."""

    def add(self, page: Document) -> None:
        """All of the document."""
        self.made.set_title(self.shown(one_line(page.title)))
        self.made.set_lang(page.language)
        self.made.add_page()
        for block, following in zip(page.blocks, (*page.blocks[1:], None), strict=True):
            if isinstance(following, Signatures):  # nobody signs a page that holds nothing but a line
                self._break_before((3 * len(following.labels) + 3) * self.layout.pitch)
            self._block(block)

    def _block(self, block: Block) -> None:
        made, layout = self.made, self.layout
        if isinstance(block, Heading):
            self._heading(block)
        elif isinstance(block, Paragraph):
            self._text(block.text, ink=GREY if block.quiet else INK)
            made.set_y(made.y + _GAP)
        elif isinstance(block, Table):
            width = made.epw / (len(block.header) + 1)
            widths = [2 * width, *[width] * (len(block.header) - 1)]
            self._header(block.header, widths)
            for row in block.rows:
                self._row([self._cell(text, w) for text, w in zip(row, widths, strict=True)], widths)
        elif isinstance(block, Tasks):
            self._tasks(block)
        elif isinstance(block, Entry):
            self._hang("•", f"{block.lead}: {block.text}" if block.lead else block.text)
            self._quotes(block.quotes, made.l_margin + _INDENT, made.epw - _INDENT, full=block.show_quotes)
            made.set_y(made.y + _GAP)
        elif isinstance(block, Listing):
            for number, line in enumerate(block.lines, start=1):
                self._hang(f"{number}." if block.numbered else "•", line)
            made.set_y(made.y + _GAP)
        elif isinstance(block, Signatures):
            for label in block.labels:
                made.set_y(made.y + 2 * layout.pitch)
                made.set_draw_color(INK)
                made.set_line_width(0.6)
                made.line(made.l_margin, made.y, made.l_margin + _SIGNED, made.y)
                self.block(label, size=_SMALL, pitch=_SMALL_PITCH, ink=GREY)
        else:
            self._picture(block)

    def _break_before(self, height: float) -> None:
        if self.made.will_page_break(height):
            self.made.add_page()

    def _text(self, text: str, *, ink: int = INK, width: float | None = None) -> None:
        right = is_right_to_left(text)
        self.block(text, size=self.layout.size, pitch=self.layout.pitch, ink=ink, right=right, width=width)

    def _heading(self, block: Heading) -> None:
        size, pitch = _SIZES[block.level]
        if block.level > 1:
            self._break_before(4 * pitch)
            self.made.set_y(self.made.y + 2 * _GAP)
        self.block(block.text, size=size, pitch=pitch, bold=True, right=is_right_to_left(block.text))
        if block.aside:
            self._time(block.aside, block.link, self.made.l_margin)
            self.made.ln(_SMALL_PITCH)
        self.made.set_y(self.made.y + _GAP / 2)

    def _hang(self, mark: str, text: str) -> None:
        """A paragraph whose mark stands in the margin of its lines."""
        made = self.made
        self._break_before(self.layout.pitch)
        self.block(mark, size=self.layout.size, pitch=self.layout.pitch, width=_INDENT)
        made.set_xy(made.l_margin + _INDENT, made.y - self.layout.pitch)
        self._at(made.l_margin + _INDENT, lambda: self._text(text))

    def _at(self, left: float, draw: Callable[[], None]) -> None:
        """Draws with another left margin, which is what lines begin at on a new page, too."""
        made = self.made
        before = made.l_margin
        made.set_left_margin(left)
        made.set_x(left)
        draw()
        made.set_left_margin(before)
        made.set_x(before)

    def _time(self, text: str, link: str | None, left: float) -> float:
        """A time as a link; where it ends."""
        made = self.made
        self.set_letters(text, size=_SMALL, ink=_LINK if link else GREY)
        width = made.get_string_width(text)
        made.set_xy(left, made.y)
        made.cell(width, _SMALL_PITCH, text, link=link or "")
        return float(left + width)

    def _quotes(self, quotes: Sequence[Quote], left: float, width: float, *, full: bool) -> None:
        """The evidence below an item: its times in a line, or each quote in a paragraph of its own."""
        made = self.made
        if not full:
            self._break_before(_SMALL_PITCH)
            place = left
            for item in quotes:
                if place > left and place + 40 > left + width:
                    made.ln(_SMALL_PITCH)
                    place = left
                place = self._time(item.time, item.link, place) + 8
            made.ln(_SMALL_PITCH)
            return
        for item in quotes:
            self._break_before(_SMALL_PITCH)
            start = self._time(item.time, item.link, left) + 6
            said = f"{item.speaker}: {item.text}" if item.speaker else item.text
            rest = left + width - start

            def draw(said: str = said, rest: float = rest) -> None:
                right = is_right_to_left(said)
                self.block(said, size=_SMALL, pitch=_SMALL_PITCH, ink=GREY, right=right, width=rest)

            self._at(start, draw)

    def _cell(self, text: str, width: float) -> tuple[float, Callable[[], None]]:
        """How high a cell becomes, and what draws it."""
        height = self.count_lines(text, size=self.layout.size, width=width - _GAP) * self.layout.pitch
        return height, lambda: self._text(text, width=width - _GAP)

    def _header(self, texts: Sequence[str], widths: Sequence[float]) -> None:
        """The row of what columns are called: in small letters, as the words are long and the columns are not."""

        def cell(text: str, width: float) -> tuple[float, Callable[[], None]]:
            height = self.count_lines(text, size=_SMALL, width=width) * _SMALL_PITCH
            right = is_right_to_left(text)
            return height, lambda: self.block(text, size=_SMALL, pitch=_SMALL_PITCH, ink=GREY, right=right, width=width)

        self._row([cell(text, width) for text, width in zip(texts, widths, strict=True)], widths)

    def _row(self, cells: Sequence[tuple[float, Callable[[], None]]], widths: Sequence[float]) -> None:
        """Cells side by side above a rule, on one page where one can hold them."""
        made = self.made
        height = max(height for height, _ in cells) + _GAP
        self._break_before(min(height, made.eph - 1))
        top, first, left, low = made.y, made.page_no(), made.l_margin, made.y
        for (_, draw), width in zip(cells, widths, strict=True):
            if made.page_no() != first:  # a cell that is longer than a page: the next ones go on below it
                top, first = made.y, made.page_no()
            made.set_y(top)
            self._at(left, draw)
            low = made.y if made.page_no() != first else max(low, made.y)
            left += width
        made.set_y(low + _GAP / 2)
        made.set_draw_color(_RULE)
        made.set_line_width(0.5)
        made.line(made.l_margin, made.y, made.l_margin + made.epw, made.y)
        made.set_y(made.y + _GAP / 2)

    def _tasks(self, block: Tasks) -> None:
        widths = [share * self.made.epw for share in _TASK_COLUMNS]
        self._header(("", *block.header), widths)
        for task in block.rows:
            high, draw_text = self._cell(task.text, widths[1])
            inner = widths[1] - _GAP
            quoted = [f"00:00:00 {item.speaker}: {item.text}" for item in task.quotes] if block.show_quotes else [""]
            small = sum(self.count_lines(text, size=_SMALL, width=inner) for text in quoted)

            def draw(task: Any = task, draw_text: Callable[[], None] = draw_text, inner: float = inner) -> None:
                draw_text()
                self._quotes(task.quotes, self.made.l_margin, inner, full=block.show_quotes)

            self._row(
                [
                    self._cell(f"☐ {task.number}", widths[0]),
                    (high + small * _SMALL_PITCH, draw),
                    self._cell(task.owner, widths[2]),
                    self._cell(task.due, widths[3]),
                ],
                widths,
            )

    def _picture(self, block: Picture) -> None:
        """Drawn where the extra ``plot`` is installed and the machine has a font; left out where not."""
        try:
            drawn = picture_png(block.svg)
        except (BackendMissing, OutputError):
            return
        self.made.set_y(self.made.y + _GAP)
        self.made.image(io.BytesIO(drawn), w=self.made.epw)
        self.made.set_y(self.made.y + _GAP)
