"""Configuration files: where `whisperdiar.toml` of the user and of the project lie, and what they hold."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whisperdiar.errors import InvalidOption
from whisperdiar.text.messages import _

NAME = "whisperdiar.toml"
VARIABLE = "WHISPERDIAR_CONFIG"
"""Environment variable with the one file to read; empty for none."""


@dataclass(frozen=True, slots=True)
class File:
    """A configuration file: its path, what it holds, and whether it is that of a project."""

    path: str
    values: Mapping[str, Any]
    of_project: bool


def find_files() -> list[File]:
    """The configuration files that hold here, the one that wins last.

    Raises:
        InvalidOption: one cannot be read.
    """
    project = None if os.environ.get(VARIABLE) is not None else _project_path()
    return [File(path, read(path), of_project=path == project) for path in find_paths()]


def find_paths() -> list[str]:
    """Where the configuration files lie that hold here, the one that wins last; the user's may be the project's."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return [named] if named else []
    user = user_path()
    found = [user] if os.path.isfile(user) else []
    project = _project_path()
    if project is not None and not (found and os.path.samefile(project, user)):
        found.append(project)
    return found


def user_path() -> str:
    """Where the user's file lies, if there is one: as is usual on the system."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or os.path.expanduser("~\\AppData\\Roaming")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "whisperdiar", NAME)


def _project_path() -> str | None:
    """The file in the current folder, or in the nearest above it."""
    try:
        folder = os.getcwd()
    except OSError:  # it has been deleted
        return None
    while True:
        path = os.path.join(folder, NAME)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def read_values(path: str) -> dict[str, Any]:
    """What a file of TOML holds, with dashes in its keys.

    Raises:
        InvalidOption: it cannot be read.
    """
    return {key.replace("_", "-"): value for key, value in read(path).items()}


def read(path: str) -> dict[str, Any]:
    """What a configuration file holds, as it is.

    Raises:
        InvalidOption: it cannot be read.
    """
    toml: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

    try:
        with open(path, "rb") as stream:
            found: dict[str, Any] = toml.load(stream)
            return found
    except OSError as error:
        raise InvalidOption(
            _("{path}: it cannot be read ({strerror}); check the name").format(path=path, strerror=error.strerror)
        ) from error
    except ValueError as error:  # also for text that is not UTF-8, and numbers of thousands of digits
        raise InvalidOption(
            _("{path}: this is not TOML ({error}); write KEY = VALUE, texts in quotes").format(path=path, error=error)
        ) from error
