"""Minutes as JSON, for programs; `minutes.schema.json` beside this file describes it."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.render.layout import check_style
from whisperdiar.minutes.template import Template
from whisperdiar.options.command_line import MINUTES_STYLE
from whisperdiar.text.messages import make_english


def render(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> str:  # noqa: ARG001 - without words
    """All of it, in any style, as UTF-8 text; half characters, which no UTF-8 file can hold, are JSON escapes."""
    check_style(style)
    text = json.dumps(make_english(minutes.to_dict()), ensure_ascii=False, indent=2, allow_nan=False)
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `render` writes."""
    source = importlib.resources.files("whisperdiar.minutes.render").joinpath("minutes.schema.json")
    loaded: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return loaded
