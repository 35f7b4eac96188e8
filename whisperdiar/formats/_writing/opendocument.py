"""The package of an OpenDocument text: type, manifest, meta data, styles, content and pictures (OpenDocument 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from whisperdiar.formats._writing.document import pack

_TYPE = "application/vnd.oasis.opendocument.text"
URN = "urn:oasis:names:tc:opendocument:xmlns:"
NAMESPACES = " ".join(
    [
        *(f'xmlns:{key}="{URN}{key}:1.0"' for key in ("office", "style", "text", "meta")),
        f'xmlns:fo="{URN}xsl-fo-compatible:1.0"',
        f'xmlns:svg="{URN}svg-compatible:1.0"',
        'xmlns:dc="http://purl.org/dc/elements/1.1/"',
        'office:version="1.3"',
    ]
)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def make_package(
    title: str, language: str | None, styles: str, content: str, pictures: Mapping[str, bytes] | None = None
) -> bytes:
    """The bytes of a text; `styles` and `content` are whole parts, `pictures` PNG by their paths in the package."""
    images = pictures or {}
    parts = {
        "mimetype": _TYPE,
        "META-INF/manifest.xml": _manifest(images),
        "meta.xml": _meta(title, language),
        "styles.xml": styles,
        "content.xml": content,
    }
    return pack([*((part, text.encode("utf-8")) for part, text in parts.items()), *images.items()])


def make_paragraph(style: str, inner: str) -> str:
    """A paragraph of XML, which is escaped already."""
    # One space of several would be seen: each one is an element of its own (OpenDocument 1.3, part 3, section 6.1.2).
    return f"<text:p text:style-name={quoteattr(style)}>{inner.replace('  ', ' <text:s/>')}</text:p>"


def _manifest(pictures: Mapping[str, bytes]) -> str:
    files = [("/", _TYPE), *((part, "text/xml") for part in ("meta.xml", "styles.xml", "content.xml"))]
    files += [(path, "image/png") for path in pictures]
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{kind}"/>' for path, kind in files
    )
    namespace = f'xmlns:manifest="{URN}manifest:1.0" manifest:version="1.3"'
    return f"{HEAD}<manifest:manifest {namespace}>{entries}</manifest:manifest>"


def _meta(title: str, language: str | None) -> str:
    spoken = f"<dc:language>{escape(language)}</dc:language>" if language else ""
    return (
        f"{HEAD}<office:document-meta {NAMESPACES}><office:meta><meta:generator>whisperdiar</meta:generator>"
        f"<dc:title>{escape(title)}</dc:title>{spoken}</office:meta></office:document-meta>"
    )
