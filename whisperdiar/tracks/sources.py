"""Tracks of one recording: files or audio tracks with one person each, and what these people are called."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.media import probe, recording_id
from whisperdiar.text.messages import _

_NEEDED = 2
_MOST_NAMED = 3
"""People by whom a recording is called; more are called by their folder."""
_SHORTEST_COMMON = 3
_MEDIA_SUFFIXES = frozenset(
    (
        *(".aac", ".aif", ".aiff", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4"),
        *(".mpg", ".mts", ".oga", ".ogg", ".opus", ".ts", ".w64", ".wav", ".webm", ".wma"),
    )
)
_CRAIG = re.compile(r"(?P<number>\d{1,3})-(?P<name>.+)")
"""``1-anna.flac``, as the Discord bot Craig writes: the number of the track and the name of the person."""
_CRAIG_SIGNS = ("info.txt", "raw.dat")
_ZOOM = re.compile(
    r"audio(?P<name>\D.*?)(?P<number>\d{1,2})(?P<meeting>\d{9,11})|audio\d*_(?P<after>.+)", re.IGNORECASE
)
"""``audioAnna11234567890.m4a`` and ``audio1234567890_Anna.m4a``, as Zoom writes a track per person."""
_DISAMBIGUATION = re.compile(r"_\d{4}$|#\d{4}$")
"""Behind a name on Discord, as it was until 2023."""


@dataclass(frozen=True, slots=True)
class TrackSource:
    """One person's track: a file, which of its audio tracks (counted from 1; None for the main one), and the name."""

    path: Path
    name: str
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Tracks:
    """One recording in which each person has a track.

    Attributes:
        sources: the tracks, in order; the first one's clock is that of the recording.
        recording_id: name of the recording, without white space.
        one_clock: whether all were recorded by one clock from one moment on, so that nothing is to be matched.
    """

    sources: tuple[TrackSource, ...]
    recording_id: str = "recording"
    one_clock: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(source.name for source in self.sources)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, each once."""
        return tuple(dict.fromkeys(source.path for source in self.sources))

    @classmethod
    def find(
        cls,
        places: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        names: Sequence[str] | None = None,
    ) -> Tracks:
        """The tracks in files, or in folders of recordings by Craig, Zoom, OBS or others.

        A single file with several audio tracks has people on these; what Craig writes beside its tracks is passed over.

        Args:
            places: files, a folder, or several.
            names: of the people, in the order of the files; None for those in the file names.

        Raises:
            InvalidOption: there are not two tracks, or not as many names as tracks.
            MediaError: a folder cannot be read.
        """
        given = [Path(places)] if isinstance(places, (str, os.PathLike)) else [Path(item) for item in places]
        files = [
            file
            for place in given
            for file in (_list_files(place) if place.is_dir() else [place])
            if file.name.lower() not in _CRAIG_SIGNS  # where all files of a folder are named
        ]
        twice = [file for file, count in Counter(map(os.path.realpath, files)).items() if count > 1]
        if twice:
            raise InvalidOption(_("{path}: it is given twice as a track; leave one of them out").format(path=twice[0]))
        if len(files) == 1 and _count_tracks(files[0]) >= _NEEDED:  # as of OBS
            return cls.of_file(files[0], names=names)
        if len(files) < _NEEDED:
            raise InvalidOption(
                _("{place}: holds one track; give a file for each person, or leave --tracks out").format(place=given[0])
                if files
                else _("{place}: holds no track; give a file for each person").format(
                    place=given[0] if given else "tracks"
                )
            )
        people = _name_people(files, names)
        sources = tuple(TrackSource(file, name) for file, name in zip(files, people, strict=True))
        return cls(sources, _name_recording(given, files, people), one_clock=_has_one_clock(files))

    @classmethod
    def of_file(cls, path: str | os.PathLike[str], *, names: Sequence[str] | None = None) -> Tracks:
        """All audio tracks of one file, such as those that OBS writes for each source.

        Args:
            names: of the people, in the order of the tracks; None for the titles of the tracks, or their numbers.

        Raises:
            InvalidOption: it has not two of them, or not as many as names.
            MediaError: it cannot be read.
        """
        file = Path(path)
        tracks = probe(file).tracks
        if len(tracks) < _NEEDED:
            raise InvalidOption(
                _("{path}: --track all needs several audio tracks, and it has {number}; leave --track out").format(
                    path=file, number=len(tracks)
                )
            )
        called = [item.title or f"Track {item.number}" for item in tracks]
        checked = _check_names(called if names is None else names, called)
        sources = tuple(TrackSource(file, name, item.number) for name, item in zip(checked, tracks, strict=True))
        return cls(sources, recording_id(file), one_clock=True)


def _count_tracks(file: Path) -> int:
    """How many audio tracks a file has; none where it cannot be read, which is told when its turn comes."""
    try:
        return len(probe(file).tracks)
    except MediaError:
        return 0


def _list_files(folder: Path) -> list[Path]:
    """The recordings in a folder, by their numbers and names."""
    try:
        found = [item for item in folder.iterdir() if item.suffix.lower() in _MEDIA_SUFFIXES and item.is_file()]
    except OSError as error:
        raise MediaError(
            _("{path}: it cannot be read ({cause}); check the name").format(path=folder, cause=error.strerror)
        ) from error
    return sorted((item for item in found if not item.name.startswith(".")), key=_order)


def _order(path: Path) -> tuple[int, str]:
    match = _CRAIG.fullmatch(path.stem)
    return (int(match["number"]) if match else 0, path.name.casefold())


def _has_one_clock(files: Sequence[Path]) -> bool:
    """Whether a program wrote the tracks that keeps them together: Craig, or Zoom."""
    by_zoom = all(_ZOOM.fullmatch(file.stem) for file in files)
    folders = {file.parent for file in files}
    by_craig = all(_CRAIG.fullmatch(file.stem) for file in files) and any(
        (folder / sign).exists() for folder in folders for sign in _CRAIG_SIGNS
    )
    return by_zoom or by_craig


def _name_people(files: Sequence[Path], names: Sequence[str] | None) -> list[str]:
    """What people are called: by the caller, or by their file's name without what all files have in common."""
    if names is not None:
        return _check_names(names, [file.name for file in files])
    stems = [file.stem for file in files]
    zoom = [_ZOOM.fullmatch(stem) for stem in stems]
    craig = [_CRAIG.fullmatch(stem) for stem in stems]
    if all(zoom):
        found = [match["after"] or match["name"] for match in zoom if match]
    elif all(craig):
        found = [_DISAMBIGUATION.sub("", match["name"]) for match in craig if match]
    else:
        start, end = _find_common(stems), _find_common([stem[::-1] for stem in stems])
        short = [stem[start : len(stem) - end] for stem in stems]
        found = short if all(short) else stems
    tidy = [
        " ".join(re.sub(r"[_\s]+", " ", name).split()).strip(" -.") or stem
        for name, stem in zip(found, stems, strict=True)
    ]
    return _make_different(tidy)


def _find_common(stems: Sequence[str]) -> int:
    """How many letters all names begin with, up to the last space, dash or the like among them."""
    common = takewhile(lambda letters: len(set(letters)) == 1, zip(*stems, strict=False))
    return max((place + 1 for place, letters in enumerate(common) if not letters[0].isalnum()), default=0)


def _make_different(names: Sequence[str]) -> list[str]:
    """The names with a number behind those that others have, too."""
    counts, seen = Counter(names), Counter[str]()
    made = []
    for name in names:
        seen[name] += 1
        made.append(f"{name} {seen[name]}" if counts[name] > 1 else name)
    return made


def _check_names(names: Sequence[str], tracks: Sequence[str]) -> list[str]:
    """Raises InvalidOption where there is not a name for each track."""
    tidy = [" ".join(name.split()) for name in names]
    if len(tidy) != len(tracks) or not all(tidy):
        raise InvalidOption(
            _("names {names}: give one for each track, in this order: {tracks}").format(
                names=",".join(tidy), tracks=", ".join(tracks)
            )
        )
    return _make_different(tidy)


def _name_recording(given: Sequence[Path], files: Sequence[Path], people: Sequence[str]) -> str:
    """A recording is called by its folder, by what its files' names begin with, or by its people."""
    stems = [file.stem for file in files]
    common = stems[0][: _find_common(stems)].strip(" -_.")
    if len(given) == 1:
        name = given[0].resolve().name
    elif len(common) >= _SHORTEST_COMMON:
        name = common
    elif len(people) <= _MOST_NAMED:
        name = "+".join(people)
    else:
        name = files[0].resolve().parent.name
    return recording_id(name.replace(".", "_") or "tracks")
