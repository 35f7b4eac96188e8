"""Transcripts as text: one module per format, found by its file name and imported at its first use.

A format is a module of this package, or an entry point of another package in the group ``whisperdiar.formats``, with

    name: str              as after -f; the file's name with - for _
    suffix: str            of its files; one without a further dot chooses the format
    needs: str             "words", "turns" or "emotions", where the format shows nothing but these
    dumps(transcript, *, options) -> str      (bytes where the format is no text); those of `services` have none
    read(text) -> Transcript        where reading makes sense
    several: bool                   its files may hold several recordings: read(text, *, recording_id) then
    read_cues(text, *, labels) -> tuple[Cue, ...]       of subtitle formats
    aliases: tuple[str, ...]        further suffixes that choose it
    cuts_cues, styles_speakers: bool    see `Format`; where left out, True of formats with read_cues alone
    rewritable, has_templates: bool         see `Format`; False where left out
    check() -> None                 raises BackendMissing where a package is not installed, before any work
    remarks(transcript, *, options) -> tuple[str, ...]      see `Format`

Strings go in and out; files are the business of the callers.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, NoReturn, Protocol

from whisperdiar.errors import BackendBroken, FormatError, InvalidOption, describe_error
from whisperdiar.formats._reading.cues import transcript_of
from whisperdiar.formats._reading.encodings import DecodedText, check_encoding, decode
from whisperdiar.formats._reading.recordings import SeveralRecordings
from whisperdiar.formats._writing.notes import fallback_notes, remove_folders
from whisperdiar.formats._writing.render import timed_lines
from whisperdiar.formats._writing.speakers import format_style
from whisperdiar.options import WriteOptions
from whisperdiar.text.languages import english_name, find_code
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

__all__ = [
    "FORMATS",
    "SERVICES",
    "DecodedText",
    "Format",
    "SeveralRecordings",
    "WriteOptions",
    "available",
    "by_name",
    "by_suffix",
    "check_encoding",
    "decode",
    "describe",
    "detect",
    "english_name",
    "fallback_notes",
    "find_code",
    "format_style",
    "known_suffixes",
    "read_cues",
    "readable",
    "remove_folders",
    "timed_lines",
    "transcript_of",
    "writable_by_name",
]

_NOT_OF_TRANSCRIPTS = frozenset({"speech", "services"})


class Dumps(Protocol):
    """Writes a transcript."""

    def __call__(self, transcript: Transcript, *, options: WriteOptions) -> str | bytes: ...


class ReadRecording(Protocol):
    """Reads one recording of a file that may hold several; None takes the only one."""

    def __call__(self, text: str, *, recording_id: str | None = None) -> Transcript: ...


class Remarks(Protocol):
    """Says what a format cannot show of a transcript, one sentence each."""

    def __call__(self, transcript: Transcript, *, options: WriteOptions) -> tuple[str, ...]: ...


class ReadCues(Protocol):
    """Reads the cues of a subtitle file, in its order; `labels` takes speakers out of the text."""

    def __call__(self, text: str, *, labels: bool = True) -> tuple[Cue, ...]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """What a format's module offers.

    Attributes:
        name: as after ``-f``.
        suffix: of its files, with the dot. One of two parts (``.pyannote.json``) chooses no format: the name does.
        needs: ``words``, ``turns`` or ``emotions`` where it shows nothing but these, so that a transcript without them
            gives an empty file; None where it holds everything.
        dumps: transcript → text, or bytes where the format is no text; raises InvalidOption where it is read only.
        read: text → transcript, forgiving what can be forgiven; None where the format cannot be read back.
        read_recording: the same for files that may hold several recordings; raises `SeveralRecordings` where they do
            and none is asked for. None where a file holds one.
        read_cues: text → cues as they stand in a subtitle file; None where the format has none.
        aliases: further suffixes that choose it, with the dot.
        cuts_cues: whether the options of subtitles change what is written.
        styles_speakers: whether `WriteOptions.speaker_style` does.
        rewritable: whether a file of its own can be read and written again without loss.
        has_templates: whether `WriteOptions.template` changes what is written.
        check: raises BackendMissing where a package that it needs is not installed; None where it needs none.
        remarks: what it cannot show of a transcript, such as characters without a font; None where it shows all.
        read_only: whether it is another program's form, which is never written.
    """

    name: str
    suffix: str
    needs: Literal["words", "turns", "emotions"] | None
    dumps: Dumps
    read: Callable[[str], Transcript] | None
    read_recording: ReadRecording | None = None
    read_cues: ReadCues | None = None
    aliases: tuple[str, ...] = ()
    cuts_cues: bool = False
    styles_speakers: bool = False
    rewritable: bool = False
    has_templates: bool = False
    check: Callable[[], None] | None = None
    remarks: Remarks | None = None
    read_only: bool = False


FORMATS: tuple[str, ...] = tuple(
    sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_") and module.name not in _NOT_OF_TRANSCRIPTS
    )
)
"""Names of the formats of this package that are written; `available` has those of other packages, too."""

SERVICES: tuple[str, ...] = tuple(
    sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules([f"{place}/services" for place in __path__])
        if not module.name.startswith("_")
    )
)
"""Names of the formats that are read only: what other recognisers give."""

GROUP = "whisperdiar.formats"
"""The entry points by which other packages add formats."""


def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {item.name: item for item in importlib.metadata.entry_points(group=GROUP) if item.name not in FORMATS}


def available() -> tuple[str, ...]:
    """Names of all formats that are written, sorted: those of this package and those that other packages add."""
    return tuple(sorted({*FORMATS, *_entry_points()}))


def readable() -> tuple[str, ...]:
    """Names of all formats that are read, sorted: with those of `SERVICES`."""
    return tuple(sorted({*SERVICES, *(name for name in available() if by_name(name).read is not None)}))


def detect(text: str) -> tuple[str, bool] | None:
    """The name of the format that another program's JSON has by its keys, and whether no other known one has them.

    None where it is a transcript of ours, or has no form that is known.
    """
    from whisperdiar.formats.services._detection import detect as find  # all services, for this alone

    return find(text)


def by_name(name: str) -> Format:
    """The format of that name, in upper or lower case.

    Raises:
        InvalidOption: there is none.
        BackendBroken: another package's format cannot be imported.
    """
    if name not in (*FORMATS, *SERVICES) and name not in available():  # for others' formats alone packages are searched
        name = name.lower()
    if name in FORMATS:
        return describe(importlib.import_module(f"{__name__}.{name.replace('-', '_')}"), name)
    if name in SERVICES:
        return describe(importlib.import_module(f"{__name__}.services.{name.replace('-', '_')}"), name, read_only=True)
    entry = _entry_points().get(name)
    if entry is None:
        raise InvalidOption(
            _("no format {name!r}: choose one of {available}").format(name=name, available=", ".join(available()))
        )
    try:
        return describe(entry.load(), name)
    except Exception as error:  # whatever a foreign package raises at import, the user needs its name
        raise BackendBroken(
            _("format {name!r} of {entry} cannot be used: {error}").format(
                name=name, entry=entry.value, error=describe_error(error)
            )
        ) from error


def writable_by_name(name: str) -> Format:
    """The same of a format that is to be written.

    Raises:
        InvalidOption: there is none, or it is read only.
        BackendBroken: another package's format cannot be imported.
    """
    chosen = by_name(name)
    if chosen.read_only:
        _refuse_to_write(chosen.name)
    return chosen


def _refuse_to_write(name: str) -> NoReturn:
    raise InvalidOption(
        _("format {name!r} is read only: choose one of {available}").format(name=name, available=", ".join(available()))
    )


def describe(module: object, name: str, *, read_only: bool = False) -> Format:
    """`Format` of a module, or of any object with its attributes.

    Args:
        read_only: it has no `dumps`.

    Raises:
        AttributeError: it has no `suffix` or no `dumps`.
    """
    read_cues: ReadCues | None = getattr(module, "read_cues", None)
    return Format(
        name=name,
        suffix=module.suffix,  # type: ignore[attr-defined]
        needs=getattr(module, "needs", None),
        dumps=_make_refusal(name) if read_only else module.dumps,  # type: ignore[attr-defined]
        read=getattr(module, "read", None),
        read_recording=getattr(module, "read", None) if getattr(module, "several", False) else None,
        read_cues=read_cues,
        aliases=getattr(module, "aliases", ()),
        cuts_cues=getattr(module, "cuts_cues", read_cues is not None),
        styles_speakers=getattr(module, "styles_speakers", read_cues is not None),
        rewritable=getattr(module, "rewritable", False),
        has_templates=getattr(module, "has_templates", False),
        check=getattr(module, "check", None),
        remarks=getattr(module, "remarks", None),
        read_only=read_only,
    )


def _make_refusal(name: str) -> Dumps:
    def refuse(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - it writes nothing
        _refuse_to_write(name)

    return refuse


def _suffixes(names: Iterable[str]) -> dict[str, str]:
    formats = (by_name(name) for name in names)
    return {
        suffix.lower(): item.name
        for item in formats
        for suffix in (item.suffix, *item.aliases)
        if suffix.count(".") == 1
    }


def known_suffixes() -> dict[str, str]:
    """File suffix, with its dot and in lower case → name of the format that it chooses; our own before others'."""
    return {**_suffixes(_entry_points()), **_suffixes(FORMATS)}


def by_suffix(path: str | PurePath) -> Format:
    """The format that a file name asks for; upper case counts as lower case.

    Raises:
        InvalidOption: no format has this suffix.
    """
    suffix = PurePath(path).suffix.lower()
    known = _suffixes(FORMATS)
    if suffix not in known:
        known = known_suffixes()
    if suffix not in known:
        cause = (
            _("no format has the suffix {suffix!r}").format(suffix=suffix)
            if suffix
            else _("no suffix tells the format")
        )
        close = difflib.get_close_matches(suffix, known, n=1) if suffix else []
        nearest = _("; did you mean {close}?").format(close=close[0]) if close else ""
        raise InvalidOption(
            _("{path!r}: {cause}{nearest} (`whisperdiar formats` lists all)").format(
                path=str(path), cause=cause, nearest=nearest
            )
        )
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
    form = by_name(str(name)) if str(name).lower() in FORMATS else by_suffix(name)
    if form.read_cues is None:
        _refuse_no_subtitles(name, form)
    try:
        return form.read_cues(text, labels=labels)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from error


def _refuse_no_subtitles(name: str | PurePath, chosen_format: Format) -> NoReturn:
    listed = ", ".join(item for item in FORMATS if by_name(item).read_cues is not None)
    raise InvalidOption(
        _("{name!r}: {format} holds no subtitles; give one of {listed}").format(
            name=str(name), format=chosen_format.name, listed=listed
        )
    )
