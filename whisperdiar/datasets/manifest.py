"""Manifest: the recordings of a data set and their references, one JSON object a line.

    {"id": "ES2004a", "audio": "ES2004a.Mix-Headset.wav", "turns": "rttm/ES2004a.rttm", "uem": "uem/ES2004a.uem"}

Paths are relative to the manifest's folder, or absolute. A value that is not known is left out. `whisperdiar data`
makes a manifest; `score`, `bench`, `tune` and `finetune` read it.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from whisperdiar.errors import FormatError
from whisperdiar.formats import rttm, uem
from whisperdiar.system.files import read_text, write_text
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.types import Diarization, Span

SUFFIX = ".jsonl"
_PATHS = ("audio", "turns", "words", "uem")
_TEXTS = ("language", "corpus", "split", "kind")
_LINE_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording of a data set: where its sound lies, and its references.

    Attributes:
        id: the recording's name in the references; without white space, and unique in a manifest.
        audio: the file with its sound, in any format that FFmpeg reads.
        channel: which channel of the file, from 1; None for all of them, mixed to one.
        turns: RTTM of who speaks when, of this recording or of several; None where nobody says.
        words: what is said, by whom if it is known: STM, SegLST, CTM, JSON, subtitles or a plain text (``.txt``).
        uem: the parts that are scored, as NIST's un-partitioned evaluation map; None for all of it.
        duration: in seconds; None where nobody has measured it.
        language: ISO 639 code of what is spoken.
        corpus: name of the data set.
        split: its part, such as ``train``, ``dev`` or ``test``.
        kind: what sort of recording, such as ``meeting``: results are also given for each kind.
        extra: anything else that is known, as JSON values; kept, and never looked at.
    """

    id: str
    audio: Path
    channel: int | None = None
    turns: Path | None = None
    words: Path | None = None
    uem: Path | None = None
    duration: float | None = None
    language: str | None = None
    corpus: str | None = None
    split: str | None = None
    kind: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


_KEYS = tuple(item.name for item in fields(Recording))


def read_manifest(path: str | os.PathLike[str]) -> tuple[Recording, ...]:
    """The recordings of a manifest, in its order; whether their files exist is not looked at (see `check_recordings`).

    A JSON file with a list ``recordings`` of ``id``, ``file`` and ``refs`` (``rttm``, ``uem``, ``stm`` or ``txt``) is
    read, too.

    Raises:
        FormatError: the file is missing, a line is none of a manifest, or two recordings have the same id.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise FormatError(
            _("{path}: this is a folder; make a manifest of it with `whisperdiar data folder`, and give that").format(
                path=path
            )
        )
    text = read_text(path)
    found = tuple(_read_collection(text, path) if path.suffix.lower() == ".json" else _read_lines(text, path))
    if not found:
        raise FormatError(
            _("{path}: this manifest lists no recording; make one with `whisperdiar data`").format(path=path)
        )
    seen: dict[str, Recording] = {}
    for item in found:
        if item.id in seen:
            raise FormatError(
                _("{path}: two recordings have the id {id!r}; give each its own").format(path=path, id=item.id)
            )
        seen[item.id] = item
    return found


def write_manifest(recordings: Iterable[Recording], path: str | os.PathLike[str]) -> None:
    """Write a manifest whole or not at all; files below its folder get relative paths, others absolute ones.

    Raises:
        FormatError: two recordings have the same id, or one has none that can be written.
        OutputError: the file cannot be written.
    """
    folder = Path(path).resolve().parent
    seen: set[str] = set()
    lines = []
    for item in recordings:
        _check_id(item.id, _("recording {id!r}").format(id=item.id))
        if item.id in seen:
            raise FormatError(_("two recordings have the id {id!r}; give each its own").format(id=item.id))
        seen.add(item.id)
        lines.append(json.write_line(dict(_to_pairs(item, folder))))
    write_text(path, "".join(lines))


def read_turns(recording: Recording) -> Diarization | None:
    """Who speaks when by the reference; None where the manifest names none.

    An RTTM of one recording may call it otherwise; one of several has to hold it.

    Raises:
        FormatError: the file is missing, is no RTTM, or holds other recordings only.
    """
    if recording.turns is None:
        return None
    try:
        every = _parse_rttm(read_text(recording.turns))
    except FormatError as error:
        raise FormatError(_about(recording.turns, error)) from error
    if recording.id in every:
        return every[recording.id]
    if len(every) > 1:
        raise FormatError(
            _("{turns}: none of its {total} recordings is {id!r}; check the id in the manifest").format(
                turns=recording.turns, total=len(every), id=recording.id
            )
        )
    return Diarization(recording.id, next(iter(every.values())).turns if every else ())


@lru_cache(maxsize=2)
def _parse_rttm(text: str) -> Mapping[str, Diarization]:
    """Kept, because one RTTM of a corpus is asked for each of its recordings in turn."""
    return rttm.loads_all(text, tolerance=rttm.TOLERANT)


def read_uem(recording: Recording) -> tuple[Span, ...] | None:
    """The parts of a recording that are scored, in order; None where the manifest names none, so that all of it is.

    Raises:
        FormatError: the file is missing, is no UEM, or holds other recordings only.
    """
    if recording.uem is None:
        return None
    every = parse_uem(read_text(recording.uem), recording.uem)
    if recording.id in every:
        return every[recording.id]
    if len(every) > 1:
        raise FormatError(
            _("{uem}: none of its {total} recordings is {id!r}; check the id in the manifest").format(
                uem=recording.uem, total=len(every), id=recording.id
            )
        )
    return next(iter(every.values()), ())


def parse_uem(text: str, path: str | os.PathLike[str] = "UEM") -> dict[str, tuple[Span, ...]]:
    """Un-partitioned evaluation map (NIST, RT-09 evaluation plan): recording, channel, start, end in seconds a line.

    Raises:
        FormatError: a line that cannot be read; with its number and text.
    """
    try:
        found = uem.loads_all(text)
    except FormatError as error:
        raise FormatError(_about(Path(path), error)) from error
    return {key: tuple(sorted(spans)) for key, spans in found.items()}


def _read_lines(text: str, path: Path) -> Iterator[Recording]:
    for number, line in enumerate(text.split("\n"), 1):  # splitlines would cut at U+0085 within a text
        if not line.strip():
            continue
        where = _("{path}: line {number}").format(path=path, number=number)
        try:
            values = json.read(line)
        except FormatError as error:
            raise FormatError(
                _("{where}: this is no JSON object; a manifest has one a line").format(where=where)
            ) from error
        yield _from_values(values, path.parent, where)


def _from_values(values: Any, folder: Path, where: str) -> Recording:
    if not isinstance(values, Mapping):
        raise FormatError(_("{where}: this is no JSON object; a manifest has one a line").format(where=where))
    if "sources" in values or "cuts" in values:
        raise FormatError(
            _("{where}: this is a manifest of lhotse; convert it with `whisperdiar data lhotse`").format(where=where)
        )
    for key in values:
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=1)
            hint = (
                _("did you mean {close!r}?").format(close=close[0])
                if close
                else _("put what is your own under 'extra'")
            )
            raise FormatError(_("{where}: a recording has no {key!r}; {hint}").format(where=where, key=key, hint=hint))
    for key in ("id", "audio"):
        if not values.get(key):
            raise FormatError(
                _("{where}: the recording has no {key!r}; every recording needs one").format(where=where, key=key)
            )
    made: dict[str, Any] = {key: value for key, value in values.items() if value is not None}
    for key in ("id", *_PATHS, *_TEXTS):
        if key in made and not isinstance(made[key], str):
            raise FormatError(
                _("{where}: {key} is {value}; give a text").format(
                    where=where, key=key, value=_shorten(repr(made[key]))
                )
            )
    _check_id(made["id"], where)
    channel = made.get("channel", 1)
    if not isinstance(channel, int) or isinstance(channel, bool) or channel < 1:
        raise FormatError(
            _("{where}: channel is {value}; give a number from 1 on").format(where=where, value=_shorten(repr(channel)))
        )
    duration = made.get("duration", 0)
    if not isinstance(duration, (int, float)) or isinstance(duration, bool) or not 0 <= duration < math.inf:
        raise FormatError(
            _("{where}: duration is {value}; give a number of seconds").format(
                where=where, value=_shorten(repr(duration))
            )
        )
    if not isinstance(made.get("extra", {}), Mapping):
        raise FormatError(
            _("{where}: extra is {value}; give a JSON object").format(where=where, value=_shorten(repr(made["extra"])))
        )
    for key in _PATHS:
        if key in made:
            made[key] = _join(folder, made[key])
    return Recording(**made)


def _read_collection(text: str, path: Path) -> Iterator[Recording]:
    """A JSON file with a list ``recordings``, as collections of references often have it."""
    try:
        values = json.read(text)
    except FormatError as error:
        raise FormatError(_about(path, error)) from error
    listed = values.get("recordings") if isinstance(values, Mapping) else None
    if not isinstance(listed, list):
        raise FormatError(
            _("{path}: it has no list 'recordings'; make a manifest with `whisperdiar data`").format(path=path)
        )
    for number, entry in enumerate(listed, 1):
        where = _("{path}: recording {number}").format(path=path, number=number)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("refs", {}), Mapping):
            raise FormatError(_("{where}: it needs an 'id', a 'file' and 'refs'").format(where=where))
        refs = entry.get("refs", {})
        language = str(entry.get("language") or "").split(" ")[0].split("-")[0].strip(",;").lower()
        yield _from_values(
            {
                "id": entry.get("id"),
                "audio": entry.get("file"),
                "turns": refs.get("rttm"),
                "words": refs.get("stm", refs.get("txt")),
                "uem": refs.get("uem"),
                "duration": entry.get("duration_s"),
                "language": language if 2 <= len(language) <= 3 else None,
                "split": entry.get("split"),
                "kind": str(entry["kind"]).partition(":")[0] if entry.get("kind") else None,
            },
            path.parent,
            where,
        )


def _to_pairs(item: Recording, folder: Path) -> Iterator[tuple[str, Any]]:
    for key in _KEYS:
        value = getattr(item, key)
        if value is None or (key == "extra" and not value):
            continue
        if key == "duration":
            value = round(value, 3)
        yield key, _relative(value, folder) if key in _PATHS else value


def _relative(path: Path, folder: Path) -> str:
    whole = path.absolute()
    for inside in (whole, whole.resolve()):
        try:
            return inside.relative_to(folder).as_posix()
        except ValueError:
            continue
    return str(whole)


def _join(folder: Path, text: str) -> Path:
    return folder / Path(text).expanduser()


def _check_id(text: str, where: str) -> None:
    if not text or text != "".join(text.split()) or text == "<NA>":
        raise FormatError(
            _("{where}: the id is {value}; give one without white space, as RTTM needs it").format(
                where=where, value=_shorten(repr(text))
            )
        )


def _about(path: Path, error: Exception) -> str:
    text = str(error)
    return text if text.startswith(str(path)) else f"{path}: {text}"


def _shorten(text: str) -> str:
    return text if len(text) <= _LINE_SHOWN else text[: _LINE_SHOWN - 1] + "…"
