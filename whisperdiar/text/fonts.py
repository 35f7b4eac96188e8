"""Fonts: the font files of installed packages and of this machine, and which of them have the characters of a text.

Packages come first, because they are the same on every machine: those of the entry points ``fontpkg.family``, such as
fontpkg-noto-sans (extra ``documents``). Then the folders in which Linux, macOS and Windows keep fonts.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

PACKAGES = "fontpkg.family"
"""Entry points of packages that hold a family of fonts in their folder ``files``."""

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_FIRST = ("notosans", "dejavusans", "liberationsans", "arial", "arialunicode", "freesans", "helvetica", "carlito")
"""Families for the text as a whole, in this order: upright, without serifs, with Latin, Greek and Cyrillic letters."""
_LATER = ("bold", "italic", "oblique", "black", "light", "thin", "condensed", "mono", "serif", "display", "medium")
"""Words in the names of fonts that are taken only where no other one has a character."""
_BASIC = frozenset(map(ord, "AZaz09.,:/"))


@dataclass(frozen=True, slots=True)
class Font:
    """A font file; `number` chooses one of a collection."""

    path: Path
    number: int = 0


def choose_fonts(text: Iterable[str]) -> tuple[tuple[Font, ...], tuple[str, ...]]:
    """Fonts that have the characters of a text between them, and the characters that none of them has.

    The first font has the basic letters and digits. White space and characters that are not seen (format characters,
    variation selectors) need no font.

    Raises:
        ModuleNotFoundError: fontTools is not installed.
    """
    wanted = {character for piece in text for character in piece if is_drawn(character)}
    first = next((font for font in fonts() if characters(font) >= _BASIC), None)
    if first is None:
        return (), tuple(sorted(wanted))
    chosen: list[Font] = []
    for font in (first, *fonts()):
        found = {character for character in wanted if ord(character) in characters(font)}
        if found or not chosen:
            chosen.append(font)
            wanted -= found
        if not wanted:
            break
    return tuple(chosen), tuple(sorted(wanted))


def is_drawn(character: str) -> bool:
    """Whether a character leaves a mark on paper."""
    kind = unicodedata.category(character)
    return kind[0] != "Z" and kind not in ("Cc", "Cf") and not 0xFE00 <= ord(character) <= 0xFE0F


@lru_cache(maxsize=1)
def fonts() -> tuple[Font, ...]:
    """All fonts that can be had, the fittest for a text first."""
    ours = sorted(_of_packages(), key=_rank)
    machines = sorted({path for folder in _folders() for path in _files(folder)}, key=_rank)
    return tuple(Font(path) for path in (*ours, *machines))


@cache
def characters(font: Font) -> frozenset[int]:
    """The code points that a font has outlines for; none where the file cannot be read as a font."""
    library: Any = importlib.import_module("fontTools.ttLib")
    try:
        with font.path.open("rb") as file, library.TTFont(file, fontNumber=font.number, lazy=True) as opened:
            if not {"glyf", "CFF ", "CFF2"} & set(opened.keys()):  # pictures alone, such as colour emoji
                return frozenset()
            return frozenset(opened.getBestCmap() or ())
    except Exception:  # a damaged font of the machine is no concern of a transcript
        return frozenset()


def _rank(path: Path) -> tuple[int, int, str, str]:
    """Families for the text first, then upright fonts, then others, by their names."""
    stem = path.stem.partition("[")[0].lower().replace("-regular", "").replace(" ", "").replace("-", "")
    place = _FIRST.index(stem) if stem in _FIRST else len(_FIRST)
    return place, sum(word in stem for word in _LATER), stem, str(path)


def _of_packages() -> Iterator[Path]:
    for entry in importlib.metadata.entry_points(group=PACKAGES):
        try:
            found = importlib.util.find_spec(entry.value)
        except (ImportError, ValueError):
            continue
        for folder in (found.submodule_search_locations or ()) if found is not None else ():
            yield from _files(Path(folder) / "files")


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names if name.lower().endswith(_SUFFIXES))


def _folders() -> tuple[Path, ...]:
    """Where fonts lie (XDG base directories, Apple's and Microsoft's documentation)."""
    home = Path(os.path.expanduser("~"))
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    windows = Path(os.environ.get("WINDIR", "C:\\Windows")) / "Fonts" if os.name == "nt" else None
    local = os.environ.get("LOCALAPPDATA")
    folders = [
        home / ".fonts",
        Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "fonts",
        *(Path(folder) / "fonts" for folder in shared.split(os.pathsep) if folder),
        home / "Library" / "Fonts",
        Path("/Library/Fonts"),
        Path("/System/Library/Fonts"),
        *([windows] if windows is not None else []),
        *([Path(local) / "Microsoft" / "Windows" / "Fonts"] if local else []),
    ]
    return tuple(folder for folder in folders if folder.is_dir())
