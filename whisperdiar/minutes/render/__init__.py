"""Minutes as files: one module per format, by its suffix; each turns minutes and a template into text or bytes.

Markdown, HTML, DOCX, ODT and PDF write the blocks of `layout`; JSON writes the values themselves.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Protocol

from whisperdiar.errors import InvalidOption
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.links import media_link
from whisperdiar.minutes.template import Template, template
from whisperdiar.options.command_line import MINUTES_STYLE
from whisperdiar.system.files import write_bytes, write_text
from whisperdiar.system.log import warn
from whisperdiar.text.messages import _

FORMATS = {"md": "markdown", "html": "html", "docx": "docx", "odt": "odt", "pdf": "pdf", "json": "json"}
"""Name (and suffix) → module."""


class Render(Protocol):
    """Writes minutes in one of `whisperdiar.options.MINUTES_STYLES`."""

    def __call__(self, minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> str | bytes: ...


def renderer(name: str) -> Render:
    """What writes a format.

    Raises:
        InvalidOption: there is no such format.
        BackendMissing: the format needs a package that is not installed.
    """
    if name not in FORMATS:
        raise InvalidOption(
            _("no format {name!r} for minutes: choose one of {formats}").format(name=name, formats=", ".join(FORMATS))
        )
    module = importlib.import_module(f"{__name__}.{FORMATS[name]}")
    check = getattr(module, "check", None)
    if check is not None:
        check()
    render: Render = module.render
    return render


def write_minutes(
    minutes: Minutes,
    path: str | os.PathLike[str],
    *,
    template_name: str | None = None,
    media: str | None = None,
    style: str = MINUTES_STYLE,
    notify: Callable[[str], None] = warn,
) -> None:
    """Writes minutes as the suffix says: Markdown, HTML, DOCX, ODT, PDF or JSON; a file that is there is replaced.

    Args:
        style: ``brief`` for half a page, ``full`` for what there is, ``protocol`` for a formal record by topics, with
            lines to sign on; JSON holds everything in any case.
        template_name: headings and formats: ``de``, ``en``, ``es``, ``fr``, ``ru``, ``uk`` or a JSON file; None for
            those of the minutes' language.
        media: the recording that links play: a file or an address.
        notify: is told what the format cannot show, such as characters that no font has.

    Raises:
        InvalidOption: no format has this suffix, or there is no such template or style.
        BackendMissing: the format needs a package that is not installed.
        OutputError: the file cannot be written.
    """
    name = name_of(os.fspath(path))
    render, headings = renderer(name), template(template_name, minutes.language)
    linked = replace(minutes, media=None if media is None else media_link(media, Path(path)))
    made = render(linked, headings, style)
    if isinstance(made, bytes):
        write_bytes(path, made)
    else:
        write_text(path, made)
    for remark in list_remarks(name, linked, headings, style):
        notify(remark)


def list_remarks(name: str, minutes: Minutes, headings: Template, style: str = MINUTES_STYLE) -> tuple[str, ...]:
    """What a format cannot show of minutes, such as characters that no font has."""
    remarks: Callable[[Minutes, Template, str], tuple[str, ...]] | None = getattr(
        importlib.import_module(f"{__name__}.{FORMATS[name]}"), "remarks", None
    )
    return () if remarks is None else remarks(minutes, headings, style)


def name_of(path: str | PurePath) -> str:
    """The format that a file's name asks for.

    Raises:
        InvalidOption: none has this suffix.
    """
    suffix = PurePath(path).suffix.lower()
    known = {"htm": "html", "markdown": "md"}
    name = known.get(suffix[1:], suffix[1:])
    if name not in FORMATS:
        listed = ", ".join(f".{item}" for item in FORMATS)
        raise InvalidOption(
            _("{path!r}: minutes are written as {listed}; choose one of these suffixes").format(
                path=str(path), listed=listed
            )
        )
    return name
