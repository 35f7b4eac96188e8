"""Transcripts as text: one module per format, found by its file name and imported at its first use.

A format is a module of this package with

    name: str              as after -f; the file's name with - for _
    suffix: str            of its files; one without a further dot chooses the format
    needs: str             "words" or "turns", where the format shows nothing but these
    dumps(transcript, *, options) -> str      (bytes where the format is no text)
    read(text) -> Transcript        where reading makes sense

Strings go in and out; files are the business of the callers.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, Protocol

from whisperdiar.errors import InvalidOption
from whisperdiar.formats._notes import fallback_notes
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

__all__ = ["FORMATS", "Format", "WriteOptions", "by_name", "by_suffix", "fallback_notes", "known_suffixes"]

_NOT_OF_TRANSCRIPTS = frozenset({"speech"})


class Dumps(Protocol):
    """Writes a transcript."""

    def __call__(self, transcript: Transcript, *, options: WriteOptions) -> str | bytes: ...


@dataclass(frozen=True, slots=True)
class Format:
    """What a format's module offers.

    Attributes:
        name: as after ``-f``.
        suffix: of its files, with the dot. One of two parts (``.pyannote.json``) chooses no format: the name does.
        needs: ``words`` or ``turns`` where it shows nothing but these, so that a transcript without them gives
            an empty file; None where it holds everything.
        dumps: transcript → text, or bytes where the format is no text.
        read: text → transcript, forgiving what can be forgiven; None where the format cannot be read back.
    """

    name: str
    suffix: str
    needs: Literal["words", "turns"] | None
    dumps: Dumps
    read: Callable[[str], Transcript] | None


FORMATS: tuple[str, ...] = tuple(
    sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_") and module.name not in _NOT_OF_TRANSCRIPTS
    )
)
"""Names of all formats."""


def by_name(name: str) -> Format:
    """The format of that name.

    Raises:
        InvalidOption: there is none.
    """
    if name not in FORMATS:
        raise InvalidOption(f"no format {name!r}: choose one of {', '.join(FORMATS)}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return Format(
        name=module.name,
        suffix=module.suffix,
        needs=getattr(module, "needs", None),
        dumps=module.dumps,
        read=getattr(module, "read", None),
    )


def known_suffixes() -> dict[str, str]:
    """File suffix, with its dot and in lower case → name of the format that it chooses."""
    formats = (by_name(name) for name in FORMATS)
    return {item.suffix.lower(): item.name for item in formats if item.suffix.count(".") == 1}


def by_suffix(path: str | PurePath) -> Format:
    """The format that a file name asks for; upper case counts as lower case.

    Raises:
        InvalidOption: no format has this suffix.
    """
    known = known_suffixes()
    suffix = PurePath(path).suffix.lower()
    if suffix not in known:
        cause = f"no format has the suffix {suffix!r}" if suffix else "no suffix tells the format"
        listed = ", ".join(known)
        raise InvalidOption(f"{str(path)!r}: {cause}; known are {listed}, or name a format ({', '.join(FORMATS)})")
    return by_name(known[suffix])
