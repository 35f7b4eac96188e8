"""Minutes as Markdown (CommonMark, with the tables of GitHub); nothing in a text is read as markup."""

from __future__ import annotations

import re

from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.layout import Entry, Heading, Paragraph, Picture, Quote, Table, document
from whisperdiar.minutes.template import Template

# An underscore inside a word, and a # inside a line, are no markup.
_SPECIAL = re.compile(r"([\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])|(?<!\S)#)")
_LEADING = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))")


def render(minutes: Minutes, template: Template) -> str:
    """The whole document, with a line end at its end."""
    blocks = [block for block in document(minutes, template).blocks if not isinstance(block, Picture)]
    lines: list[str] = []
    for before, block in zip((None, *blocks), blocks, strict=False):
        if lines and not (isinstance(before, Entry) and isinstance(block, Entry)):
            lines.append("")
        lines += _lines(block)
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    text = _SPECIAL.sub(r"\\\1", text)
    return _LEADING.sub(lambda found: f"{found[1]}{_shielded(found[2])}", text)


def _shielded(mark: str) -> str:
    """A number at the beginning of a line is a list where a dot follows: the dot gets the backslash."""
    return mark + "\\" if mark.isdigit() else "\\" + mark


def _lines(block: Heading | Paragraph | Table | Entry) -> list[str]:
    if isinstance(block, Heading):
        aside = f" ({_linked(block.aside, block.link)})" if block.aside else ""
        return [f"{'#' * block.level} {escaped(block.text)}{aside}"]
    if isinstance(block, Paragraph):
        return [f"*{escaped(block.text)}*" if block.quiet else escaped(block.text)]
    if isinstance(block, Table):
        return _table(block)
    return _entry(block)


def _table(block: Table) -> list[str]:
    rule = ["---:" if k in block.numeric else "---" for k in range(len(block.header))]
    return [_row([escaped(cell) for cell in block.header]), _row(rule)] + [
        _row([escaped(cell) for cell in row]) for row in block.rows
    ]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _entry(block: Entry) -> list[str]:
    lead = f"**{escaped(block.lead)}:** " if block.lead else ""
    remarks = "".join(f" *({escaped(remark)})*" for remark in block.remarks)
    times = "" if block.show_quotes else " " + ", ".join(f"[{_linked(item.time, item.link)}]" for item in block.quotes)
    made = [f"- {lead}{escaped(block.text)}{remarks}{times}"]
    return made + [f"  - {_quote(item)}" for item in block.quotes] if block.show_quotes else made


def _quote(item: Quote) -> str:
    speaker = f" {escaped(item.speaker)}:" if item.speaker else ""
    return f"[{_linked(item.time, item.link)}]{speaker} {escaped(item.text)}"


def _linked(text: str, link: str | None) -> str:
    return text if link is None else f"[{text}](<{link}>)"
