"""Transcripts as text: one module per format, found by its file name and imported at its first use.

A format is a module of this package with

    name: str              as after -f; the file's name with - for _
    suffix: str            of its files; one without a further dot chooses the format
    needs: str             "words" or "turns", where the format shows nothing but these
    dumps(transcript, *, options) -> str      (bytes where the format is no text)
    read(text) -> Transcript        where reading makes sense
    read_cues(text, *, labels) -> tuple[Cue, ...]       of subtitle formats
    aliases: tuple[str, ...]        further suffixes that choose it

Strings go in and out; files are the business of the callers.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, NoReturn, Protocol

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats._decoding import Decoded, decode
from whisperdiar.formats._from_cues import transcript_of
from whisperdiar.formats._making import timed_lines
from whisperdiar.formats._notes import fallback_notes, without_folders
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

__all__ = [
    "FORMATS",
    "Decoded",
    "Format",
    "WriteOptions",
    "by_name",
    "by_suffix",
    "decode",
    "fallback_notes",
    "known_suffixes",
    "read_cues",
    "timed_lines",
    "transcript_of",
    "without_folders",
]

_NOT_OF_TRANSCRIPTS = frozenset({"speech"})


class Dumps(Protocol):
    """Writes a transcript."""

    def __call__(self, transcript: Transcript, *, options: WriteOptions) -> str | bytes: ...


class ReadCues(Protocol):
    """Reads the cues of a subtitle file, in its order; `labels` takes speakers out of the text."""

    def __call__(self, text: str, *, labels: bool = True) -> tuple[Cue, ...]: ...


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
        read_cues: text → cues as they stand in a subtitle file; None where the format has none.
        aliases: further suffixes that choose it, with the dot.
    """

    name: str
    suffix: str
    needs: Literal["words", "turns"] | None
    dumps: Dumps
    read: Callable[[str], Transcript] | None
    read_cues: ReadCues | None = None
    aliases: tuple[str, ...] = ()


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
        read_cues=getattr(module, "read_cues", None),
        aliases=getattr(module, "aliases", ()),
    )


def known_suffixes() -> dict[str, str]:
    """File suffix, with its dot and in lower case → name of the format that it chooses."""
    formats = (by_name(name) for name in FORMATS)
    return {
        suffix.lower(): item.name
        for item in formats
        for suffix in (item.suffix, *item.aliases)
        if suffix.count(".") == 1
    }


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


def read_cues(name: str | PurePath, text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The cues of a subtitle file, in its order.

    Args:
        name: of the file, whose suffix tells the format, or of a format (``srt``).
        text: what it holds; see `decode` for bytes.
        labels: take names and dashes (``Anna: ``) out of the lines and say who speaks; otherwise the lines are as
            viewers see them.

    Raises:
        InvalidOption: no subtitle format has this name or suffix.
        FormatError: the file breaks the format's rules; with the line's number and text.
    """
    form = by_name(str(name)) if str(name) in FORMATS else by_suffix(name)
    if form.read_cues is None:
        _refuse_no_subtitles(name, form)
    try:
        return form.read_cues(text, labels=labels)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from error


def _refuse_no_subtitles(name: str | PurePath, form: Format) -> NoReturn:
    listed = ", ".join(item for item in FORMATS if by_name(item).read_cues is not None)
    raise InvalidOption(f"{str(name)!r}: {form.name} holds no subtitles; give one of {listed}")
