"""Folders of the user in which this program keeps files."""

from __future__ import annotations

import os
from pathlib import Path


def find_cache_folder() -> Path:
    """``$WHISPERDIAR_CACHE``, by default ``~/.cache/whisperdiar``; what is in it can be made again."""
    named = os.environ.get("WHISPERDIAR_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "whisperdiar"
