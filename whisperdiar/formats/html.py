"""One page that plays the recording, shows who says what, and needs nothing else: no server, no connection.

Everything that comes from the recording travels as JSON in a script element that is never run, and as base64; the
page's script puts it into the document as text (`whisperdiar.text.pages`).
"""

from __future__ import annotations

import base64
import html
from pathlib import PurePosixPath
from urllib.parse import unquote

from whisperdiar.formats._text import one_line
from whisperdiar.formats._writing.page_data import page_data
from whisperdiar.options import WriteOptions
from whisperdiar.options.colours import SPEAKER_COLOURS, format_colours
from whisperdiar.text.json import write_compact
from whisperdiar.text.pages import escape_json, fill_page, join_scripts, read_part
from whisperdiar.transcript import Transcript

name = "html"
suffix = ".html"
cuts_cues = True

_SCRIPTS = (
    "strings.js", "transcript.js", "edits.js", "figures.js", "documents.js", "timeline.js", "rows.js", "editor.js",
    "page.js",
)  # fmt: skip
"""One script in parts, in this order; they share one scope."""

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
    data = page_data(transcript, options=options) | {"media": _media(options), "colours": len(SPEAKER_COLOURS)}
    return fill_page(
        read_part("viewer/viewer.html"),
        style=format_colours() + read_part("viewer/viewer.css"),
        script=join_scripts(f"viewer/{part}" for part in _SCRIPTS),
        values={
            "title": html.escape(one_line(transcript.recording_id)),
            "data": escape_json(write_compact(data)),
            "embedded": "" if options.media_data is None else base64.b64encode(options.media_data).decode("ascii"),
        },
    )


def _media(options: WriteOptions) -> dict[str, str | bool] | None:
    if options.media is None:
        return None
    path = PurePosixPath(unquote(options.media, errors="replace"))
    kind = _TYPES.get(path.suffix.lower(), "")
    return {"src": options.media, "name": path.name, "type": kind, "embedded": options.media_data is not None}
