"""Outputs: the files that are made of transcripts: named, checked before the work, and written after it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.formats import Format, remove_folders, writable_by_name
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.options import WriteOptions
from whisperdiar.system import files
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

STDOUT = Path("-")
"""Path of an output that goes to no file: its caller writes it, to standard output or elsewhere."""


@dataclass(frozen=True, slots=True)
class Target:
    """One file to write; the path `STDOUT` means standard output.

    Attributes:
        in_folder: whether the user named its folder only: then what is there is left alone, so that a run goes on.
        replace: whether a file that is there is replaced.
    """

    format: Format
    path: Path
    in_folder: bool = False
    replace: bool = False


def name_outputs(
    recordings: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    formats: Sequence[str],
    *,
    overwrite: bool = False,
) -> list[list[Target]]:
    """For every recording its files in a folder, which is made where it is missing: ``talk.wav`` → ``folder/talk.srt``.

    Recordings that differ in their suffix alone keep it in the names: ``talk.wav.srt``, ``talk.mp4.srt``.

    Args:
        formats: names of formats, such as ``srt``.
        overwrite: whether files that are there are replaced.

    Raises:
        InvalidOption: two recordings would have files of the same name, or there is no such format.
        OutputError: the folder cannot be made.
    """
    chosen = [writable_by_name(name) for name in formats]
    place = Path(folder)
    found = [
        [Target(item, place / f"{name}{item.suffix}", True, overwrite) for item in chosen]
        for name in _names([Path(item) for item in recordings])
    ]
    _make_folder(os.fspath(folder))
    return found


def check_outputs(
    targets: Sequence[Target],
    *,
    also_written: Sequence[str | Path | None] = (),
    read: Sequence[str | Path | None],
    overwrite: bool,
) -> None:
    """Find before the work what would be found after it: for every command that writes files.

    Args:
        also_written: further files that the command writes, by their names (None counts as none).
        read: the files that it reads.
        overwrite: whether files that are there are replaced.

    Raises:
        InvalidOption: two outputs are one file, one is a file that is read, or one that is named is there already.
        OutputError: a folder is missing, or a file cannot be written.
        BackendMissing: a format needs a package that is not installed.
    """
    others = [Path(item) for item in also_written if item is not None]
    paths = [path for path in (*(item.path for item in targets), *others) if path != STDOUT]
    try:
        places = [os.path.realpath(path) for path in paths]
        sources = {os.path.realpath(path) for path in read if path is not None}
        # Also where a disk takes upper and lower case for the same.
        source_ids = {identity for path in sources if (identity := _identity(path)) is not None}
    except FileNotFoundError as error:  # relative names need a place to start from
        raise OutputError(_("the current folder has been deleted; change to another one")) from error
    except ValueError as error:  # a NUL in a name
        raise OutputError(_("no file can have this name ({error})").format(error=error)) from error
    if STDOUT in [item.path for item in targets] and sum(item.path == STDOUT for item in targets) > 1:
        raise InvalidOption(_("standard output is given twice; give it one format"))
    counts = Counter(places)
    tried: set[str] = set()
    for path, place in zip(paths, places, strict=True):
        if counts[place] > 1:
            raise InvalidOption(_("{path}: this output is given twice; name each one once").format(path=path))
        if place in sources or _identity(place) in source_ids:
            raise InvalidOption(_("{path}: this is the input itself; choose another name").format(path=path))
        _check_place(path, tried)
    named = [*(item.path for item in targets if item.path != STDOUT and not item.in_folder), *others]
    taken = [] if overwrite else [path for path in named if files.is_there(path)]
    if taken:
        which = (
            _("{path}: it exists").format(path=taken[0])
            if len(taken) == 1
            else _("{path} and {number} more: they exist").format(path=taken[0], number=len(taken) - 1)
        )
        raise InvalidOption(
            _("{which} already; choose another name, or replace it with --overwrite").format(which=which)
        )
    for needed in {item.format.name: item.format.check for item in targets}.values():
        if needed is not None:
            needed()


def _identity(path: str) -> tuple[int, int] | None:
    """What two names of one file have in common; None where there is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _check_place(path: Path, tried: set[str]) -> None:
    """Raises OutputError where this file could not be written; `tried` are folders where one could be."""
    if os.path.isdir(path):
        raise OutputError(_("{path}: this is a folder; give the name of a file").format(path=path))
    if not os.path.isdir(path.parent):
        raise OutputError(
            _("{path}: the folder {parent} does not exist; make it first or choose another").format(
                path=path, parent=path.parent
            )
        )
    files.check_writable(path, tried=tried)


def select_unfinished(
    planned: Sequence[Sequence[Target]], *, overwrite: bool, notify: Callable[[str], None]
) -> list[list[Target]]:
    """For every input what is still to be written: outputs that lie in a folder already are left alone.

    `notify` hears of them once, however many there are.
    """
    left = [[item for item in found if overwrite or not _is_finished(item)] for found in planned]
    every = [item for found in planned for item in found]
    done = [] if overwrite else [item.path for item in every if _is_finished(item)]
    if len(done) == 1:
        notify(_("{path}: exists already, left as it is (--overwrite replaces it)").format(path=done[0]))
    elif done:
        notify(
            _("{number} of {total} outputs exist already, such as {path} (--overwrite replaces them)").format(
                number=len(done), total=len(every), path=done[0]
            )
        )
    return left


def clips_left(folder: Path, recordings: Sequence[str]) -> str:
    """What is said where clips of these recordings lie in the folder already."""
    which = (
        recordings[0]
        if len(recordings) == 1
        else _("{n_recordings} recordings, such as {recording},").format(
            n_recordings=len(recordings), recording=recordings[0]
        )
    )
    return _("{folder}: the clips of {which} exist already (--overwrite replaces them)").format(
        folder=folder, which=which
    )


def _is_finished(target: Target) -> bool:
    return target.in_folder and files.is_there(target.path)


def _names(inputs: Sequence[Path]) -> list[str]:
    """Stems; inputs whose stems collide (also on file systems without case) keep their suffix."""
    stems = Counter(path.stem.casefold() for path in inputs)
    names = [path.name if stems[path.stem.casefold()] > 1 else path.stem for path in inputs]
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise InvalidOption(
            _("two inputs are called {name!r}: run them separately, into different folders").format(name=twice[0])
        )
    return names


def _make_folder(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            _("{folder}: cannot make this folder ({strerror}); choose another").format(
                folder=folder, strerror=error.strerror
            )
        ) from error


@dataclass(frozen=True, slots=True)
class OutputResult:
    """What became of one output.

    Attributes:
        target: the output.
        error: why it was not written; None where it was.
        content: what it was to hold, where that could be made.
        remarks: what the format cannot show of the transcript, such as characters without a font, and what is still to
            be done by hand.
    """

    target: Target
    error: Exception | None = None
    content: str | bytes | None = None
    remarks: tuple[str, ...] = ()


def write_outputs(
    transcript: Transcript,
    targets: Sequence[Target],
    *,
    options: WriteOptions | None = None,
    media: LinkedMedia | None = None,
    write_stream: Callable[[str | bytes], None] | None = None,
) -> Iterator[OutputResult]:
    """Writes one output at each step; one that fails stops none of the others.

    Folders of this machine are taken out of the provenance, since files are sent to others.

    Args:
        options: how subtitles are cut and speakers shown; None for the defaults.
        media: the recording that pages play and ELAN opens.
        write_stream: takes what goes to `STDOUT`.
    """
    options = options or WriteOptions()
    transcript = without_provenance_folders(transcript)
    for target in targets:
        made: str | bytes | None = None
        try:
            place = None if target.path == STDOUT else target.path
            made, remarks = make_output(transcript, target.format, place, options=options, media=media)
            _write(target, made, write_stream)
        except Exception as error:  # the other outputs are still to be written
            yield OutputResult(target, error, made)
        else:
            yield OutputResult(target, None, made, remarks)


def make_output(
    transcript: Transcript,
    chosen: Format,
    place: Path | None,
    *,
    options: WriteOptions,
    media: LinkedMedia | None = None,
) -> tuple[str | bytes, tuple[str, ...]]:
    """What a file is to hold; and what its format cannot show, and is to be done by hand.

    Args:
        place: where the file will be; None for nowhere yet.
        media: the recording that pages play and ELAN opens.
    """
    own = options if media is None else media.options_for(chosen.name, place, options)
    made = chosen.dumps(transcript, options=own)
    remarks = () if chosen.remarks is None else tuple(chosen.remarks(transcript, options=own))
    if media is not None:
        remarks = (*remarks, *media.remarks(chosen.name, place))
    return _replace_half_characters(made), remarks


def without_provenance_folders(transcript: Transcript) -> Transcript:
    """The transcript as it goes out to others: its provenance names no folder of this machine."""
    return replace(transcript, provenance=remove_folders(transcript.provenance))


def _replace_half_characters(made: str | bytes) -> str | bytes:
    """Names of files need not be Unicode, and what is said of them must be."""
    return made.encode("utf-8", "replace").decode("utf-8") if isinstance(made, str) else made


def _write(target: Target, made: str | bytes, write_stream: Callable[[str | bytes], None] | None) -> None:
    if target.path == STDOUT:
        if write_stream is None:
            raise InvalidOption(_("standard output: nobody takes it here; name a file"))
        write_stream(made)
    elif isinstance(made, bytes):
        files.write_bytes(target.path, made, sync=True, replace=target.replace)
    else:
        files.write_text(target.path, made, sync=True, replace=target.replace)


def without_turns(targets: Sequence[Target]) -> list[Target]:
    """The outputs that hold something where the speakers are lost."""
    return [item for item in targets if item.format.needs != "turns"]
