"""Folders of the user in which this program keeps files."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def find_cache_folder() -> Path:
    """``$WHISPERDIAR_CACHE``, by default ``~/.cache/whisperdiar``; what is in it can be made again."""
    named = os.environ.get("WHISPERDIAR_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "whisperdiar"


def find_data_folder() -> Path:
    """Where programs of this user keep data, as is usual on the system: the folder of this one in it."""
    return _find_folder("XDG_DATA_HOME", "~/.local/share")


def find_state_folder() -> Path:
    """Where programs of this user keep what they work on, as is usual on the system: the folder of this one in it."""
    return _find_folder("XDG_STATE_HOME", "~/.local/state")


def _find_folder(variable: str, usual: str) -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~\\AppData\\Local"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get(variable) or usual
    return Path(base).expanduser() / "whisperdiar"
