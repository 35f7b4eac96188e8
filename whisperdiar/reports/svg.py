"""SVG shapes (SVG 1.1), written safely: names from recordings are text, never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

# What XML 1.0 cannot hold even as a reference: most control characters, halves of UTF-16 pairs, two non-characters.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

FONT = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"


def tag(name: str, body: str = "", /, **attributes: str | float | None) -> str:
    """An element; ``_`` in the name of an attribute is written ``-``, None leaves the attribute out."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(_format_value(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{body}</{name}>" if body else f"<{name}{written}/>"


def text(content: str, x: float, y: float, **attributes: str | float | None) -> str:
    """One line of text with its base line at y, in the direction that its own characters have."""
    return tag("text", escape(clean_text(content)) or " ", x=x, y=y, **attributes)


def box(x: float, y: float, width: float, height: float, fill: str, **attributes: str | float | None) -> str:
    """A rectangle, rounded where there is room."""
    radius = min(3.0, width / 2, height / 2)
    return tag("rect", x=x, y=y, width=width, height=height, rx=radius, fill=fill, **attributes)


def add_title(body: str, title: str) -> str:
    """Shapes that show a title where a pointer rests on them, and that screen readers read."""
    return tag("g", tag("title", escape(clean_text(title))) + body)


def document(parts: Iterable[str], *, width: float, height: float, ground: str, title: str) -> str:
    """The whole picture; `title` is what it is called for those who do not see it."""
    body = tag("title", escape(clean_text(title))) + box(0, 0, width, height, ground).replace(' rx="3"', "") + "\n"
    return (
        tag(
            "svg",
            body + "\n".join(parts) + "\n",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {_format_value(width)} {_format_value(height)}",
            width=width,
            height=height,
            role="img",
            font_family=FONT,
            font_size=13,
        )
        + "\n"
    )


def clean_text(content: str) -> str:
    """The text without characters that XML cannot hold, on one line."""
    return " ".join(_NO_XML.sub("\ufffd", content).split())


def _format_value(value: str | float) -> str:
    return clean_text(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
