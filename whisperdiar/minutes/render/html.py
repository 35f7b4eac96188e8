"""Minutes as one HTML file: no request to anywhere but for the recording, light and dark, printable.

Every text is escaped, and the only script that may run is the player's, which a page with a recording has: all links
play their evidence in it. The page can do without it.
"""

from __future__ import annotations

import base64
import hashlib
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

_SOUND = (".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus", ".weba", ".wma", ".aiff", ".amr")
"""Ends of the names of recordings without pictures."""


def render(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> str:
    """The whole page."""
    page = document(minutes, template, style)
    look = _read_part("minutes.css")
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
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(player=minutes.media is not None)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(page.title)}</title>",
            f"<style>\n{look}</style>",
            "</head>",
            f'<body lang="{escape(minutes.language or page.language)}">',
            "<main>",
            *body,
            "</main>",
            *(_format_player(minutes.media, template) if minutes.media is not None else ()),
            "</body>",
            "</html>",
            "",
        ]
    )


def _read_part(name: str) -> str:
    return importlib.resources.files("whisperdiar.minutes.render").joinpath(name).read_text("utf-8")


def _policy(*, player: bool) -> str:
    """What the page may load: nothing; with a player the recording, and one script, which is named by its hash."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    if not player:
        return policy
    digest = base64.b64encode(hashlib.sha256(_script().encode("utf-8")).digest()).decode("ascii")
    return f"{policy}; media-src 'self' file: https: http:; script-src 'sha256-{digest}'"


def _script() -> str:
    return f"\n{_read_part('minutes.js')}"


def _format_player(media: str, template: Template) -> list[str]:
    """A bar at the bottom of the window, hidden until something is to be played."""
    tag = "audio" if media.partition("?")[0].lower().endswith(_SOUND) else "video"
    return [
        f'<aside id="player" hidden aria-label="{escape(template.text("play"))}"><output></output>',
        f'<{tag} controls preload="none" src="{escape(media)}"></{tag}>',
        f'<button type="button" aria-label="{escape(template.text("close"))}">✕</button></aside>',
        f"<script>{_script()}</script>",
    ]


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
        times = " ".join(_link(item.time, item.link, template, said=_said(item)) for item in quotes)
        return f' <small class="time">{times}</small>'
    shown = "\n".join(_format_quote(item, template) for item in quotes)
    is_open = "" if folded else " open"
    return f"\n<details{is_open}><summary>{escape(template.text('evidence'))}</summary>\n{shown}\n</details>"


def _format_quote(item: Quote, template: Template) -> str:
    speaker = f"<cite>{escape(item.speaker)}</cite>: " if item.speaker else ""
    time = f'<span class="time">{_link(item.time, item.link, template, said=_said(item))}</span>'
    return f"<blockquote>{time} {speaker}{escape(item.text)}</blockquote>"


def _said(item: Quote) -> str:
    return f"{item.time}  {item.speaker}: {item.text}" if item.speaker else f"{item.time}  {item.text}"


def _link(text: str, link: str | None, template: Template, *, said: str = "") -> str:
    """`said`: what the player shows while it plays; the text of the link if left out."""
    if link is None:
        return escape(text)
    label = escape(f"{template.text('play')} {text}")
    shown = f' data-said="{escape(said)}"' if said else ""
    return (
        f'<a class="play" href="{escape(link)}"{shown} aria-label="{label}" target="_blank" rel="noopener">'
        f"▶ {escape(text)}</a>"
    )
