"""Pages of HTML that are complete in themselves: one style sheet, one script, data that is never run.

Everything that comes from a user's files travels as JSON in a script element of another type, and the page's script
puts it into the document as text. The page's policy allows no request but for linked recordings.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def fill_page(template: str, *, style: str, script: str, values: Mapping[str, str]) -> str:
    """A template whose ``{{places}}`` are filled: ``policy``, ``style``, ``script``, and `values` as they are given."""
    filled = {
        "policy": f"default-src 'none'; script-src '{hash_for_policy(script)}'; style-src '{hash_for_policy(style)}'; "
        "media-src 'self' file: blob:; img-src data:; base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        **values,
    }
    return _PLACE.sub(lambda place: filled[place[1]], template)


def join_scripts(parts: Iterable[str]) -> str:
    """One script of several files in `data`, which share one scope."""
    return '"use strict";\n(() => {\n' + "".join(map(read_part, parts)) + "})();\n"


def escape_json(text: str) -> str:
    """JSON that no parser of HTML takes for the end of its element or for a comment, with the same meaning."""
    return (
        text.replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )


def hash_for_policy(text: str) -> str:
    """What a content security policy calls the one script, or the one style sheet, that may be used (CSP 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@lru_cache(maxsize=16)
def read_part(part: str) -> str:
    """A file of the pages by its path in `data`, such as ``viewer/viewer.css``."""
    return (importlib.resources.files("whisperdiar") / "data" / part).read_text(encoding="utf-8")
