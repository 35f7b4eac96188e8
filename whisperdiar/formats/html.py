"""One page that plays the recording, shows who says what, and needs nothing else: no server, no connection.

Everything that comes from the recording travels as JSON in a script element that is never run, and as base64; the
page's script puts it into the document as text. The page's policy allows no request but for the linked recording.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import re
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import unquote

from whisperdiar.formats._text import one_line
from whisperdiar.formats._writing.page_data import page_data
from whisperdiar.options import WriteOptions
from whisperdiar.options.colours import SPEAKER_COLOURS, UNKNOWN_COLOUR
from whisperdiar.text.json import write_compact
from whisperdiar.transcript import Transcript

name = "html"
suffix = ".html"
cuts_cues = True

_SCRIPTS = (
    "strings.js", "transcript.js", "edits.js", "figures.js", "documents.js", "timeline.js", "rows.js", "editor.js",
    "page.js",
)  # fmt: skip
"""One script in parts, in this order; they share one scope."""

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".ogv": "video/ogg",
    ".mkv": "video/x-matroska", ".avi": "video/x-msvideo", ".mp3": "audio/mpeg", ".m4a": "audio/mp4",
    ".aac": "audio/aac", ".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".oga": "audio/ogg",
    ".opus": "audio/ogg", ".weba": "audio/webm",
}  # fmt: skip
"""Of the files that browsers play, or that people try; the machine's own table of types would differ by machine."""


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """A page of HTML that is complete in itself, but for a recording that is linked (`WriteOptions.media`).

    Raises:
        FormatError: the provenance holds what is no JSON value, or a number is not finite.
    """
    style = _format_colours() + _read_part("viewer.css")
    script = '"use strict";\n(() => {\n' + "".join(map(_read_part, _SCRIPTS)) + "})();\n"
    data = page_data(transcript, options=options) | {"media": _media(options), "colours": len(SPEAKER_COLOURS)}
    embedded = "" if options.media_data is None else base64.b64encode(options.media_data).decode("ascii")
    filled = {
        "policy": f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "media-src 'self' file: blob:; img-src data:; base-uri 'none'; form-action 'none'",
        "title": html.escape(one_line(transcript.recording_id)),
        "style": style,
        "script": script,
        "data": _escape_json(write_compact(data)),
        "embedded": embedded,
    }
    return _PLACE.sub(lambda place: filled[place[1]], _read_part("viewer.html"))


def _media(options: WriteOptions) -> dict[str, str | bool] | None:
    if options.media is None:
        return None
    path = PurePosixPath(unquote(options.media, errors="replace"))
    kind = _TYPES.get(path.suffix.lower(), "")
    return {"src": options.media, "name": path.name, "type": kind, "embedded": options.media_data is not None}


def _escape_json(text: str) -> str:
    """JSON that no parser of HTML takes for the end of its element or for a comment, with the same meaning."""
    return (
        text.replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )


def _hash(text: str) -> str:
    """What a content security policy calls the one script, or the one style sheet, that may be used (CSP 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@lru_cache(maxsize=8)
def _read_part(part: str) -> str:
    return (importlib.resources.files("whisperdiar") / "data" / "viewer" / part).read_text(encoding="utf-8")


def _format_colours() -> str:
    """The speakers' colours as variables of the style sheet, ``--speaker-0`` and so on, for light and dark ground."""
    named = [*enumerate(SPEAKER_COLOURS), ("none", UNKNOWN_COLOUR)]
    return ":root{" + "".join(f"--speaker-{key}:light-dark({light},{dark});" for key, (light, dark) in named) + "}\n"
