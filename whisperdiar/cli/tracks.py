"""Options `--tracks`, `--names` and `--track all`: inputs that are tracks of people, and the mix that pages play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperdiar.cli.outputs import STDOUT, Target
from whisperdiar.errors import InvalidOption
from whisperdiar.linked_media import LINKING
from whisperdiar.options.command_line import ALL_TRACKS
from whisperdiar.text.messages import _
from whisperdiar.tracks import Tracks
from whisperdiar.tracks.mixing import SUFFIX
from whisperdiar.types import SpeakerCount


@dataclass(frozen=True, slots=True)
class Input:
    """One recording of the command line.

    Attributes:
        path: by which it is called, and beside which its files lie; of several tracks there is no such file.
        source: what is read.
    """

    path: Path
    source: Path | Tracks


def has_tracks(options: Mapping[str, Any]) -> bool:
    """Whether tracks tell who speaks; a command without such options has none."""
    return bool(options.get("tracks")) or options.get("track") == ALL_TRACKS


def gather_inputs(inputs: Sequence[Path], options: Mapping[str, Any]) -> list[Input]:
    """The recordings that the inputs are: each by itself, or with `--tracks` all of them one.

    Raises:
        InvalidOption: options that exclude each other, or tracks that are too few.
        MediaError: a file whose tracks are asked for, or a folder, cannot be read.
    """
    every = options["track"] == ALL_TRACKS
    names = None if options["names"] is None else options["names"].split(",")
    if not options["tracks"] and not every:
        if names is not None:
            raise InvalidOption(_("--names: it names tracks of people; add --tracks, or leave it out"))
        return [Input(path, path) for path in inputs]
    if options["tracks"] and every:
        raise InvalidOption(_("--tracks and --track all: one is for files, one for tracks of a file; give one"))
    option = "--tracks" if options["tracks"] else "--track all"
    _check_diarizer(option, options)
    if every:
        if names is not None and len(inputs) > 1:
            raise InvalidOption(_("--names: they are for one recording; give the recordings one by one"))
        several = [Tracks.of_file(path, names=names) for path in inputs]
        _check_number(options["speakers"], several)
        return [Input(path, tracks) for path, tracks in zip(inputs, several, strict=True)]
    found = Tracks.find(inputs, names=names)
    _check_number(options["speakers"], [found])
    path = found.paths[0] if len(found.paths) == 1 else found.paths[0].parent / found.recording_id
    return [Input(path, found)]


def _check_diarizer(option: str, options: Mapping[str, Any]) -> None:
    """Raises InvalidOption where something else than the tracks is to tell who speaks."""
    for key in ("turns", "embedding", "save_probabilities", "lium_jar", "alize_bin"):
        if options.get(key) is not None:
            other = key.replace("_", "-")
            raise InvalidOption(
                _("{option}: the tracks tell who speaks; leave --{other} out").format(option=option, other=other)
            )
    if options["diarizer"] not in ("auto", "channels"):
        raise InvalidOption(
            _("{option}: the tracks tell who speaks; leave --diarizer {name} out").format(
                option=option, name=options["diarizer"]
            )
        )
    if options["channel"] is not None:
        raise InvalidOption(_("{option}: each track is read as one channel; leave --channel out").format(option=option))


def _check_number(speakers: SpeakerCount, recordings: Sequence[Tracks]) -> None:
    """Raises InvalidOption where more speakers are asked for than there are tracks."""
    fewest = min((len(tracks.names) for tracks in recordings), default=0)
    if recordings and (speakers.minimum or 0) > fewest:
        raise InvalidOption(
            _("--speakers {speakers}: there is one on each track, and {number} of them; leave it out").format(
                speakers=speakers.minimum, number=fewest
            )
        )


def choose_mix(source: Path | Tracks, targets: Sequence[Target]) -> Path | None:
    """Where the mix of tracks goes that the outputs play: beside the first of them; None where none is needed.

    The tracks of one file need none: the file itself is played.
    """
    if not isinstance(source, Tracks) or len(source.paths) == 1:
        return None
    playing = [item.path for item in targets if item.format.name in LINKING and item.path != STDOUT]
    return playing[0].with_name(playing[0].stem + SUFFIX) if playing else None
