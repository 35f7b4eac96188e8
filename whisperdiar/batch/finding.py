"""Finding: which files of folders are recordings, on this machine or behind a URL of fsspec."""

from __future__ import annotations

import mimetypes
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from whisperdiar.batch.places import is_url, open_file_system, take_local
from whisperdiar.errors import InvalidOption, MediaError, describe_error
from whisperdiar.formats import known_suffixes
from whisperdiar.media import check_recording
from whisperdiar.text.messages import _, mark
from whisperdiar.tracks.mixing import SUFFIX as MIX_SUFFIX

_NAMED = """
.3g2 .3gp .8svx .aa3 .aac .ac3 .adts .aif .aifc .aiff .alac .amr .ape .asf .au .avi .awb .caf .divx .dts .dv
.dvr .eac3 .f4a .f4v .flac .flv .gsm .m2a .m2t .m2ts .m2v .m4a .m4b .m4r .m4v .mka .mkv .mov .mp1 .mp2 .mp3
.mp4 .mpa .mpc .mpeg .mpg .mts .mxf .oga .ogg .ogm .ogv .oma .opus .qt .ra .rf64 .rm .rmvb .snd .spx .tak .tta
.vob .voc .w64 .wav .wave .webm .wma .wmv .wtv .wv
"""
_MEDIA = frozenset(_NAMED.split())
"""Suffixes of sound and of video; what cannot be read of them is told as a failure."""
_TABLES = mimetypes.MimeTypes()
"""Without the files of this machine: which of a folder is a recording depends on nothing but the folder."""

HIDDEN, OTHER, MIXES, SUBFOLDERS = (
    mark("hidden"),
    mark("no media"),
    mark("mixes of tracks"),
    mark("subfolders without --recursive"),
)
"""Why files are left out."""


@dataclass(frozen=True, slots=True)
class Found:
    """A recording that was found.

    Attributes:
        source: its path, absolute, or its URL.
        relative: its name in the folder that was given, with subfolders; the name alone of one that was given itself.
        size: bytes; None where nobody says.
        state: what changes when somebody writes to it: its time, or what its server says of it.
    """

    source: str
    relative: str
    size: int | None
    state: str


@dataclass(slots=True)
class Findings:
    """Recordings in order of their names, why others were left out, and what cannot be looked at."""

    recordings: list[Found] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)


class Finder:
    """Looks for recordings, as often as it is asked; what a file is by its content is looked at once.

    Args:
        inputs: files, folders, URLs of either.
        recursive: whether subfolders are searched.
        besides: folders of this machine that are no part of any input: that of the outputs.
    """

    def __init__(
        self, inputs: Sequence[str | os.PathLike[str]], *, recursive: bool, besides: Sequence[str | Path] = ()
    ) -> None:
        self._inputs = [take_local(os.fspath(item)) for item in inputs]
        self._recursive = recursive
        self._besides = {os.path.realpath(item) for item in besides}
        folders = [item for item in self._inputs if not is_url(item) and os.path.isdir(item)]
        self.folders = [Path(item) for item in folders]
        self._prefixed = len(self._inputs) > 1
        self._media: dict[tuple[str, int, int], bool] = {}

    def find(self) -> Findings:
        """What is there now.

        Raises:
            MediaError: an input does not exist.
        """
        found = Findings()
        for item in self._inputs:
            if is_url(item):
                self._add_remote(item, found)
            elif os.path.isdir(item):
                self._add_folder(Path(item), found)
            else:
                self._add_file(Path(item), found)
        seen: set[str] = set()
        unique = []
        for recording in found.recordings:
            if recording.source not in seen:
                seen.add(recording.source)
                unique.append(recording)
        found.recordings = unique
        return found

    def _add_file(self, path: Path, found: Findings) -> None:
        """A file that was named is a recording, whatever it is called."""
        try:
            status = os.stat(path)
        except (OSError, ValueError) as error:
            raise MediaError(_("{path}: there is no such file; check the name").format(path=path)) from error
        found.recordings.append(Found(os.path.abspath(path), path.name, status.st_size, str(status.st_mtime_ns)))

    def _add_folder(self, folder: Path, found: Findings) -> None:
        prefix = f"{folder.resolve().name}/" if self._prefixed else ""
        errors: list[OSError] = []
        for place, subfolders, names in os.walk(folder, onerror=errors.append):
            inside = [item for item in sorted(subfolders) if not item.startswith(".")]
            found.left_out[HIDDEN] += len(subfolders) - len(inside)
            inside = [item for item in inside if os.path.realpath(os.path.join(place, item)) not in self._besides]
            if not self._recursive:
                found.left_out[SUBFOLDERS] += len(inside)
                inside = []
            subfolders[:] = inside
            if os.path.realpath(place) in self._besides and place != os.fspath(folder):
                continue
            for name in sorted(names):
                path = os.path.join(place, name)
                reason = self._find_reason(path, name)
                if reason is not None:
                    found.left_out[reason] += 1
                    continue
                try:
                    status = os.stat(path)
                except OSError:  # it has gone meanwhile
                    continue
                relative = prefix + Path(os.path.relpath(path, folder)).as_posix()
                found.recordings.append(Found(os.path.abspath(path), relative, status.st_size, str(status.st_mtime_ns)))
        for error in errors:
            found.unreadable.append(
                _("{path}: it cannot be read ({cause}); check the name and the permissions").format(
                    path=error.filename, cause=error.strerror
                )
            )

    def _find_reason(self, path: str, name: str) -> str | None:
        """Why a file of a folder is left out; None for a recording."""
        if name.startswith("."):
            return HIDDEN
        if name.lower().endswith(MIX_SUFFIX):
            return MIXES
        known = _judge_name(name)
        if known is None:
            known = self._has_sound(path)
        return None if known else OTHER

    def _has_sound(self, path: str) -> bool:
        """Whether a file that has no telling name holds sound, by its content."""
        try:
            status = os.stat(path)
            key = (path, status.st_size, status.st_mtime_ns)
        except OSError:
            return False
        if key not in self._media:
            try:
                check_recording(path)
                self._media[key] = True
            except MediaError:
                self._media[key] = False
        return self._media[key]

    def _add_remote(self, url: str, found: Findings) -> None:
        """Behind a URL names alone tell: nothing is fetched to be looked at."""
        system, root = open_file_system(url)
        scheme = url[: url.index("://") + 3] if "://" in url else f"{url.partition('::')[0]}::"
        try:
            if not system.isdir(root):
                info = system.info(root)
                name = PurePosixPath(root).name
                found.recordings.append(Found(url, name, info.get("size"), _remote_state(info)))
                return
            listed = system.find(root, maxdepth=None if self._recursive else 1, detail=True)
        except FileNotFoundError as error:
            raise MediaError(_("{path}: there is no such file; check the name").format(path=url)) from error
        except Exception as error:  # each protocol has errors of its own
            raise MediaError(
                _("{url}: it cannot be reached ({cause})").format(url=url, cause=describe_error(error))
            ) from error
        base = root.rstrip("/")
        prefix = f"{PurePosixPath(base).name}/" if self._prefixed else ""
        for name, info in sorted(listed.items()):
            relative = str(name)[len(base) :].lstrip("/")
            parts = PurePosixPath(relative).parts
            if any(part.startswith(".") for part in parts):
                found.left_out[HIDDEN] += 1
            elif not _judge_name(parts[-1]):
                found.left_out[OTHER] += 1
            else:
                source = f"{scheme}{str(name).lstrip('/')}" if scheme != "memory://" else f"memory://{name}"
                found.recordings.append(Found(source, prefix + relative, info.get("size"), _remote_state(info)))


def _judge_name(name: str) -> bool | None:
    """Whether a file is sound or video by its suffix; None where that says nothing."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _MEDIA:
        return True
    if suffix in known_suffixes():
        return False
    kind = _TABLES.guess_type(f"x{suffix}", strict=False)[0] if suffix else None
    if kind is None:
        return None
    return kind.startswith(("audio/", "video/"))


def _remote_state(info: dict[str, object]) -> str:
    """What changes when somebody writes to an object, as far as its server says."""
    for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created"):
        if info.get(key) is not None:
            return str(info[key])
    return str(info.get("size"))


def name_outputs_of(recordings: Sequence[Found], known: Mapping[str, str]) -> dict[str, str]:
    """Source → the name of its outputs without their suffix, with subfolders: ``a/talk.wav`` → ``a/talk``.

    Recordings that differ in their suffix alone keep it: ``a/talk.wav``, ``a/talk.mp4``. One that has a name keeps it.

    Args:
        known: source, as `as_text` gives it → name, of earlier runs.

    Raises:
        InvalidOption: two recordings would have outputs of the same name.
    """
    names: dict[str, str] = {}
    taken = {name.casefold() for name in known.values()}
    new = [item for item in recordings if as_text(item.source) not in known]
    stems = Counter(_stem(item.relative).casefold() for item in new)
    for item in recordings:
        name = known.get(as_text(item.source))
        if name is None:
            stem = _stem(item.relative)
            is_plain = stems[stem.casefold()] == 1 and stem.casefold() not in taken
            name = stem if is_plain else as_text(item.relative)
            if name.casefold() in taken:
                raise InvalidOption(
                    _("two inputs are called {name!r}: run them separately, into different folders").format(name=name)
                )
            taken.add(name.casefold())
        names[item.source] = name
    return names


def as_text(name: str) -> str:
    """A name of a file as Unicode, for the manifest and the outputs: ``\\xff`` for a byte that is none."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _stem(relative: str) -> str:
    return as_text(str(PurePosixPath(relative).with_suffix("")))
