"""Minutes as Markdown (CommonMark, with the tables of GitHub); nothing in a text is read as markup."""

from __future__ import annotations

import re

from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.blocks import (
    Block,
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

# An underscore inside a word, and a # inside a line, are no markup.
_SPECIAL = re.compile(r"([\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])|(?<!\S)#)")
_LEADING = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))")


_LINE = "\\_" * 30
"""To sign on."""


def render(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> str:
    """The whole document, with a line end at its end."""
    blocks = [block for block in document(minutes, template, style).blocks if not isinstance(block, Picture)]
    lines: list[str] = []
    for before, block in zip((None, *blocks), blocks, strict=False):
        if lines and not (isinstance(before, Entry) and isinstance(block, Entry)):
            lines.append("")
        lines += _format_block(block)
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    text = _SPECIAL.sub(r"\\\1", text)
    return _LEADING.sub(lambda found: f"{found[1]}{_escape_number(found[2])}", text)


def _escape_number(mark: str) -> str:
    """A number at the beginning of a line is a list where a dot follows: the dot gets the backslash."""
    return mark + "\\" if mark.isdigit() else "\\" + mark


def _format_block(block: Block) -> list[str]:
    if isinstance(block, Heading):
        aside = f" ({_link(block.aside, block.link)})" if block.aside else ""
        return [f"{'#' * block.level} {escape_markdown(block.text)}{aside}"]
    if isinstance(block, Paragraph):
        return [f"*{escape_markdown(block.text)}*" if block.quiet else escape_markdown(block.text)]
    if isinstance(block, Table):
        return _format_table(block)
    if isinstance(block, Tasks):
        return _format_tasks(block)
    if isinstance(block, Listing):
        marks = [f"{k}." if block.numbered else "-" for k in range(1, len(block.lines) + 1)]
        return [f"{mark} {escape_markdown(line)}" for mark, line in zip(marks, block.lines, strict=True)]
    if isinstance(block, Signatures):
        return "\n\n".join(f"{escape_markdown(label)}: {_LINE}" for label in block.labels).split("\n")
    return _format_entry(block) if isinstance(block, Entry) else []


def _format_tasks(block: Tasks) -> list[str]:
    """A table with a box in each row; below it the evidence, by the numbers of the rows."""
    rows = [_format_row(["", *map(escape_markdown, block.header), ""]), _format_row(["---"] * 5)]
    for task in block.rows:
        cells = [escape_markdown(text) for text in (task.text, task.owner, task.due)]
        times = ", ".join(f"[{_link(item.time, item.link)}]" for item in task.quotes)
        rows.append(_format_row([f"☐ {task.number}", *cells, times]))
    if not block.show_quotes:
        return rows
    quotes = [f"- {task.number}: {_format_quote(item)}" for task in block.rows for item in task.quotes]
    return [*rows, "", *quotes]


def _format_table(block: Table) -> list[str]:
    rule = ["---:" if k in block.numeric else "---" for k in range(len(block.header))]
    return [_format_row([escape_markdown(cell) for cell in block.header]), _format_row(rule)] + [
        _format_row([escape_markdown(cell) for cell in row]) for row in block.rows
    ]


def _format_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _format_entry(block: Entry) -> list[str]:
    lead = f"**{escape_markdown(block.lead)}:** " if block.lead else ""
    times = "" if block.show_quotes else " " + ", ".join(f"[{_link(item.time, item.link)}]" for item in block.quotes)
    made = [f"- {lead}{escape_markdown(block.text)}{times}"]
    return made + [f"  - {_format_quote(item)}" for item in block.quotes] if block.show_quotes else made


def _format_quote(item: Quote) -> str:
    speaker = f" {escape_markdown(item.speaker)}:" if item.speaker else ""
    return f"[{_link(item.time, item.link)}]{speaker} {escape_markdown(item.text)}"


def _link(text: str, link: str | None) -> str:
    return text if link is None else f"[{text}](<{link}>)"
