"""Minutes as one HTML file: no script, no request to anywhere, light and dark, printable; every text is escaped."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from html import escape
from itertools import groupby

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
    Task,
    Tasks,
)
from whisperdiar.minutes.render.layout import document
from whisperdiar.minutes.template import Template
from whisperdiar.options.command_line import MINUTES_STYLE


def render(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> str:
    """The whole page."""
    page = document(minutes, template, style)
    look = importlib.resources.files("whisperdiar.minutes.render").joinpath("minutes.css").read_text("utf-8")
    body: list[str] = []
    for entries, group in groupby(page.blocks, key=lambda block: isinstance(block, Entry)):
        made = [_format_block(block, template) for block in group]
        body += ["<ul>", *made, "</ul>"] if entries else made
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{escape(page.language)}">',
            "<head>",
            '<meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            "base-uri 'none'; form-action 'none'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(page.title)}</title>",
            f"<style>\n{look}</style>",
            "</head>",
            f'<body lang="{escape(minutes.language or page.language)}">',
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _format_block(block: Block, template: Template) -> str:
    if isinstance(block, Heading):
        aside = f' <small class="time">{_link(block.aside, block.link, template)}</small>' if block.aside else ""
        return f"<h{block.level}>{escape(block.text)}{aside}</h{block.level}>"
    if isinstance(block, Paragraph):
        kind = ' class="quiet"' if block.quiet else ""
        return f"<p{kind}>{escape(block.text)}</p>"
    if isinstance(block, Picture):  # whoever draws it has escaped its texts
        return f'<figure role="img" aria-label="{escape(block.label)}">\n{block.svg}\n</figure>'
    if isinstance(block, Table):
        return _format_table(block)
    if isinstance(block, Tasks):
        return _format_tasks(block, template)
    if isinstance(block, Listing):
        tag = "ol" if block.numbered else "ul"
        return f"<{tag}>{''.join(f'<li>{escape(line)}</li>' for line in block.lines)}</{tag}>"
    if isinstance(block, Signatures):
        return "\n".join(f'<p class="sign"><span>{escape(label)}</span></p>' for label in block.labels)
    return _format_entry(block, template)


def _format_table(block: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        made = []
        for k, cell in enumerate(cells):
            scope = ' scope="col"' if tag == "th" else ""
            number = ' class="number"' if k in block.numeric else ""
            made.append(f"<{tag}{scope}{number}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(made)}</tr>"

    head = row(block.header, "th")
    body = "\n".join(row(cells, "td") for cells in block.rows)
    return f'<div class="wide"><table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _format_tasks(block: Tasks, template: Template) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in ("", *block.header))
    body = "\n".join(_format_task(task, block, template) for task in block.rows)
    return f'<table class="tasks">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def _format_task(task: Task, block: Tasks, template: Template) -> str:
    """A row; on a phone, where it is a card, each cell tells what its column is called."""
    text = escape(task.text)
    box = f'<label><input type="checkbox" aria-label="{text}"> {escape(task.number)}</label>'
    what = f"{text}{_format_evidence(task.quotes, template, show=block.show_quotes, folded=task.repeats)}"
    cells = [
        f'<td data-column="{escape(column)}">{escape(cell)}</td>' if cell else "<td></td>"
        for column, cell in zip(block.header[1:], (task.owner, task.due), strict=True)
    ]
    return f"<tr><td>{box}</td><td>{what}</td>{''.join(cells)}</tr>"


def _format_entry(block: Entry, template: Template) -> str:
    lead = f"<strong>{escape(block.lead)}:</strong> " if block.lead else ""
    evidence = _format_evidence(block.quotes, template, show=block.show_quotes, folded=block.repeats)
    return f"<li>{lead}{escape(block.text)}{evidence}</li>"


def _format_evidence(quotes: Sequence[Quote], template: Template, *, show: bool, folded: bool) -> str:
    """The quotes, folded where they say hardly more than the text; or their times alone."""
    if not show:
        times = " ".join(_link(item.time, item.link, template) for item in quotes)
        return f' <small class="time">{times}</small>'
    shown = "\n".join(_format_quote(item, template) for item in quotes)
    is_open = "" if folded else " open"
    return f"\n<details{is_open}><summary>{escape(template.text('evidence'))}</summary>\n{shown}\n</details>"


def _format_quote(item: Quote, template: Template) -> str:
    speaker = f"<cite>{escape(item.speaker)}</cite>: " if item.speaker else ""
    time = f'<span class="time">{_link(item.time, item.link, template)}</span>'
    return f"<blockquote>{time} {speaker}{escape(item.text)}</blockquote>"


def _link(text: str, link: str | None, template: Template) -> str:
    if link is None:
        return escape(text)
    label = escape(f"{template.text('play')} {text}")
    return f'<a href="{escape(link)}" aria-label="{label}" target="_blank" rel="noopener">▶ {escape(text)}</a>'
