"""Minutes as one HTML file: no script, no request to anywhere, light and dark, printable; every text is escaped."""

from __future__ import annotations

import importlib.resources
from html import escape
from itertools import groupby

from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.layout import Block, Entry, Heading, Paragraph, Picture, Quote, Table, document
from whisperdiar.minutes.template import Template


def render(minutes: Minutes, template: Template) -> str:
    """The whole page."""
    page = document(minutes, template)
    style = importlib.resources.files("whisperdiar.minutes.render").joinpath("minutes.css").read_text("utf-8")
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
            f"<style>\n{style}</style>",
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
    return _format_table(block) if isinstance(block, Table) else _format_entry(block, template)


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


def _format_entry(block: Entry, template: Template) -> str:
    lead = f"<strong>{escape(block.lead)}:</strong> " if block.lead else ""
    remarks = "".join(f' <em class="remark">{escape(remark)}</em>' for remark in block.remarks)
    box = '<input type="checkbox"> ' if block.box else ""
    shown = f"{lead}{escape(block.text)}{remarks}"
    shown = f"<label>{box}{shown}</label>" if block.box else shown
    if not block.show_quotes:
        times = " ".join(_link(item.time, item.link, template) for item in block.quotes)
        return f'<li>{shown} <small class="time">{times}</small></li>'
    quotes = "\n".join(_format_quote(item, template) for item in block.quotes)
    summary = escape(template.text("evidence"))
    is_open = "" if block.repeats else " open"
    kind = ' class="task"' if block.box else ""
    return f"<li{kind}>{shown}\n<details{is_open}><summary>{summary}</summary>\n{quotes}\n</details></li>"


def _format_quote(item: Quote, template: Template) -> str:
    speaker = f"<cite>{escape(item.speaker)}</cite>: " if item.speaker else ""
    time = f'<span class="time">{_link(item.time, item.link, template)}</span>'
    return f"<blockquote>{time} {speaker}{escape(item.text)}</blockquote>"


def _link(text: str, link: str | None, template: Template) -> str:
    if link is None:
        return escape(text)
    label = escape(f"{template.text('play')} {text}")
    return f'<a href="{escape(link)}" aria-label="{label}" target="_blank" rel="noopener">▶ {escape(text)}</a>'
