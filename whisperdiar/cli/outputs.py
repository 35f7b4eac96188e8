"""Output planning: what the user typed → (format, path) pairs, checked before any work begins."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import click
from click.core import ParameterSource

from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.formats import Format, by_name, by_suffix, known_suffixes
from whisperdiar.options import SubtitleOptions
from whisperdiar.system import files

STDOUT = Path("-")


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


def plan(
    inputs: Sequence[Path],
    outputs: Sequence[str],
    formats: Sequence[str],
    *,
    default: str = "srt",
    overwrite: bool = False,
    also_read: Sequence[str | Path | None] = (),
    also_written: Sequence[str | Path | None] = (),
) -> list[list[Target]]:
    """For every input what is to be written.

    Args:
        default: the format where nothing names one.
        overwrite: whether files that are there are replaced.
        also_read: further files that the command reads, which no output may replace.
        also_written: further files that it writes.

    Raises:
        InvalidOption: the outputs cannot be meant so, or a file that is named is there already.
        OutputError: a folder is missing or cannot be written to.
        BackendMissing: a format needs a package that is not installed.
    """
    chosen = [by_name(name.strip()) for item in formats for name in item.split(",")]
    if not all(outputs):
        raise InvalidOption("-o: the name of an output is empty; give one, or leave it out")
    if not outputs:
        targets = _to_stdout(inputs, chosen or [by_name(default)])
    else:
        targets = _to_files(inputs, outputs, chosen, default, overwrite=overwrite)
    check_outputs(
        [item for found in targets for item in found],
        also_written=also_written,
        read=[*inputs, *also_read],
        overwrite=overwrite,
    )
    for target in (item for found in targets for item in found):
        if chosen and target.path != STDOUT and not target.in_folder:
            check_name(target.path, target.format.name, suffixes=(target.format.suffix, *target.format.aliases))
        if target.format.check is not None:
            target.format.check()
    return targets


def _to_files(
    inputs: Sequence[Path], outputs: Sequence[str], chosen: Sequence[Format], default: str, *, overwrite: bool
) -> list[list[Target]]:
    folders = [item for item in outputs if _is_folder(item)]
    named = [item for item in outputs if not _is_folder(item)]
    if named and len(inputs) > 1:
        raise InvalidOption(f"-o {named[0]}: {len(inputs)} inputs need a folder, such as -o transcripts/")
    if named and len(chosen) > 1:
        raise InvalidOption(f"-o {named[0]}: several formats need a folder, or one -o for each")
    targets = [[_file_target(item, chosen, default, overwrite) for item in named] for _ in inputs]
    for folder in folders:
        for name, found in zip(_names(inputs), targets, strict=True):
            found += [
                Target(item, Path(folder) / f"{name}{item.suffix}", True, overwrite)
                for item in (chosen or [by_name(default)])
            ]
    _make_folders(folders)
    return targets


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
    """
    others = [Path(item) for item in also_written if item is not None]
    paths = [path for path in (*(item.path for item in targets), *others) if path != STDOUT]
    try:
        places = [os.path.realpath(path) for path in paths]
        sources = {os.path.realpath(path) for path in read if path is not None}
        # Also where a disk takes upper and lower case for the same.
        source_ids = {identity for path in sources if (identity := _identity(path)) is not None}
    except FileNotFoundError as error:  # relative names need a place to start from
        raise OutputError("the current folder has been deleted; change to another one") from error
    except ValueError as error:  # a NUL in a name
        raise OutputError(f"no file can have this name ({error})") from error
    if STDOUT in [item.path for item in targets] and sum(item.path == STDOUT for item in targets) > 1:
        raise InvalidOption("-o -: standard output is given twice; give it one format")
    counts = Counter(places)
    tried: set[str] = set()
    for path, place in zip(paths, places, strict=True):
        if counts[place] > 1:
            raise InvalidOption(f"-o {path}: this output is given twice")
        if place in sources or _identity(place) in source_ids:
            raise InvalidOption(f"-o {path}: this is the input itself; choose another name")
        _check_place(path, tried)
    named = [*(item.path for item in targets if item.path != STDOUT and not item.in_folder), *others]
    taken = [] if overwrite else [path for path in named if files.is_there(path)]
    if taken:
        which = f"{taken[0]}: it exists" if len(taken) == 1 else f"{taken[0]} and {len(taken) - 1} more: they exist"
        raise InvalidOption(f"{which} already; choose another name, or replace it with --overwrite")


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
        raise OutputError(f"{path}: this is a folder; give the name of a file")
    if not os.path.isdir(path.parent):
        raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first or choose another")
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
        notify(f"{done[0]}: exists already, left as it is (--overwrite replaces it)")
    elif done:
        notify(
            f"{len(done)} of {len(every)} outputs exist already and are left as they are, such as {done[0]} "
            "(--overwrite replaces them)"
        )
    return left


def clips_left(folder: Path, recordings: Sequence[str]) -> str:
    """What is said where clips of these recordings lie in the folder already."""
    which = recordings[0] if len(recordings) == 1 else f"{len(recordings)} recordings, such as {recordings[0]},"
    return f"{folder}: the clips of {which} exist already and are left as they are (--overwrite replaces them)"


def _is_finished(target: Target) -> bool:
    return target.in_folder and files.is_there(target.path)


_CUTTING = (
    "profile",
    *(item.name for item in fields(SubtitleOptions) if item.name not in ("profile", "overlap")),
    "no_overlap",
)


def check_used(context: click.Context, targets: Sequence[Target], *, muxed: bool = False) -> None:
    """What was asked about subtitles, and about documents, is for at least one output.

    Args:
        targets: all that is asked for.
        muxed: whether subtitles go into a video.

    Raises:
        InvalidOption: an option that was given would do nothing.
    """
    formats = [target.format for target in targets]
    cut = muxed or any(item.cuts_cues for item in formats)
    named = muxed or any(item.styles_speakers for item in formats)
    for name, used in (*((name, cut) for name in _CUTTING), ("speaker_style", named)):
        if not used and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise InvalidOption(f"{option}: it is for subtitles; add an output such as -o out.srt, or leave it out")
    given = context.get_parameter_source("template") is ParameterSource.COMMANDLINE
    if given and not any(item.has_templates for item in formats):
        raise InvalidOption("--template: it is for documents; add an output such as -o out.docx, or leave it out")


def _to_stdout(inputs: Sequence[Path], chosen: Sequence[Format]) -> list[list[Target]]:
    if len(inputs) > 1 or len(chosen) > 1:
        raise InvalidOption("several inputs or formats need a folder to go to: add -o FOLDER/")
    return [[Target(chosen[0], STDOUT)]]


def _file_target(item: str, chosen: Sequence[Format], default: str, overwrite: bool) -> Target:
    path = Path(item)
    if not chosen:
        return Target(by_name(default) if path == STDOUT else by_suffix(item), path, replace=overwrite)
    return Target(chosen[0], path, replace=overwrite)


_NEUTRAL = (".txt",)
"""Suffixes that say no more than that this is a text …"""
_ELSEWHERE = (".png", ".svg", ".npz", ".mp4", ".mkv", ".mov", ".m4v", ".wav", ".mp3")
"""… and those of files that are no transcript and no text at all."""


def check_name(path: Path, name: str, *, suffixes: Sequence[str]) -> None:
    """A file that holds one format does not bear the suffix of another.

    Args:
        name: the format that was asked for with -f; it may go into any suffix that promises nothing else.
        suffixes: of that format.

    Raises:
        InvalidOption: the suffix is that of another format.
    """
    suffix = path.suffix.lower()
    if any(item.lower().endswith(suffix) for item in suffixes) or suffix in _NEUTRAL:
        return
    if suffix in known_suffixes() or suffix in _ELSEWHERE:
        good = f"{path.stem}{suffixes[0]}"
        raise InvalidOption(f"-o {path}: -f {name} does not make a {suffix} file; call it {good}, or leave -f out")


def _is_folder(item: str) -> bool:
    return item.endswith(("/", os.sep)) or os.path.isdir(item)


def _names(inputs: Sequence[Path]) -> list[str]:
    """Stems; inputs whose stems collide (also on file systems without case) keep their suffix."""
    stems = Counter(path.stem.casefold() for path in inputs)
    names = [path.name if stems[path.stem.casefold()] > 1 else path.stem for path in inputs]
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise InvalidOption(f"two inputs are called {twice[0]!r}: run them separately, into different folders")
    return names


def _make_folders(folders: Sequence[str]) -> None:
    for folder in folders:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot make this folder ({error.strerror}); choose another with -o"
            ) from error
