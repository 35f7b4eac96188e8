"""Minutes as files: one module per format, by its suffix; each turns minutes and a template into text or bytes.

Markdown, HTML and DOCX write the blocks of `layout`; JSON writes the values themselves.
"""

from __future__ import annotations

import importlib
from pathlib import PurePath
from typing import Protocol

from whisperdiar.errors import InvalidOption
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.template import Template

FORMATS = {"md": "markdown", "html": "html", "docx": "docx", "json": "json"}
"""Name (and suffix) → module."""


class Render(Protocol):
    """Writes minutes."""

    def __call__(self, minutes: Minutes, template: Template) -> str | bytes: ...


def renderer(name: str) -> Render:
    """What writes a format.

    Raises:
        InvalidOption: there is no such format.
        BackendMissing: the format needs a package that is not installed.
    """
    if name not in FORMATS:
        raise InvalidOption(f"no format {name!r} for minutes: choose one of {', '.join(FORMATS)}")
    module = importlib.import_module(f"{__name__}.{FORMATS[name]}")
    check = getattr(module, "check", None)
    if check is not None:
        check()
    render: Render = module.render
    return render


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
        raise InvalidOption(f"{str(path)!r}: minutes are written as {listed}; choose one of these suffixes")
    return name
