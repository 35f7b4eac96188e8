"""Language data: word lists and patterns that are shipped, one JSON file a language.

Words stand in one text with spaces between them, phrases in lists, and a regular expression in a text of its own; all
in lower case.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from typing import Any


def read_language_data(folder: str, code: str | None) -> dict[str, Any] | None:
    """The file of a language; None where there is none.

    Args:
        folder: where the files lie in the package, as ``minutes/languages``.
        code: ISO 639-1, with or without a region; in upper or lower case.
    """
    language = "" if code is None else re.split("[-_]", code.strip().lower())[0]
    if not re.fullmatch("[a-z]{2,3}", language):
        return None
    path = importlib.resources.files("whisperdiar").joinpath(folder).joinpath(f"{language}.json")
    if not path.is_file():
        return None
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def list_languages(folder: str) -> tuple[str, ...]:
    """ISO 639-1 codes of the files in a folder of the package, sorted."""
    files = importlib.resources.files("whisperdiar").joinpath(folder).iterdir()
    return tuple(sorted(item.name.removesuffix(".json") for item in files if item.name.endswith(".json")))
